//! What a caller would like to get: `accept` and `accept-language`.

/// The most language ranges that are looked at, and the longest.
const MAX_RANGES: usize = 16;
const MAX_RANGE_BYTES: usize = 64;

/// Whether HTML is asked for by its name, as browsers do that show a page.
pub(super) fn wants_html<'h>(mut accept: impl Iterator<Item = &'h [u8]>) -> bool {
    accept.any(|value| {
        ranges(value).any(|(range, quality)| range.eq_ignore_ascii_case(b"text/html") && quality > 0)
    })
}

/// The title to give and its language: the look-up of RFC 4647, section 3.4.
/// For each range, the most wanted first, its last words are taken away until a
/// language is found; the first of all languages is for whoever wants none of
/// them.
pub(super) fn language<'t, 'h>(
    accept_language: impl Iterator<Item = &'h [u8]>,
    titles: &'t [(Box<str>, Box<str>)],
) -> (Option<&'t str>, &'t str) {
    let mut wanted: Vec<_> = accept_language.flat_map(ranges).take(MAX_RANGES).collect();
    wanted.retain(|(range, quality)| *quality > 0 && range.len() <= MAX_RANGE_BYTES);
    wanted.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    let named = |range: &[u8]| titles.iter().find(|(tag, _)| tag.as_bytes().eq_ignore_ascii_case(range));
    let found = wanted.into_iter().find_map(|(range, _)| shorter(range).find_map(named));
    found.or(titles.first()).map_or((None, ""), |(tag, title)| (Some(tag), title))
}

/// A language range, and the ever shorter ones that also fit: `zh-Hant-TW`,
/// `zh-Hant`, `zh`.
fn shorter(range: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(range), |range| {
        let mut end = range.iter().rposition(|b| *b == b'-')?;
        // A single letter only introduces what followed it.
        if end >= 2 && range.get(end - 2) == Some(&b'-') {
            end -= 2;
        }
        range.get(..end)
    })
}

/// The items of a list of preferences, and their weights in thousandths.
fn ranges(value: &[u8]) -> impl Iterator<Item = (&[u8], u16)> {
    value.split(|b| *b == b',').map(|item| {
        let mut parts = item.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let range = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
        (range, weight.map_or(1000, thousandths))
    })
}

/// A weight (RFC 9110, section 12.4.2). What is none weighs nothing.
fn thousandths(weight: &[u8]) -> u16 {
    let (whole, rest) = weight.split_at_checked(1).unwrap_or_default();
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return 0,
    };
    let part = digits.iter().zip([100, 10, 1]).map(|(digit, unit)| u16::from(digit - b'0') * unit).sum();
    match (whole, part) {
        (b"1", 0) => 1000,
        (b"0", part) => part,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_must_be_asked_for_by_name() {
        let wants = |values: &[&str]| wants_html(values.iter().map(|value| value.as_bytes()));
        for accept in [
            "text/html",
            "Text/HTML;q=0.1",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/html;level=1;q=0.001",
        ] {
            assert!(wants(&[accept]), "{accept}");
        }
        assert!(wants(&["application/json", "text/html"]));
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/html;q=0",
            "text/html; q=0.000",
            "text/html;q=",
            "text/html;q=2",
            "text/html;q=-1",
            "text/html;q=0.0001",
            "text/htmlx",
            "xtext/html",
            "text/html\u{0}",
        ] {
            assert!(!wants(&[accept]), "{accept}");
        }
        assert!(!wants(&[]));
    }

    #[test]
    fn weights_are_read_as_they_are_defined() {
        for (text, weight) in
            [("1", 1000), ("1.000", 1000), ("0.5", 500), ("0.05", 50), ("0.125", 125), ("0.", 0)]
        {
            assert_eq!(thousandths(text.as_bytes()), weight, "{text}");
        }
        for text in ["", "1.1", "2", "0.1234", ".5", "0,5", "0.x", "1 "] {
            assert_eq!(thousandths(text.as_bytes()), 0, "{text}");
        }
    }

    #[test]
    fn the_most_wanted_language_there_is() {
        let titles: Vec<(Box<str>, Box<str>)> =
            ["en", "de", "pt-BR", "zh-Hant"].map(|tag| (tag.into(), tag.into())).into();
        let chosen = |accept: &str| language([accept.as_bytes()].into_iter(), &titles).1;
        for (accept, expected) in [
            ("de", "de"),
            ("DE-ch", "de"),
            ("fr, de;q=0.5, en;q=0.7", "en"),
            ("fr;q=0.9, de;q=0.1", "de"),
            ("pt-br", "pt-BR"),
            ("pt", "en"),
            ("zh-Hant-TW", "zh-Hant"),
            ("zh-hant-x-private", "zh-Hant"),
            ("de;q=0", "en"),
            ("*", "en"),
            ("*, de;q=0.1", "de"),
            ("", "en"),
            (",,;;q=1,-,de-", "de"),
            ("\u{e9}\u{0}", "en"),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
        assert_eq!(chosen(&format!("{}de", "fr,".repeat(MAX_RANGES))), "en", "not looked at any more");
        assert_eq!(chosen(&format!("de{}", "-x".repeat(MAX_RANGE_BYTES))), "en", "too long");
        assert_eq!(language(std::iter::empty(), &titles), (Some("en"), "en"));
    }
}
