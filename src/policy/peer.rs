//! Who is at the other end of a connection with mutual TLS: SPIFFE ids, and
//! patterns of them. What a valid id is, the SPIFFE standards say (SPIFFE-ID,
//! section 2; X509-SVID, section 5.2).

use std::fmt;
use std::ops::Range;

use super::name::Located;
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::yaml::Text;

const SCHEME: &str = "spiffe://";
/// The longest SPIFFE id, in bytes.
const MAX_ID: usize = 2048;
/// The longest trust domain, in bytes.
const MAX_DOMAIN: usize = 255;

/// The SPIFFE id of a workload: `spiffe://cluster/ns/shop/sa/billing`. Never
/// that of a whole trust domain, which no workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpiffeId<'a>(&'a str);

impl<'a> SpiffeId<'a> {
    /// The id that a text is; `None` if it is none. Nothing is repaired.
    pub fn parse(text: &'a str) -> Option<Self> {
        (parts(text).is_ok() && !text.contains('*')).then_some(Self(text))
    }

    /// The whole id.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The trust domain, and then every segment of the path.
    pub fn parts(self) -> impl Iterator<Item = &'a str> {
        self.0.strip_prefix(SCHEME).unwrap_or_default().split('/')
    }
}

/// A SPIFFE id in which a `*` stands for any one segment of the path and a
/// final `/*` for everything below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerPattern(Box<str>);

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPart<'a> {
    /// The trust domain, or a segment that must be this one.
    Exactly(&'a str),
    /// Any one segment.
    Any,
    /// One segment or more; always the last part.
    Rest,
}

impl PeerPattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trust domain, and then what stands for the segments of the path.
    pub fn parts(&self) -> impl Iterator<Item = PeerPart<'_>> {
        let mut parts = self.0.strip_prefix(SCHEME).unwrap_or_default().split('/').peekable();
        std::iter::from_fn(move || {
            let part = parts.next()?;
            Some(match (part, parts.peek()) {
                ("*", None) => PeerPart::Rest,
                ("*", Some(_)) => PeerPart::Any,
                (exactly, _) => PeerPart::Exactly(exactly),
            })
        })
    }

    /// The pattern that a text is; `None` if no valid id could match it.
    pub fn parse(text: &str) -> Option<Self> {
        parts(text).is_ok().then(|| Self(text.into()))
    }

    /// Reads one; a pattern that no valid id could match is a finding.
    pub fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        match parts(text.value) {
            Ok(()) => Some(Located { value: Self(text.value.into()), span: text.span }),
            Err(Fault { code, bytes, message, help }) => {
                let span = text.part(bytes.start, bytes.end);
                report.push(Diagnostic::at(code, span, message).label("here").help(help));
                None
            }
        }
    }
}

impl fmt::Display for PeerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is neither a SPIFFE id nor a pattern: which bytes of it, what is
/// wrong, and what to write.
struct Fault {
    code: Diag,
    bytes: Range<usize>,
    message: String,
    help: &'static str,
}

