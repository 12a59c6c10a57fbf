//! The steps of a decision in words.

use super::decide::{Observer, Step};
use super::explain::{Note, Origin};
use super::held::{Held, InForce};
use super::principal::Principal;
use super::subject::Proof;
use crate::compile::{Fact, Facts, Fault, Index, Need, Occasion, PeerListed, Role, RouteId, Rule, Seen};
use crate::diag::Place;
use crate::policy::{Access, Method, instant};

/// Writes down what it is told.
pub(super) struct Recorder<'i> {
    index: &'i Index,
    origin: Origin,
    caller: Option<(Principal, InForce)>,
    notes: Vec<Note>,
}

impl<'i> Recorder<'i> {
    pub(super) fn new(index: &'i Index, origin: Origin) -> Self {
        Self { index, origin, caller: None, notes: Vec::new() }
    }

    /// What it wrote down, in the order of the steps.
    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes
    }

    fn note(&mut self, step: &'static str, passed: bool, text: String, place: Option<&Place>) {
        self.notes.push(Note { step, passed, text, place: place.map(Place::to_string) });
    }

    fn route(&mut self, id: RouteId, preflight: Option<Method>) {
        let index = self.index;
        let Some(route) = index.route(id) else { return };
        let text = match preflight {
            Some(method) => format!("{}, by a preflight for {}", route.text, method.wire_name()),
            None => route.text.to_string(),
        };
        self.note("route", true, text, Some(&route.place));
        if let Rule::Access(access) = route.rule {
            let passed = access != Access::Denied;
            self.note("access", passed, format!("access: {}", access.as_str()), Some(&route.place));
        }
    }

    /// Who is at the other end of the connection, and which pattern says that
    /// they may be.
    fn peer(&mut self, id: RouteId, peer: Option<&str>, admitted: Result<&PeerListed, &str>) {
        let peer = peer.unwrap_or_default().escape_debug();
        match admitted {
            Ok(listed) => {
                self.note("peer", true, format!("{peer} matches {}", listed.pattern), Some(&listed.place))
            }
            Err(why) => {
                let Some(Rule::Needs { peers: Some(rule), .. }) =
                    self.index.route(id).map(|route| &route.rule)
                else {
                    return;
                };
                let patterns: Vec<_> = rule.patterns.iter().map(|listed| listed.pattern.as_str()).collect();
                let patterns = patterns.join(" or ");
                let text = match why {
                    "" => format!("{peer} does not match {patterns}"),
                    why => format!("{why}; required is {patterns}"),
                };
                self.note("peer", false, text, Some(&rule.place));
            }
        }
    }

    /// The caller, and each role with what gave it.
    fn caller(&mut self, held: Held<'_>, occasion: Occasion<'_>) {
        let principal = held.principal();
        let (how, given) = match (principal.subject().proof, self.origin) {
            (Proof::Certificate, _) => ("by its certificate", "by the certificate"),
            (Proof::Token, Origin::Token) => ("by a verified token", "by the token"),
            (Proof::Token, Origin::Asserted) => ("asserted, not verified", "asserted"),
        };
        let index = self.index;
        let user = principal.subject().user.escape_debug();
        self.note("caller", true, format!("{user}, {how}"), None);
        for read_as in &principal.subject().read_as {
            self.note("name", true, read_as.to_string(), None);
        }
        let assigned = held.assigned();
        for assignment in assigned.iter() {
            let name = index.role(assignment.role).map_or("?", |r| &*r.name);
            let by = match (&assignment.binding, &assignment.scope) {
                (None, _) => given.to_owned(),
                (Some(_), None) => "by a binding".to_owned(),
                (Some(_), Some(scope)) => format!("by a binding {}", scope.describe(Some(occasion))),
            };
            self.note("role", true, format!("{name}, {by}"), assignment.binding.as_ref());
        }
        for unknown in principal.subject().roles.iter().filter(|name| index.role_named(name).is_none()) {
            let text = format!("{}, {given} but not in the policy: gives nothing", unknown.escape_debug());
            self.note("role", true, text, None);
        }
        if assigned.is_empty() && principal.subject().roles.is_empty() {
            self.note("role", true, "none".to_owned(), None);
        }
        for code in &principal.subject().codes {
            let gives =
                if index.code_named(code).is_some() { "" } else { " but not in the policy: gives nothing" };
            self.note("code", true, format!("{}, {given}{gives}", code.escape_debug()), None);
        }
        if let Some(scopes) = &principal.subject().scopes {
            let text = match scopes.as_slice() {
                [] => "none, so that no code is left".to_owned(),
                scopes => format!("no code but {}", scopes.join(", ").escape_debug()),
            };
            self.note("scopes", true, text, None);
        }
        self.caller = Some((principal.clone(), held.in_force().clone()));
    }

    /// A requirement: what it asks for, and which of the caller's roles meets
    /// it.
    fn need<T: Copy>(
        &mut self,
        step: &'static str,
        need: &Need<T>,
        holds: bool,
        name: impl Fn(T) -> &'i str,
        meets: impl Fn(Held<'_>, T, &Role) -> Option<String>,
    ) {
        let names: Vec<_> = need.ids.iter().map(|id| name(*id)).collect();
        let mut text = match (names.as_slice(), need.all) {
            ([one], _) => format!("requires {one}"),
            (_, true) => format!("requires all of {}", names.join(", ")),
            (_, false) => format!("requires any of {}", names.join(", ")),
        };
        if let (true, Some((caller, in_force))) = (holds, &self.caller) {
            let held = Held::new(self.index, caller, in_force);
            let roles: Vec<&Role> = held.assigned().iter().filter_map(|a| self.index.role(a.role)).collect();
            // One of several is enough where any is.
            let met = need.ids.iter().filter_map(|id| {
                let by_token = || {
                    let given = step == "codes" && caller.subject().codes.iter().any(|c| c == name(*id));
                    given.then(|| "is granted by the token".to_owned())
                };
                let how = roles.iter().find_map(|role| meets(held, *id, role)).or_else(by_token)?;
                Some(if need.ids.len() == 1 {
                    format!(", which {how}")
                } else {
                    format!("; {} {how}", name(*id))
                })
            });
            text.extend(met.take(if need.all { need.ids.len() } else { 1 }));
        }
        self.note(step, holds, text, Some(&need.place));
    }
}

