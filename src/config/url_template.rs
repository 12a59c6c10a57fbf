//! URLs with placeholders, such as
//! `https://access.example.com/new?service={service}&user={user}`.
//!
//! Whoever is sent somewhere by such a URL is sent where the configuration
//! says: scheme, host and port hold no placeholder, and what takes the place
//! of one is encoded, so that it stays one value.

use std::borrow::Cow;
use std::ops::Range;

use super::remote::KeyUrl;
use crate::diag::{Code, Diagnostic, Report, did_you_mean};
use crate::words::escape;
use crate::yaml::Text;

/// A URL with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// Text, and the placeholder behind it.
    parts: Vec<(String, Option<Placeholder>)>,
}

macro_rules! placeholders {
    ($($variant:ident $word:literal $meaning:literal;)*) => {
        /// What a URL can be told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Placeholder {
            $(#[doc = $meaning] $variant,)*
        }

        impl Placeholder {
            /// Every placeholder.
            pub const ALL: &'static [Placeholder] = &[$(Placeholder::$variant,)*];

            /// The word between the braces.
            pub fn as_str(self) -> &'static str {
                match self { $(Placeholder::$variant => $word,)* }
            }
        }
    };
}

placeholders! {
    Service "service" "The service's name.";
    Route "route" "The route as the policy writes it.";
    Method "method" "The request's method.";
    MissingRoles "missing_roles" "The roles that are missing, with commas.";
    MissingCodes "missing_codes" "The permission codes that are missing, with commas.";
    User "user" "The user's id.";
    DecisionId "decision_id" "The id of the decision.";
    Url "url" "The address that was asked for.";
}

impl Placeholder {
    /// Whether its values may be a segment of a path. Others may be empty, or
    /// `.` and `..`, which mean another path, encoded or not.
    fn fits_a_segment(self) -> bool {
        matches!(self, Self::Service | Self::Method | Self::DecisionId)
    }
}

/// The longest template.
const MAX_BYTES: usize = 1024;

/// What is wrong with a template: which bytes, what to call them, what to do.
type Fault = (Range<usize>, String, String);

impl UrlTemplate {
    /// Reads a template that may hold these placeholders; `what` names it.
    pub(super) fn read(
        text: Text<'_>,
        what: &str,
        known: &[Placeholder],
        report: &mut Report,
    ) -> Option<Self> {
        match Self::parse(text.value, known) {
            Ok(template) => Some(template),
            Err((bytes, message, help)) => {
                report.push(
                    Diagnostic::at(
                        Code::BadValue,
                        text.part(bytes.start, bytes.end),
                        format!("{what} {message}"),
                    )
                    .label("here")
                    .help(help),
                );
                None
            }
        }
    }

    fn parse(text: &str, known: &[Placeholder]) -> Result<Self, Fault> {
        let whole = || 0..text.len();
        let words: Vec<_> = known.iter().map(|placeholder| format!("{{{}}}", placeholder.as_str())).collect();
        let all = format!("the placeholders here are `{}`", words.join("`, `"));
        if text.len() > MAX_BYTES {
            return Err((
                whole(),
                format!("is longer than {MAX_BYTES} bytes"),
                "write a shorter one".to_owned(),
            ));
        }
        let mut parts = Vec::new();
        // The template with a letter for each placeholder, and where they are.
        let (mut sample, mut places) = (String::new(), Vec::new());
        let mut rest = text;
        loop {
            let (before, after) =
                rest.split_once('{').map_or((rest, None), |(before, after)| (before, Some(after)));
            let start = text.len() - rest.len();
            if let Some(at) = before.find('}') {
                return Err((start + at..start + at + 1, "has a `}` too many".to_owned(), all));
            }
            if let Some(at) = bad_escape(before) {
                let help = "a `%` stands before two hexadecimal digits, or as `%25`".to_owned();
                return Err((start + at..start + at + 1, "has a `%` that escapes nothing".to_owned(), help));
            }
            sample.push_str(before);
            let Some(after) = after else {
                parts.push((before.to_owned(), None));
                break;
            };
            let start = start + before.len();
            let Some((word, after)) = after.split_once('}') else {
                return Err((start..start + 1, "has a `{` that is not closed".to_owned(), all));
            };
            let bytes = start..start + word.len() + 2;
            let Some(placeholder) = known.iter().copied().find(|placeholder| placeholder.as_str() == word)
            else {
                let close = did_you_mean(word, known.iter().map(|placeholder| placeholder.as_str()));
                let help = close.map_or(all, |close| format!("did you mean `{{{close}}}`?"));
                return Err((bytes, "has an unknown placeholder".to_owned(), help));
            };
            parts.push((before.to_owned(), Some(placeholder)));
            places.push((sample.len(), bytes, placeholder));
            sample.push('x');
            rest = after;
        }
        let example =
            || "write it as `https://access.example.com/new?user={user}`; `http` is for this machine alone";
        let url = match KeyUrl::read(&sample) {
            Ok(url) if url.is_https() || url.is_loopback() => url,
            Ok(_) => {
                return Err((whole(), "can't be used: it is not `https`".to_owned(), example().to_owned()));
            }
            Err(why) => return Err((whole(), format!("can't be used: {why}"), example().to_owned())),
        };
        for (at, bytes, placeholder) in places {
            let before = sample.get(..at).unwrap_or_default();
            let value = before.split_once('?').map(|(_, query)| query.rsplit('&').next().unwrap_or(query));
            let help = match value {
                _ if at < url.path_at() => "the host is fixed: placeholders stand behind it".to_owned(),
                Some(value) if !value.contains('=') => {
                    format!("in the query it is a value: `name={{{}}}`", placeholder.as_str())
                }
                None if !placeholder.fits_a_segment() => {
                    format!(
                        "it may be any text, so it belongs into the query: `?name={{{}}}`",
                        placeholder.as_str()
                    )
                }
                _ => continue,
            };
            return Err((bytes, "has a placeholder where none may be".to_owned(), help));
        }
        Ok(Self { parts })
    }

