//! What callers hold, as functions of who they are: roles with all that inherit
//! them, codes with everything that grants or denies them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::logic::{Function, Variable};
use super::region::Ground;
use super::world::World;
use crate::compile::{BitSet, CodeId, Index, Role, RoleId, Scope};

/// What everybody holds on one side, where a route's path is like this.
#[derive(Debug)]
pub(super) struct Held<'w, 'i> {
    world: &'w World<'i>,
    index: &'i Index,
    /// What bindings give: by role, to whom. What tokens give is a fact each.
    bound: BTreeMap<RoleId, Function>,
    has_role: RefCell<HashMap<RoleId, Function>>,
    has_code: RefCell<HashMap<CodeId, Function>>,
}

/// To whom a role is given in one scope.
#[derive(Debug, Default)]
struct Holders<'i> {
    scope: Option<&'i Scope>,
    users: BTreeSet<usize>,
    groups: Vec<Variable>,
    peers: BTreeSet<usize>,
}

impl<'w, 'i> Held<'w, 'i> {
    /// On one side. Without a ground, no binding that looks at the path counts.
    pub(super) fn new(
        world: &'w World<'i>,
        side: usize,
        index: &'i Index,
        ground: Option<&Ground<'_>>,
    ) -> Self {
        let mut given: BTreeMap<(RoleId, String), Holders<'i>> = BTreeMap::new();
        let mut note = |bound: &'i crate::compile::Bound, add: &mut dyn FnMut(&mut Holders<'i>)| {
            let scope = bound.scope.as_deref();
            let key = scope.map_or_else(String::new, |scope| format!("{:?} {:?}", scope.on, scope.window));
            let holders = given.entry((bound.role, key)).or_default();
            holders.scope = scope;
            add(holders);
        };
        let named = &world.holders;
        for (class, holder) in named.users.classes.iter().enumerate() {
            for bound in holder.given.get(side).into_iter().flatten() {
                note(bound, &mut |holders| holders.users.extend([class]));
            }
        }
        for (holder, group) in named.groups.classes.iter().zip(&world.facts.groups) {
            for bound in holder.given.get(side).into_iter().flatten() {
                note(bound, &mut |holders| holders.groups.push(*group));
            }
        }
        for (class, peer) in named.peers.classes.iter().enumerate() {
            for bound in peer.given.get(side).into_iter().flatten() {
                note(bound, &mut |holders| holders.peers.extend([class]));
            }
        }
        let mut bound: BTreeMap<RoleId, Vec<Function>> = BTreeMap::new();
        for ((role, _), holders) in given {
            bound.entry(role).or_default().extend(of_holders(world, &holders, ground));
        }
        let bound = bound.into_iter().map(|(role, parts)| (role, world.logic.any(parts))).collect();
        Self { world, index, bound, has_role: RefCell::default(), has_code: RefCell::default() }
    }

    /// The role itself is given.
    pub(super) fn is_assigned(&self, role: RoleId) -> Function {
        let only = |id: RoleId, _: &Role| id == role;
        self.by_roles(only, None)
    }

    /// The role is held, given or inherited.
    pub(super) fn has_role(&self, role: RoleId) -> Function {
        if let Some(known) = self.has_role.borrow().get(&role) {
            return known.clone();
        }
        let made = self.by_roles(|_, held| held.closure.contains(role.number()), None);
        self.has_role.borrow_mut().insert(role, made.clone());
        made
    }

    /// The code is granted, not denied, and the token's scopes leave it in.
    pub(super) fn has_code(&self, code: CodeId) -> Function {
        if let Some(known) = self.has_code.borrow().get(&code) {
            return known.clone();
        }
        let made = self.make_code(code);
        self.has_code.borrow_mut().insert(code, made.clone());
        made
    }

    fn make_code(&self, code: CodeId) -> Function {
        let Self { world, index, .. } = self;
        let World { logic, facts, .. } = world;
        let Some(name) = index.code(code).map(|code| code.as_str()) else { return logic.constant(false) };
        let holds = |of: fn(&Role) -> &BitSet| move |_: RoleId, role: &Role| of(role).contains(code.number());
        let granted = self.by_roles(holds(|role| &role.granted), facts.codes.get(name).copied());
        let denied = self.by_roles(holds(|role| &role.denied), None);
        let held = logic.but_not(&granted, &denied);
        let Some(limited) = facts.limited else { return held };
        let limited = logic.and(&logic.fact(facts.token), &logic.fact(limited));
        let outside = match facts.scopes.get(name) {
            Some(scope) => logic.but_not(&limited, &logic.fact(*scope)),
            None => limited,
        };
        logic.but_not(&held, &outside)
    }

    /// Some role of these is given, or the token says this.
    fn by_roles(&self, which: impl Fn(RoleId, &Role) -> bool, or_token: Option<Variable>) -> Function {
        let Self { world, index, bound, .. } = self;
        let World { logic, facts, .. } = world;
        let mut in_token: Vec<Variable> = or_token.into_iter().collect();
        let mut parts = Vec::new();
        for (id, role) in index.roles().filter(|(id, role)| which(*id, role)) {
            in_token.extend(facts.roles.get(&*role.name));
            parts.extend(bound.get(&id).cloned());
        }
        parts.push(logic.and(&logic.fact(facts.token), &logic.some(in_token)));
        logic.any(parts)
    }
}

/// Where a binding counts, and for whom. A certificate speaks only where there
/// is no token.
fn of_holders(world: &World<'_>, holders: &Holders<'_>, ground: Option<&Ground<'_>>) -> Option<Function> {
    let World { logic, facts, .. } = world;
    let scope = match holders.scope {
        None => logic.constant(true),
        Some(scope) => of_scope(world, scope, ground)?,
    };
    let token = logic.fact(facts.token);
    let users = logic.among(&facts.user, &holders.users);
    let named = logic.or(&users, &logic.some(holders.groups.iter().copied()));
    let peers = logic.but_not(&logic.among(&facts.peer, &holders.peers), &token);
    Some(logic.and(&scope, &logic.or(&logic.and(&token, &named), &peers)))
}

/// `None` where it never counts.
fn of_scope(world: &World<'_>, scope: &Scope, ground: Option<&Ground<'_>>) -> Option<Function> {
    let World { logic, facts, holders, .. } = world;
    let times = holders.times.iter().enumerate();
    let within = times.filter(|(_, now)| scope.window.contains(**now)).map(|(at, _)| at).collect();
    let mut parts = vec![logic.among(&facts.time, &within)];
    for on in &scope.on {
        parts.push(ground?.param(world, &on.param, |value| on.values.contains(value))?);
    }
    Some(logic.all(parts))
}
