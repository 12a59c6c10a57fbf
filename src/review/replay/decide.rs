//! One request of a log, decided by the policy; or why it can't be.

use std::cell::Cell;
use std::sync::Arc;

use serde_json::Value;

use super::seen::{Caller, Kind, Open, REDACTED, Seen, Token, Told, Words, may_be_cut};
use crate::compile::{Fact, Index, RouteId, Rule, Service, ServiceId};
use crate::config::OnAnonymous;
use crate::engine::{Decision, Headers, Input, Observer, Principal, Reason, Step, Subject, decide_observed};
use crate::policy::PathFault;

/// How a request ends by the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) reason: Reason,
    pub(super) service: Option<ServiceId>,
    pub(super) route: Option<RouteId>,
}

/// Why that can't be said, and where the request would go, if that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsaid {
    pub(super) why: Why,
    pub(super) route: Option<RouteId>,
}

/// What a log does not say and the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    Fault,
    Path,
    Kind,
    Service,
    Source,
    Peer,
    Caller,
    User,
    Bound,
    Roles,
    Groups,
    Codes,
    Scopes,
    Audience,
    Condition,
    Headers,
}

impl Why {
    /// A word, and what it means.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Fault => ("fault", "a fault of Doorward's own was no verdict of a policy"),
            Self::Path => ("path", "the path is hidden or cut"),
            Self::Kind => ("kind", "the log does not say whether it was gRPC, an upgrade or a preflight"),
            Self::Service => ("service", "the log does not say which service the proxy named"),
            Self::Source => ("source", "the log does not say where it came from"),
            Self::Peer => ("peer", "the log does not say by which client certificate"),
            Self::Caller => ("caller", "nobody was asked for then, and the policy asks"),
            Self::User => ("user", "the user is hidden, and the policy asks"),
            Self::Bound => ("bound", "the log does not say which roles the token gave and which a binding"),
            Self::Roles => ("roles", "the log does not name all roles of the token"),
            Self::Groups => ("groups", "the log does not name the groups of the token"),
            Self::Codes => ("codes", "the log does not name the codes of the token"),
            Self::Scopes => ("scopes", "the log does not name the scopes of the token"),
            Self::Audience => ("audience", "the token was for another service's audiences"),
            Self::Condition => {
                ("condition", "the condition asks for what no log has: a query, header, body or claim")
            }
            Self::Headers => ("headers", "a value could not become a header then"),
        }
    }
}

/// Decides by one policy.
#[derive(Debug)]
pub(super) struct Judge<'i> {
    index: &'i Index,
    on_anonymous: OnAnonymous,
    /// Whether bindings name groups, and users.
    groups: bool,
    users: bool,
    /// Whether some role denies something.
    denies: bool,
}

impl<'i> Judge<'i> {
    pub(super) fn new(index: &'i Index, on_anonymous: OnAnonymous) -> Self {
        Self {
            index,
            on_anonymous,
            groups: index.groups().next().is_some(),
            users: index.users().next().is_some(),
            denies: index.roles().any(|(_, role)| role.denied.iter().next().is_some()),
        }
    }

