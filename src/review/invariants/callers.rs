//! Of whom an invariant speaks, as a function of who calls.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Display;

use crate::compile::{Bounds, Index, RoleId};
use crate::policy::Need;
use crate::policy::invariant::{Callers, Holders};
use crate::review::held::Held;
use crate::review::logic::{Function, Variable};
use crate::review::world::World;

/// Nothing is known of the caller: no token, no certificate.
pub(super) fn anonymous(world: &World<'_>) -> Function {
    let World { logic, facts, .. } = world;
    let nobody = logic.among(&facts.peer, &BTreeSet::from([0]));
    logic.but_not(&nobody, &logic.fact(facts.token))
}

/// The callers, where what is held is this.
pub(super) fn whom(
    world: &World<'_>,
    index: &Index,
    held: &Held<'_, '_>,
    callers: &Callers,
    bounds: &Bounds,
) -> Function {
    let World { logic, facts, holders, .. } = world;
    let Holders { roles, codes, groups, users, peers: _, alone } = match callers {
        Callers::Anyone => return logic.constant(true),
        Callers::Anonymous => return anonymous(world),
        Callers::Authenticated => return logic.fact(facts.token),
        Callers::Holders(held) => &**held,
    };
    let token = || logic.fact(facts.token);
    let never = || logic.constant(false);
    let mut parts = Vec::new();
    if let Some(need) = roles {
        let has = |name: &str| index.role_named(name).map_or_else(never, |role| held.has_role(role));
        parts.push(joined(world, need, has));
    }
    if let Some(need) = codes {
        let has = |name: &str| index.code_named(name).map_or_else(never, |code| held.has_code(code));
        parts.push(joined(world, need, has));
    }
    if let Some(need) = groups {
        let classes = || holders.groups.classes.iter().zip(&facts.groups);
        let is_in = |name: &str| {
            let class = classes().find(|(class, _)| class.names.contains(&name));
            class.map_or_else(never, |(_, fact)| logic.and(&token(), &logic.fact(*fact)))
        };
        parts.push(joined(world, need, is_in));
    }
    if let Some(users) = users {
        let is_meant = |names: &[&str]| users.iter().any(|user| names.contains(&user.value.as_str()));
        let classes = holders.users.classes.iter().enumerate();
        let meant = classes.filter(|(_, class)| is_meant(&class.names)).map(|(at, _)| at).collect();
        parts.push(logic.and(&token(), &logic.among(&facts.user, &meant)));
    }
    parts.extend(bounds.peers.as_ref().map(|rule| world.admitted_peer(rule)));
    if *alone {
        let roles: Vec<RoleId> = roles
            .iter()
            .flat_map(Need::names)
            .filter_map(|name| index.role_named(name.value.as_str()))
            .collect();
        let codes: HashSet<&str> =
            codes.iter().flat_map(Need::names).map(|code| code.value.as_str()).collect();
        let more = more(world, index, held, &roles, &codes);
        parts.push(logic.not(&more));
    }
    logic.all(parts)
}

/// Something is held besides these roles, what they inherit, and these codes.
fn more(
    world: &World<'_>,
    index: &Index,
    held: &Held<'_, '_>,
    roles: &[RoleId],
    codes: &HashSet<&str>,
) -> Function {
    let World { logic, facts, .. } = world;
    let closures: Vec<_> =
        roles.iter().filter_map(|role| index.role(*role)).map(|role| &role.closure).collect();
    let is_more = |id: &RoleId| !closures.iter().any(|closure| closure.contains(id.number()));
    let given = index.roles().map(|(id, _)| id).filter(is_more).map(|role| held.is_assigned(role));
    let others: Vec<Variable> =
        facts.codes.iter().filter(|(name, _)| !codes.contains(*name)).map(|(_, fact)| *fact).collect();
    let in_token = logic.and(&logic.fact(facts.token), &logic.some(others));
    logic.any(given.chain([in_token]))
}

/// Any or all of several names.
fn joined<T: Display>(world: &World<'_>, need: &Need<T>, holds: impl Fn(&str) -> Function) -> Function {
    let parts = need.names().iter().map(|name| holds(&name.value.to_string()));
    world.logic.all_or_any(matches!(need, Need::All(_)), parts)
}
