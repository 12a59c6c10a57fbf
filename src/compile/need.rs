//! What a route requires, once its defaults are counted in.

use super::index::{CodeId, Need, RoleId, Rule};
use super::roles::Roles;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::policy::{self, Code, Defaults, Located, RoleName, Route};

/// The levels a route inherits from, nearest first: its own keys, then its
/// service's, then the policy's.
pub(super) type Levels<'p> = [&'p Defaults; 3];

/// The rule of a route. `None` after an error.
pub(super) fn rule(
    route: &Route,
    levels: Levels<'_>,
    roles: &Roles,
    sources: &Sources,
    report: &mut Report,
) -> Option<Rule> {
    if let Some(access) = &route.access {
        return Some(Rule::Access(access.value));
    }
    let levels = if route.inherit { &levels[..] } else { std::slice::from_ref(&levels[0]) };
    let wanted_roles = levels.iter().find_map(|level| level.roles.as_ref());
    let wanted_codes = levels.iter().find_map(|level| level.codes.as_ref());
    if wanted_roles.is_none() && wanted_codes.is_none() {
        report.push(
            Diagnostic::at(Diag::NoRequirement, route.span, format!("`{}` requires nothing", route.text))
                .label("who may call this?")
                .help("add `roles`, `codes` or `access`; for everyone write `access: anonymous`, for any valid token `access: authenticated`"),
        );
        return None;
    }
    // Both are read before either is given up, so that all mistakes are told.
    let roles_need = wanted_roles.map(|n| role_need(n, roles, sources, report));
    let codes_need = wanted_codes.map(|n| code_need(n, roles, sources));
    Some(Rule::Needs { roles: lift(roles_need)?, codes: lift(codes_need)? })
}

/// A requirement that is there but could not be compiled must not look absent.
fn lift<T>(need: Option<Option<T>>) -> Option<Option<T>> {
    match need {
        None => Some(None),
        Some(need) => need.map(Some),
    }
}

fn role_need(
    need: &Located<policy::Need<RoleName>>,
    roles: &Roles,
    sources: &Sources,
    report: &mut Report,
) -> Option<Need<RoleId>> {
    let ids: Vec<_> = need.value.names().iter().map(|name| roles.role(name, report)).collect();
    let ids = ids.into_iter().collect::<Option<Box<[_]>>>()?;
    Some(Need { all: is_all(&need.value), ids, place: sources.place(need.span) })
}

fn code_need(need: &Located<policy::Need<Code>>, roles: &Roles, sources: &Sources) -> Option<Need<CodeId>> {
    let ids = need.value.names().iter().map(|code| roles.code(&code.value)).collect::<Option<Box<[_]>>>()?;
    Some(Need { all: is_all(&need.value), ids, place: sources.place(need.span) })
}

fn is_all<T>(need: &policy::Need<T>) -> bool {
    matches!(need, policy::Need::All(_))
}
