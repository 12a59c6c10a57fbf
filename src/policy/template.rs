//! Path templates: what a route matches.

use std::fmt;
use std::ops::Range;

use super::path::{MAX_PATH, MAX_SEGMENTS};
use crate::diag::Code as Diag;

/// `/events/{id}/notes`, `/files/**`: literal segments, `{name}` for exactly
/// one segment, a final `/**` for the path itself and everything below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Template {
    /// The segments from the left.
    pub segments: Vec<Segment>,
    /// Whether it ends with `/**`.
    pub rest: bool,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Exactly this text.
    Literal(Box<str>),
    /// Any one segment, known to conditions by this name.
    Param(Box<str>),
}

/// Why a text is not a template: what, which bytes of it, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// What is wrong.
    pub message: String,
    /// Which bytes of the text.
    pub bytes: Range<usize>,
    /// What to write instead.
    pub help: String,
    /// Whether the fault is a character outside visible ASCII.
    pub odd_character: bool,
}

impl TemplateFault {
    fn new(bytes: Range<usize>, message: String, help: &str) -> Self {
        Self { message, bytes, help: help.to_owned(), odd_character: false }
    }

    /// The code of the finding.
    pub fn code(&self) -> Diag {
        if self.odd_character { Diag::BadCharacter } else { Diag::BadTemplate }
    }
}

impl Template {
    /// Reads a template. A text that no canonical request path could ever
    /// match is a fault: it would leave a broader route in force, in silence.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let fault = |bytes, message, help: &str| Err(TemplateFault::new(bytes, message, help));
        let whole = 0..text.len();
        let Some(below) = text.strip_prefix('/') else {
            return fault(
                whole,
                "a path begins with `/`".to_owned(),
                "write the full path as clients send it, such as `/events/{id}`, without scheme and host",
            );
        };
        if text.len() > MAX_PATH {
            return fault(whole, format!("a path is at most {MAX_PATH} bytes long"), "shorten it");
        }
        let mut template = Self { segments: Vec::new(), rest: false };
        if below.is_empty() {
            return Ok(template);
        }
        // No more room than that: it is kept for as long as the policy.
        template.segments.reserve_exact(below.split('/').filter(|segment| *segment != "**").count());
        let mut at = 1;
        for segment in below.split('/') {
            let bytes = at..at + segment.len();
            at = bytes.end + 1;
            if template.rest {
                return fault(
                    bytes,
                    "`**` stands only at the end".to_owned(),
                    "end the path with `/**`, or name the segments",
                );
            }
            match segment {
                "" if at > text.len() => {
                    return fault(
                        at - 2..text.len(),
                        "a path does not end with `/`".to_owned(),
                        "remove the final `/`: the route covers both spellings",
                    );
                }
                "" => {
                    return fault(
                        at - 2..at,
                        "`//` is never part of a canonical path".to_owned(),
                        "write one `/`",
                    );
                }
                "**" => template.rest = true,
                _ => template.segments.push(segment_of(segment, bytes, &template.segments)?),
            }
        }
        if template.segments.len() > MAX_SEGMENTS {
            return fault(whole, format!("a path has at most {MAX_SEGMENTS} segments"), "shorten it");
        }
        Ok(template)
    }

    /// The names of the parameters and which segment each stands for.
    pub fn params(&self) -> impl Iterator<Item = (usize, &str)> {
        self.segments.iter().enumerate().filter_map(|(at, segment)| match segment {
            Segment::Param(name) => Some((at, &**name)),
            Segment::Literal(_) => None,
        })
    }

    /// Whether every path that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Template) -> bool {
        let fits = |(mine, theirs): (&Segment, &Segment)| match (mine, theirs) {
            (Segment::Param(_), _) => true,
            (Segment::Literal(mine), Segment::Literal(theirs)) => mine == theirs,
            (Segment::Literal(_), Segment::Param(_)) => false,
        };
        let long_enough = if self.rest {
            other.segments.len() >= self.segments.len()
        } else {
            other.segments.len() == self.segments.len() && !other.rest
        };
        long_enough && self.segments.iter().zip(&other.segments).all(fits)
    }
}

