//! What one caller may call: every route, with what would still be asked, and with what
//! makes it so or keeps it from being so.
//!
//! No request is made up. A route's parameters, and whatever else a request would bring,
//! stay open: what depends on them is told as a condition.

mod json;
mod scopes;
mod text;

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

pub use json::json;
pub use text::text;

use self::scopes::Elsewhere;
use crate::compile::{
    BitSet, CodeId, Fact, Gives, Index, Need, Occasion, Role, RoleId, Route, RouteId, Rule, Service,
    ServiceId,
};
use crate::diag::Place;
use crate::engine::{
    Assignment, Decision, Held, InForce, Lack, Principal, Reason, holds_for, lacks, peer_caller,
};
use crate::policy::{Access, RequestPath, SpiffeId};

/// Who calls, from where and when. What is `None` is asked for, where a route cares.
#[derive(Debug, Clone, Copy, Default)]
pub struct From<'a> {
    /// The client's address.
    pub source: Option<IpAddr>,
    /// The URI of the client's certificate.
    pub peer: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
}

/// Who a caller is to a service, or the reason why nobody.
pub type Known = Result<Arc<Principal>, (Reason, &'static str)>;

/// What a caller may do on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum May {
    /// Call it.
    Yes,
    /// Call it where the conditions hold.
    If,
    /// Not call it.
    No,
}

/// One route for one caller.
#[derive(Debug, Clone, Serialize)]
pub struct Entry<'i> {
    /// The methods as they were written.
    pub methods: &'i str,
    /// The template as it was written.
    pub path: &'i str,
    /// Where it stands.
    pub place: String,
    /// What the caller may do.
    pub access: May,
    /// What would still be asked; all of them must hold.
    #[serde(rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What would keep some from calling, and is no condition: a denied address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
    /// What makes it so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<By<'i>>,
    /// What keeps it from being so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// What makes it so that a caller may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct By<'i> {
    /// The required role or code.
    pub required: &'i str,
    /// The role that gives it; none where the token itself grants the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'i str>,
    /// The binding that gives that role; none where the caller has it otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
}

/// What keeps a caller from calling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Missing {
    /// A role or a code.
    Lack(Lack),
    /// Something else, and where that is said.
    Other {
        /// What.
        what: String,
        /// Where.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
}

/// The routes of a service for one caller.
#[derive(Debug, Clone, Serialize)]
pub struct OfService<'i> {
    /// Its name.
    pub name: &'i str,
    /// By path, then by methods.
    pub routes: Vec<Entry<'i>>,
}

/// Every route for one caller, by service. `identify` says who that is to a service.
pub fn what<'i>(
    index: &'i Index,
    only: Option<ServiceId>,
    from: From<'_>,
    identify: impl Fn(&Service) -> Known,
) -> Vec<OfService<'i>> {
    let services = index.services().filter(|(id, _)| only.is_none_or(|only| only == *id));
    let of_service = |(id, service): (ServiceId, &'i Service)| {
        let known = identify(service);
        let routes = index.routes().filter(|(_, route)| route.service == id);
        let entry =
            |(id, route)| Asking { index, service, id, route, from, met: Met::default() }.entry(&known);
        let mut routes: Vec<Entry<'i>> = routes.map(entry).collect();
        routes.sort_by_key(|entry| (entry.path, entry.methods));
        OfService { name: &service.name, routes }
    };
    services.map(of_service).collect()
}

/// One route that is asked about.
struct Asking<'i, 'a> {
    index: &'i Index,
    service: &'i Service,
    id: RouteId,
    route: &'i Route,
    from: From<'a>,
    met: Met<'i>,
}

/// What was found so far.
#[derive(Default)]
struct Met<'i> {
    conditions: Vec<String>,
    unless: Vec<String>,
    by: Vec<By<'i>>,
    missing: Vec<Missing>,
}