    /// Whether it holds a placeholder.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.parts.iter().any(|(_, found)| *found == Some(placeholder))
    }

    /// What stands before the query: the same for all values, where the path
    /// holds no placeholder.
    pub fn address(&self) -> &str {
        let first = self.parts.first().map_or("", |(text, _)| text);
        first.split('?').next().unwrap_or(first)
    }

    /// The URL with these values. Every byte of a value but letters, digits and
    /// `- . _ ~` is percent-encoded (RFC 3986, section 2.3).
    pub fn fill<'v>(&self, value: impl Fn(Placeholder) -> Cow<'v, str>) -> String {
        let mut url = String::with_capacity(256);
        for (text, placeholder) in &self.parts {
            url.push_str(text);
            if let Some(placeholder) = placeholder {
                encode(&value(*placeholder), &mut url);
            }
        }
        url
    }
}

/// The first `%` that does not begin an escape.
fn bad_escape(text: &str) -> Option<usize> {
    text.match_indices('%').map(|(at, _)| at).find(|at| {
        let digits = text.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            escape(byte, into);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<UrlTemplate, Fault> {
        UrlTemplate::parse(text, Placeholder::ALL)
    }

    #[test]
    fn what_stands_where_it_may() {
        for text in [
            "https://a.example",
            "https://a.example/new?user={user}",
            "https://a.example/s/{service}/{method}-{decision_id}/new?a=1&roles=all:{missing_roles}&x={user}{route}",
            "https://a.example:8443/?a==?{user}",
            "http://localhost:8080/?u={url}",
            "http://127.0.0.1/?u={url}",
            "https://a.example/%41%2f?u={url}",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn the_host_is_fixed_and_values_stay_values() {
        for text in [
            "",
            "a.example/{service}",
            "//a.example/?u={user}",
            "javascript:alert({user})",
            "http://a.example/?u={user}",
            "https://{service}/",
            "https://{service}.example/",
            "https://a.example{service}",
            "https://a.example:{service}/",
            "https://{user}@a.example/",
            "https://me:secret@a.example/?u={user}",
            "https://a.example/#{user}",
            "https://a.example/{user}",
            "https://a.example/?{user}",
            "https://a.example/?{user}=1",
            "https://a.example/?a=1&{user}=1",
            "https://a.example/?u={users}",
            "https://a.example/?u={}",
            "https://a.example/?u={ user }",
            "https://a.example/?u={user",
            "https://a.example/?u=user}",
            "https://a.example/?u={{user}}",
            "https://a.example/?u=%{user}",
            "https://a.example/?u=%4{user}",
            "https://a.example/ ?u={user}",
            "https://a.example/\r\nx: {user}",
            "https://b\u{fc}cher.example/?u={user}",
            "https://a.example\\@evil.example/?u={user}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("https://a.example/{}", "a".repeat(MAX_BYTES))).is_err());
    }

    #[test]
    fn every_value_is_encoded() {
        let template = parse("https://a.example/{service}?u={user}&r={route}").unwrap();
        let url = template.fill(|placeholder| match placeholder {
            Placeholder::Service => "events-1.0_~".into(),
            Placeholder::User => "a&b=c#d%41 +/?\r\n\"'<\u{e9}>".into(),
            _ => "".into(),
        });
        let user = "a%26b%3Dc%23d%2541%20%2B%2F%3F%0D%0A%22%27%3C%C3%A9%3E";
        assert_eq!(url, format!("https://a.example/events-1.0_~?u={user}&r="));
        assert_eq!(template.address(), "https://a.example/");
        assert!(template.has(Placeholder::Route) && !template.has(Placeholder::Url));
    }
}
