//! Who can make one request: the smallest sets of roles, groups and codes that are
//! enough, the users and workloads that need less, and what else is asked.
//!
//! The same functions as everywhere in this room, on the one path of the request.

mod json;
mod text;

pub use json::json;
pub use text::text;

use super::access::Side;
use super::logic::TooComplex;
use super::outcome::{Reached, reached, verdict};
use super::region::{Piece, Region};
use super::who::{Set, Who};
use super::witness::Asking;
use super::world::{Tokens, World};
use crate::compile::{
    AddressRule, Bindings, Bound, CodeId, Index, Need, Occasion, Role, RoleId, Route, Rule, Service,
};
use crate::diag::Place;
use crate::engine::{Reason, service_of};
use crate::policy::{Method, RequestPath, SpiffeId};
use crate::words::normalize_host;

/// A request, and nobody who makes it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The method, or the word `GRPC`.
    pub method: &'a str,
    /// The host that is asked.
    pub host: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The service that the proxy names.
    pub service: Option<&'a str>,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// Who can.
#[derive(Debug, Default)]
pub struct Answer {
    /// The service that is asked.
    pub service: Option<String>,
    /// The route that is reached, and where it stands.
    pub route: Option<(String, Place)>,
    /// Why nobody can, where that is so.
    pub nobody: Option<Reason>,
    /// Whether anyone can, even without a token.
    pub anyone: bool,
    /// Each of these is enough.
    pub ways: Vec<Way>,
    /// What is asked besides, of all of them.
    pub asks: Vec<Ask>,
}

/// What is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// Users for whom it is, each by their name; any user where there is none.
    pub users: Vec<String>,
    /// A workload without a token for whom it is.
    pub peer: Option<String>,
    /// Roles in the token.
    pub roles: Vec<String>,
    /// Groups in the token, each with others that would do as well.
    pub groups: Vec<Vec<String>>,
    /// Codes in the token.
    pub codes: Vec<String>,
    /// The bindings that give the rest.
    pub bindings: Vec<Given>,
}

/// A role that a binding gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The user or group; none for a peer.
    pub holder: Option<String>,
    /// The role.
    pub role: String,
    /// Where the binding stands.
    pub place: Place,
}

/// What a request must be like besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// In words.
    pub what: String,
    /// Where it is asked.
    pub place: Option<Place>,
}

impl Answer {
    /// Whether anybody can.
    pub fn is_somebody(&self) -> bool {
        self.anyone || !self.ways.is_empty()
    }

    fn nobody(reason: Reason) -> Self {
        Self { nobody: Some(reason), ..Self::default() }
    }
}

/// Who can make a request, with what tokens may carry.
pub fn who_can(index: &Index, tokens: Tokens, question: Question<'_>) -> Result<Answer, TooComplex> {
    let Question { method, host, path, service, at } = question;
    let method = if method == "GRPC" { Some(Method::Grpc) } else { Method::of_request(method) };
    let (Some(method), Some(host)) = (method, normalize_host(host)) else {
        return Ok(Answer::nobody(Reason::RequestMalformed));
    };
    let Ok(path) = RequestPath::parse(path) else { return Ok(Answer::nobody(Reason::PathAmbiguous)) };
    let (_, service) = match service_of(index, service, &host, &path) {
        Ok(found) => found,
        Err((reason, _)) => return Ok(Answer::nobody(reason)),
    };
    let world = World::new(&[index], tokens, at)?;
    let side = Side::new(&world, 0, index);
    let pieces = path.segments().map(|text| Piece { values: vec![text.to_owned()], fixed: true });
    let region = Region { pieces: pieces.collect() };
    let reached = reached(&side, service, Asking::Method(method), &path);
    let name = Some(service.name.to_string());
    let route = match reached {
        Reached::Nothing(reason) => return Ok(Answer { service: name, ..Answer::nobody(reason) }),
        Reached::Route(id, _) => match index.route(id) {
            Some(route) => route,
            None => return Ok(Answer::nobody(Reason::EngineError)),
        },
    };
    let verdict = verdict(&world, &side, reached, &region);
    let World { logic, facts, .. } = &world;
    // This request, now: it asks for no upgrade.
    let now = logic.among(&facts.time, &[0].into());
    let this = logic.but_not(&now, &logic.fact(facts.websocket));
    let function = logic.and(&verdict.allowed, &this);
    let who = Who::all(&world, &function);
    logic.check()?;
    let asked = Asked {
        index,
        world: &world,
        route,
        occasion: Occasion { template: &route.template, path: &path, now: at },
    };
    let mut ways: Vec<Way> = who.sets.iter().map(|set| asked.way(set)).collect();
    ways.sort_by_key(|way| (way.peer.is_some(), !way.users.is_empty(), way.codes.len()));
    let last = verdict.denied.iter().rev().map(|(reason, _)| *reason).next();
    Ok(Answer {
        service: name,
        route: Some((route.text.to_string(), route.place.clone())),
        nobody: who.is_nobody().then_some(last.unwrap_or(Reason::RouteDenied)),
        anyone: who.anyone,
        ways,
        asks: if who.is_nobody() { Vec::new() } else { asks(service, route) },
    })
}