    pub(super) fn index(&self) -> &'i Index {
        self.index
    }

    /// How the request ends now. What is not known is tried both ways, where there are two.
    pub(super) fn decide(&self, seen: &Seen) -> Result<End, Unsaid> {
        let bare = |reason| Ok(End { reason, service: None, route: None });
        let unsaid = |why| Err(Unsaid { why, route: None });
        match (seen.reason, &seen.words) {
            (Some(Reason::EngineError | Reason::KeysUnavailable | Reason::Overloaded), _) => {
                return unsaid(Why::Fault);
            }
            // No policy has a say in these.
            (Some(reason @ Reason::RequestMalformed), _) => return bare(reason),
            (Some(reason @ Reason::PathAmbiguous), _) if is_everywhere(seen.detail.as_deref()) => {
                return bare(reason);
            }
            (_, None) => return unsaid(Why::Path),
            _ => {}
        }
        let Some(words) = &seen.words else { return unsaid(Why::Path) };
        if words.altered {
            return unsaid(Why::Path);
        }
        let plain = Kind::default();
        let grpc = Kind { grpc: true, ..Kind::default() };
        let kinds: &[&Kind] = match &words.kind {
            Told::Yes(kind) => &[kind],
            Told::No if seen.reason == Some(Reason::UpgradeDenied) => return unsaid(Why::Kind),
            Told::No if words.method == "POST" => &[&plain, &grpc],
            Told::No => &[&plain],
        };
        let named: &[Option<&str>] = match &words.named {
            Told::Yes(name) => &[name.as_deref()],
            Told::No if seen.reason == Some(Reason::ServiceUnknown) && by_name(seen.detail.as_deref()) => {
                return unsaid(Why::Service);
            }
            Told::No => match &seen.service {
                None => &[None],
                Some(name) => &[None, Some(name)],
            },
        };
        let mut ends = kinds.iter().flat_map(|kind| named.iter().map(move |named| (*kind, *named)));
        let Some((usual, name)) = ends.next() else { return unsaid(Why::Kind) };
        let first = self.told(seen, words, usual, name)?;
        for (kind, name) in ends {
            if self.told(seen, words, kind, name)?.reason != first.reason {
                let why = if kind == usual { Why::Service } else { Why::Kind };
                return Err(Unsaid { why, route: first.route });
            }
        }
        Ok(first)
    }

    /// The end of a request that is read in one way.
    fn told(&self, seen: &Seen, words: &Words, kind: &Kind, named: Option<&str>) -> Result<End, Unsaid> {
        let Caller::Token(token) = &seen.caller else { return self.one(seen, words, kind, named, None) };
        let first = self.one(seen, words, kind, named, Some(token))?;
        if token.open.bound && !token.roles.is_empty() {
            // Those of bindings that are gone would not be held.
            let without = Token { roles: Vec::new(), ..(**token).clone() };
            let other = self.one(seen, words, kind, named, Some(&without))?;
            let codes =
                first.route.and_then(|id| self.index.route(id)).is_some_and(|route| asks(&route.rule).1);
            if other.reason != first.reason || (codes && self.denies) {
                return Err(Unsaid { why: Why::Bound, route: first.route });
            }
        }
        Ok(first)
    }

    fn one(
        &self,
        seen: &Seen,
        words: &Words,
        kind: &Kind,
        named: Option<&str>,
        token: Option<&Token>,
    ) -> Result<End, Unsaid> {
        let headers: Vec<(&str, &[u8])> =
            kind.headers().into_iter().map(|(name, value)| (name, value.as_bytes())).collect();
        let input = Input {
            method: &words.method,
            host: &words.host,
            path: &words.path,
            service: named,
            source: words.source.value().copied(),
            peer: words.peer.value().map(String::as_str),
            headers: Headers::new(&headers),
            now: seen.at,
            ..Input::default()
        };
        let asked = Cell::new(false);
        let identify = |_: &Service| {
            asked.set(true);
            match (token, &seen.caller) {
                (Some(token), _) => Ok(Arc::new(Principal::resolve(self.index, subject(token)))),
                (None, Caller::Refused(reason)) => Err((*reason, "")),
                (None, _) => Err((Reason::TokenMissing, "")),
            }
        };
        let mut watch = Watch::default();
        let decision = decide_observed(self.index, &input, self.on_anonymous, identify, &mut watch);
        match self.open(seen, words, token, &decision, asked.get(), watch.condition) {
            Some(why) => Err(Unsaid { why, route: decision.route }),
            None => Ok(End { reason: decision.reason, service: decision.service, route: decision.route }),
        }
    }

    /// What the decision depends on and the log does not say.
    fn open(
        &self,
        seen: &Seen,
        words: &Words,
        token: Option<&Token>,
        decision: &Decision,
        asked: bool,
        condition: bool,
    ) -> Option<Why> {
        let route = decision.route.and_then(|id| self.index.route(id));
        let service = decision.service.and_then(|id| self.index.service(id));
        let rule = route.map(|route| &route.rule);
        if !words.kind.is_told()
            && words.method == "OPTIONS"
            && service.is_some_and(|service| service.cors_preflight)
        {
            return Some(Why::Kind);
        }
        if !words.source.is_told() && route.is_some_and(|route| route.ip.is_some()) {
            return Some(Why::Source);
        }
        if !words.peer.is_told() && matches!(rule, Some(Rule::Needs { peers: Some(_), .. })) {
            return Some(Why::Peer);
        }
        if asked {
            if seen.caller == Caller::Unasked {
                return Some(Why::Caller);
            }
            let other = service.is_some_and(|service| seen.service.as_deref() != Some(&*service.name));
            let limited = service.is_some_and(|service| !service.audiences.is_empty());
            let mismatch = seen.caller == Caller::Refused(Reason::AudienceMismatch);
            if other && (mismatch || (limited && token.is_some())) {
                return Some(Why::Audience);
            }
        }
        if let (Some(token), Some(rule), true) = (token, rule, asked) {
            if token.hidden && self.users && !matches!(rule, Rule::Access(_)) {
                return Some(Why::User);
            }
            if let Some(why) = self.names(token.open, rule, decision.reason) {
                return Some(why);
            }
        }
        if let (true, Some(Rule::Needs { when: Some(when), .. })) = (condition, rule)
            && let Some(why) = when.expression.facts().find_map(|fact| self.unknown(fact, words, token))
        {
            return Some(why);
        }
        let unsafe_then = seen.reason == Some(Reason::ValueUnsafe);
        (unsafe_then && decision.reason.is_allowed()).then_some(Why::Headers)
    }

    /// Whether further names of the token could end it otherwise: more of them grant
    /// more, a role may deny, and scopes leave fewer codes.
    fn names(&self, open: Open, rule: &Rule, reason: Reason) -> Option<Why> {
        let further = self.further(open);
        let (_, codes) = asks(rule);
        match reason {
            Reason::RoleMissing => further,
            Reason::CodeMissing => further.or(open.codes.then_some(Why::Codes)),
            _ if codes => further.filter(|_| self.denies).or(open.scopes.then_some(Why::Scopes)),
            _ => None,
        }
    }

    /// Why there may be further roles.
    fn further(&self, open: Open) -> Option<Why> {
        let roles = open.roles.then_some(Why::Roles);
        roles.or((open.groups && self.groups).then_some(Why::Groups))
    }

    /// Why it is not known what a condition asks for.
    fn unknown(&self, fact: &Fact, words: &Words, token: Option<&Token>) -> Option<Why> {
        let open = token.map(|token| token.open).unwrap_or_default();
        let roles = || self.further(open).or(open.bound.then_some(Why::Bound));
        match fact {
            Fact::Method | Fact::Path | Fact::Host | Fact::Time | Fact::Param(_) | Fact::Service => None,
            Fact::Ip | Fact::Networks => (!words.source.is_told()).then_some(Why::Source),
            Fact::Peer => (!words.peer.is_told()).then_some(Why::Peer),
            Fact::User => token.is_some_and(|token| token.hidden).then_some(Why::User),
            Fact::Groups => open.groups.then_some(Why::Groups),
            Fact::Roles | Fact::PrimaryRole => roles(),
            Fact::Codes => {
                let scopes = open.scopes.then_some(Why::Scopes);
                roles().or(open.codes.then_some(Why::Codes)).or(scopes)
            }
            Fact::Query | Fact::QueryOf(_) => (!words.with_query).then_some(Why::Condition),
            // A peer has no claims.
            Fact::Claims(path) => token.is_some_and(|token| !is_told(token, path)).then_some(Why::Condition),
            Fact::Scheme | Fact::Header(_) | Fact::Body(_) => Some(Why::Condition),
        }
    }
}

