//! Where in a token's claims a value stands: `sub`, `realm_access.roles`.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::Text;

/// Claim names from the outside in, with any characters; never empty, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<String>);

/// How many names a path may have: deeper than any provider nests.
const MAX_NAMES: usize = 8;

impl ClaimPath {
    /// The path that is one name.
    pub fn name(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The path of these names.
    #[cfg(test)]
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Reads `a.b.c`, where a name that holds anything but letters, digits,
    /// `_`, `-` and `:` stands as `["name"]`. A text with `://` in it and no
    /// bracket is one name: many providers put URIs for names.
    pub(super) fn read(text: Text<'_>, report: &mut Report) -> Option<Self> {
        let uri = text.value.contains("://") && !text.value.contains('[');
        if uri && text.value.bytes().all(|b| b.is_ascii_graphic()) {
            return Some(Self::name(text.value));
        }
        Self::parse(text, text.value, 0, report)
    }

    /// Reads the part of `text` from byte `offset` on.
    pub(super) fn parse(text: Text<'_>, path: &str, offset: usize, report: &mut Report) -> Option<Self> {
        let (at, label, help) = match names(path) {
            Ok(names) if names.len() <= MAX_NAMES => return Some(Self(names)),
            Ok(_) => (0..path.len(), "too deep", "at most 8 names"),
            Err(fault) => fault,
        };
        report.push(
            Diagnostic::at(
                Code::BadClaimPath,
                text.part(offset + at.start, offset + at.end),
                format!("`{}` is not a claim path", text.value),
            )
            .label(label)
            .help(help),
        );
        None
    }

    /// Its names, from the outside in.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The value at this path, if every name on the way is there.
    pub fn find<'v>(&self, claims: &'v Map<String, Value>) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

/// What is wrong with a path: which bytes, what to call them, what to do.
type Fault = (Range<usize>, &'static str, &'static str);

fn names(path: &str) -> Result<Vec<String>, Fault> {
    const DOTS: &str = "write claim names joined by single dots, such as `realm_access.roles`";
    const QUOTES: &str = "names are letters, digits, `_`, `-` and `:`, joined by dots; any other name stands as \
                          `[\"name\"]`, and the whole in single quotes: `'[\"https://id.example.com/roles\"]'`";
    let mut names = Vec::new();
    let mut rest = path;
    loop {
        let at = path.len() - rest.len();
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let Some((name, after)) = quoted.split_once("\"]") else {
                return Err((at..path.len(), "not closed", "write `[\"name\"]`"));
            };
            if name.is_empty() || name.contains(['"', '\\']) || name.chars().any(char::is_control) {
                return Err((at..path.len() - after.len(), "not a name", "write `[\"name\"]`"));
            }
            names.push(name.to_owned());
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if let Some((bad, c)) = name.char_indices().find(|(_, c)| !is_name_char(*c)) {
                return Err((at + bad..at + bad + c.len_utf8(), "not allowed in a claim's name", QUOTES));
            }
            if name.is_empty() {
                return Err((at..at + 1, "a name is missing here", DOTS));
            }
            names.push(name.to_owned());
            rest = after;
        }
        let at = path.len() - rest.len();
        rest = match (rest.strip_prefix('.'), rest.starts_with("[\"")) {
            _ if rest.is_empty() => return Ok(names),
            (Some(after), _) => after,
            (None, true) => rest,
            (None, false) => return Err((at..at + 1, "not expected here", QUOTES)),
        };
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':')
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            match (name.chars().all(is_name_char), at) {
                (true, 0) => write!(f, "{name}")?,
                (true, _) => write!(f, ".{name}")?,
                (false, _) => write!(f, "[\"{name}\"]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_is_walked_through_objects_only() {
        let claims = json!({"a": {"b": {"c": 1}}, "l": [{"b": 2}], "n": null, "a.b": 3});
        let claims = claims.as_object().unwrap();
        let path = ClaimPath::of;
        assert_eq!(path(&["a", "b", "c"]).find(claims), Some(&json!(1)));
        assert_eq!(path(&["n"]).find(claims), Some(&Value::Null));
        for missing in [&["x"][..], &["a", "x"], &["l", "b"], &["l", "0"], &["a", "b", "c", "d"], &["n", "x"]]
        {
            assert_eq!(path(missing).find(claims), None, "{missing:?}");
        }
    }

    #[test]
    fn names_are_joined_by_dots_or_quoted() {
        let read =
            |path: &str| names(path).map(|names| ClaimPath(names).to_string()).map_err(|fault| fault.0);
        for (path, same) in [
            ("sub", "sub"),
            ("realm_access.roles", "realm_access.roles"),
            ("cognito:groups", "cognito:groups"),
            (r#"["https://id.example.com/roles"]"#, r#"["https://id.example.com/roles"]"#),
            (r#"["https://x"].roles"#, r#"["https://x"].roles"#),
            (r#"a["b.c"].d"#, r#"a["b.c"].d"#),
            (r#"a.["b.c"]["d"]"#, r#"a["b.c"].d"#),
        ] {
            assert_eq!(read(path).as_deref(), Ok(same), "{path}");
        }
        for (path, at) in [
            ("", 0..1),
            (".a", 0..1),
            ("a..b", 2..3),
            ("a.", 2..3),
            ("a/b", 1..2),
            ("a b", 1..2),
            ("a[b]", 1..2),
            ("a[0]", 1..2),
            ("[\"a", 0..3),
            ("[\"\"]", 0..4),
            ("[\"a\"]b", 5..6),
            ("[\"a\"b\"]", 0..7),
        ] {
            assert_eq!(read(path), Err(at), "{path}");
        }
    }
}
