//! The words of the domain as types: a value exists only if it is well formed.

use std::fmt;

use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::Text;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub fn map<U>(self, value: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: value(self.value), span: self.span }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal, $allowed:expr, $first:expr, $help:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Reads one; what is not well formed is a finding.
            pub fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
                let rule = Rule { what: $what, max: $max, allowed: $allowed, first: $first, help: $help, code: Diag::BadName };
                rule.check(text, report).then(|| Located { value: Self(text.value.into()), span: text.span })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A role: letters, digits and `_ - . : /`, at most 128.
    RoleName, "a role", 128, is_code_char, is_code_char,
    "role names are letters, digits and `_ - . : /`"
);
name!(
    /// A service: lower-case letters, digits and `-`, at most 63.
    ServiceName, "a service name", 63, is_service_char, |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    "service names are lower-case letters, digits and `-`"
);
name!(
    /// A network: lower-case letters, digits, `_` and `-`, at most 63, a letter first.
    NetworkName, "a network name", 63, |c| is_service_char(c) || c == '_', |c| c.is_ascii_lowercase(),
    "network names are lower-case letters, digits, `_` and `-`, a letter first"
);
name!(
    /// A user id or group as a binding names it: visible ASCII, at most 256,
    /// single spaces inside. No `*`: whoever writes one expects a pattern.
    PrincipalName, "a user or group", 256, |c| (c.is_ascii_graphic() && c != '*') || c == ' ', |c| c.is_ascii_graphic() && c != '*',
    "users and groups are compared byte for byte with what the token says: visible ASCII, and no `*`, which would not stand for anything"
);

name!(
    /// A caller of tests: letters, digits and `_ - . @ /`, at most 64.
    PersonaName, "a persona", 64, |c| c.is_ascii_alphanumeric() || "_-.@/".contains(c), |c| c.is_ascii_alphanumeric() || c == '_',
    "names of personas are letters, digits and `_ - . @ /`, a letter or digit first"
);

name!(
    /// An audience as tokens name it: visible ASCII, at most 1024.
    Audience, "an audience", 1024, |c| c.is_ascii_graphic(), |c| c.is_ascii_graphic(),
    "write it exactly as it stands in the tokens' `aud`"
);

fn is_code_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/')
}

fn is_service_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// A permission code: letters, digits and `_ - . : /`, at most 128.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Box<str>);

impl Code {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of a text that is not a value of its own; `None` for what is not
    /// well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let fine = (1..=CODE.max).contains(&text.len()) && text.chars().all(CODE.allowed);
        fine.then(|| Self(text.into()))
    }

    /// Reads one code; a `*` has no place in what a route requires.
    pub fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        if text.value.contains('*') {
            report.push(
                Diagnostic::at(
                    Diag::BadCode,
                    text.span,
                    format!("`{}` is a pattern, a code is needed here", text.value),
                )
                .label("`*` stands only in `grants` and `denies`")
                .help("name the code that is required; a role may be granted many codes with a final `*`"),
            );
            return None;
        }
        CODE.check(text, report).then(|| Located { value: Self(text.value.into()), span: text.span })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a role grants or denies: one code, or all codes with a prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodePattern {
    /// Exactly this code.
    Exact(Code),
    /// Every code that begins so; empty for `*` alone.
    Prefix(Box<str>),
}

impl CodePattern {
    /// Reads a code or a prefix with a final `*`.
    pub fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        let value = match text.value.strip_suffix('*') {
            None if text.value.contains('*') => return Self::refuse(text, report),
            None => {
                return Code::read(text, report)
                    .map(|c| Located { value: Self::Exact(c.value), span: c.span });
            }
            Some("") => Self::Prefix("".into()),
            Some(prefix) if prefix.contains('*') => return Self::refuse(text, report),
            Some(prefix) => {
                if !CODE.check(text.cut(prefix.len()), report) {
                    return None;
                }
                Self::Prefix(prefix.into())
            }
        };
        Some(Located { value, span: text.span })
    }

    fn refuse(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        report.push(
            Diagnostic::at(
                Diag::BadCode,
                text.span,
                format!("`{}` has a `*` that is not at its end", text.value),
            )
            .label("one final `*` at most")
            .help("write the beginning that all codes share and one final `*`, such as `event:*`"),
        );
        None
    }
}