/// Whether roles and codes are required.
fn asks(rule: &Rule) -> (bool, bool) {
    match rule {
        Rule::Access(_) => (false, false),
        Rule::Needs { roles, codes, .. } => (roles.is_some(), codes.is_some()),
    }
}

fn subject(token: &Token) -> Subject {
    let Token { user, hidden: _, roles, groups, codes, scopes, claims, open: _ } = token;
    Subject {
        user: user.clone(),
        roles: roles.clone(),
        groups: groups.clone(),
        codes: codes.clone(),
        scopes: scopes.clone(),
        claims: claims.clone(),
        ..Subject::default()
    }
}

/// Whether a claim is told whole. One that is not there may not have been asked for.
fn is_told(token: &Token, path: &[Box<str>]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let found = token.claims.get(&**first);
    let found = rest.iter().try_fold(found, |value, name| Some(value?.as_object()?.get(&**name)));
    found.flatten().is_some_and(is_whole)
}

fn is_whole(value: &Value) -> bool {
    match value {
        Value::String(text) => text != REDACTED && text != "[too long]" && !may_be_cut(text),
        Value::Array(items) => items.iter().all(is_whole),
        // A line may have some members of it only.
        Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Whether a path that can be read in two ways is so by every policy.
fn is_everywhere(detail: Option<&str>) -> bool {
    let by_policy = [
        PathFault::PathParameter,
        PathFault::EncodedDelimiter,
        PathFault::EncodedLiteral,
        PathFault::NearMiss,
        PathFault::GrpcTrailingSlash,
    ];
    detail.is_some_and(|detail| by_policy.iter().all(|fault| fault.as_str() != detail))
}

/// Whether the proxy named the service that is not known.
fn by_name(detail: Option<&str>) -> bool {
    detail.is_none_or(|detail| detail.contains("the proxy names"))
}

/// Sees whether a condition was asked.
#[derive(Default)]
struct Watch {
    condition: bool,
}

impl Observer for Watch {
    fn step(&mut self, step: Step<'_>) {
        self.condition |= matches!(step, Step::Condition(..));
    }
}