/// Whether a text is a pattern. An id is a pattern without `*`.
fn parts(text: &str) -> Result<(), Fault> {
    let whole = 0..text.len();
    if let Some(bytes) = odd(text, |c| c.is_ascii_graphic()) {
        let c = text.get(bytes.clone()).and_then(|c| c.chars().next()).map_or(0, u32::from);
        let message = format!("a SPIFFE id holds the character U+{c:04X} (`{}`)", text.escape_debug());
        let help = "SPIFFE ids are plain ASCII; some letters of other alphabets look like a to z";
        return Err(Fault { code: Diag::BadCharacter, bytes, message, help });
    }
    let fault = |bytes, message, help| Err(Fault { code: Diag::BadPeer, bytes, message, help });
    let Some(below) = text.strip_prefix(SCHEME) else {
        return fault(
            whole,
            format!("`{}` is not a SPIFFE id", text.escape_debug()),
            "write `spiffe://trust-domain/path`, such as `spiffe://cluster.local/ns/shop/sa/billing`; no other \
             names of a certificate can be used",
        );
    };
    if text.len() > MAX_ID {
        let message = format!("a SPIFFE id is at most {MAX_ID} bytes long");
        return fault(whole, message, "no certificate may hold a longer one");
    }
    let Some((domain, path)) = below.split_once('/') else {
        let message = format!("`{}` names a trust domain and nobody in it", text.escape_debug());
        return fault(whole, message, "add the path; for everybody in the trust domain a final `/*`");
    };
    let mut at = SCHEME.len();
    if domain.is_empty() || domain.len() > MAX_DOMAIN {
        let message = format!("a trust domain has 1 to {MAX_DOMAIN} characters");
        return fault(at..at + domain.len().max(1), message, "write `spiffe://trust-domain/path`");
    }
    if let Some(bytes) = odd(domain, |c| c.is_ascii_lowercase() || is_digit_or_mark(c)) {
        return fault(
            at + bytes.start..at + bytes.end,
            format!("the trust domain holds `{}`", domain.get(bytes).unwrap_or_default().escape_debug()),
            "a trust domain is lower-case letters, digits, `.`, `-` and `_`, without a port, and always written out",
        );
    }
    at += domain.len() + 1;
    for segment in path.split('/') {
        let bytes = at..at + segment.len();
        at = bytes.end + 1;
        match segment {
            "*" => {}
            "" => {
                let message = "the path of a SPIFFE id has no empty segment".to_owned();
                return fault(
                    bytes.start - 1..bytes.end,
                    message,
                    "remove this `/`, or write what follows it",
                );
            }
            "." | ".." => {
                let message = format!("the path of a SPIFFE id has no segment `{segment}`");
                return fault(bytes, message, "write the path as it stands in the certificate");
            }
            _ => {
                let Some(odd) = odd(segment, |c| c.is_ascii_alphabetic() || is_digit_or_mark(c)) else {
                    continue;
                };
                let c = segment.get(odd.clone()).unwrap_or_default();
                let message = match c {
                    "*" => format!("`*` is only a part of the segment `{}`", segment.escape_debug()),
                    c => format!("the path holds `{}`", c.escape_debug()),
                };
                let help = match c {
                    "*" => {
                        "a `*` stands for one whole segment, and a final `/*` for everything below; list what has \
                         only its beginning in common"
                    }
                    _ => {
                        "segments are letters, digits, `.`, `-` and `_`; a SPIFFE id has no query and no escapes"
                    }
                };
                return fault(bytes.start + odd.start..bytes.start + odd.end, message, help);
            }
        }
    }
    Ok(())
}

fn is_digit_or_mark(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '-' | '_')
}

/// The place of the first character that may not stand there.
fn odd(text: &str, may: impl Fn(char) -> bool) -> Option<Range<usize>> {
    text.char_indices().find(|(_, c)| !may(*c)).map(|(at, c)| at..at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_the_standard_says() {
        let longest = format!("spiffe://a/{}", "b".repeat(MAX_ID - 11));
        let widest = format!("spiffe://{}/b", "a".repeat(MAX_DOMAIN));
        for id in [
            "spiffe://cluster/ns/shop/sa/billing",
            "spiffe://c_1.example-2.test/A.b-C_9",
            "spiffe://a/...",
            "spiffe://1.2.3.4/x",
            &longest,
            &widest,
        ] {
            assert_eq!(SpiffeId::parse(id).map(SpiffeId::as_str), Some(id));
        }
        for text in [
            "",
            "spiffe",
            "spiffe://",
            "spiffe:///a",
            "spiffe://a",
            "spiffe://a/",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/./b",
            "spiffe://a/..",
            "spiffe://a/b c",
            "spiffe://a/b%20c",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/b\0",
            "spiffe://a/b\n",
            "spiffe://a/\u{431}",
            "spiffe://a/b*",
            "spiffe://a/*",
            "spiffe://*/b",
            "spiffe://A/b",
            "spiffe://a:443/b",
            "spiffe://u@a/b",
            "spiffe://a?b/c",
            "Spiffe://a/b",
            "SPIFFE://a/b",
            " spiffe://a/b",
            "spiffe://a/b ",
            "spiffe:/a/b",
            "https://a/b",
            "cluster/ns/shop",
            "CN=spiffe://a/b",
            "spiffe://a/b,spiffe://a/c",
            "URI=spiffe://a/b",
            &format!("{longest}b"),
            &widest.replace("spiffe://", "spiffe://a"),
        ] {
            assert_eq!(SpiffeId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_star_is_one_segment_and_at_the_end_all_that_follow() {
        let pattern = PeerPattern("spiffe://c/ns/*/sa/*".into());
        let parts: Vec<_> = pattern.parts().collect();
        use PeerPart::{Any, Exactly, Rest};
        assert_eq!(parts, [Exactly("c"), Exactly("ns"), Any, Exactly("sa"), Rest]);
        assert_eq!(SpiffeId("spiffe://c/a/b").parts().collect::<Vec<_>>(), ["c", "a", "b"]);
    }
}
