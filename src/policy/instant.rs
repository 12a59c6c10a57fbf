//! Points in time, as people write them: whole seconds since 1970, UTC.

/// The seconds of a day. UTC has no others: leap seconds are not counted.
pub const DAY: u64 = 86_400;

/// A day, `2027-03-31`: its first second.
pub fn date(text: &str) -> Option<u64> {
    u64::try_from(days(text)?).ok()?.checked_mul(DAY)
}

/// Seconds since 1970 as RFC 3339 in UTC, such as `2027-03-31T12:00:00Z`.
pub fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin with March end with the leap day; eras of 400 are alike.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A time with a zone, `2027-03-31T12:00:00Z` or `..+02:00` (RFC 3339, section
/// 5.6). A fraction of a second is dropped, and a leap second is the second
/// before it.
pub fn rfc3339(text: &str) -> Option<u64> {
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
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second.min(59);
    u64::try_from(days(date)? * 86_400 + seconds - offset).ok()
}

/// Days since 1970.
fn days(date: &str) -> Option<i64> {
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let there = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    there.then(|| days_since_1970(year, month, day))
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
    fn what_is_written_is_read_again() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_806_487_200), "2027-03-31T10:00:00Z");
        // Every day until 2408, each at another second.
        for day in 0..160_000_u64 {
            let seconds = day * 86_400 + day * 7_919 % 86_400;
            assert_eq!(rfc3339(&utc(seconds)), Some(seconds), "{}", utc(seconds));
        }
    }

    #[test]
    fn times_with_a_zone() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:60Z", 951_868_799),
            ("2024-03-01T00:00:00Z", 1_709_251_200),
            ("2027-03-31T12:00:00+02:00", 1_806_487_200),
            ("2027-03-31 10:00:00.999z", 1_806_487_200),
            ("2100-03-01T00:00:00-00:30", 4_107_544_200),
        ] {
            assert_eq!(rfc3339(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "2027-03-31",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-03-31T24:00:00Z",
            "2027-03-31T12:00Z",
            "2027-3-31T12:00:00Z",
            "2027-03-31T12:00:00",
            "2027-03-31T12:00:00.Z",
            "2027-03-31T12:00:00+2:00",
            "2027-03-31T12:00:00+24:00",
            "1969-12-31T23:59:59Z",
            "é-03-31T12:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn days_begin_at_midnight_in_utc() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2027-03-31"), rfc3339("2027-03-31T00:00:00Z"));
        assert_eq!(date("2028-02-29"), rfc3339("2028-02-29T00:00:00Z"));
        for text in
            ["", "2027-02-29", "2027-04-31", "2027-00-01", "27-03-31", "2027-3-1", "1969-12-31", "31.3.2027"]
        {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
