//! What a route may require: roles, codes, addresses.

use super::elsewhere::IN_A_REQUIREMENT;
use super::name::{Code, Located, NetworkName, PrincipalName, RoleName};
use super::network::AddressRange;
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::yaml::{Fields, Kind, Node, Shape, Text, items, text, texts};

/// Any one of several names, or all of them. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need<T> {
    /// One of these is enough.
    Any(Vec<Located<T>>),
    /// Every one of these.
    All(Vec<Located<T>>),
}

impl<T> Need<T> {
    /// The names, whichever way they are joined.
    pub fn names(&self) -> &[Located<T>] {
        match self {
            Self::Any(names) | Self::All(names) => names,
        }
    }
}

pub(super) const ANY_OR_ALL: Shape = Shape { what: "a requirement", known: &["any", "all"], later: &[] };

impl Need<RoleName> {
    /// Reads the value of `roles:`.
    pub fn roles(node: &Node, report: &mut Report) -> Option<Self> {
        read(node, "roles", "a role", RoleName::read, report)
    }
}

impl Need<Code> {
    /// Reads the value of `codes:`.
    pub fn codes(node: &Node, report: &mut Report) -> Option<Self> {
        read(node, "codes", "a code", Code::read, report)
    }
}

impl Need<PrincipalName> {
    /// Reads the value of `groups:`.
    pub fn groups(node: &Node, report: &mut Report) -> Option<Self> {
        read(node, "groups", "a group", PrincipalName::read, report)
    }
}

fn read<T>(
    node: &Node,
    key: &str,
    what: &str,
    one: fn(Text<'_>, &mut Report) -> Option<Located<T>>,
    report: &mut Report,
) -> Option<Need<T>> {
    // Every name is looked at, so that all their mistakes are told; one bad
    // name makes the whole requirement unusable, never weaker.
    let names = |node: &Node, list: &str, report: &mut Report| -> Option<Vec<Located<T>>> {
        let nodes = items(node, list, report)?;
        let read: Vec<_> = nodes.iter().map(|n| text(n, what, report).and_then(|t| one(t, report))).collect();
        read.into_iter().collect()
    };
    match &node.kind {
        Kind::Scalar { .. } => {
            let name = one(text(node, what, report)?, report)?;
            Some(Need::Any(vec![name]))
        }
        Kind::List(list) if list.len() == 1 => names(node, &format!("`{key}`"), report).map(Need::Any),
        Kind::List(list) => {
            names(node, &format!("`{key}`"), report)?;
            let written: Vec<_> = list
                .iter()
                .filter_map(|n| match &n.kind {
                    Kind::Scalar { text, .. } => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            let written = written.join(", ");
            report.push(
                Diagnostic::at(
                    Diag::AnyOrAll,
                    node.span,
                    format!("`{key}` lists several names without saying how many are needed"),
                )
                .label("any of them, or all?")
                .help(format!("write `{key}: {{ any: [{written}] }}` or `{key}: {{ all: [{written}] }}`")),
            );
            None
        }
        Kind::Map(_) => {
            let fields = Fields::read_with(node, ANY_OR_ALL, IN_A_REQUIREMENT, report)?;
            match (fields.get("any"), fields.get("all")) {
                (Some(any), None) => names(&any.value, "`any`", report).map(Need::Any),
                (None, Some(all)) => names(&all.value, "`all`", report).map(Need::All),
                (Some(_), Some(all)) => {
                    report.push(
                        Diagnostic::at(
                            Diag::AnyOrAll,
                            all.key_span,
                            format!("`{key}` has both `any` and `all`"),
                        )
                        .label("one of the two")
                        .help("keep one; a role that is granted the codes can stand for the other"),
                    );
                    None
                }
                (None, None) if !fields.is_empty() => None, // an unknown key, told already
                (None, None) => {
                    report.push(
                        Diagnostic::at(Diag::EmptyValue, node.span, format!("`{key}` requires nothing"))
                            .label("neither `any` nor `all`")
                            .help(format!("write `{key}: {{ any: [..] }}`, or remove the key")),
                    );
                    None
                }
            }
        }
        Kind::Refused => None,
    }
}

/// Which addresses may call: `deny` wins; where `allow` is given, only those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpRule {
    /// Only these, where there are any.
    pub allow: Vec<Located<NetworkRef>>,
    /// None of these.
    pub deny: Vec<Located<NetworkRef>>,
}

/// A network by name or by its range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkRef {
    /// Defined under `networks:`.
    Named(NetworkName),
    /// Written out.
    Range(AddressRange),
}

pub(super) const IP: Shape = Shape { what: "an `ip` rule", known: &["allow", "deny"], later: &[] };

impl IpRule {
    /// Reads the value of `ip:`.
    pub fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read(node, IP, report)?;
        let mut list = |key: &str| -> Option<Vec<Located<NetworkRef>>> {
            let Some(entry) = fields.get(key) else { return Some(Vec::new()) };
            let written = texts(&entry.value, "a network", report);
            let read: Vec<_> = written.into_iter().map(|t| NetworkRef::read(t, report)).collect();
            let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
            // A list whose every item was refused above must not read as "no rule".
            (!read.is_empty()).then_some(read)
        };
        let (allow, deny) = (list("allow"), list("deny"));
        let rule = Self { allow: allow?, deny: deny? };
        if rule.allow.is_empty() && rule.deny.is_empty() {
            if !fields.is_empty() {
                return None; // an unknown key, told already
            }
            report.push(
                Diagnostic::at(Diag::EmptyValue, node.span, "an `ip` rule with neither `allow` nor `deny`")
                    .label("no rule")
                    .help("write `ip: { allow: [office] }` or `ip: { deny: [198.51.100.0/24] }`"),
            );
            return None;
        }
        Some(rule)
    }
}

impl NetworkRef {
    fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        let looks_like_a_range =
            text.value.contains(['/', ':']) || text.value.starts_with(|c: char| c.is_ascii_digit());
        if looks_like_a_range {
            return range(text, report).map(|r| Located { value: Self::Range(r), span: text.span });
        }
        NetworkName::read(text, report).map(|n| Located { value: Self::Named(n.value), span: n.span })
    }
}

/// One address range.
pub(super) fn range(text: Text<'_>, report: &mut Report) -> Option<AddressRange> {
    match AddressRange::parse(text.value) {
        Ok(range) => Some(range),
        Err(help) => {
            let shown = text.value.escape_debug();
            report.push(
                Diagnostic::at(Diag::BadNetwork, text.span, format!("`{shown}` is not an address range"))
                    .label("not a range")
                    .help(help),
            );
            None
        }
    }
}
