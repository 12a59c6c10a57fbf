//! Claims and bodies: JSON, as YAML writes it.

use std::fmt;

use super::super::name::Located;
use crate::diag::Report;
use crate::yaml::{Kind, Node, key_name, text};

/// A value of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// `null`
    Null,
    /// `true` or `false`
    Truth(bool),
    /// A number, as JSON writes it.
    Number(Box<str>),
    /// Text.
    Text(Box<str>),
    /// A list.
    List(Vec<Datum>),
    /// A mapping, in the order of the file.
    Map(Vec<Member>),
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub name: Located<Box<str>>,
    /// Its value.
    pub value: Datum,
}

impl Datum {
    /// Reads one. Words that YAML readers do not all take for the same, such as
    /// `yes` or `012`, must be quoted.
    pub(super) fn read(node: &Node, what: &str, report: &mut Report) -> Option<Self> {
        match &node.kind {
            Kind::Refused => None,
            // All are read before any is given up, so that all mistakes are told.
            Kind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::read(item, what, report)).collect();
                Some(Self::List(items.into_iter().collect::<Option<_>>()?))
            }
            Kind::Map(entries) => {
                let members = entries.iter().map(|entry| {
                    let name = key_name(entry, "a name", report);
                    let value = Self::read(&entry.value, what, report);
                    let name = name.map(|text| Located { value: text.value.into(), span: text.span });
                    Some(Member { name: name?, value: value? })
                });
                let members: Vec<_> = members.collect();
                Some(Self::Map(members.into_iter().collect::<Option<_>>()?))
            }
            Kind::Scalar { text, plain: false } => Some(Self::Text(text.as_str().into())),
            Kind::Scalar { text: written, plain: true } => match written.as_str() {
                "null" => Some(Self::Null),
                "true" => Some(Self::Truth(true)),
                "false" => Some(Self::Truth(false)),
                number if is_number(number) => Some(Self::Number(number.into())),
                _ => text(node, what, report).map(|text| Self::Text(text.value.into())),
            },
        }
    }
}

/// Whether JSON writes a number so (RFC 8259, section 6), without an exponent:
/// `1e3` is text to some readers of YAML.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let leads = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !leads && fraction.is_none_or(digits)
}

/// As JSON.
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Truth(truth) => truth.fmt(f),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => quoted(text, f),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Map(members) => {
                f.write_str("{")?;
                for (at, Member { name, value }) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    quoted(&name.value, f)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A text of JSON (RFC 8259, section 7).
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::diag::Sources;
    use crate::yaml;

    fn read(text: &str) -> Result<serde_json::Value, usize> {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let file = sources.add("x.yaml", text);
        let node = yaml::parse(file, text, &mut report).unwrap();
        let datum = Datum::read(&node, "a claim", &mut report).ok_or(report.diagnostics().len())?;
        Ok(serde_json::from_str(&datum.to_string()).unwrap())
    }

    #[test]
    fn yaml_is_json_where_both_agree() {
        for (text, json) in [
            (
                "{ a: 1, b: [x, true, null, -1.50], c: { d: \"7\" } }",
                r#"{"a":1,"b":["x",true,null,-1.5],"c":{"d":"7"}}"#,
            ),
            (r#"{"sub": "ann", "roles": ["member"], "n": 0}"#, r#"{"sub":"ann","roles":["member"],"n":0}"#),
            (
                "{ a: \"q\\\"\\\\\\n\\u00e9\\u2028\", b: '' }",
                "{\"a\":\"q\\\"\\\\\\n\u{e9}\u{2028}\",\"b\":\"\"}",
            ),
            ("[]", "[]"),
        ] {
            assert_eq!(
                read(text).unwrap(),
                serde_json::from_str::<serde_json::Value>(json).unwrap(),
                "{text}"
            );
        }
        assert_eq!(read("{ a: yes, b: 012, c: ~, d: 1e3, e: 0x10, f: '012' }"), Err(5));
    }
}
