//! What bindings give to one user or group, laid out so that a request finds
//! what counts for it without looking at all the others.
//!
//! Roles that count on some values of a parameter are found by the request's
//! value; roles that are bound in time alone by the stretch of time that the
//! request falls into. Both cost the same for ten bindings and for thousands.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use super::index::{Bound, Index, Role};
use super::scope::{Occasion, Scope};
use super::sets::Gives;
use super::timeline::{Held, Timeline};

/// What bindings give to one user or group.
#[derive(Debug, Clone, PartialEq)]
pub struct Bindings {
    /// Everywhere and always.
    pub always: Box<[Bound]>,
    /// The rest, where there is any.
    pub scoped: Option<Arc<Scoped>>,
}

impl Bindings {
    pub(super) fn new(bounds: Vec<Bound>, roles: &[Role]) -> Self {
        let (scoped, always): (Vec<_>, Vec<_>) = bounds.into_iter().partition(|bound| bound.scope.is_some());
        let scoped = (!scoped.is_empty()).then(|| Arc::new(Scoped::new(scoped, roles)));
        Self { always: always.into(), scoped }
    }

    /// All of it.
    pub fn bounds(&self) -> impl Iterator<Item = &Bound> {
        self.always.iter().chain(self.scoped.iter().flat_map(|scoped| scoped.bounds()))
    }
}

/// Roles within scopes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scoped {
    bounds: Box<[Bound]>,
    /// The bounds by the first parameter of each.
    params: HashMap<Arc<str>, Keys>,
    timeline: Timeline,
}

/// What counts on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// One role, by its number in [`Scoped::bounds`].
    Bound(u32),
    /// All roles that are bound in time alone, by the number of the stretch.
    Stretch(u32),
}

impl Scoped {
    fn new(bounds: Vec<Bound>, roles: &[Role]) -> Self {
        let mut params: HashMap<Arc<str>, Keys> = HashMap::new();
        for (id, bound) in (0..).zip(&bounds) {
            let Some(first) = bound.scope.as_ref().and_then(|scope| scope.on.first()) else { continue };
            let keys = params.entry(first.param.clone()).or_default();
            for value in &first.values.exact {
                keys.exact.entry(value.clone()).or_default().push(id);
            }
            for prefix in &first.values.prefixes {
                keys.prefixes.entry(prefix.clone()).or_default().push(id);
            }
        }
        let timeline = Timeline::new(bounds.iter().filter(|bound| in_time_alone(bound)), roles);
        Self { bounds: bounds.into(), params, timeline }
    }

    /// Every role and its scope.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// Tells all that counts on a request.
    pub fn hits(&self, occasion: Occasion<'_>, mut hit: impl FnMut(Hit)) {
        if !self.params.is_empty() {
            for (param, value) in occasion.params() {
                let Some(keys) = self.params.get(param) else { continue };
                keys.each(&value, |id| {
                    if self.scope(id).is_some_and(|scope| scope.holds(occasion)) {
                        hit(Hit::Bound(id));
                    }
                });
            }
        }
        if let Some(stretch) = self.timeline.at(occasion.now) {
            hit(Hit::Stretch(stretch));
        }
    }

    /// What a hit gives.
    pub fn gives<'a>(&'a self, hit: Hit, index: &'a Index) -> impl Iterator<Item = Gives<'a>> {
        let held = match hit {
            Hit::Bound(_) => None,
            Hit::Stretch(at) => self.timeline.held(at),
        };
        let (few, many, search) = match held {
            Some(Held::Few(roles)) => (&**roles, None, false),
            Some(Held::Many(sets)) => (&[][..], Some(sets.gives()), false),
            Some(Held::Unsaid) | None => (&[][..], None, true),
        };
        let searched = search.then(|| self.bound_by(hit).map(|bound| bound.role)).into_iter().flatten();
        let roles = few.iter().copied().chain(searched).filter_map(|role| index.role(role));
        roles.map(Role::gives).chain(many)
    }

    /// The roles of a hit, each with its binding.
    pub fn bound_by(&self, hit: Hit) -> impl Iterator<Item = &Bound> {
        let (one, now) = match hit {
            Hit::Bound(id) => (self.bound(id), None),
            Hit::Stretch(at) => (None, self.timeline.start(at)),
        };
        let in_time = now.into_iter().flat_map(|now| {
            let counts = move |bound: &&Bound| {
                in_time_alone(bound) && bound.scope.as_ref().is_some_and(|scope| scope.window.contains(now))
            };
            self.bounds.iter().filter(counts)
        });
        one.into_iter().chain(in_time)
    }

    fn bound(&self, id: u32) -> Option<&Bound> {
        self.bounds.get(usize::try_from(id).ok()?)
    }

    fn scope(&self, id: u32) -> Option<&Scope> {
        self.bound(id)?.scope.as_deref()
    }
}

fn in_time_alone(bound: &Bound) -> bool {
    bound.scope.as_ref().is_some_and(|scope| scope.on.is_empty())
}

/// Bounds by the values of one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
struct Keys {
    exact: HashMap<Box<str>, Vec<u32>>,
    /// Sorted by their prefixes.
    prefixes: BTreeMap<Box<str>, Vec<u32>>,
}

impl Keys {
    /// Tells every bound whose values may be met. INVARIANT: each at most once,
    /// because no value of a scope covers another one.
    fn each(&self, value: &str, mut tell: impl FnMut(u32)) {
        self.exact.get(value).into_iter().flatten().for_each(|id| tell(*id));
        let mut behind = Included(value);
        while let Some((prefix, ids)) = self.prefixes.range::<str, _>((Unbounded, behind)).next_back() {
            // All prefixes of the value that are left are prefixes of this one
            // too: whatever lies between a text and its prefix begins with it.
            let shared = common(prefix, value);
            if shared.len() == prefix.len() {
                ids.iter().for_each(|id| tell(*id));
                behind = Excluded(shared);
            } else {
                behind = Included(shared);
            }
        }
    }
}

/// What two texts begin with, of the second one.
fn common<'a>(one: &str, other: &'a str) -> &'a str {
    let differs = other.char_indices().zip(one.chars()).find(|((_, a), b)| a != b);
    let end = differs.map_or(one.len().min(other.len()), |((at, _), _)| at);
    other.get(..end).unwrap_or_default()
}
