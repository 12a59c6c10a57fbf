//! What tests touch of a policy, and what they leave untried.
//!
//! - A route is touched by a request that it was found for, unless that is a
//!   CORS preflight, which asks nothing of it.
//! - A role is touched where a caller was given it, by the test or by a binding,
//!   and the route asked who calls. Inherited is not enough: what the role adds
//!   was not tried.
//! - A binding is touched where it counted for such a caller.
//! - A condition has two outcomes, true and false, each touched where it came
//!   out so. An error is neither.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::compile::{Bindings, Index, Occasion, RoleId, RouteId, Rule};
use crate::diag::{Place, Sources};
use crate::engine::{Held, Observer, Proof, Step};
use crate::policy::{Holder, Policy, SpiffeId};

/// What was touched so far: an observer of decisions.
#[derive(Debug)]
pub struct Touched<'i> {
    index: &'i Index,
    routes: HashSet<RouteId>,
    roles: HashSet<RoleId>,
    bindings: HashSet<Place>,
    conditions: HashMap<Place, [bool; 2]>,
    /// Whether the route of the decision under way asks who calls.
    asks: bool,
}

/// How much of a policy was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Routes.
    pub routes: Kind,
    /// Roles.
    pub roles: Kind,
    /// Bindings; several in one line count as one.
    pub bindings: Kind,
    /// Outcomes of conditions, two for each.
    pub conditions: Kind,
}

/// Of things of one kind, how many were touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kind {
    /// How many there are.
    pub all: usize,
    /// How many were touched.
    pub touched: usize,
    /// The others.
    pub missed: Vec<Missed>,
}

/// Something that no test touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// What it is.
    pub what: String,
    /// Where it stands, below the policy directory.
    pub place: Place,
}

impl<'i> Touched<'i> {
    /// Nothing yet.
    pub fn new(index: &'i Index) -> Self {
        Self {
            index,
            routes: HashSet::new(),
            roles: HashSet::new(),
            bindings: HashSet::new(),
            conditions: HashMap::new(),
            asks: false,
        }
    }

    fn caller(&mut self, held: Held<'_>, occasion: Occasion<'_>) {
        self.roles.extend(held.assigned().iter().map(|assignment| assignment.role));
        let subject = held.principal().subject();
        let index = self.index;
        match subject.proof {
            Proof::Token => {
                let groups = subject.groups.iter().filter_map(|group| index.given_to_group(group));
                let all = index.given_to_user(&subject.user).into_iter().chain(groups);
                all.for_each(|bindings| self.given(bindings, occasion));
            }
            Proof::Certificate => {
                let id = SpiffeId::parse(&subject.user);
                let all = id.into_iter().flat_map(|id| index.given_to_peer(id));
                all.for_each(|bindings| self.given(bindings, occasion));
            }
        }
    }

    fn given(&mut self, bindings: &Bindings, occasion: Occasion<'_>) {
        let places = &mut self.bindings;
        places.extend(bindings.always.iter().map(|bound| bound.place.clone()));
        if let Some(scoped) = &bindings.scoped {
            scoped.hits(occasion, |hit| places.extend(scoped.bound_by(hit).map(|bound| bound.place.clone())));
        }
    }

    /// How much of the policy that is. `sources` are its files, as the compiler
    /// knew them.
    pub fn coverage(&self, policy: &Policy, sources: &Sources) -> Coverage {
        let index = self.index;
        let routes = index.routes().map(|(id, route)| {
            let service = index.service(route.service).map_or("?", |service| &*service.name);
            (self.routes.contains(&id), format!("{} of {service}", route.text), &route.place)
        });
        let roles =
            index.roles().map(|(id, role)| (self.roles.contains(&id), role.name.to_string(), &role.place));
        let bindings: BTreeMap<Place, String> = policy
            .bindings
            .iter()
            .map(|binding| {
                let roles: Vec<&str> = binding.roles.iter().map(|role| role.value.as_str()).collect();
                let holder = match &binding.holder.value {
                    Holder::User(name) => format!("the user {name}"),
                    Holder::Group(name) => format!("the group {name}"),
                    Holder::Peer(pattern) => format!("the peer {pattern}"),
                };
                (sources.place(binding.span), format!("{} to {holder}", roles.join(", ")))
            })
            .collect();
        let bindings =
            bindings.iter().map(|(place, what)| (self.bindings.contains(place), what.clone(), place));
        let mut conditions: BTreeMap<&Place, &str> = BTreeMap::new();
        for (_, route) in index.routes() {
            if let Rule::Needs { when: Some(when), .. } = &route.rule {
                conditions.insert(&when.place, when.expression.text());
            }
        }
        let outcomes = conditions.into_iter().flat_map(|(place, text)| {
            let [no, yes] = self.conditions.get(place).copied().unwrap_or_default();
            let outcome = move |seen, word| (seen, format!("{text} is never {word}"), place);
            [outcome(yes, "true"), outcome(no, "false")]
        });
        Coverage {
            routes: Kind::of(routes),
            roles: Kind::of(roles),
            bindings: Kind::of(bindings),
            conditions: Kind::of(outcomes),
        }
    }
}

impl Observer for Touched<'_> {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Route(id, preflight) => {
                let route = self.index.route(id);
                self.asks = route.is_some_and(|route| !route.rule.is_anonymous());
                if preflight.is_none() {
                    self.routes.insert(id);
                }
            }
            Step::Caller(held, occasion) if self.asks => self.caller(held, occasion),
            Step::Condition(id, Ok(holds), _) => {
                if let Some(Rule::Needs { when: Some(when), .. }) =
                    self.index.route(id).map(|route| &route.rule)
                {
                    let [no, yes] = self.conditions.entry(when.place.clone()).or_default();
                    *if holds { yes } else { no } = true;
                }
            }
            _ => {}
        }
    }
}

impl Kind {
    fn of<'p>(things: impl Iterator<Item = (bool, String, &'p Place)>) -> Self {
        let mut kind = Self::default();
        for (touched, what, place) in things {
            kind.all += 1;
            kind.touched += usize::from(touched);
            if !touched {
                kind.missed.push(Missed { what, place: place.clone() });
            }
        }
        kind.missed.sort_by(|a, b| a.place.cmp(&b.place));
        kind
    }

    /// The hundredths that were touched, rounded down; all of nothing.
    pub fn percent(&self) -> u8 {
        let hundredths = (self.touched * 100).checked_div(self.all).unwrap_or(100);
        u8::try_from(hundredths).unwrap_or(100)
    }
}

impl Coverage {
    /// The kinds by their names.
    pub fn kinds(&self) -> [(&'static str, &Kind); 4] {
        [
            ("routes", &self.routes),
            ("roles", &self.roles),
            ("bindings", &self.bindings),
            ("conditions", &self.conditions),
        ]
    }

    /// Everything together, without what was missed.
    pub fn total(&self) -> Kind {
        let sum = |of: fn(&Kind) -> usize| self.kinds().iter().map(|(_, kind)| of(kind)).sum();
        Kind { all: sum(|kind| kind.all), touched: sum(|kind| kind.touched), missed: Vec::new() }
    }
}
