//! Times and lengths of time, as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Failure;
use crate::policy::instant::rfc3339;

/// Seconds since 1970, now.
pub(super) fn now() -> Result<u64, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| Failure::new("the clock stands before 1970"))
}

/// A length of time in seconds: a number, perhaps with `s`, `m`, `h` or `d`.
pub(super) fn span(text: &str) -> Result<i64, &'static str> {
    const WRONG: &str = "write seconds, or a number and `s`, `m`, `h` or `d`, such as `90`, `15m` or `-1h`";
    let (digits, unit) = match text.char_indices().last() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => (text.get(..at).unwrap_or_default(), unit),
        _ => (text, 's'),
    };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(WRONG),
    };
    let number: i64 = digits.parse().map_err(|_| WRONG)?;
    number.checked_mul(seconds).ok_or(WRONG)
}

/// A point in time in seconds since 1970: such a number, or RFC 3339 such as
/// `2027-03-31T12:00:00Z`. Fractions of a second are dropped.
pub(super) fn instant(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "write seconds since 1970, or a time such as `2027-03-31T12:00:00Z`";
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let time = if number { text.parse().ok() } else { rfc3339(text) };
    time.ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, seconds) in
            [("0", 0), ("1900000000", 1_900_000_000), ("2027-03-31T12:00:00+02:00", 1_806_487_200)]
        {
            assert_eq!(instant(text), Ok(seconds), "{text}");
        }
        for text in ["", "now", "-1", "2027-03-31", "2027-03-31T12:00:00", "99999999999999999999999"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("15m", 900), ("-1h", -3600), ("7d", 604_800), ("+1", 1)]
        {
            assert_eq!(span(text), Ok(seconds), "{text}");
        }
        for text in ["", "h", "1w", "1.5h", "1h30m", "9223372036854775807d", "1 h", "é"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
