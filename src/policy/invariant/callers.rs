//! Of whom an invariant speaks: everybody of whom something holds.

use std::fmt;

use super::super::elsewhere::IN_CALLERS;
use super::super::name::{Code, Located, PrincipalName, RoleName};
use super::super::need::Need;
use super::super::peer::PeerPattern;
use super::super::route::peers;
use super::super::suite::said;
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::yaml::{Entry, Fields, Kind, Node, Shape, texts, word};

/// The callers that an invariant is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callers {
    /// Everyone.
    Anyone,
    /// Everyone without a token and without a client certificate.
    Anonymous,
    /// Everyone with a valid token.
    Authenticated,
    /// Everyone of whom all of this holds.
    Holders(Box<Holders>),
}

/// What callers hold on the request in question. At least one is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Roles, given or inherited, by the token or by bindings.
    pub roles: Option<Need<RoleName>>,
    /// Codes, granted and not denied.
    pub codes: Option<Need<Code>>,
    /// Groups of the token.
    pub groups: Option<Need<PrincipalName>>,
    /// One of these users.
    pub users: Option<Vec<Located<PrincipalName>>>,
    /// One of these is at the other end of the connection.
    pub peers: Option<Located<Vec<Located<PeerPattern>>>>,
    /// Nothing besides these roles, what they inherit, and these codes.
    pub alone: bool,
}

pub(in crate::policy) const CALLERS: Shape =
    Shape { what: "callers", known: &["roles", "codes", "groups", "users", "peers", "besides"], later: &[] };

const WORDS: [&str; 3] = ["anyone", "anonymous", "authenticated"];

impl Callers {
    /// Reads the value of `only`, `never` or `always`.
    pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<Self> {
        let read = match &entry.value.kind {
            Kind::Map(_) => Holders::read(&entry.value, report).map(|held| Self::Holders(Box::new(held))),
            Kind::Scalar { .. } if !entry.value.is_null() => Self::of_word(&entry.value, report),
            // Tells what is expected.
            _ => Holders::read(&entry.value, report).map(|held| Self::Holders(Box::new(held))),
        }?;
        if entry.key == "only" { read.for_only(entry, report) } else { Some(read) }
    }

    fn of_word(node: &Node, report: &mut Report) -> Option<Self> {
        let word = word(node, "the callers", "`anyone`, `anonymous` or `authenticated`", report)?;
        match word.value {
            "anyone" => return Some(Self::Anyone),
            "anonymous" => return Some(Self::Anonymous),
            "authenticated" => return Some(Self::Authenticated),
            _ => {}
        }
        let shown = word.value.escape_debug();
        let nobody = word.value.eq_ignore_ascii_case("nobody");
        let finding = Diagnostic::at(
            Diag::BadInvariant,
            word.span,
            format!("`{shown}` does not say of whom the invariant speaks"),
        );
        report.push(if nobody {
            finding
                .label("not callers")
                .help("write `never: anyone` where nobody may, `anonymous` for callers without a token")
        } else {
            finding.label("a role, or a user?").suggest(
                word.value,
                WORDS,
                format!(
                    "write `{{ roles: {shown} }}`, or one of the words `anyone`, `anonymous` (no token and no \
                     certificate), `authenticated` (a valid token)"
                ),
            )
        });
        None
    }

    /// Some callers make no sense there.
    fn for_only(self, entry: &Entry, report: &mut Report) -> Option<Self> {
        let (what, help) = match &self {
            Self::Anyone => {
                ("`only: anyone` forbids nothing", "write `only: authenticated`, or `only: { roles: .. }`")
            }
            Self::Anonymous => (
                "`only: anonymous` is never true: who has a token may do what anyone may",
                "write `never: anonymous`, or `always: anonymous`",
            ),
            Self::Holders(held) if held.alone => {
                ("`besides` beside `only`: whoever holds more would be nobody of these", "remove `besides`")
            }
            _ => return Some(self),
        };
        report.push(
            Diagnostic::at(Diag::BadInvariant, entry.value.span, what).label("makes no sense").help(help),
        );
        None
    }
}

impl Holders {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, CALLERS, IN_CALLERS, report)?;
        if fields.is_empty() {
            report.push(
                Diagnostic::at(Diag::EmptyValue, node.span, "callers of whom nothing is said")
                    .label("who?")
                    .help("write `{ roles: admin }`, or one of the words `anyone`, `anonymous`, `authenticated`"),
            );
            return None;
        }
        let roles = fields.get("roles").map(|entry| Need::roles(&entry.value, report));
        let codes = fields.get("codes").map(|entry| Need::codes(&entry.value, report));
        let groups = fields.get("groups").map(|entry| Need::groups(&entry.value, report));
        let users = fields.get("users").map(|entry| users(&entry.value, report));
        let peers = fields
            .get("peers")
            .map(|entry| peers(&entry.value, report).map(|value| Located { value, span: entry.key_span }));
        let alone = fields.get("besides").map(|entry| besides(&entry.value, report));
        let held = Self {
            roles: said(roles)?,
            codes: said(codes)?,
            groups: said(groups)?,
            users: said(users)?,
            peers: said(peers)?,
            alone: said(alone)?.is_some(),
        };
        (!fields.has_unknown()).then_some(held)
    }
}

fn users(node: &Node, report: &mut Report) -> Option<Vec<Located<PrincipalName>>> {
    let written = texts(node, "a user", report);
    let read: Vec<_> = written.into_iter().map(|text| PrincipalName::read(text, report)).collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    (!read.is_empty()).then_some(read)
}

/// The one word that may stand behind `besides`.
fn besides(node: &Node, report: &mut Report) -> Option<()> {
    let word = word(node, "`besides`", "`nothing`", report)?;
    if word.value == "nothing" {
        return Some(());
    }
    report.push(
        Diagnostic::at(
            Diag::BadValue,
            word.span,
            format!("`besides` can't be `{}`", word.value.escape_debug()),
        )
        .label("only `nothing`")
        .help("write `besides: nothing` for callers who hold no more than this, or leave it out for any"),
    );
    None
}

/// The callers in words, as they stand in a sentence.
impl fmt::Display for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match self {
            Self::Anyone => return f.write_str("anyone"),
            Self::Anonymous => return f.write_str("anonymous callers"),
            Self::Authenticated => return f.write_str("callers with a token"),
            Self::Holders(held) => held,
        };
        let Holders { roles, codes, groups, users, peers, alone } = &**held;
        match users {
            None => f.write_str("callers")?,
            Some(users) => f.write_str(&named("user", users.iter().map(|name| &name.value), " or "))?,
        }
        let held = [
            roles.as_ref().map(|need| need_words("role", need)),
            codes.as_ref().map(|need| need_words("code", need)),
            groups.as_ref().map(|need| need_words("group", need)),
        ];
        let held: Vec<String> = held.into_iter().flatten().collect();
        if !held.is_empty() {
            write!(f, " with {}", held.join(" and "))?;
        }
        if let Some(peers) = peers {
            write!(f, " at {}", named("peer", peers.value.iter().map(|peer| peer.value.as_str()), " or "))?;
        }
        f.write_str(if *alone { " and nothing besides" } else { "" })
    }
}

fn need_words<T: fmt::Display>(what: &str, need: &Need<T>) -> String {
    let join = if matches!(need, Need::All(_)) { " and " } else { " or " };
    named(what, need.names().iter().map(|name| &name.value), join)
}

fn named<T: fmt::Display>(what: &str, names: impl Iterator<Item = T>, join: &str) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    format!("{what}{} {}", if names.len() > 1 { "s" } else { "" }, names.join(join))
}
