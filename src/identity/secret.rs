//! A secret that somebody must know, compared so that no answer takes longer for
//! being nearer to it.

use super::crypto;

/// The fewest bytes: what a machine makes up has more.
const MIN_BYTES: usize = 16;

/// A secret. Nothing but its hash is kept.
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret of this text, or what is wrong with it. The text is in no
    /// message.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() < MIN_BYTES {
            return Err(format!("it has {} bytes, and at least {MIN_BYTES} are needed", text.len()));
        }
        // What a header can hold, and nobody copies wrongly.
        if !text.bytes().all(|b| (b'!'..=b'~').contains(&b) || b == b' ') || text.trim() != text {
            return Err(
                "it holds something else than visible ASCII, or begins or ends with white space".to_owned()
            );
        }
        Ok(Self(crypto::sha256(text.as_bytes())))
    }

    /// Whether these bytes are the secret. The hashes are compared, all of both.
    pub fn is(&self, shown: &[u8]) -> bool {
        crypto::are_equal(&self.0, &crypto::sha256(shown))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn log_5_a_secret_is_exact_and_not_short() {
        let secret = Secret::new("0123456789abcdef").unwrap();
        assert!(secret.is(b"0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", " 0123456789abcdef"] {
            assert!(!secret.is(wrong.as_bytes()), "{wrong}");
        }
        for text in
            ["", "0123456789abcde", " 0123456789abcdef", "0123456789abcdef\n", "0123456789abcd\u{e9}f"]
        {
            let why = Secret::new(text).err().unwrap();
            assert!(text.trim().is_empty() || !why.contains(text.trim()), "{why}");
        }
    }
}