impl fmt::Display for CodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(code) => code.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// What a binding compares a path parameter with: one value, or all values
/// with a prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValuePattern {
    /// Exactly this value, percent-encoding decoded.
    Exact(Box<str>),
    /// Every value that begins so; empty for `*` alone.
    Prefix(Box<str>),
}

impl ValuePattern {
    /// Reads a value or a prefix with a final `*`.
    pub fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        let prefix = text.value.strip_suffix('*').map(|prefix| text.cut(prefix.len()));
        let written = prefix.unwrap_or(text);
        if written.value.contains('*') {
            report.push(
                Diagnostic::at(
                    Diag::BadValue,
                    text.span,
                    format!("`{}` has a `*` that is not at its end", text.value.escape_debug()),
                )
                .label("one final `*` at most")
                .help("write the beginning that all values share and one final `*`, such as `v-*`"),
            );
            return None;
        }
        // `*` alone is any value.
        if prefix.is_none_or(|prefix| !prefix.value.is_empty()) && !VALUE.check(written, report) {
            return None;
        }
        let value = written.value.into();
        let value = if prefix.is_some() { Self::Prefix(value) } else { Self::Exact(value) };
        Some(Located { value, span: text.span })
    }
}

impl fmt::Display for ValuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(value) => f.write_str(value),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

const VALUE: Rule = Rule {
    what: "a value",
    max: 1024,
    allowed: is_value_char,
    first: |c| c != ' ' && is_value_char(c),
    help: "write the value as it reads with its percent-encoding decoded: letters, digits, single spaces, and signs but `\\`, `%`, `?` and `#`, which no parameter ever holds",
    code: Diag::BadValue,
};

/// What a segment of a canonical path may decode to. Of other alphabets only
/// letters and digits: what nobody sees has no place here.
fn is_value_char(c: char) -> bool {
    (c.is_ascii_graphic() && !matches!(c, '\\' | '%' | '?' | '#' | '*')) || c == ' ' || c.is_alphanumeric()
}

const CODE: Rule = Rule {
    what: "a code",
    max: 128,
    allowed: is_code_char,
    first: is_code_char,
    help: "codes are letters, digits and `_ - . : /`",
    code: Diag::BadCode,
};

/// What a well-formed name is made of.
struct Rule {
    what: &'static str,
    max: usize,
    allowed: fn(char) -> bool,
    first: fn(char) -> bool,
    help: &'static str,
    code: Diag,
}

impl Rule {
    fn check(&self, text: Text<'_>, report: &mut Report) -> bool {
        let shown = text.value.escape_debug();
        let first = text.value.char_indices().next().filter(|(_, c)| !(self.first)(*c));
        let bad = first.or_else(|| text.value.char_indices().find(|(_, c)| !(self.allowed)(*c)));
        if let Some((at, c)) = bad {
            let span = text.part(at, at + c.len_utf8());
            let (code, message) = if c.is_ascii_graphic() || c == ' ' {
                (self.code, format!("`{c}` can't stand there in {} (`{shown}`)", self.what))
            } else {
                let message = format!("{} holds the character U+{:04X} (`{shown}`)", self.what, u32::from(c));
                (Diag::BadCharacter, message)
            };
            report.push(Diagnostic::at(code, span, message).label("this character").help(self.help));
            return false;
        }
        if text.value.ends_with(' ') || text.value.contains("  ") {
            report.push(
                Diagnostic::at(
                    self.code,
                    text.span,
                    format!("{} ends in a space or holds two together (`{shown}`)", self.what),
                )
                .help("remove the extra space"),
            );
            return false;
        }
        if text.value.len() > self.max {
            report.push(Diagnostic::at(
                self.code,
                text.span,
                format!("{} is longer than {} characters", self.what, self.max),
            ));
            return false;
        }
        true
    }
}
