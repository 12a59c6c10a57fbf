//! Bindings of a caller that would have helped, had the request been another:
//! with another value, on a route that has the parameter, at another time.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::principal::Principal;
use crate::compile::{Bound, Index, Miss, Occasion, Role, Scope};

/// How many are told.
const TOLD: usize = 5;

/// Bindings that would have helped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Those that the least keeps from counting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Binding>,
    /// How many there are beside those.
    #[serde(skip_serializing_if = "is_zero")]
    pub further_bindings: usize,
}

/// A binding that would have helped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// The role that it gives.
    pub role: String,
    /// Where and when, in words.
    pub scope: String,
    /// Why it does not count.
    pub why: Vec<String>,
    /// Where it stands.
    pub place: String,
}

impl Near {
    pub(super) fn places(&mut self) -> impl Iterator<Item = &mut String> {
        self.bindings.iter_mut().map(|binding| &mut binding.place)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.role, self.scope, self.why.join(", and "))
    }
}

/// The bindings with a role that gives what is missing, and no role that takes
/// it away again.
pub(super) fn near(
    index: &Index,
    principal: &Principal,
    occasion: Occasion<'_>,
    gives: impl Fn(&Role) -> bool,
    takes: impl Fn(&Role) -> bool,
) -> Near {
    let mut bindings = Vec::new();
    for scoped in principal.scoped() {
        let of = |bound: &Bound| index.role(bound.role);
        let taken: Vec<&Arc<Scope>> = scoped
            .bounds()
            .iter()
            .filter(|bound| of(bound).is_some_and(&takes))
            .filter_map(|bound| bound.scope.as_ref())
            .collect();
        for bound in scoped.bounds() {
            let (Some(role), Some(scope)) = (of(bound), &bound.scope) else { continue };
            // The roles of one binding share its scope.
            let helps =
                gives(role) && !scope.holds(occasion) && !taken.iter().any(|of| Arc::ptr_eq(of, scope));
            if !helps {
                continue;
            }
            bindings.push(Binding {
                role: role.name.to_string(),
                scope: scope.describe(None),
                why: scope.misses(occasion).map(why).collect(),
                place: bound.place.to_string(),
            });
        }
    }
    // The nearest first.
    bindings.sort_by_key(|binding| binding.why.len());
    let further_bindings = bindings.len().saturating_sub(TOLD);
    bindings.truncate(TOLD);
    Near { bindings, further_bindings }
}

fn why(miss: Miss<'_>) -> String {
    match miss {
        Miss::NoParam(param) => format!("the route has no {{{param}}}"),
        Miss::Value(param, value) => format!("the request has the {param} {}", value.escape_debug()),
        Miss::NotYet => "its time has not come".to_owned(),
        Miss::Over => "its time is over".to_owned(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