impl Observer for Recorder<'_> {
    fn step(&mut self, step: Step<'_>) {
        let index = self.index;
        let rule = |id| index.route(id).map(|route| &route.rule);
        match step {
            Step::Read(method, host, path) => {
                let grpc = if method == Method::Grpc { " (a gRPC call)" } else { "" };
                self.note("request", true, format!("{} {path} on {host}{grpc}", method.wire_name()), None);
            }
            Step::Service(id, named) => {
                let name = index.service(id).map_or("?", |s| &*s.name);
                let how = if named { "named by the proxy" } else { "found by host and path" };
                self.note("service", true, format!("{name}, {how}"), None);
            }
            Step::Route(id, preflight) => self.route(id, preflight),
            Step::Address(id, admitted) => {
                let place = index.route(id).and_then(|r| r.ip.as_ref()).map(|ip| &ip.place);
                let not = if admitted { "" } else { "not " };
                self.note("address", admitted, format!("the source address is {not}admitted"), place);
            }
            Step::Peer(id, peer, admitted) => self.peer(id, peer, admitted),
            Step::Caller(held, occasion) => self.caller(held, occasion),
            Step::Roles(id, holds) => {
                if let Some(Rule::Needs { roles: Some(need), .. }) = rule(id) {
                    let name = |id| index.role(id).map_or("?", |r| &*r.name);
                    self.need("roles", need, holds, name, |_, id, role| {
                        let included = role.closure.contains(id.number());
                        included.then(|| match &*role.name {
                            own if own == name(id) => "is held".to_owned(),
                            other => format!("is included in {other}"),
                        })
                    });
                }
            }
            Step::Condition(id, holds, facts) => {
                if let Some(Rule::Needs { when: Some(when), .. }) = rule(id) {
                    if holds != Ok(true) {
                        let asked: Vec<_> = when.expression.facts().map(|fact| asked(fact, facts)).collect();
                        self.note("asked", true, asked.join("; "), None);
                    }
                    let text = when.expression.text();
                    let text = match holds {
                        Ok(true) => format!("{text} is true"),
                        Ok(false) => format!("{text} is false"),
                        Err(fault) => format!("{text} fails: {}", fault.as_str()),
                    };
                    self.note("condition", holds == Ok(true), text, Some(&when.place));
                }
            }
            Step::Codes(id, holds) => {
                if let Some(Rule::Needs { codes: Some(need), .. }) = rule(id) {
                    let name = |id| index.code(id).map_or("?", |c| c.as_str());
                    self.need("codes", need, holds, name, |caller, id, role| {
                        let granted = role.granted.contains(id.number()) && caller.has_code(id);
                        granted.then(|| format!("is granted by {}", role.name))
                    });
                }
            }
        }
    }
}

/// A fact and what it is, cut where it is long.
fn asked(fact: &Fact, facts: &dyn Facts) -> String {
    const LONGEST: usize = 60;
    let seen = match facts.seen(fact) {
        Ok(Seen::Int(seconds)) if *fact == Fact::Time => instant::utc(seconds.unsigned_abs()),
        Ok(seen) => seen.to_string(),
        Err(Fault::Missing) => return format!("{fact} is not there"),
        Err(fault) => return format!("{fact}: {}", fault.as_str()),
    };
    match seen.char_indices().nth(LONGEST).and_then(|(at, _)| seen.get(..at)) {
        Some(start) => format!("{fact} is {start}.."),
        None => format!("{fact} is {seen}"),
    }
}
