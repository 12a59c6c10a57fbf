//! Who makes the requests of tests: `personas:`, and `as:` of a test.

use std::fmt;
use std::net::IpAddr;

use super::super::elsewhere::IN_A_PERSONA;
use super::super::name::{Code, Located, PersonaName, RoleName};
use super::super::peer::{PeerPattern, SpiffeId};
use super::request::said;
use super::{Datum, Member, NOBODY, is_nobody};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::words::is_unseen;
use crate::yaml::{Entry, Fields, Kind, Node, Shape, Text, key_name, text, texts};

/// A caller with a name, for all tests of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// Its name.
    pub name: Located<PersonaName>,
    /// Who it is.
    pub who: Who,
}

/// Who makes the request of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody without token and certificate.
    Nobody,
    /// A persona.
    Persona(PersonaName),
    /// Somebody whom the test itself describes.
    Inline(Box<Who>),
}

/// A caller and their connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Whom the token speaks for, where there is one.
    pub token: Option<Token>,
    /// The SPIFFE id of the client certificate, where there is one.
    pub peer: Option<Box<str>>,
    /// The address that the request comes from.
    pub source: Option<IpAddr>,
}

/// Whom a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Somebody by the words of the policy.
    Named {
        /// The user id; that of the persona, or `somebody`, where it is not
        /// said.
        user: Option<Box<str>>,
        /// Roles that the token gives.
        roles: Vec<Located<RoleName>>,
        /// Groups that the token lists.
        groups: Vec<Box<str>>,
        /// Codes that the token gives.
        codes: Vec<Located<Code>>,
        /// Codes that limit the others.
        scopes: Option<Vec<Box<str>>>,
        /// Further claims.
        claims: Vec<Member>,
    },
    /// Whoever a token with these claims would speak for.
    Claims {
        /// All claims of the token.
        claims: Vec<Member>,
        /// Where they stand.
        span: Span,
    },
}

pub(in crate::policy) const PERSONA: Shape = Shape {
    what: "a caller",
    known: &["user", "roles", "groups", "codes", "scopes", "claims", "token", "peer", "source"],
    later: &[],
};

/// The keys that describe a caller by the words of the policy.
const NAMED: [&str; 6] = ["user", "roles", "groups", "codes", "scopes", "claims"];

/// The longest user id, as in tokens.
const MAX_ID: usize = 256;

impl Persona {
    /// `None` only where the name can't be read, so that whoever names it is
    /// not told that there is no such persona.
    pub(in crate::policy) fn read(entry: &Entry, report: &mut Report) -> Option<Self> {
        let name = key_name(entry, "a persona", report).and_then(|text| PersonaName::read(text, report))?;
        if is_nobody(&name.value) {
            report.push(
                Diagnostic::at(Diag::BadName, name.span, format!("`{NOBODY}` is always there"))
                    .label("has a meaning already")
                    .help("it is the caller without a token: choose another name, or remove it here"),
            );
        }
        let who = Who::read(&entry.value, report).unwrap_or_default();
        Some(Self { name, who })
    }
}

impl Caller {
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Located<Self>> {
        match &node.kind {
            Kind::Map(_) => {
                let who = Box::new(Who::read(node, report)?);
                Some(Located { value: Self::Inline(who), span: node.span })
            }
            _ => Self::named(text(node, "the caller", report)?, report),
        }
    }

    pub(super) fn named(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        let name = PersonaName::read(text, report)?;
        Some(name.map(|name| if is_nobody(&name) { Self::Nobody } else { Self::Persona(name) }))
    }
}

impl Who {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        if let Kind::Scalar { text, .. } = &node.kind
            && !node.is_null()
        {
            let shown = text.escape_debug();
            report.push(
                Diagnostic::at(
                    Diag::WrongType,
                    node.span,
                    format!("a caller must be a mapping, not `{shown}`"),
                )
                .label("a role, or a user?")
                .help(format!("write `{{ roles: [{shown}] }}` or `{{ user: {shown} }}`")),
            );
            return None;
        }
        let fields = Fields::read_with(node, PERSONA, IN_A_PERSONA, report)?;
        if fields.is_empty() {
            report.push(
                Diagnostic::at(Diag::EmptyValue, node.span, "a caller of whom nothing is said")
                    .label("who?")
                    .help(format!(
                        "write `user: ann` or `roles: [viewer]`; without a token it is `{NOBODY}`"
                    )),
            );
            return None;
        }
        let token = Token::read(&fields, report);
        let peer = fields
            .get("peer")
            .map(|entry| text(&entry.value, "the peer", report).and_then(|text| peer(text, report)));
        let source = fields.get("source").map(|entry| {
            text(&entry.value, "the source address", report).and_then(|text| address(text, report))
        });
        let (token, peer, source) = (token?, said(peer)?, said(source)?);
        (!fields.has_unknown()).then_some(Self { token, peer, source })
    }
}

impl Token {
    /// `Some(None)` where there is none.
    fn read(fields: &Fields<'_>, report: &mut Report) -> Option<Option<Self>> {
        let named = NAMED.iter().find_map(|key| fields.get(key));
        match (fields.get("token"), named) {
            (None, None) => Some(None),
            (None, Some(_)) => Self::named(fields, report).map(Some),
            (Some(entry), None) => {
                let claims = claims(entry, report)?;
                Some(Some(Self::Claims { claims, span: entry.key_span }))
            }
            (Some(token), Some(other)) => {
                report.push(
                    Diagnostic::at(
                        Diag::BadTest,
                        other.key_span,
                        format!("`{}` beside `token`, which says everything about the caller", other.key),
                    )
                    .label("said twice")
                    .related(token.key_span, "the whole token")
                    .help("keep `token` alone, to try how a token is read; otherwise leave it out"),
                );
                None
            }
        }
    }

