//! A change of policy as a change of access: who gains what and who loses what,
//! for all requests there can be.
//!
//! Both policies' tries are walked together, so that every kind of path is met
//! once; on each, who may call is compared as functions. What differs has a
//! witness, and where no condition is in the way the engine has confirmed it.

use std::collections::BTreeSet;

use super::access::Side;
use super::compare::{Comparison, Found, Key, Where};
use super::logic::{Function, TooComplex, Variable, given, support, without};
use super::outcome::{Reached, service, verdict};
use super::region::Region;
use super::shape::joined;
use super::who::Who;
use super::witness::{Asking, Witness};
use super::world::{Tokens, World};
use crate::compile::Index;
use crate::diag::Place;
use crate::engine::Reason;

/// What a change of policy changes.
#[derive(Debug, Default)]
pub struct Diff {
    /// By service, then by path.
    pub changes: Vec<Change>,
}

/// One change, of all requests that it changes in the same way.
#[derive(Debug)]
pub struct Change {
    /// In one word.
    pub kind: Kind,
    /// The service that the proxy names; none where host and path choose
    /// another one than before.
    pub service: Option<String>,
    /// How these requests ask.
    pub asks: Vec<Asking>,
    /// Their paths, as templates.
    pub paths: Vec<String>,
    /// What they met before.
    pub old: Met,
    /// What they meet now.
    pub new: Met,
    /// Who may and could not.
    pub gained: Option<Shift>,
    /// Who could and may not.
    pub lost: Option<Shift>,
    /// What else is different, in words.
    pub effects: Vec<String>,
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Somebody may who could not.
    Opened,
    /// Somebody may not who could, and nobody may who could not.
    Closed,
    /// The same callers may, on other conditions than before.
    ConditionChanged,
    /// The same callers may: what they or the upstream are told is different.
    EffectsOnly,
}

impl Kind {
    /// All kinds, the gravest first.
    pub const ALL: [Kind; 4] = [Kind::Opened, Kind::ConditionChanged, Kind::Closed, Kind::EffectsOnly];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::ConditionChanged => "condition changed",
            Self::EffectsOnly => "effects only",
        }
    }
}

/// What requests meet on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// The service.
    pub service: Option<String>,
    /// The route, as it is written.
    pub route: Option<String>,
    /// Where it stands.
    pub place: Option<Place>,
    /// The reason that denies everybody, where there is no route.
    pub reason: Option<Reason>,
}

/// Who gains, or loses, and a request that shows it.
#[derive(Debug)]
pub struct Shift {
    /// Who.
    pub who: Who,
    /// One of the requests.
    pub witness: Witness,
    /// Whether the engine decided it as the proof says; not tried where a
    /// condition has a part in it.
    pub confirmed: bool,
}

impl Diff {
    /// Of two policies, from `now` on, in seconds since 1970.
    pub fn new(old: &Index, new: &Index, tokens: Tokens, now: u64) -> Result<Self, TooComplex> {
        Self::of_service(old, new, tokens, now, None)
    }

    /// The same, where no other service than this is known to differ.
    pub(super) fn of_service(
        old: &Index,
        new: &Index,
        tokens: Tokens,
        now: u64,
        only: Option<&str>,
    ) -> Result<Self, TooComplex> {
        let world = World::new(&[old, new], tokens, now)?;
        let sides = [Side::new(&world, 0, old), Side::new(&world, 1, new)];
        let comparison = Comparison::new(&world, sides, only)?;
        let conditions = world.conditions.facts();
        let change = |(key, found): (&Key, &Found)| comparison.change(key, found, &conditions);
        let mut changes: Vec<Change> = comparison.found.iter().map(change).collect();
        world.logic.check()?;
        changes.sort_by_cached_key(|change| {
            let Change { kind, service, asks, paths, .. } = change;
            (
                service.is_none(),
                service.clone(),
                paths.clone(),
                *kind,
                asks.clone(),
                format!("{:?}", change.old.route),
            )
        });
        Ok(Self { changes })
    }

