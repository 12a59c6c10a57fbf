//! What a caller holds on one request: what they hold everywhere and always,
//! and what bindings give for this route, these parameters and this second.

use std::borrow::Cow;

use super::principal::{Assignment, Principal};
use crate::compile::{CodeId, Gives, Hit, Index, Occasion, RoleId, Scoped};

/// What counts on one request of a caller's scoped bindings. Goes with the
/// principal that it was made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InForce(Vec<(u32, Hit)>);

/// Nothing.
static NOTHING: InForce = InForce(Vec::new());

impl InForce {
    /// Finds out. Allocates nothing where nothing is in force.
    pub fn of(principal: &Principal, occasion: Occasion<'_>) -> Self {
        let mut hits = Vec::new();
        for (holder, scoped) in (0..).zip(principal.scoped()) {
            scoped.hits(occasion, |hit| hits.push((holder, hit)));
        }
        Self(hits)
    }

    /// Whether the caller holds what they hold everywhere, and no more.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A caller as they are held on one request. All questions about roles and
/// codes are asked here.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    index: &'a Index,
    principal: &'a Principal,
    in_force: &'a InForce,
}

impl<'a> Held<'a> {
    /// The caller on a request.
    pub fn new(index: &'a Index, principal: &'a Principal, in_force: &'a InForce) -> Self {
        Self { index, principal, in_force }
    }

    /// The caller without what scoped bindings give: as on a request on which
    /// none of them counts.
    pub fn everywhere(index: &'a Index, principal: &'a Principal) -> Self {
        Self { index, principal, in_force: &NOTHING }
    }

    /// What of it the request decides.
    pub(super) fn in_force(self) -> &'a InForce {
        self.in_force
    }

    /// The caller.
    pub fn principal(self) -> &'a Principal {
        self.principal
    }

    /// Whether scoped bindings give anything here and now.
    pub fn is_scoped(self) -> bool {
        !self.in_force.is_empty()
    }

    /// Whether the caller has the role, given or inherited.
    pub fn has_role(self, role: RoleId) -> bool {
        self.gives().any(|gives| gives.roles.contains(role.number()))
    }

    /// Whether some role or the token grants the code, no role denies it, and
    /// the token's scopes include it.
    pub fn has_code(self, code: CodeId) -> bool {
        self.principal.is_within_scopes(code.number()) && self.grants(code) && !self.denies(code)
    }

    /// Whether some role or the token grants the code, whatever denies it.
    pub fn grants(self, code: CodeId) -> bool {
        self.gives().any(|gives| gives.granted.contains(code.number()))
    }

    /// Whether some role denies the code.
    pub fn denies(self, code: CodeId) -> bool {
        self.gives().any(|gives| gives.denied.contains(code.number()))
    }

    /// Whether the role itself was given to the caller.
    pub fn is_assigned(self, role: RoleId) -> bool {
        let bounds = self.hits().flat_map(|(scoped, hit)| scoped.bound_by(hit));
        let given = self.principal.assigned().iter().map(|assignment| assignment.role);
        given.chain(bounds.map(|bound| bound.role)).any(|given| given == role)
    }

    /// The roles given to the caller, the heaviest, which is the primary role,
    /// first, then by name.
    pub fn assigned(self) -> Cow<'a, [Assignment]> {
        let Self { index, principal, in_force } = self;
        if in_force.is_empty() {
            return Cow::Borrowed(principal.assigned());
        }
        let bounds = self.hits().flat_map(|(scoped, hit)| scoped.bound_by(hit));
        let given = principal.assigned().iter().cloned().chain(bounds.map(Assignment::by));
        Cow::Owned(Assignment::in_order(given.collect(), index))
    }

    /// The names of the roles given to the caller, the primary role first.
    pub fn role_names(self) -> Vec<&'a str> {
        let name = |assignment: &Assignment| self.index.role(assignment.role).map(|role| &*role.name);
        self.assigned().iter().filter_map(name).collect()
    }

    /// Every code the policy names that the caller has, in order.
    pub fn codes(self) -> impl Iterator<Item = &'a str> {
        self.index.codes().filter(move |(id, _)| self.has_code(*id)).map(|(_, code)| code.as_str())
    }

    fn hits(self) -> impl Iterator<Item = (&'a Scoped, Hit)> {
        let Self { principal, in_force, .. } = self;
        in_force.0.iter().filter_map(|(holder, hit)| Some((principal.scoped_of(*holder)?, *hit)))
    }

    /// Everything that gives something.
    fn gives(self) -> impl Iterator<Item = Gives<'a>> {
        let scoped = self.hits().flat_map(move |(scoped, hit)| scoped.gives(hit, self.index));
        std::iter::once(self.principal.gives()).chain(scoped)
    }
}