    fn named(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        let user = fields
            .get("user")
            .map(|entry| text(&entry.value, "the user", report).and_then(|text| user(text, report)));
        let roles = all(fields, "roles", "a role", report, RoleName::read);
        let codes = all(fields, "codes", "a code", report, Code::read);
        let groups = all(fields, "groups", "a group", report, |text, _| Some(text.value.into()));
        let scopes = fields
            .get("scopes")
            .map(|_| all(fields, "scopes", "a scope", report, |text, _| Some(text.value.into())));
        let claims = match fields.get("claims") {
            Some(entry) => further(entry, report),
            None => Some(Vec::new()),
        };
        Some(Self::Named {
            user: said(user)?,
            roles: roles?,
            groups: groups?,
            codes: codes?,
            scopes: said(scopes)?,
            claims: claims?,
        })
    }
}

/// Every item of a list, which may be empty: a token may list nothing. `None`
/// if one can't be read.
fn all<T>(
    fields: &Fields<'_>,
    key: &str,
    what: &str,
    report: &mut Report,
    one: fn(Text<'_>, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(entry) = fields.get(key) else { return Some(Vec::new()) };
    let written = match &entry.value.kind {
        Kind::List(items) if items.is_empty() => return Some(Vec::new()),
        Kind::List(items) => items.len(),
        _ => 1,
    };
    let read: Vec<T> =
        texts(&entry.value, what, report).into_iter().filter_map(|text| one(text, report)).collect();
    (read.len() == written).then_some(read)
}

fn claims(entry: &Entry, report: &mut Report) -> Option<Vec<Member>> {
    let Kind::Map(_) = &entry.value.kind else {
        let message = format!("`{}` must be a mapping of claims", entry.key);
        report.push(Diagnostic::at(Diag::WrongType, entry.value.span, message).label("not a mapping").help(
            format!("write `{}: {{ tenant: acme }}`; tokens themselves have no place here", entry.key),
        ));
        return None;
    };
    match Datum::read(&entry.value, "a claim", report)? {
        Datum::Map(members) => Some(members),
        _ => None,
    }
}

/// Claims beside those that have keys of their own.
fn further(entry: &Entry, report: &mut Report) -> Option<Vec<Member>> {
    let members = claims(entry, report)?;
    let taken = [("sub", "user"), ("roles", "roles"), ("groups", "groups"), ("codes", "codes")];
    let mut fine = true;
    for member in &members {
        if let Some((name, key)) = taken.iter().find(|(name, _)| *name == &*member.name.value) {
            fine = false;
            report.push(
                Diagnostic::at(
                    Diag::BadTest,
                    member.name.span,
                    format!("the claim `{name}` has a key of its own"),
                )
                .label("not here")
                .help(format!("write `{key}` beside `claims`, or all claims below `token`")),
            );
        }
    }
    fine.then_some(members)
}

fn user(text: Text<'_>, report: &mut Report) -> Option<Box<str>> {
    let fine = text.value.len() <= MAX_ID
        && text.value.trim() == text.value
        && !text.value.contains(|c| is_unseen(c) || c == ',');
    if !fine {
        let message = format!("`{}` is no user id of a token", text.value.escape_debug());
        report.push(Diagnostic::at(Diag::BadValue, text.span, message).label("not usable").help(format!(
            "a user id is 1 to {MAX_ID} bytes, without comma, control or invisible characters, and without a space \
             at either end"
        )));
    }
    fine.then(|| text.value.into())
}

fn peer(text: Text<'_>, report: &mut Report) -> Option<Box<str>> {
    if SpiffeId::parse(text.value).is_some() {
        return Some(text.value.into());
    }
    // Whatever is wrong with it as a pattern is wrong with it as an id.
    if PeerPattern::read(text, report).is_some() {
        let message = format!("`{}` is a pattern, a caller is one peer", text.value);
        report.push(Diagnostic::at(Diag::BadPeer, text.span, message).label("which one?").help(
            "write the whole SPIFFE id of one workload, such as `spiffe://cluster.local/ns/shop/sa/till`",
        ));
    }
    None
}

fn address(text: Text<'_>, report: &mut Report) -> Option<IpAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an address", text.value.escape_debug());
        report.push(
            Diagnostic::at(Diag::BadNetwork, text.span, message)
                .label("not an address")
                .help("write one IPv4 or IPv6 address, such as `203.0.113.7` or `\"2001:db8::7\"`"),
        );
    }
    address
}

/// A caller in a few words.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, peer, source } = self;
        match token {
            None if peer.is_none() => f.write_str(NOBODY)?,
            None => {}
            Some(Token::Claims { .. }) => f.write_str("a token")?,
            Some(Token::Named { user, roles, groups, .. }) => {
                f.write_str(user.as_deref().unwrap_or(super::SOMEBODY))?;
                let roles = roles.iter().map(|role| role.value.as_str());
                let words: Vec<&str> = roles.chain(groups.iter().map(|group| &**group)).collect();
                if !words.is_empty() {
                    write!(f, " ({})", words.join(", "))?;
                }
            }
        }
        if let Some(peer) = peer {
            write!(f, "{}{peer}", if token.is_some() { " at " } else { "" })?;
        }
        source.map_or(Ok(()), |source| write!(f, " from {source}"))
    }
}