    /// The changes of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.kind == kind)
    }

    /// Whether somebody may who could not.
    pub fn opens(&self) -> bool {
        self.changes.iter().any(|change| change.gained.is_some())
    }

    /// Whether somebody may not who could.
    pub fn closes(&self) -> bool {
        self.changes.iter().any(|change| change.lost.is_some())
    }

    /// Changes that the engine does not confirm: faults of the proof.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Change> {
        let doubtful = |shift: &Option<Shift>| {
            shift.as_ref().is_some_and(|shift| !shift.confirmed && shift.witness.conditions.is_empty())
        };
        self.changes.iter().filter(move |change| doubtful(&change.gained) || doubtful(&change.lost))
    }
}

impl Comparison<'_, '_> {
    fn change(&self, key: &Key, found: &Found, conditions: &BTreeSet<Variable>) -> Change {
        let Key { service, asks, met: [old, new], gained, lost, effects } = key;
        let asking = asks.first().copied().unwrap_or(Asking::Method(crate::policy::Method::Get));
        let about = (&found.region, asking, service.as_deref());
        let same_hosts = service.as_ref().is_some_and(|name| self.on_the_same_hosts(name));
        let gains = self.shift(gained, about, same_hosts, [false, true]);
        let losses = self.shift(lost, about, same_hosts, [true, false]);
        let kind = match (&gains, &losses) {
            (None, None) => Kind::EffectsOnly,
            _ if self.has_other_conditions(key, found, conditions) => Kind::ConditionChanged,
            (Some(_), _) => Kind::Opened,
            (None, Some(_)) => Kind::Closed,
        };
        let [old_side, new_side] = &self.sides;
        Change {
            kind,
            service: service.clone(),
            asks: asks.clone(),
            paths: joined(&found.paths),
            old: Met::new(old_side, old),
            new: Met::new(new_side, new),
            gained: gains,
            lost: losses,
            effects: effects.clone(),
        }
    }

    /// Whether the same callers may on both sides, given the right conditions, and
    /// there are some on both: one that comes closes, and one that goes opens.
    fn has_other_conditions(&self, key: &Key, found: &Found, conditions: &BTreeSet<Variable>) -> bool {
        let ([old_side, new_side], [old, new]) = (&self.sides, &key.met);
        let allowed = |side, met: &Where| verdict(self.world, side, met.reached, &found.region);
        let (old, new) = (allowed(old_side, old), allowed(new_side, new));
        let rests_on_one = |f: &Function| !support(f).is_disjoint(conditions);
        let to_whom = |f: &Function| without(f, conditions.iter().copied());
        rests_on_one(&old.allowed)
            && rests_on_one(&new.allowed)
            && to_whom(&old.allowed) == to_whom(&new.allowed)
    }

    fn on_the_same_hosts(&self, name: &str) -> bool {
        let [old, new] = self.sides.each_ref().map(|side| {
            let (id, _) = service(side, name)?;
            Some(self.world.host(|host| side.index.answers_for(id, host)))
        });
        old.is_none() || new.is_none() || old == new
    }

    fn shift(
        &self,
        function: &Function,
        about: (&Region, Asking, Option<&str>),
        same_hosts: bool,
        expected: [bool; 2],
    ) -> Option<Shift> {
        // A plain token shows it best.
        let world = self.world;
        let plain = world.facts.limited.into_iter().map(|fact| (fact, false)).collect::<Vec<_>>();
        let unlimited = given(function, &plain);
        let plainest = if unlimited.is_false() { function } else { &unlimited };
        let witness = Witness::of(world, plainest, about)?;
        let decided = self.sides.each_ref().map(|side| witness.decide(side.index).reason.is_allowed());
        // On which hosts at all is no news where it did not change.
        let hosts = world.facts.host.variables().filter(|_| same_hosts);
        let who = Who::new(world, &without(function, hosts));
        Some(Shift { who, witness, confirmed: decided == expected })
    }
}

impl Met {
    pub(super) fn new(side: &Side<'_, '_>, met: &Where) -> Self {
        let route = side.route(met.reached);
        Self {
            service: met.service.clone(),
            route: route.map(|route| route.text.to_string()),
            place: route.map(|route| route.place.clone()),
            reason: match met.reached {
                Reached::Nothing(reason) => Some(reason),
                Reached::Route(..) => None,
            },
        }
    }
}
