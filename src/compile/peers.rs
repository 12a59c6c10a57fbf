//! Patterns of peers: who is at the other end of the connection.

use super::tree::{ROOT, Tree};
use crate::diag::{Place, Sources};
use crate::policy::{Located, PeerPart, PeerPattern, SpiffeId};

/// Values by patterns of peers. A look-up goes along the id, not through the
/// patterns: a segment is a step to its name, and one to `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMap<T>(Tree<Stop<T>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stop<T> {
    /// Of patterns that end here.
    here: Vec<T>,
    /// Of patterns that go on from here with a final `*`.
    below: Vec<T>,
}

impl<T> Default for Stop<T> {
    fn default() -> Self {
        Self { here: Vec::new(), below: Vec::new() }
    }
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        Self(Tree::new(false))
    }
}

/// The step for any one segment. No segment of an id holds this character.
const ANY: &str = "*";

impl<T> PeerMap<T> {
    /// Adds a value to a pattern.
    pub(super) fn add(&mut self, pattern: &PeerPattern, value: T) {
        let (mut at, mut is_rest) = (ROOT, false);
        for part in pattern.parts() {
            match part {
                PeerPart::Exactly(text) => at = self.0.step(at, text).0,
                PeerPart::Any => at = self.0.step(at, ANY).0,
                PeerPart::Rest => is_rest = true,
            }
        }
        if let Some(stop) = self.0.value_mut(at) {
            let list = if is_rest { &mut stop.below } else { &mut stop.here };
            list.push(value);
        }
    }

    /// Every pattern, as its parts: a `*` for any one segment, a final `*` for
    /// one or more.
    pub fn patterns(&self) -> impl Iterator<Item = Vec<&str>> {
        self.0.iter().flat_map(|(at, _, stop)| {
            let here = (!stop.here.is_empty()).then(|| self.0.path(at));
            let below = (!stop.below.is_empty()).then(|| {
                let mut parts = self.0.path(at);
                parts.push(ANY);
                parts
            });
            here.into_iter().chain(below)
        })
    }

    /// The values of all patterns.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|(_, _, stop)| stop.here.iter().chain(&stop.below))
    }

    /// The values of all patterns that match, in no particular order.
    pub fn of<'m>(&'m self, id: SpiffeId<'_>) -> impl Iterator<Item = &'m T> {
        let mut found: Vec<&[T]> = Vec::new();
        let mut nodes = vec![ROOT];
        for part in id.parts() {
            found.extend(nodes.iter().filter_map(|at| self.0.value(*at)).map(|stop| &*stop.below));
            nodes = nodes
                .iter()
                .flat_map(|at| [self.0.child(*at, part), self.0.child(*at, ANY)])
                .flatten()
                .collect();
            if nodes.is_empty() {
                break;
            }
        }
        found.extend(nodes.iter().filter_map(|at| self.0.value(*at)).map(|stop| &*stop.here));
        found.into_iter().flatten()
    }
}

/// A route's `peers`, and where they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRule {
    /// As they were written, any one of which is enough.
    pub patterns: Box<[PeerListed]>,
    /// By their numbers in that list.
    numbers: PeerMap<usize>,
    /// Where the rule stands: on the route, or in some `defaults`.
    pub place: Place,
}

/// One of several patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerListed {
    /// Such as `spiffe://cluster/ns/*/sa/billing`.
    pub pattern: PeerPattern,
    /// Where it stands.
    pub place: Place,
}

impl PeerRule {
    pub(super) fn new(written: &Located<Vec<Located<PeerPattern>>>, sources: &Sources) -> Self {
        let mut numbers = PeerMap::default();
        for (number, pattern) in written.value.iter().enumerate() {
            numbers.add(&pattern.value, number);
        }
        let listed =
            |p: &Located<PeerPattern>| PeerListed { pattern: p.value.clone(), place: sources.place(p.span) };
        Self {
            patterns: written.value.iter().map(listed).collect(),
            numbers,
            place: sources.place(written.span),
        }
    }

    /// The first pattern of the list that matches.
    pub fn admits(&self, id: SpiffeId<'_>) -> Option<&PeerListed> {
        self.patterns.get(*self.numbers.of(id).min()?)
    }
}
