//! Conditions as facts of their own: what a `when` says is not looked into. Two
//! are one fact where their texts are equal and so is all that they take from
//! the policy: the places of parameters, what gives the roles and codes that they
//! look for, the networks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use super::held::Held;
use super::logic::{Function, Plan, Variable};
use super::values::scopes;
use crate::compile::{AddressSet, Condition, Expression, Index, Leans, Route, Rule, Which};

/// All conditions, and the facts that stand for them.
#[derive(Debug)]
pub(super) struct Conditions {
    free: RefCell<Vec<Variable>>,
    known: RefCell<HashMap<Key, Variable>>,
    texts: RefCell<BTreeMap<Variable, Rc<str>>>,
}

/// How many facts more there are for each condition that leans on what bindings give
/// by the path, and for all of them.
const MORE: (usize, usize) = (32, 8192);

/// What makes a condition what it is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    params: Vec<Option<usize>>,
    service: Option<String>,
    basis: Basis,
}

/// What an expression takes from a policy: who holds the roles and codes that it
/// looks for, and what the networks are.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Basis {
    roles: Vec<(String, i64, Option<Function>)>,
    codes: Vec<(String, Option<Function>)>,
    networks: Vec<(String, Vec<(IpAddr, IpAddr)>)>,
}

impl Conditions {
    /// Sets facts aside: for each text as many as it could stand for.
    pub(super) fn plan(sides: &[&Index], plan: &mut Plan) -> Self {
        let mut places = BTreeSet::new();
        for (side, index) in sides.iter().enumerate() {
            for (_, route) in index.routes() {
                let Rule::Needs { when: Some(when), .. } = &route.rule else { continue };
                let leans = when.expression.leans();
                let service = leans.service.then_some(route.service.number());
                let side = leans_on_policy(&leans).then_some(side);
                // What is held may depend on the route, by bindings that look at the path.
                let route_text = side.map(|_| &*route.text);
                places.insert((when.expression.text(), params(&leans, route), service, side, route_text));
            }
        }
        let leaning = places.iter().filter(|(.., side, _)| side.is_some()).count();
        let looks = sides.iter().any(|index| scopes(index).any(|on| !on.is_empty()));
        let (each, all) = MORE;
        let more = if looks { (leaning * each).min(all) } else { 0 };
        let free = (0..places.len() + more).map(|_| plan.variable()).collect();
        Self { free: RefCell::new(free), known: RefCell::default(), texts: RefCell::default() }
    }

    /// The fact that a condition holds, on a route of one side. `None` where bindings
    /// that look at the path make more conditions of one than were planned for: two
    /// of them must never be taken for the same.
    pub(super) fn fact(
        &self,
        index: &Index,
        route: &Route,
        condition: &Condition,
        held: &Held<'_, '_>,
    ) -> Option<Variable> {
        let key = Key::new(index, route, &condition.expression, held);
        if let Some(known) = self.known.borrow().get(&key) {
            return Some(*known);
        }
        let fact = self.free.borrow_mut().pop()?;
        self.texts.borrow_mut().insert(fact, condition.expression.text().into());
        self.known.borrow_mut().insert(key, fact);
        Some(fact)
    }

    /// All facts that stand for conditions.
    pub(super) fn facts(&self) -> BTreeSet<Variable> {
        self.texts.borrow().keys().copied().collect()
    }

    /// Those of some facts that stand for conditions, and their texts.
    pub(super) fn texts(&self, of: &BTreeSet<Variable>) -> Vec<(Variable, Rc<str>)> {
        let texts = self.texts.borrow();
        of.iter().filter_map(|fact| Some((*fact, Rc::clone(texts.get(fact)?)))).collect()
    }
}

/// Which segment each parameter is that an expression names.
pub(super) fn params(leans: &Leans<'_>, route: &Route) -> Vec<Option<usize>> {
    let depth =
        |name: &&str| route.template.params().find(|(_, param)| param == name).map(|(depth, _)| depth);
    leans.params.iter().map(depth).collect()
}

/// Whether an expression takes anything from the policy.
pub(super) fn leans_on_policy(leans: &Leans<'_>) -> bool {
    let any = |which: &Which<'_>| !matches!(which, Which::Only(names) if names.is_empty());
    any(&leans.roles) || any(&leans.codes) || any(&leans.networks)
}

impl Key {
    fn new(index: &Index, route: &Route, expression: &Expression, held: &Held<'_, '_>) -> Self {
        let leans = expression.leans();
        let service = index.service(route.service).map(|service| service.name.to_string());
        Self {
            text: expression.text().to_owned(),
            params: params(&leans, route),
            service: service.filter(|_| leans.service),
            basis: Basis::new(index, &leans, held),
        }
    }
}

impl Basis {
    /// Of one side, where what is held is this.
    pub(super) fn new(index: &Index, leans: &Leans<'_>, held: &Held<'_, '_>) -> Self {
        let names = |which: &Which<'_>, all: Vec<String>| match which {
            Which::Only(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Which::All => all,
        };
        let roles = names(&leans.roles, index.roles().map(|(_, role)| role.name.to_string()).collect());
        let in_order = leans.roles == Which::All;
        let role = |name: String| {
            let id = index.role_named(&name);
            let weight = id.and_then(|id| index.role(id)).filter(|_| in_order).map_or(0, |role| role.weight);
            (name, weight, id.map(|id| held.is_assigned(id)))
        };
        let codes = names(&leans.codes, index.codes().map(|(_, code)| code.as_str().to_owned()).collect());
        let code = |name: String| {
            let function = index.code_named(&name).map(|id| held.has_code(id));
            (name, function)
        };
        let networks = names(&leans.networks, index.networks().map(|(name, _)| name.to_owned()).collect());
        let network = |name: String| {
            let set = index.networks().find(|(known, _)| *known == name).map(|(_, set)| set);
            (name, set.map(AddressSet::ranges).into_iter().flatten().collect())
        };
        Self {
            roles: roles.into_iter().map(role).collect(),
            codes: codes.into_iter().map(code).collect(),
            networks: networks.into_iter().map(network).collect(),
        }
    }
}