impl<'i> Asking<'i, '_> {
    fn entry(mut self, known: &Known) -> Entry<'i> {
        self.ask(known);
        let Self { route, met: Met { mut conditions, mut unless, mut by, missing }, .. } = self;
        let access = match (missing.is_empty(), conditions.is_empty()) {
            (false, _) => May::No,
            (true, false) => May::If,
            (true, true) => May::Yes,
        };
        if access == May::No {
            (conditions, unless, by) = Default::default();
        }
        let (methods, path) = route.text.rsplit_once(' ').unwrap_or(("", &route.text));
        Entry { methods, path, place: route.place.to_string(), access, conditions, unless, by, missing }
    }

    fn miss(&mut self, what: impl Into<String>, place: Option<&Place>) {
        self.met.missing.push(Missing::Other { what: what.into(), place: place.map(Place::to_string) });
    }

    /// The steps of the engine, as far as they can be taken without a request.
    fn ask(&mut self, known: &Known) {
        let route = self.route;
        if let Rule::Access(Access::Denied) = route.rule {
            return self.miss("nobody may: `access: denied`", Some(&route.place));
        }
        if let Some(ip) = &route.ip {
            match self.from.source {
                Some(source) if ip.admits(Some(source)) => {}
                Some(_) => self.miss("the address is not admitted", Some(&ip.place)),
                None if ip.allow.is_some() => {
                    self.met.conditions.push(format!("the address is among those of `ip` ({})", ip.place));
                }
                None => self.met.unless.push(format!("the address is denied by `ip` ({})", ip.place)),
            }
        }
        self.peer();
        if route.rule.is_anonymous() {
            return;
        }
        let by_certificate = || peer_caller(self.index, &route.rule, self.from.peer).ok_or(());
        let caller = match known {
            Ok(principal) => Ok(Arc::clone(principal)),
            Err((Reason::TokenMissing, _)) => by_certificate(),
            Err(_) => Err(()),
        };
        match (caller, known, &route.rule) {
            (Ok(principal), ..) => self.caller(&principal),
            // Whoever is at the other end would be the caller.
            (
                _,
                Err((Reason::TokenMissing, _)),
                Rule::Needs { peers: Some(_), roles: None, codes: None, when },
            ) if self.from.peer.is_none() => {
                let when = when.as_ref().map(|when| format!("{} ({})", when.expression.text(), when.place));
                self.met.conditions.extend(when);
            }
            (_, Err((reason, _)), _) => self.miss(format!("a caller: {}", reason.as_str()), None),
            (Err(()), Ok(_), _) => {}
        }
    }

    fn peer(&mut self) {
        let Rule::Needs { peers: Some(rule), .. } = &self.route.rule else { return };
        match self.from.peer.map(SpiffeId::parse) {
            Some(Some(id)) if rule.admits(id).is_some() => {}
            Some(_) => {
                self.miss("the connection's certificate is not among those of `peers`", Some(&rule.place))
            }
            None => {
                let patterns: Vec<_> = rule.patterns.iter().map(|listed| listed.pattern.as_str()).collect();
                let text = format!("the connection is that of {} ({})", patterns.join(" or "), rule.place);
                self.met.conditions.push(text);
            }
        }
    }

    fn caller(&mut self, principal: &Arc<Principal>) {
        let Rule::Needs { roles, codes, when, .. } = &self.route.rule else { return };
        // A path without a segment has no parameter: what is in force on it is bound in time alone.
        let Ok(path) = RequestPath::parse("/") else { return };
        let occasion = Occasion { template: &self.route.template, path: &path, now: self.from.now };
        let in_force = InForce::of(principal, occasion);
        let held = Held::new(self.index, principal, &in_force);
        let elsewhere = Elsewhere::of(self.index, principal, self.route, self.from.now);
        let holds = |roles_hold: &dyn Fn(RoleId) -> bool, codes_hold: &dyn Fn(CodeId) -> bool| {
            roles.as_ref().is_none_or(|need| need.holds(roles_hold))
                && codes.as_ref().is_none_or(|need| need.holds(codes_hold))
        };
        let fine = holds(&|role| held.has_role(role), &|code| held.has_code(code));
        match elsewhere.conditions(self.index, held, fine, &holds) {
            Ok(conditions) => self.met.conditions.extend(conditions),
            Err(()) => return self.lacking(principal, in_force.clone(), roles.as_deref(), codes.as_ref()),
        }
        if fine {
            self.grants(held, roles.as_deref(), codes.as_ref());
        }
        let Some(when) = when else { return };
        let of_held = |fact: &Fact| matches!(fact, Fact::Roles | Fact::Codes | Fact::PrimaryRole);
        let settled = elsewhere.is_empty() || !when.expression.facts().any(of_held);
        let asked = settled.then(|| holds_for(self.index, held, self.service, self.route, &when.expression));
        match asked.flatten() {
            Some(Ok(true)) => {}
            Some(Ok(false)) => self.miss(format!("{} is false", when.expression.text()), Some(&when.place)),
            Some(Err(fault)) => {
                self.miss(format!("{} fails: {}", when.expression.text(), fault.as_str()), Some(&when.place));
            }
            None => self.met.conditions.push(format!("{} ({})", when.expression.text(), when.place)),
        }
    }

    /// What is lacking of roles, and of codes.
    fn lacking(
        &mut self,
        principal: &Arc<Principal>,
        in_force: InForce,
        roles: Option<&Need<RoleId>>,
        codes: Option<&Need<CodeId>>,
    ) {
        let decision = |reason| Decision {
            service: Some(self.route.service),
            route: Some(self.id),
            principal: Some(Arc::clone(principal)),
            in_force: in_force.clone(),
            ..Decision::refused(reason, None)
        };
        let held = Held::new(self.index, principal, &in_force);
        let role = roles.is_some_and(|need| !need.holds(|role| held.has_role(role)));
        let code = codes.is_some_and(|need| !need.holds(|code| held.has_code(code)));
        for (lacks_some, reason) in [(role, Reason::RoleMissing), (code, Reason::CodeMissing)] {
            if lacks_some {
                let lacks = lacks(self.index, &decision(reason), None);
                self.met.missing.extend(lacks.into_iter().map(Missing::Lack));
            }
        }
    }

    /// Which roles of the caller meet what is required.
    fn grants(&mut self, held: Held<'_>, roles: Option<&Need<RoleId>>, codes: Option<&Need<CodeId>>) {
        let index = self.index;
        let assigned = held.assigned();
        let by = |required: &'i str, gives: &dyn Fn(Gives<'_>) -> bool| {
            let found: Option<(&Assignment, &'i Role)> = assigned
                .iter()
                .filter_map(|assignment| Some((assignment, index.role(assignment.role)?)))
                .find(|(_, role)| gives(role.gives()));
            By {
                required,
                role: found.map(|(_, role)| &*role.name),
                binding: found.and_then(|(assignment, _)| assignment.binding.as_ref()).map(Place::to_string),
            }
        };
        let has = |set: &BitSet, number| set.contains(number);
        let mut found = Vec::new();
        for id in roles.into_iter().flat_map(|need| need.ids.iter()).filter(|id| held.has_role(**id)) {
            let name = index.role(*id).map_or("?", |role| &*role.name);
            found.push(by(name, &|gives| has(gives.roles, id.number())));
        }
        for id in codes.into_iter().flat_map(|need| need.ids.iter()).filter(|id| held.has_code(**id)) {
            let name = index.code(*id).map_or("?", |code| code.as_str());
            found.push(by(name, &|gives| has(gives.granted, id.number())));
        }
        self.met.by.extend(found);
    }
}
