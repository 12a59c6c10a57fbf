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

/// The number of so many digits in lower case, 32 at most; none for anything else.
pub fn read(text: &str, digits: usize) -> Option<u128> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != digits || digits > 32 {
        return None;
    }
    text.bytes().try_fold(0, |number: u128, byte| Some(number << 4 | u128::from(digit(byte)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter_and_read_back() {
        for bits in [0, 1, 0xabc, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            let digits = Digits::of(bits);
            assert_eq!(digits.as_str(), format!("{bits:032x}"));
            assert_eq!(read(digits.as_str(), 32), Some(bits));
        }
        assert_eq!(read("0f", 2), Some(15));
        for (text, digits) in [("0F", 2), ("0g", 2), ("0", 2), ("000", 2), ("", 1), ("+1", 2), ("é", 2)] {
            assert_eq!(read(text, digits), None, "{text}");
        }
        assert_eq!(read(&"0".repeat(33), 33), None);
    }
}
