//! A request as a log tells it, and what the log leaves open.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::engine::Reason;

/// A request that was decided once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// When: seconds since 1970.
    pub(super) at: u64,
    /// Whether it was allowed.
    pub(super) allowed: bool,
    /// Why; not every log says.
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<String>,
    /// None where it could not be read even then.
    pub(super) words: Option<Words>,
    /// The service and the route that were found then.
    pub(super) service: Option<String>,
    pub(super) route: Option<String>,
    pub(super) caller: Caller,
}

/// The words of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) path: String,
    /// Whether the path is not what the client sent: cut, or hidden in part.
    pub(super) altered: bool,
    /// Whether the query stands in the path, if there was one.
    pub(super) with_query: bool,
    pub(super) source: Told<Option<IpAddr>>,
    pub(super) peer: Told<Option<String>>,
    pub(super) named: Told<Option<String>>,
    pub(super) kind: Told<Kind>,
}

/// What a log says, if it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told<T> {
    Yes(T),
    No,
}

impl<T> Told<T> {
    pub(super) fn is_told(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

impl<T> Told<Option<T>> {
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::Yes(value) => value.as_ref(),
            Self::No => None,
        }
    }
}

/// What kind of request it is, beside a plain one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) grpc: bool,
    /// The protocol, where an upgrade is asked for.
    pub(super) upgrade: Option<&'static str>,
    /// The method that a preflight announces.
    pub(super) preflight: Option<String>,
}

impl Kind {
    /// Reads the words of a line; `None` for words of a later version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut kind = Self::default();
        let mut words = text.split(' ');
        while let Some(word) = words.next() {
            match word {
                "http" => {}
                "grpc" => kind.grpc = true,
                "websocket" => kind.upgrade = Some("websocket"),
                "upgrade" => kind.upgrade = Some("another"),
                "preflight" => kind.preflight = Some(words.next()?.to_owned()),
                _ => return None,
            }
        }
        Some(kind)
    }

    /// Headers that make a request of this kind.
    pub(super) fn headers(&self) -> Vec<(&'static str, &str)> {
        let grpc = self.grpc.then_some(("content-type", "application/grpc"));
        let upgrade = self.upgrade.map(|protocol| ("upgrade", protocol));
        let preflight = self.preflight.as_deref().map(|method| ("access-control-request-method", method));
        let origin = preflight.map(|_| ("origin", "https://origin.invalid"));
        [grpc, upgrade, origin, preflight].into_iter().flatten().collect()
    }
}

/// Who called.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Caller {
    /// Nobody was asked for.
    Unasked,
    /// The token, or that there was none, was a refusal.
    Refused(Reason),
    /// The peer of the connection, without a token.
    Peer,
    /// Whoever a token spoke for.
    Token(Box<Token>),
}

/// What a log says of a verified token.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Token {
    pub(super) user: String,
    /// Whether the user is not told, though there is one.
    pub(super) hidden: bool,
    pub(super) roles: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) codes: Vec<String>,
    pub(super) scopes: Option<Vec<String>>,
    /// Some of its claims.
    pub(super) claims: Map<String, Value>,
    pub(super) open: Open,
}

/// What the log does not say of a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// There may be further roles.
    pub(super) roles: bool,
    /// There may be groups.
    pub(super) groups: bool,
    /// There may be codes.
    pub(super) codes: bool,
    /// There may be scopes.
    pub(super) scopes: bool,
    /// Any of the roles may be a binding's.
    pub(super) bound: bool,
}

impl Open {
    /// Nothing is said.
    pub(super) const ALL: Self = Self { roles: true, groups: true, codes: true, scopes: true, bound: true };
}

/// Stands where something is hidden.
pub(super) const REDACTED: &str = "[redacted]";

/// A text so long may be the beginning of a longer one: lines cut at 256 bytes, at a
/// character.
pub(super) fn may_be_cut(text: &str) -> bool {
    text.len() > 252
}