/// A request that reached a route.
struct Asked<'a, 'i> {
    index: &'i Index,
    world: &'a World<'i>,
    route: &'i Route,
    occasion: Occasion<'a>,
}

impl Asked<'_, '_> {
    fn way(&self, set: &Set) -> Way {
        let Set { user, others: _, peer, roles, groups, codes } = set;
        let holders = &self.world.holders;
        let alike = |classes: &[super::classes::Holder<'_>], first: &String| -> Vec<String> {
            let class = classes.iter().find(|class| class.names.first() == Some(&first.as_str()));
            class.map_or_else(Vec::new, |class| class.names.iter().map(|name| (*name).to_owned()).collect())
        };
        let users: Vec<String> = user.iter().flat_map(|first| alike(&holders.users.classes, first)).collect();
        let groups: Vec<Vec<String>> =
            groups.iter().map(|first| alike(&holders.groups.classes, first)).collect();
        let mut bindings = Vec::new();
        for user in &users {
            self.given(Some(user), self.index.given_to_user(user), &mut bindings);
        }
        for group in groups.iter().flatten() {
            self.given(Some(group), self.index.given_to_group(group), &mut bindings);
        }
        if let Some(id) = peer.as_deref().and_then(SpiffeId::parse) {
            self.given(None, self.index.given_to_peer(id), &mut bindings);
        }
        Way { users, peer: peer.clone(), roles: roles.clone(), groups, codes: codes.clone(), bindings }
    }

    /// What bindings give that counts here and that the route asks for.
    fn given<'b>(
        &self,
        holder: Option<&String>,
        bindings: impl IntoIterator<Item = &'b Bindings>,
        out: &mut Vec<Given>,
    ) {
        let counts = |bound: &&Bound| bound.scope.as_ref().is_none_or(|scope| scope.holds(self.occasion));
        for bound in bindings.into_iter().flat_map(Bindings::bounds).filter(counts) {
            let Some(role) = self.index.role(bound.role).filter(|role| self.helps(role)) else { continue };
            let given =
                Given { holder: holder.cloned(), role: role.name.to_string(), place: bound.place.clone() };
            if !out.contains(&given) {
                out.push(given);
            }
        }
    }

    /// Whether a role gives something that the route asks for.
    fn helps(&self, role: &Role) -> bool {
        let Rule::Needs { roles, codes, .. } = &self.route.rule else { return false };
        let held = |need: &Need<RoleId>| need.ids.iter().any(|id| role.closure.contains(id.number()));
        let granted = |need: &Need<CodeId>| need.ids.iter().any(|id| role.granted.contains(id.number()));
        roles.as_deref().is_some_and(held) || codes.as_ref().is_some_and(granted)
    }
}

/// What is asked of everybody.
fn asks(service: &Service, route: &Route) -> Vec<Ask> {
    let mut asks = Vec::new();
    let mut ask = |what: String, place: Option<&Place>| asks.push(Ask { what, place: place.cloned() });
    if let Some(rule) = &route.ip {
        let AddressRule { allow, deny: _, place } = &**rule;
        let what = if allow.is_some() {
            "an address that `ip` allows"
        } else {
            "an address that `ip` does not deny"
        };
        ask(what.to_owned(), Some(place));
    }
    if let Rule::Needs { peers, when, .. } = &route.rule {
        if let Some(rule) = peers {
            let patterns: Vec<&str> = rule.patterns.iter().map(|listed| listed.pattern.as_str()).collect();
            ask(format!("a client certificate of {}", patterns.join(" or ")), Some(&rule.place));
        }
        if let Some(when) = when {
            ask(format!("that `{}` is true", when.expression.text()), Some(&when.place));
        }
    }
    if !route.rule.is_anonymous() && !service.audiences.is_empty() {
        let audiences: Vec<&str> = service.audiences.iter().map(|name| &**name).collect();
        ask(format!("that a token is for {}", audiences.join(" or ")), None);
    }
    asks
}
