//! Who calls, resolved against one policy.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::compile::{Bindings, BitSet, Bound, Gives, Index, RoleId, Scope, Scoped, Sets};
use crate::diag::Place;
use crate::policy::SpiffeId;

use super::subject::{Proof, Subject};

/// A caller and what the policy makes of them. Made once per token and policy,
/// and so knows neither a request nor a time: what the caller holds on a
/// request is asked of [`super::Held`].
#[derive(Debug, Clone)]
pub struct Principal {
    subject: Subject,
    /// Roles given to the caller everywhere and always, the heaviest first,
    /// then by name.
    assigned: Vec<Assignment>,
    /// What those and the token give.
    everywhere: Sets,
    /// The codes of the token's scopes, where they are asked.
    limit: Option<BitSet>,
    /// What bindings give to the user and to each group within scopes.
    scoped: Vec<Arc<Scoped>>,
}

/// One role that the caller was given, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The role.
    pub role: RoleId,
    /// The binding that gives it; `None` when the token does.
    pub binding: Option<Place>,
    /// Where and when that binding counts.
    pub scope: Option<Arc<Scope>>,
}

impl Assignment {
    pub(super) fn by(bound: &Bound) -> Self {
        Self { role: bound.role, binding: Some(bound.place.clone()), scope: bound.scope.clone() }
    }

    /// Each role once, the heaviest first, then by name. The token's word
    /// comes before a binding's, and one without a scope before one with.
    pub(super) fn in_order(mut assigned: Vec<Self>, index: &Index) -> Vec<Self> {
        // Ids follow names.
        assigned.sort_by(|a, b| {
            let key = |a: &'_ Self| (a.role, a.scope.is_some());
            key(a).cmp(&key(b)).then_with(|| a.binding.cmp(&b.binding))
        });
        assigned.dedup_by_key(|a| a.role);
        assigned.sort_by_key(|a| Reverse(index.role(a.role).map_or(0, |r| r.weight)));
        assigned
    }
}

impl Principal {
    /// Resolves a caller. Roles and codes that the policy does not know give
    /// nothing. What a token calls a code is that code and never a pattern; a
    /// deny of a held role wins over it.
    pub fn resolve(index: &Index, subject: Subject) -> Self {
        let from_token = subject.roles.iter().filter_map(|name| index.role_named(name));
        let from_token = from_token.map(|role| Assignment { role, binding: None, scope: None });
        let given = given(index, &subject);
        let bound = given.iter().flat_map(|given| &given.always).map(Assignment::by);
        let assigned = Assignment::in_order(from_token.chain(bound).collect(), index);
        let scoped = given.iter().filter_map(|given| given.scoped.clone()).collect();

        let mut everywhere = index.nothing();
        assigned.iter().filter_map(|a| index.role(a.role)).for_each(|role| everywhere.add(role.gives()));
        let known = |names: &[String], set: &mut BitSet| {
            names.iter().filter_map(|name| index.code_named(name)).for_each(|code| set.insert(code.number()));
        };
        known(&subject.codes, &mut everywhere.granted);
        let limit = subject.scopes.as_ref().map(|scopes| {
            let mut limit = index.no_codes();
            known(scopes, &mut limit);
            limit
        });
        Self { subject, assigned, everywhere, limit, scoped }
    }

    /// What the token or the certificate says.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The roles given to the caller everywhere and always, the heaviest first.
    pub fn assigned(&self) -> &[Assignment] {
        &self.assigned
    }

    /// What bindings give to the caller within scopes: those of the user, and
    /// of each group.
    pub fn scoped(&self) -> impl Iterator<Item = &Scoped> {
        self.scoped.iter().map(|scoped| &**scoped)
    }

    pub(super) fn scoped_of(&self, holder: u32) -> Option<&Scoped> {
        self.scoped.get(usize::try_from(holder).ok()?).map(|scoped| &**scoped)
    }

    /// What the token, and bindings without a scope, give.
    pub fn gives(&self) -> Gives<'_> {
        self.everywhere.gives()
    }

    /// Whether the token's scopes leave a code in.
    pub fn is_within_scopes(&self, code: u32) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.contains(code))
    }

    /// About how many bytes this takes in memory, for caches that must be
    /// bounded. Counts too much rather than too little.
    pub fn bytes(&self) -> usize {
        let Self { subject, assigned, everywhere, limit, scoped } = self;
        size_of::<Self>()
            + subject.bytes()
            + assigned.len() * size_of::<Assignment>()
            + everywhere.bytes()
            + limit.as_ref().map_or(0, BitSet::bytes)
            // What these point to belongs to the policy.
            + size_of_val(scoped.as_slice())
    }
}

/// What the policy itself gives to a caller.
fn given<'i>(index: &'i Index, subject: &Subject) -> Vec<&'i Bindings> {
    match subject.proof {
        Proof::Token => {
            let of_groups = subject.groups.iter().filter_map(|group| index.given_to_group(group));
            index.given_to_user(&subject.user).into_iter().chain(of_groups).collect()
        }
        Proof::Certificate => {
            SpiffeId::parse(&subject.user).into_iter().flat_map(|id| index.given_to_peer(id)).collect()
        }
    }
}
