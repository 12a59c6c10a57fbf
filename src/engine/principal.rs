//! Who calls, resolved against one policy.

use crate::compile::{BitSet, Bound, CodeId, Index, RoleId};
use crate::diag::Place;
use crate::policy::SpiffeId;

use super::subject::{Proof, Subject};

/// A caller and what the policy makes of them. Made once per token and policy;
/// a decision only asks it yes-or-no questions.
#[derive(Debug, Clone)]
pub struct Principal {
    subject: Subject,
    /// Roles given to the caller, the heaviest first, then by name.
    assigned: Vec<Assignment>,
    /// Those and all they inherit.
    roles: BitSet,
    /// Granted by any of them or by the token, denied by none of them, and
    /// within the token's scopes.
    codes: BitSet,
}

/// One role that the caller was given, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The role.
    pub role: RoleId,
    /// The binding that gives it; `None` when the token does.
    pub binding: Option<Place>,
}

impl Principal {
    /// Resolves a caller. Roles and codes that the policy does not know give
    /// nothing. What a token calls a code is that code and never a pattern; a
    /// deny of a held role wins over it.
    pub fn resolve(index: &Index, subject: Subject) -> Self {
        let from_token = subject.roles.iter().filter_map(|name| index.role_named(name));
        let mut assigned: Vec<_> = from_token.map(|role| Assignment { role, binding: None }).collect();
        for bound in bindings(index, &subject) {
            assigned.push(Assignment { role: bound.role, binding: Some(bound.place.clone()) });
        }
        // Ids follow names, and the token's word comes before the binding's.
        assigned.sort_by(|a, b| (a.role, &a.binding).cmp(&(b.role, &b.binding)));
        assigned.dedup_by_key(|a| a.role);
        assigned.sort_by_key(|a| std::cmp::Reverse(index.role(a.role).map_or(0, |r| r.weight)));

        let mut roles = index.no_roles();
        let mut codes = index.no_codes();
        let mut denied = index.no_codes();
        for role in assigned.iter().filter_map(|a| index.role(a.role)) {
            roles.union(&role.closure);
            codes.union(&role.granted);
            denied.union(&role.denied);
        }
        let named = |names: &[String]| -> Vec<CodeId> {
            names.iter().filter_map(|name| index.code_named(name)).collect()
        };
        named(&subject.codes).into_iter().for_each(|code| codes.insert(code.number()));
        codes.subtract(&denied);
        if let Some(scopes) = &subject.scopes {
            let mut limit = index.no_codes();
            named(scopes).into_iter().for_each(|code| limit.insert(code.number()));
            codes.intersect(&limit);
        }
        Self { subject, assigned, roles, codes }
    }

    /// What the token or the certificate says.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The roles given to the caller, the primary role first.
    pub fn assigned(&self) -> &[Assignment] {
        &self.assigned
    }

    /// Whether the caller has the role, given or inherited.
    pub fn has_role(&self, role: RoleId) -> bool {
        self.roles.contains(role.number())
    }

    /// Whether some role or the token grants the code, no role denies it, and
    /// the token's scopes include it.
    pub fn has_code(&self, code: CodeId) -> bool {
        self.codes.contains(code.number())
    }

    /// About how many bytes this takes in memory, for caches that must be
    /// bounded. Counts too much rather than too little.
    pub fn bytes(&self) -> usize {
        let Self { subject, assigned, roles, codes } = self;
        size_of::<Self>()
            + subject.bytes()
            + assigned.len() * size_of::<Assignment>()
            + roles.bytes()
            + codes.bytes()
    }

    /// Every code the policy names that the caller has, in order.
    pub fn codes<'i>(&'i self, index: &'i Index) -> impl Iterator<Item = &'i str> {
        index.codes().filter(|(id, _)| self.has_code(*id)).map(|(_, code)| code.as_str())
    }

    /// The names of the roles given to the caller, the primary role first.
    pub fn role_names<'i>(&'i self, index: &'i Index) -> impl Iterator<Item = &'i str> {
        self.assigned.iter().filter_map(|a| index.role(a.role)).map(|r| &*r.name)
    }
}

/// What the policy itself gives to a caller.
fn bindings<'i>(index: &'i Index, subject: &Subject) -> Vec<&'i Bound> {
    match subject.proof {
        Proof::Token => {
            let of_groups = subject.groups.iter().flat_map(|group| index.bindings_of_group(group));
            index.bindings_of_user(&subject.user).iter().chain(of_groups).collect()
        }
        Proof::Certificate => {
            SpiffeId::parse(&subject.user).into_iter().flat_map(|id| index.bindings_of_peer(id)).collect()
        }
    }
}
