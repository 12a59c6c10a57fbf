//! A proof's assignment of facts as a request and a caller, in words that can be
//! tried: `doorward check` with these gives what the proof says.

use std::net::IpAddr;
use std::sync::Arc;

use super::logic::{Assignment, Function, support, witness};
use super::region::Region;
use super::values::named;
use super::world::World;
use crate::compile::{Index, Service};
use crate::config::OnAnonymous;
use crate::engine::{Decision, Headers, Input, Principal, Proof, Reason, Subject, decide};
use crate::policy::Method;

/// A request and who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witness {
    /// The method, or the word `GRPC`.
    pub method: String,
    /// For a CORS preflight, the method that it announces.
    pub preflight: Option<&'static str>,
    /// The host.
    pub host: String,
    /// The path.
    pub path: String,
    /// The service that the proxy names.
    pub service: Option<String>,
    /// The caller by the token, if there is one.
    pub token: Option<Token>,
    /// The SPIFFE id at the other end of the connection.
    pub peer: Option<String>,
    /// Where it comes from.
    pub source: Option<IpAddr>,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
    /// The conditions that must hold, and those that must not; nothing but a
    /// request that is made for them can show that.
    pub conditions: Vec<(String, bool)>,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token {
    /// The user.
    pub user: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Its codes.
    pub codes: Vec<String>,
    /// The codes that its scopes leave, where they limit.
    pub scopes: Option<Vec<String>>,
    /// Its audiences, where some service asks for one; the issuer's own is `None`.
    pub audiences: Option<Vec<Option<String>>>,
}

/// How a request asks: a method of its own, or a preflight for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asking {
    /// With this method.
    Method(Method),
    /// With a CORS preflight that announces it.
    Preflight(Method),
}

/// A user whom no policy names, if none does.
const SOMEBODY: &str = "somebody";

impl Witness {
    /// What an assignment says of a request in a region.
    pub(super) fn new(
        world: &World<'_>,
        assignment: &Assignment,
        (region, asking, service): (&Region, Asking, Option<&str>),
        conditions: Vec<(String, bool)>,
    ) -> Self {
        let World { facts, holders, .. } = world;
        let choice = |depth: usize| match (facts.segments.get(depth), region.pieces.get(depth)) {
            (Some(choice), Some(piece)) => choice.narrowed(piece.values.len()).value(assignment),
            _ => 0,
        };
        let (method, preflight) = match asking {
            Asking::Method(method) => (method.word(), None),
            Asking::Preflight(method) => ("OPTIONS", Some(method.wire_name())),
        };
        let peer = holders.peers.classes.get(facts.peer.value(assignment));
        Self {
            method: method.to_owned(),
            preflight,
            host: holders.hosts.get(facts.host.value(assignment)).cloned().unwrap_or_default(),
            path: region.path(choice),
            service: service.map(str::to_owned),
            token: assignment.holds(facts.token).then(|| Token::new(world, assignment)),
            peer: peer.and_then(|peer| peer.id.clone()),
            source: holders.addresses.classes.get(facts.address.value(assignment)).copied().flatten(),
            at: holders.times.get(facts.time.value(assignment)).copied().unwrap_or_default(),
            websocket: assignment.holds(facts.websocket),
            conditions,
        }
    }

    /// A request and a caller for whom a function holds; the conditions that it
    /// depends on are named.
    pub(super) fn of(
        world: &World<'_>,
        function: &Function,
        about: (&Region, Asking, Option<&str>),
    ) -> Option<Self> {
        let assignment = witness(function)?;
        let facts = support(function);
        let texts = world.conditions.texts(&facts).into_iter();
        let conditions = texts.map(|(fact, text)| (text.to_string(), assignment.holds(fact))).collect();
        Some(Self::new(world, &assignment, about, conditions))
    }

    /// What a policy makes of it: the same that `doorward check` would say.
    pub fn decide(&self, index: &Index) -> Decision {
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        let method = if self.method == "GRPC" {
            headers.push(("content-type", b"application/grpc"));
            "POST"
        } else {
            &self.method
        };
        if let Some(announced) = self.preflight {
            headers.push(("origin", b"https://example.com"));
            headers.push(("access-control-request-method", announced.as_bytes()));
        }
        if self.websocket {
            headers.extend([("connection", &b"upgrade"[..]), ("upgrade", &b"websocket"[..])]);
        }
        let input = Input {
            method,
            host: &self.host,
            path: &self.path,
            headers: Headers::new(&headers),
            service: self.service.as_deref(),
            source: self.source,
            peer: self.peer.as_deref(),
            now: self.at,
            ..Input::default()
        };
        decide(index, &input, OnAnonymous::Unseen, |service| self.identify(index, service))
    }

    fn identify(&self, index: &Index, service: &Service) -> Result<Arc<Principal>, (Reason, &'static str)> {
        let token = self.token.as_ref().ok_or((Reason::TokenMissing, ""))?;
        let named = |audience: &Option<String>| match audience {
            Some(name) => service.audiences.iter().any(|known| **known == **name),
            None => service.audiences.is_empty(),
        };
        if token.audiences.as_ref().is_some_and(|audiences| !audiences.iter().any(named)) {
            return Err((Reason::AudienceMismatch, ""));
        }
        let Token { user, roles, groups, codes, scopes, audiences: _ } = token.clone();
        let subject =
            Subject { proof: Proof::Token, user, roles, groups, codes, scopes, ..Subject::default() };
        Ok(Arc::new(Principal::resolve(index, subject)))
    }
}

impl Token {
    fn new(world: &World<'_>, assignment: &Assignment) -> Self {
        let World { facts, holders, .. } = world;
        let held = |names: &std::collections::BTreeMap<&str, super::logic::Variable>| -> Vec<String> {
            let held = names.iter().filter(|(_, fact)| assignment.holds(**fact));
            held.map(|(name, _)| (*name).to_owned()).collect()
        };
        let class = holders.users.classes.get(facts.user.value(assignment));
        let user = match class.and_then(|class| class.names.first()) {
            Some(name) => (*name).to_owned(),
            None => {
                named(SOMEBODY, |name| holders.users.classes.iter().any(|class| class.names.contains(&name)))
            }
        };
        let groups = holders.groups.classes.iter().zip(&facts.groups);
        let groups = groups.filter(|(_, fact)| assignment.holds(**fact));
        let meant = facts.audiences.iter().filter(|(_, fact)| assignment.holds(**fact));
        let usual = assignment.holds(facts.usual_audience).then_some(None);
        let audiences = meant.map(|(name, _)| Some((*name).to_owned())).chain(usual).collect();
        Self {
            user,
            roles: held(&facts.roles),
            groups: groups
                .filter_map(|(class, _)| class.names.first())
                .map(|name| (*name).to_owned())
                .collect(),
            codes: held(&facts.codes),
            scopes: facts.limited.filter(|limited| assignment.holds(*limited)).map(|_| held(&facts.scopes)),
            audiences: (!facts.audiences.is_empty()).then_some(audiences),
        }
    }
}
