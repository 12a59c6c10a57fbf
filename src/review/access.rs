//! Who may call a route: the steps of the decision as functions of the caller,
//! in the order in which the engine takes them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::held::Held;
use super::logic::Function;
use super::outcome::Reached;
use super::region::{Ground, Region};
use super::values::{Told, of_params, scopes};
use super::world::World;
use crate::compile::{Index, Route, RouteId, Rule};
use crate::policy::Access;
use crate::words::Reason;

/// What becomes of requests that reach one route, or none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Who is allowed.
    pub(super) allowed: Function,
    /// Who is denied, and for what reason.
    pub(super) denied: Vec<(Reason, Function)>,
}

/// One policy of a world, and what was found out about it.
#[derive(Debug)]
pub(super) struct Side<'w, 'i> {
    world: &'w World<'i>,
    pub(super) number: usize,
    pub(super) index: &'i Index,
    /// What is held where no binding looks at the path.
    usual: Held<'w, 'i>,
    /// By parameter, the values that bindings tell apart.
    pub(super) told: BTreeMap<&'i str, Told<'i>>,
    /// The parameters that bindings look at together.
    looked_at: BTreeSet<BTreeSet<&'i str>>,
    known: RefCell<HashMap<(RouteId, bool), Rc<Verdict>>>,
}

impl Verdict {
    /// Nobody, for one reason.
    pub(super) fn nobody(world: &World<'_>, reason: Reason) -> Self {
        Self { allowed: world.logic.constant(false), denied: vec![(reason, world.logic.constant(true))] }
    }
}

/// Everybody who has got so far, and why the others have not.
struct Steps<'w, 'i> {
    world: &'w World<'i>,
    left: Function,
    denied: Vec<(Reason, Function)>,
}

impl<'w, 'i> Steps<'w, 'i> {
    fn new(world: &'w World<'i>) -> Self {
        Self { world, left: world.logic.constant(true), denied: Vec::new() }
    }

    fn need(&mut self, holds: &Function, otherwise: Reason) {
        let logic = &self.world.logic;
        let fails = logic.but_not(&self.left, holds);
        self.left = logic.and(&self.left, holds);
        if !fails.is_false() {
            self.denied.push((otherwise, fails));
        }
    }

    fn finish(self) -> Verdict {
        Verdict { allowed: self.left, denied: self.denied }
    }
}

impl<'w, 'i> Side<'w, 'i> {
    /// One side of a world.
    pub(super) fn new(world: &'w World<'i>, number: usize, index: &'i Index) -> Self {
        let looked_at = scopes(index)
            .map(|on| on.iter().map(|on| &*on.param).collect::<BTreeSet<&str>>())
            .filter(|params| !params.is_empty());
        Self {
            world,
            number,
            index,
            usual: Held::new(world, number, index, None),
            told: of_params(index),
            looked_at: looked_at.collect(),
            known: RefCell::default(),
        }
    }

    /// The route that is reached.
    pub(super) fn route(&self, reached: Reached) -> Option<&'i Route> {
        match reached {
            Reached::Route(id, _) => self.index.route(id),
            Reached::Nothing(_) => None,
        }
    }

    /// Who may call a route; with `preflight`, whose CORS preflight passes.
    pub(super) fn of_route(
        &self,
        id: RouteId,
        route: &Route,
        region: &Region,
        preflight: bool,
    ) -> Rc<Verdict> {
        if self.looks_at(route) {
            return Rc::new(self.held_on(Some(route), region, |held| self.make(route, held, preflight)));
        }
        let key = (id, preflight);
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let made = Rc::new(self.make(route, &self.usual, preflight));
        self.known.borrow_mut().insert(key, Rc::clone(&made));
        made
    }

    /// Whether bindings look at the parameters of a route.
    pub(super) fn looks_at(&self, route: &Route) -> bool {
        let params: BTreeSet<&str> = route.template.params().map(|(_, name)| name).collect();
        self.looked_at.iter().any(|looked_at| looked_at.is_subset(&params))
    }

    /// What callers hold on a request that reaches a route, or none.
    pub(super) fn held_on<T>(
        &self,
        route: Option<&Route>,
        region: &Region,
        look: impl FnOnce(&Held<'w, 'i>) -> T,
    ) -> T {
        match route.filter(|route| self.looks_at(route)) {
            Some(route) => {
                let ground = Ground { template: &route.template, region };
                look(&Held::new(self.world, self.number, self.index, Some(&ground)))
            }
            None => look(&self.usual),
        }
    }

    fn make(&self, route: &Route, held: &Held<'w, 'i>, preflight: bool) -> Verdict {
        let Self { world, index, .. } = self;
        let World { logic, facts, conditions, .. } = world;
        if route.rule == Rule::Access(Access::Denied) {
            return Verdict::nobody(world, Reason::RouteDenied);
        }
        let mut steps = Steps::new(world);
        if !route.websocket {
            steps.need(&logic.not(&logic.fact(facts.websocket)), Reason::UpgradeDenied);
        }
        if let Some(ip) = &route.ip {
            steps.need(&world.admitted(ip), Reason::IpDenied);
        }
        if let Rule::Needs { peers: Some(rule), .. } = &route.rule {
            steps.need(&world.admitted_peer(rule), Reason::PeerDenied);
        }
        if preflight || route.rule.is_anonymous() {
            return steps.finish();
        }
        let token = logic.fact(facts.token);
        steps.need(&logic.or(&token, &self.stands_for_itself(&route.rule)), Reason::TokenMissing);
        let elsewhere = logic.but_not(&token, &self.audience(route));
        steps.need(&logic.not(&elsewhere), Reason::AudienceMismatch);
        if let Rule::Needs { peers: _, roles, codes, when } = &route.rule {
            if let Some(need) = roles {
                let parts = need.ids.iter().map(|role| held.has_role(*role));
                steps.need(&logic.all_or_any(need.all, parts), Reason::RoleMissing);
            }
            if let Some(need) = codes {
                let parts = need.ids.iter().map(|code| held.has_code(*code));
                steps.need(&logic.all_or_any(need.all, parts), Reason::CodeMissing);
            }
            if let Some(when) = when {
                let holds = match conditions.fact(index, route, when, held) {
                    Some(fact) => logic.fact(fact),
                    None => logic.overflow(),
                };
                steps.need(&holds, Reason::ConditionFalse);
            }
        }
        steps.finish()
    }

    /// The peer may be the caller, on a route with this rule and without a token.
    fn stands_for_itself(&self, rule: &Rule) -> Function {
        let logic = &self.world.logic;
        let Rule::Needs { peers, roles, codes, .. } = rule else { return logic.constant(false) };
        let classes = self.world.holders.peers.classes.iter().enumerate();
        let is_known = |known: bool| peers.is_some() || ((roles.is_some() || codes.is_some()) && known);
        let callers = classes.filter(|(_, class)| {
            class.id.is_some() && is_known(class.known.get(self.number).copied().unwrap_or(false))
        });
        logic.among(&self.world.facts.peer, &callers.map(|(at, _)| at).collect())
    }

    /// A token is meant for the route's service.
    fn audience(&self, route: &Route) -> Function {
        let World { logic, facts, .. } = self.world;
        match self.index.service(route.service) {
            Some(service) if !service.audiences.is_empty() => {
                logic.some(service.audiences.iter().filter_map(|name| facts.audiences.get(&**name)).copied())
            }
            // Where no service says otherwise, every valid token is meant.
            _ if facts.audiences.is_empty() => logic.constant(true),
            _ => logic.fact(facts.usual_audience),
        }
    }
}
