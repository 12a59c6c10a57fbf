//! A function of callers in words: the smallest sets of roles, groups and codes
//! that are enough, the users and peers that need none, and what else it asks.

use std::collections::BTreeSet;

use super::logic::{Choice, Function, Variable, given, smallest, support, without};
use super::world::World;

/// Who makes a function hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// Anyone, even without a token.
    pub anyone: bool,
    /// Each of these is enough. Empty where nobody is.
    pub sets: Vec<Set>,
    /// How many more there are.
    pub more: usize,
    /// What they need besides.
    pub besides: Besides,
}

/// What one caller holds, all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Set {
    /// The user; any where none is said.
    pub user: Option<String>,
    /// How many others are in the same position as this user.
    pub others: usize,
    /// The workload, without a token.
    pub peer: Option<String>,
    /// Roles in the token.
    pub roles: Vec<String>,
    /// Groups in the token.
    pub groups: Vec<String>,
    /// Codes in the token.
    pub codes: Vec<String>,
}

/// What a request must be like besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Besides {
    /// The texts of conditions that have a part in it.
    pub conditions: Vec<String>,
    /// What of the request itself must be other than usual: its address, its
    /// client certificate, its time, host, the values of its path, what else its
    /// token says, an upgrade.
    pub facts: Vec<&'static str>,
}

/// How many sets are told.
const TOLD: usize = 12;

/// How many users are looked at one by one.
const LOOKED_AT: usize = 64;

impl Who {
    /// Of a function; the smallest sets alone where they are many.
    pub(super) fn new(world: &World<'_>, function: &Function) -> Self {
        let mut who = Self::looked_at(world, function, LOOKED_AT);
        who.more = who.sets.len().saturating_sub(TOLD);
        who.sets.truncate(TOLD);
        who
    }

    /// Of a function, whoever it is.
    pub(super) fn all(world: &World<'_>, function: &Function) -> Self {
        Self::looked_at(world, function, usize::MAX)
    }

    fn looked_at(world: &World<'_>, function: &Function, at_most: usize) -> Self {
        let facts = &world.facts;
        let names = Names::new(world);
        let mut who = Self { besides: Besides::new(world, function), ..Self::default() };
        let bits = |choice: &Choice| choice.variables().collect::<Vec<_>>();
        let grounds: BTreeSet<Variable> = names.all().chain([facts.token]).collect();
        let chosen: BTreeSet<Variable> = bits(&facts.user).into_iter().chain(bits(&facts.peer)).collect();
        // Tokens that nothing limits first: what only a limited one gains is told
        // where there is nothing else.
        let unlimited = facts.limited.map(|limited| given(function, &[(limited, false)]));
        let function = unlimited.as_ref().filter(|f| !f.is_false()).unwrap_or(function);
        let others = support(function).into_iter().filter(|v| !grounds.contains(v) && !chosen.contains(v));
        let function = without(function, others);
        let without_token = given(&function, &[(facts.token, false)]);
        who.anyone = !at(&without_token, &facts.peer, 0).is_false();
        if who.anyone {
            return who;
        }
        for (class, peer) in world.holders.peers.classes.iter().enumerate().skip(1).take(at_most) {
            if !at(&without_token, &facts.peer, class).is_false() {
                who.sets.push(Set { peer: peer.id.clone(), ..Set::default() });
            }
        }
        // A certificate that is asked for beside the token is told as a fact.
        let with_token = without(&given(&function, &[(facts.token, true)]), bits(&facts.peer));
        let of_anybody = at(&with_token, &facts.user, 0);
        let enough = smallest(&of_anybody);
        who.sets.extend(enough.iter().map(|set| names.set(set)));
        for (class, user) in world.holders.users.classes.iter().enumerate().skip(1).take(at_most) {
            let of_user = at(&with_token, &facts.user, class);
            if of_user == of_anybody {
                continue;
            }
            let is_new = |set: &BTreeSet<Variable>| !enough.iter().any(|known| known.is_subset(set));
            for set in smallest(&of_user).iter().filter(|set| is_new(set)) {
                let first = user.names.first().map(|name| (*name).to_owned());
                who.sets.push(Set {
                    user: first,
                    others: user.names.len().saturating_sub(1),
                    ..names.set(set)
                });
            }
        }
        who.sets.sort_by_key(|set| (set.user.is_some(), set.size(), set.clone()));
        who
    }

    /// Whether nobody is.
    pub fn is_nobody(&self) -> bool {
        !self.anyone && self.sets.is_empty()
    }
}

impl Set {
    fn size(&self) -> usize {
        self.roles.len() + self.groups.len() + self.codes.len()
    }
}

/// A function where a choice has a value.
fn at(function: &Function, choice: &Choice, value: usize) -> Function {
    let bits: Vec<Variable> = choice.variables().collect();
    let width = bits.len();
    let known: Vec<(Variable, bool)> =
        bits.into_iter().enumerate().map(|(at, bit)| (bit, value >> (width - 1 - at) & 1 == 1)).collect();
    given(function, &known)
}

/// The facts that are grounds, and their names.
struct Names<'w> {
    roles: Vec<(Variable, &'w str)>,
    groups: Vec<(Variable, &'w str)>,
    codes: Vec<(Variable, &'w str)>,
}

impl<'w> Names<'w> {
    fn new(world: &'w World<'_>) -> Self {
        let groups = world.holders.groups.classes.iter().zip(&world.facts.groups);
        Self {
            roles: world.facts.roles.iter().map(|(name, fact)| (*fact, *name)).collect(),
            groups: groups.filter_map(|(class, fact)| Some((*fact, *class.names.first()?))).collect(),
            codes: world.facts.codes.iter().map(|(name, fact)| (*fact, *name)).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = Variable> {
        self.roles.iter().chain(&self.groups).chain(&self.codes).map(|(fact, _)| *fact)
    }

    fn set(&self, facts: &BTreeSet<Variable>) -> Set {
        let held = |names: &[(Variable, &str)]| {
            names
                .iter()
                .filter(|(fact, _)| facts.contains(fact))
                .map(|(_, name)| (*name).to_owned())
                .collect()
        };
        Set {
            roles: held(&self.roles),
            groups: held(&self.groups),
            codes: held(&self.codes),
            ..Set::default()
        }
    }
}

impl Besides {
    fn new(world: &World<'_>, function: &Function) -> Self {
        let facts = &world.facts;
        let support = support(function);
        let texts = world.conditions.texts(&support);
        let conditions: BTreeSet<&str> = texts.iter().map(|(_, text)| &**text).collect();
        let segments = facts.segments.iter().flat_map(Choice::variables).any(|bit| support.contains(&bit));
        let audience =
            facts.audiences.values().chain([&facts.usual_audience]).any(|fact| support.contains(fact));
        // What the usual request has is not worth a word, nor that others may differ.
        let unusual = |choice: &Choice| at(function, choice, 0).is_false();
        let needs = |fact: Variable| given(function, &[(fact, false)]).is_false();
        let words = [
            (unusual(&facts.address), "the source address"),
            (unusual(&facts.peer), "the client certificate"),
            (unusual(&facts.time), "the time"),
            (unusual(&facts.host), "the host"),
            (segments, "the values in the path"),
            (audience, "the token's audience"),
            (facts.limited.is_some_and(needs), "the token's scopes"),
            (needs(facts.websocket), "a WebSocket upgrade"),
        ];
        Self {
            conditions: conditions.into_iter().map(str::to_owned).collect(),
            facts: words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect(),
        }
    }
}
