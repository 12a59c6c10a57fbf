//! What bindings that count on some values of a path's parameters change on a route.

use std::sync::Arc;

use crate::compile::{Bound, CodeId, Index, Role, RoleId, Route, Scope};
use crate::engine::{Held, Principal};

/// Roles of one caller that may count on a route, by their scopes.
pub(super) struct Elsewhere<'a>(Vec<(&'a Arc<Scope>, Vec<&'a Bound>)>);

/// Whether a route's roles and codes are held, given a test for one of each.
type Holds<'h> = &'h dyn Fn(&dyn Fn(RoleId) -> bool, &dyn Fn(CodeId) -> bool) -> bool;

impl<'a> Elsewhere<'a> {
    /// Those whose parameters the route has, and whose time it is.
    pub(super) fn of(index: &Index, principal: &'a Principal, route: &Route, now: u64) -> Self {
        let mut found: Vec<(&Arc<Scope>, Vec<&Bound>)> = Vec::new();
        let has = |param: &str| route.template.params().any(|(_, name)| name == param);
        for bound in principal.scoped().flat_map(|scoped| scoped.bounds()) {
            let Some(scope) = &bound.scope else { continue };
            let counts = !scope.on.is_empty()
                && scope.window.contains(now)
                && scope.on.iter().all(|on| has(&on.param))
                && index.role(bound.role).is_some();
            if counts {
                match found.iter_mut().find(|(known, _)| Arc::ptr_eq(known, scope)) {
                    Some((_, bounds)) => bounds.push(bound),
                    None => found.push((scope, vec![bound])),
                }
            }
        }
        Self(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// On which values the caller may call, if not on all: `Err` where on none.
    /// `fine` is whether what is held everywhere is enough.
    pub(super) fn conditions(
        &self,
        index: &Index,
        held: Held<'_>,
        fine: bool,
        holds: Holds<'_>,
    ) -> Result<Vec<String>, ()> {
        let with = |bounds: &[&Bound]| {
            let roles: Vec<&Role> = bounds.iter().filter_map(|bound| index.role(bound.role)).collect();
            holds(&|role| has_role(held, &roles, role), &|code| has_code(held, &roles, code, Denies::Count))
        };
        let all: Vec<&Role> =
            self.0.iter().flat_map(|(_, bounds)| bounds).filter_map(|b| index.role(b.role)).collect();
        if fine {
            let without = self.0.iter().filter(|(_, bounds)| !with(bounds)).map(describe);
            let mut conditions: Vec<String> = without.map(|scope| format!("not {scope}")).collect();
            // What every one of them takes, and what none of them gives.
            let always = holds(&|role| held.has_role(role), &|code| {
                held.has_code(code) && !all.iter().any(|role| role.denied.contains(code.number()))
            });
            if conditions.is_empty() && !always {
                conditions.push("not several bindings that deny count at once".to_owned());
            }
            return Ok(conditions);
        }
        let enough: Vec<String> = self.0.iter().filter(|(_, bounds)| with(bounds)).map(describe).collect();
        if !enough.is_empty() {
            return Ok(vec![enough.join(", or ")]);
        }
        let ever =
            holds(&|role| has_role(held, &all, role), &|code| has_code(held, &all, code, Denies::Ignore));
        if ever && self.0.len() > 1 {
            let scopes: Vec<String> = self.0.iter().map(describe).collect();
            return Ok(vec![format!("several of these count at once: {}", scopes.join("; "))]);
        }
        Err(())
    }
}

fn describe((scope, bounds): &(&Arc<Scope>, Vec<&Bound>)) -> String {
    let place = bounds.first().map(|bound| bound.place.to_string()).unwrap_or_default();
    format!("{} ({place})", scope.describe(None))
}

/// Whether what further roles deny counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Denies {
    Count,
    Ignore,
}

fn has_role(held: Held<'_>, further: &[&Role], role: RoleId) -> bool {
    held.has_role(role) || further.iter().any(|further| further.closure.contains(role.number()))
}

fn has_code(held: Held<'_>, further: &[&Role], code: CodeId, denies: Denies) -> bool {
    let number = code.number();
    let granted = held.grants(code) || further.iter().any(|role| role.granted.contains(number));
    let denied = held.denies(code)
        || (denies == Denies::Count && further.iter().any(|role| role.denied.contains(number)));
    held.principal().is_within_scopes(number) && granted && !denied
}
