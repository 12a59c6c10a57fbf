//! `bindings:` - roles that the policy itself gives to users and groups.

use super::elsewhere::IN_A_BINDING;
use super::name::{Located, PrincipalName, RoleName};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::{Fields, Node, Shape, text, texts};

/// A binding as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Who gets the roles.
    pub holder: Located<Holder>,
    /// The roles; never empty.
    pub roles: Vec<Located<RoleName>>,
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
}

pub(super) const BINDING: Shape = Shape {
    what: "a binding",
    known: &["user", "group", "roles", "reason"],
    later: &[
        (
            "on",
            "a binding holds everywhere in this version: remove it until scoped bindings are there, or give the role to nobody",
        ),
        ("until", "remove the binding when its time has come; this version would keep it in force for ever"),
        ("from", "add the binding when its time has come; this version would put it in force at once"),
        ("peer", "bindings for peers come with a later version"),
    ],
};

impl Binding {
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, BINDING, IN_A_BINDING, report)?;
        let mut name = |key: &str| {
            let entry = fields.get(key)?;
            text(&entry.value, &format!("the {key}"), report).and_then(|t| PrincipalName::read(t, report))
        };
        let (user, group) = (name("user"), name("group"));
        let located = |name: Located<PrincipalName>, holder: fn(PrincipalName) -> Holder| Located {
            value: holder(name.value),
            span: name.span,
        };
        let holder = match (fields.get("user"), fields.get("group")) {
            (Some(_), None) => user.map(|n| located(n, Holder::User)),
            (None, Some(_)) => group.map(|n| located(n, Holder::Group)),
            (Some(_), Some(group)) => {
                report.push(
                    Diagnostic::at(
                        Diag::BadValue,
                        group.key_span,
                        "a binding is for a user or for a group, not both",
                    )
                    .label("second holder")
                    .help("write two bindings"),
                );
                None
            }
            (None, None) => {
                fields.require("user", report);
                None
            }
        };
        let roles: Vec<_> = match fields.require("roles", report) {
            Some(entry) => {
                let names = texts(&entry.value, "a role", report);
                names.into_iter().filter_map(|t| RoleName::read(t, report)).collect()
            }
            None => Vec::new(),
        };
        let reason = fields
            .get("reason")
            .and_then(|e| text(&e.value, "the reason", report))
            .map(|t| t.value.to_owned());
        let holder = holder?;
        (!roles.is_empty()).then_some(Self { holder, roles, reason, span: node.span })
    }
}