fn segment_of(segment: &str, bytes: Range<usize>, before: &[Segment]) -> Result<Segment, TemplateFault> {
    if segment.contains(['{', '}']) {
        return param(segment, bytes, before);
    }
    if segment == "." || segment == ".." {
        let message = format!("`{segment}` is never part of a canonical path");
        return Err(TemplateFault::new(bytes, message, "write the path that it leads to"));
    }
    // `:id` is how other routers spell a parameter; taken literally it would
    // match nothing that anybody sends.
    let colon = segment.char_indices().next().filter(|(_, c)| *c == ':');
    match colon.or_else(|| segment.char_indices().find(|(_, c)| !is_literal_char(*c))) {
        None => Ok(Segment::Literal(segment.into())),
        Some((at, c)) => {
            let start = bytes.start + at;
            let help = match c {
                '*' => "`{name}` stands for one segment, a final `/**` for everything below",
                '%' => "write a `{name}` there: percent-encoded text matches parameters only",
                '?' | '#' => "a template is a path only: leave query and fragment out",
                ';' => "leave path parameters out; requests that carry them are refused",
                ':' | '<' | '>' => "write `{name}` for a parameter",
                '[' | ']' | '^' | '|' | '\\' => {
                    "there are no expressions here: a `{name}` stands for any one segment"
                }
                _ => "use letters, digits and `- . _ ~ ! $ & ' ( ) + , = : @`, or a `{name}`",
            };
            let bytes = start..start + c.len_utf8();
            Err(if c.is_ascii_graphic() || c == ' ' {
                let message = format!("`{c}` can't stand in a literal segment: no canonical path holds it");
                TemplateFault::new(bytes, message, help)
            } else {
                odd_character(segment, bytes, c)
            })
        }
    }
}

/// A character that is not seen, or looks like another one.
fn odd_character(segment: &str, bytes: Range<usize>, c: char) -> TemplateFault {
    let message = format!("a path holds the character U+{:04X} (`{}`)", u32::from(c), segment.escape_debug());
    let help = "clients send it percent-encoded, which matches a `{name}` only; if it should not be there, type the path again";
    TemplateFault { odd_character: true, ..TemplateFault::new(bytes, message, help) }
}

/// The characters of RFC 3986's `pchar` that mean themselves, less `;` (path
/// parameters) and `*` (kept for templates).
fn is_literal_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()+,=:@".contains(c)
}

fn param(segment: &str, bytes: Range<usize>, before: &[Segment]) -> Result<Segment, TemplateFault> {
    let fault = |message: String, help: &str| Err(TemplateFault::new(bytes.clone(), message, help));
    if let Some((at, c)) = segment.char_indices().find(|(_, c)| !c.is_ascii_graphic() && *c != ' ') {
        let start = bytes.start + at;
        return Err(odd_character(segment, start..start + c.len_utf8(), c));
    }
    let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
        return fault(
            "a parameter is a whole segment".to_owned(),
            "write `/{name}` alone between two slashes",
        );
    };
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= 64;
    if name.is_empty() {
        return fault("a parameter needs a name".to_owned(), "write `{id}`, or whatever it stands for");
    }
    if !well_formed {
        let help = if name.contains(':') {
            "write `{id}` alone: a parameter stands for any one segment, there are no expressions"
        } else if name.contains('*') || name.contains("..") {
            "for everything below, end the path with `/**`"
        } else if name.ends_with('?') {
            "a parameter is never left out: write a route for the path without it, too"
        } else {
            "parameter names are lower-case letters, digits and `_`, no digit first"
        };
        return fault(format!("`{name}` is not a parameter name"), help);
    }
    if before.iter().any(|s| matches!(s, Segment::Param(other) if **other == *name)) {
        return fault(format!("the parameter `{name}` stands here twice"), "give each its own name");
    }
    Ok(Segment::Param(name.into()))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Param(name) => write!(f, "/{{{name}}}")?,
            }
        }
        match (self.rest, self.segments.is_empty()) {
            (true, _) => f.write_str("/**"),
            (false, true) => f.write_str("/"),
            (false, false) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn templates_print_as_they_were_written() {
        for text in [
            "/",
            "/**",
            "/events",
            "/events/{id}",
            "/a/{x}/**",
            "/events.v1.EventService/GetEvent",
            "/v1/users:delete",
        ] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn pol_10_non_canonical_templates_are_refused() {
        for text in [
            "",
            "events",
            "/a//b",
            "//a",
            "/a/",
            "/a/../b",
            "/./a",
            "/a%2Fb",
            "/a%20b",
            "/a;x",
            "/a?x",
            "/a#f",
            "/a\\b",
            "/a|b",
            "/a b",
            "/é",
            "/\u{200b}",
            "/a/*",
            "/a/**/b",
            "/a/b*",
            "/{a}{b}",
            "/x{a}",
            "/{a",
            "/{}",
            "/{A}",
            "/{a}/{a}",
            "/:id",
            "/<id>",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn covers_is_inclusion() {
        let t = |s| Template::parse(s).unwrap();
        for (broad, narrow) in [
            ("/**", "/a"),
            ("/**", "/"),
            ("/a/**", "/a"),
            ("/a/**", "/a/{x}/**"),
            ("/{x}", "/a"),
            ("/{x}", "/{y}"),
        ] {
            assert!(t(broad).covers(&t(narrow)), "{broad} {narrow}");
        }
        for (broad, narrow) in
            [("/a", "/{x}"), ("/{x}", "/a/b"), ("/{x}", "/a/**"), ("/a/**", "/b"), ("/a/**", "/{x}/**")]
        {
            assert!(!t(broad).covers(&t(narrow)), "{broad} {narrow}");
        }
    }
}
