//! `bindings:` and `groups:` - roles that the policy itself gives to users,
//! groups and peers.

use super::elsewhere::IN_A_BINDING;
use super::name::{Located, PrincipalName, RoleName};
use super::peer::PeerPattern;
use super::scope::Scope;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::{Entry, Fields, Kind, Node, Shape, Text, key_name, text, texts};

/// A binding as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Who gets the roles.
    pub holder: Located<Holder>,
    /// The roles; never empty.
    pub roles: Vec<Located<RoleName>>,
    /// Where and when they count.
    pub scope: Scope,
    /// Why, for people.
    pub reason: Option<String>,
    /// Where the binding stands.
    pub span: Span,
}

/// Whom a binding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The user with this id.
    User(PrincipalName),
    /// Everyone in this group.
    Group(PrincipalName),
    /// Everyone whose certificate has such a SPIFFE id.
    Peer(PeerPattern),
}

pub(super) const BINDING: Shape = Shape {
    what: "a binding",
    known: &["user", "group", "peer", "roles", "on", "from", "until", "reason"],
    later: &[],
};

/// A group below `groups:`.
pub(super) const GROUP: Shape =
    Shape { what: "a group", known: &["roles", "on", "from", "until", "reason"], later: &[] };

impl Binding {
    /// An item of `bindings:`.
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, BINDING, IN_A_BINDING, report)?;
        let holder = holder(&fields, report);
        Self::of_fields(&fields, holder, node.span, report)
    }

    /// An entry of `groups:`: the roles of a group alone, or a mapping.
    pub(super) fn of_group(entry: &Entry, report: &mut Report) -> Option<Self> {
        let name = key_name(entry, "a group", report).and_then(|t| PrincipalName::read(t, report));
        let holder = name.map(|name| name.map(Holder::Group));
        if let Kind::Map(_) = entry.value.kind {
            let fields = Fields::read_with(&entry.value, GROUP, IN_A_BINDING, report)?;
            return Self::of_fields(&fields, holder, entry.key_span, report);
        }
        let roles = roles(&entry.value, report);
        let (scope, reason, span) = (Scope::default(), None, entry.key_span);
        Some(Self { holder: holder?, roles: roles?, scope, reason, span })
    }

    fn of_fields(
        fields: &Fields<'_>,
        holder: Option<Located<Holder>>,
        span: Span,
        report: &mut Report,
    ) -> Option<Self> {
        let roles = fields.require("roles", report).and_then(|entry| roles(&entry.value, report));
        let scope = Scope::read(fields, report);
        let reason = fields
            .get("reason")
            .and_then(|e| text(&e.value, "the reason", report))
            .map(|t| t.value.to_owned());
        Some(Self { holder: holder?, roles: roles?, scope: scope?, reason, span })
    }
}

/// The roles that are given; never empty.
fn roles(node: &Node, report: &mut Report) -> Option<Vec<Located<RoleName>>> {
    let names = texts(node, "a role", report);
    let roles: Vec<_> = names.into_iter().filter_map(|t| RoleName::read(t, report)).collect();
    (!roles.is_empty()).then_some(roles)
}

/// Whom a binding is about: exactly one user, group or peer.
fn holder(fields: &Fields<'_>, report: &mut Report) -> Option<Located<Holder>> {
    type Read = fn(Text<'_>, &mut Report) -> Option<Located<Holder>>;
    let kinds: [(&str, Read); 3] = [
        ("user", |text, report| PrincipalName::read(text, report).map(|name| name.map(Holder::User))),
        ("group", |text, report| PrincipalName::read(text, report).map(|name| name.map(Holder::Group))),
        ("peer", |text, report| PeerPattern::read(text, report).map(|peer| peer.map(Holder::Peer))),
    ];
    let mut named = kinds.into_iter().filter_map(|(key, read)| Some((key, fields.get(key)?, read)));
    let Some((key, entry, read)) = named.next() else {
        fields.require("user", report);
        return None;
    };
    let one = text(&entry.value, &format!("the {key}"), report).and_then(|text| read(text, report));
    let Some((_, second, _)) = named.next() else { return one };
    report.push(
        Diagnostic::at(Diag::BadValue, second.key_span, "a binding is for one user, one group or one peer")
            .label("second holder")
            .help("write two bindings"),
    );
    None
}
