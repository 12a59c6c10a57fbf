//! Which roles of one user or group are held when, of those that are bound in
//! time alone.

use std::collections::BTreeMap;

use super::index::{Bound, Role, RoleId};
use super::sets::Sets;

/// The time in stretches, in each of which the same is held.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline {
    /// The first second of each stretch, rising. What is before all of them
    /// holds nothing.
    starts: Box<[u64]>,
    /// What is held in each.
    held: Box<[Held]>,
}

/// What is held in one stretch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    /// These.
    Few(Box<[RoleId]>),
    /// All that these give.
    Many(Box<Sets>),
    /// Whatever the bounds say: looked for in all of them.
    Unsaid,
}

/// So many roles are asked one by one.
const FEW: usize = 8;

/// So often are roles joined for one timeline. A thousand roles that begin and
/// end each at another time need a quarter of it.
const JOINS: usize = 1 << 22;

impl Held {
    fn of(held: &BTreeMap<RoleId, usize>, roles: &[Role], joins: &mut usize) -> Self {
        if held.len() > FEW {
            match joins.checked_sub(held.len()) {
                Some(left) => *joins = left,
                None => return Self::Unsaid,
            }
        }
        let mut held = held.keys().filter_map(|id| Some((*id, roles.get(id.at())?)));
        let few: Box<[RoleId]> = held.by_ref().take(FEW).map(|(id, _)| id).collect();
        let Some((_, further)) = held.next() else { return Self::Few(few) };
        let first = few.iter().filter_map(|id| roles.get(id.at()));
        let mut sets = Sets::of(further.gives());
        first.chain(held.map(|(_, role)| role)).for_each(|role| sets.add(role.gives()));
        Self::Many(Box::new(sets))
    }
}

impl Timeline {
    pub(super) fn new<'b>(bounds: impl Iterator<Item = &'b Bound>, roles: &[Role]) -> Self {
        let mut changes: BTreeMap<u64, Vec<(RoleId, bool)>> = BTreeMap::new();
        for bound in bounds {
            let Some(window) = bound.scope.as_ref().map(|scope| &scope.window) else { continue };
            let from = window.from.as_ref().map_or(0, |from| from.at);
            changes.entry(from).or_default().push((bound.role, true));
            if let Some(until) = &window.until {
                changes.entry(until.at).or_default().push((bound.role, false));
            }
        }
        // Several bindings may give one role: it is held until the last one ends.
        let mut counts: BTreeMap<RoleId, usize> = BTreeMap::new();
        let (mut starts, mut held, mut joins) = (Vec::new(), Vec::new(), JOINS);
        for (start, changes) in changes {
            for (role, begins) in changes {
                let count = counts.entry(role).or_default();
                *count = if begins { *count + 1 } else { count.saturating_sub(1) };
                if *count == 0 {
                    counts.remove(&role);
                }
            }
            starts.push(start);
            held.push(Held::of(&counts, roles, &mut joins));
        }
        Self { starts: starts.into(), held: held.into() }
    }

    /// The number of the stretch that a time lies in, if anything is held in it.
    pub(super) fn at(&self, now: u64) -> Option<u32> {
        let at = self.starts.partition_point(|start| *start <= now).checked_sub(1)?;
        let empty = matches!(self.held.get(at)?, Held::Few(roles) if roles.is_empty());
        u32::try_from(at).ok().filter(|_| !empty)
    }

    /// What is held in a stretch.
    pub(super) fn held(&self, at: u32) -> Option<&Held> {
        self.held.get(usize::try_from(at).ok()?)
    }

    /// When a stretch begins.
    pub(super) fn start(&self, at: u32) -> Option<u64> {
        self.starts.get(usize::try_from(at).ok()?).copied()
    }
}
