//! Percent-encoding, as RFC 3986 writes it: `%` and two upper-case digits.

/// Appends a byte, encoded.
pub fn escape(byte: u8, into: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or('0');
    into.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}
