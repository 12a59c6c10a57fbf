//! Numbers of 128 bits in hexadecimal digits: ids of decisions and of traces, two to a
//! line, which are too many for the formatter.

/// 32 digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits([u8; 32]);

impl Digits {
    /// Those of a number.
    pub fn of(bits: u128) -> Self {
        let digit = |bits: u8| if bits < 10 { b'0' + bits } else { b'a' + bits - 10 };
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bits.to_be_bytes()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        Self(digits)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Digits {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What stands for no digit.
const NONE: u8 = 0xff;

/// What a digit in lower case stands for.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => NONE,
    }
}

/// The number of these digits in lower case, 32 at most; none for anything else.
pub fn read<const N: usize>(digits: &[u8; N]) -> Option<u128> {
    const { assert!(N <= 32, "no room for more") };
    let (mut number, mut seen) = (0, 0);
    // Sixteen at a time: numbers of 64 bits are cheaper to shift.
    for part in digits.chunks(16) {
        let mut bits = 0_u64;
        for byte in part {
            let value = value(*byte);
            seen |= value;
            bits = bits << 4 | u64::from(value);
        }
        number = number << (4 * part.len()) | u128::from(bits);
    }
    (seen < 16).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter_and_read_back() {
        for bits in [0, 1, 0xabc, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            let digits = Digits::of(bits);
            assert_eq!(digits.as_str(), format!("{bits:032x}"));
            assert_eq!(digits.0.first_chunk::<32>().and_then(read), Some(bits));
        }
        assert_eq!(read(b"0f"), Some(15));
        assert_eq!(read(b"00112233445566778"), Some(0x0112_2334_4556_6778));
        for wrong in [b"0F", b"0g", b"+1", b" 1", b"1\0", &[0xc3, 0xa9], b"0/", b"0:", b"`a"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
