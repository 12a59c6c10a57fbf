//! Base64 in the one spelling that tokens use. The only file that names the
//! base64 crate.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The bytes of unpadded base64url. Padding, other alphabets, white space and
/// unused bits that are not zero are refused: no two texts give the same
/// bytes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Unpadded base64url.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of padded base64, as it stands in PEM.
pub(super) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Padded base64, as it stands in PEM.
pub(super) fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jws_11_only_the_canonical_spelling_is_read() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode(""), Some(Vec::new()));
        // Padding, the standard alphabet, white space, NUL, a lone last
        // letter, and a last letter whose unused bits are not zero.
        for text in ["-_8=", "+/8", "-_8 ", " -_8", "-\n_8", "-_8\0", "-_8AA", "-_9", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
