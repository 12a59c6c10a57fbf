//! Times and lengths of time, as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Failure;

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

/// RFC 3339, section 5.6. A leap second is the second before it.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (time, offset) = time.split_at_checked(at)?;
            let [hours, minutes] = numbers(offset.get(1..)?, ':', [2, 2])?;
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            (time, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second.min(59);
    u64::try_from(days_since_1970(year, month, day) * 86_400 + seconds - offset).ok()
}

/// Numbers with exactly so many digits.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, seconds) in [
            ("0", 0),
            ("1900000000", 1_900_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:60Z", 951_868_799),
            ("2024-03-01T00:00:00Z", 1_709_251_200),
            ("2027-03-31T12:00:00+02:00", 1_806_487_200),
            ("2027-03-31 10:00:00.999z", 1_806_487_200),
            ("2100-03-01T00:00:00-00:30", 4_107_544_200),
        ] {
            assert_eq!(instant(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "now",
            "-1",
            "2027-03-31",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-03-31T24:00:00Z",
            "2027-03-31T12:00Z",
            "2027-3-31T12:00:00Z",
            "2027-03-31T12:00:00",
            "2027-03-31T12:00:00.Z",
            "2027-03-31T12:00:00+2:00",
            "1969-12-31T23:59:59Z",
            "99999999999999999999999",
        ] {
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
