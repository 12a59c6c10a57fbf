//! `invariants:` - proved for every request there can be, or refuted by one.
//!
//! Every kind of path is met once, split along the templates of the invariants
//! themselves; on each, who may call is a function, and so is of whom an
//! invariant speaks. Conditions are facts of which nothing is known. What refutes
//! an invariant is a request that the engine has confirmed, unless a condition
//! has a part in it.

mod callers;
mod finding;
mod prover;
mod requests;
mod search;

use self::prover::Prover;
use self::search::Search;
use super::diff::Met;
use super::logic::TooComplex;
use super::witness::Witness;
use super::world::{Asked, Tokens, World};
use crate::compile::{Bounds, Index};
use crate::diag::{Sources, Span};
use crate::engine::Reason;
use crate::policy::invariant::{Callers, Invariant, Says};
use crate::policy::{MethodSet, Need, Policy};

/// What came of an invariant.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it says what it says.
    pub span: Span,
    /// What it says, as a sentence.
    pub sentence: String,
    /// What breaks it; one request for each route, or each way to be denied.
    pub breaches: Vec<Breach>,
    /// Whether any route answers a request that it is about.
    pub is_answered: bool,
    /// Whether it says what conditions are taken to be.
    pub assumes_conditions: bool,
}

/// What breaks an invariant.
#[derive(Debug)]
pub enum Breach {
    /// A request.
    Request(Box<Counterexample>),
    /// A line of `public_is_exactly` that is not public for these methods.
    NotPublic {
        /// The line as it was written.
        line: String,
        /// Where it stands.
        span: Span,
        /// The methods.
        methods: MethodSet,
    },
    /// There are no requests of which it could be true.
    Nothing,
}

/// A request that breaks an invariant.
#[derive(Debug)]
pub struct Counterexample {
    /// The request and its caller.
    pub witness: Witness,
    /// The methods for which the same is so.
    pub methods: MethodSet,
    /// What it meets.
    pub met: Met,
    /// What the engine says to it.
    pub decided: Reason,
    /// Whether the engine says what the proof says; not so where a condition has
    /// a part in it, of which nothing but a real request can tell.
    pub confirmed: bool,
}

impl Outcome {
    /// Whether it is true of every request.
    pub fn holds(&self) -> bool {
        self.breaches.is_empty()
    }

    /// The requests that break it.
    pub fn counterexamples(&self) -> impl Iterator<Item = &Counterexample> {
        self.breaches.iter().filter_map(|breach| match breach {
            Breach::Request(counterexample) => Some(&**counterexample),
            Breach::NotPublic { .. } | Breach::Nothing => None,
        })
    }

    /// Whether it is broken only by requests of which conditions decide.
    pub fn rests_on_conditions(&self) -> bool {
        let rests = |breach: &Breach| match breach {
            Breach::Request(counterexample) => !counterexample.witness.conditions.is_empty(),
            Breach::NotPublic { .. } | Breach::Nothing => false,
        };
        !self.holds() && !self.assumes_conditions && self.breaches.iter().all(rests)
    }
}

/// Proves or refutes all invariants of a policy, from `now` on, in seconds since
/// 1970, for all that tokens may carry. The files are those that the policy was read
/// from.
pub fn prove(
    index: &Index,
    policy: &Policy,
    sources: &Sources,
    tokens: Tokens,
    now: u64,
) -> Result<Vec<Outcome>, TooComplex> {
    if policy.invariants.is_empty() {
        return Ok(Vec::new());
    }
    outcomes(index, policy, sources, (tokens, now), Search::All)
}

/// An invariant that is false.
#[derive(Debug)]
pub(super) struct Refuted {
    /// Its number in the policy.
    pub(super) number: usize,
    pub(super) outcome: Outcome,
}

/// Looks for one invariant that is false, and no further once one is found. With
/// the name of a service, all of them are known to be true of a policy in which
/// nothing but the rules of this service was otherwise.
pub(super) fn refuted(
    index: &Index,
    policy: &Policy,
    sources: &Sources,
    about: (Tokens, u64),
    changed: Option<&str>,
) -> Result<Option<Refuted>, TooComplex> {
    if policy.invariants.is_empty() {
        return Ok(None);
    }
    let outcomes = outcomes(index, policy, sources, about, Search::First { changed })?;
    // Where the search ended early, what was not met yet is not missing.
    let is_met = outcomes.iter().any(|outcome| outcome.counterexamples().next().is_some());
    let is_broken = |outcome: &Outcome| match is_met {
        true => outcome.counterexamples().next().is_some(),
        false => !outcome.holds(),
    };
    let found = outcomes.into_iter().enumerate().find(|(_, outcome)| is_broken(outcome));
    Ok(found.map(|(number, outcome)| Refuted { number, outcome }))
}

fn outcomes(
    index: &Index,
    policy: &Policy,
    sources: &Sources,
    (tokens, now): (Tokens, u64),
    search: Search<'_>,
) -> Result<Vec<Outcome>, TooComplex> {
    let bounds = Bounds::of(policy, sources);
    let world = World::asked(&[index], tokens, now, &asked(policy, &bounds))?;
    let prover = Prover::new(&world, index, policy, &bounds, search);
    let outcomes = prover.outcomes()?;
    world.logic.check()?;
    Ok(outcomes)
}

/// What the invariants speak of that the routes need not.
fn asked<'i>(policy: &'i Policy, bounds: &'i [Bounds]) -> Asked<'i> {
    let mut asked = Asked {
        peers: bounds.iter().filter_map(|bounds| bounds.peers.as_ref()).collect(),
        addresses: bounds.iter().filter_map(|bounds| bounds.ip.as_ref()).collect(),
        ..Asked::default()
    };
    for held in policy.invariants.iter().filter_map(callers).filter_map(|callers| match callers {
        Callers::Holders(held) => Some(held),
        Callers::Anyone | Callers::Anonymous | Callers::Authenticated => None,
    }) {
        asked.codes.extend(held.codes.iter().flat_map(Need::names).map(|code| code.value.as_str()));
        asked.groups.extend(held.groups.iter().flat_map(Need::names).map(|group| group.value.as_str()));
        asked.users.extend(held.users.iter().flatten().map(|user| user.value.as_str()));
    }
    asked
}

/// Of whom an invariant speaks.
fn callers(invariant: &Invariant) -> Option<&Callers> {
    match &invariant.says.value {
        Says::Only(callers) | Says::Never(callers) | Says::Always(callers) => Some(callers),
        Says::Public => None,
    }
}
