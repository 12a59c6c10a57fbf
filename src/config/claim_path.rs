//! Where in a token's claims a value stands: `sub`, `realm_access.roles`.

use std::fmt;

use serde_json::{Map, Value};

use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::Text;

/// Claim names from the outside in; never empty, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<String>);

/// How many names a path may have: deeper than any provider nests.
const MAX_NAMES: usize = 8;

impl ClaimPath {
    /// The path that is one name.
    pub fn name(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// Reads `a.b.c`. Dots separate; a claim whose own name holds a dot or a
    /// slash can't be named yet, and is refused rather than misread.
    pub(super) fn read(text: Text<'_>, report: &mut Report) -> Option<Self> {
        Self::parse(text, text.value, 0, report)
    }

    /// Reads the part of `text` from byte `offset` on.
    pub(super) fn parse(text: Text<'_>, path: &str, offset: usize, report: &mut Report) -> Option<Self> {
        let mut at = offset;
        let mut names = Vec::new();
        for name in path.split('.') {
            let span = text.part(at, at + name.len().max(1));
            if let Some(bad) = name.find(|c: char| !is_name_char(c)) {
                report.push(
                    Diagnostic::at(
                        Code::BadClaimPath,
                        text.part(at + bad, at + bad + 1),
                        format!("`{}` is not a claim path", text.value),
                    )
                    .label("not allowed in a claim's name")
                    .help(
                        "names are letters, digits, `_`, `-` and `:`, joined by dots; claims with other \
                         characters in their names come with a later version",
                    ),
                );
                return None;
            }
            if name.is_empty() {
                report.push(
                    Diagnostic::at(Code::BadClaimPath, span, format!("`{}` is not a claim path", text.value))
                        .label("a name is missing here")
                        .help("write claim names joined by single dots, such as `realm_access.roles`"),
                );
                return None;
            }
            names.push(name.to_owned());
            at += name.len() + 1;
        }
        if names.len() > MAX_NAMES {
            report.push(
                Diagnostic::at(
                    Code::BadClaimPath,
                    text.span,
                    format!("a claim path of more than {MAX_NAMES} names"),
                )
                .label("too deep"),
            );
            return None;
        }
        Some(Self(names))
    }

    /// The value at this path, if every name on the way is there.
    pub fn find<'v>(&self, claims: &'v Map<String, Value>) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':')
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
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
        let path = |names: &[&str]| ClaimPath(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(path(&["a", "b", "c"]).find(claims), Some(&json!(1)));
        assert_eq!(path(&["n"]).find(claims), Some(&Value::Null));
        for missing in [&["x"][..], &["a", "x"], &["l", "b"], &["l", "0"], &["a", "b", "c", "d"], &["n", "x"]]
        {
            assert_eq!(path(missing).find(claims), None, "{missing:?}");
        }
    }
}
