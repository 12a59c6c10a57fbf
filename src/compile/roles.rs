//! Roles to integers; inheritance and wildcards to bit sets.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::bits::BitSet;
use super::conditions::Conditions;
use super::index::{CodeId, Role, RoleId};
use super::peers::PeerMap;
use super::scoped::Bindings;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::policy::{self, Code, CodePattern, Located, Policy, RoleName};

/// How many roles a policy may define.
const MAX_ROLES: usize = 10_000;
/// How many different codes a policy may name.
const MAX_CODES: usize = 200_000;

/// All roles, codes and bindings of a policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles {
    pub(super) roles: Box<[Role]>,
    pub(super) role_ids: HashMap<Arc<str>, RoleId>,
    pub(super) codes: Box<[Code]>,
    pub(super) users: HashMap<Box<str>, Bindings>,
    pub(super) groups: HashMap<Box<str>, Bindings>,
    pub(super) peers: PeerMap<Bindings>,
}

impl Roles {
    /// The role of a name; an unknown one is a finding.
    pub(super) fn role(&self, name: &Located<RoleName>, report: &mut Report) -> Option<RoleId> {
        let id = self.role_ids.get(name.value.as_str()).copied();
        if id.is_none() {
            report.push(
                Diagnostic::at(Diag::UnknownRole, name.span, format!("no role is called `{}`", name.value))
                    .label("not defined")
                    .suggest(
                        name.value.as_str(),
                        self.role_ids.keys().map(|k| &**k).filter(|_| !report.is_long()),
                        "define it under `roles:`, in any file of the directory",
                    ),
            );
        }
        id
    }

    /// The id of a code that the policy names somewhere.
    pub(super) fn code(&self, code: &Code) -> Option<CodeId> {
        let at = self.codes.binary_search(code).ok()?;
        u32::try_from(at).ok().map(CodeId)
    }
}

/// Compiles roles, without bindings. After an error the result is only good for
/// finding more errors.
pub(super) fn compile(
    policy: &Policy,
    conditions: &Conditions<'_>,
    sources: &Sources,
    report: &mut Report,
) -> Option<Roles> {
    let mut codes: Vec<Code> = universe(policy).into_iter().cloned().collect();
    // So that `user.codes` holds them where a `*` grants them.
    codes.extend(conditions.codes());
    codes.sort();
    codes.dedup();
    let codes: Box<[Code]> = codes.into();
    within_limits(policy, codes.len(), report)?;
    let names: Vec<Arc<str>> = policy.roles.iter().map(|r| r.name.value.as_str().into()).collect();
    let role_ids = names.iter().cloned().zip((0..).map(RoleId)).collect();
    let mut roles = Roles { role_ids, codes, ..Roles::default() };

    let parents: Vec<Vec<RoleId>> = policy
        .roles
        .iter()
        .map(|r| r.inherits.iter().filter_map(|name| roles.role(name, report)).collect())
        .collect();
    let order = parents_first(&parents, policy, report);

    let mut compiled: Vec<Role> = policy
        .roles
        .iter()
        .zip(names)
        .map(|(role, name)| Role {
            name,
            place: sources.place(role.name.span),
            weight: role.weight,
            closure: BitSet::new(policy.roles.len()),
            granted: matching(&role.grants, &roles.codes),
            denied: matching(&role.denies, &roles.codes),
        })
        .collect();
    for id in order {
        let Some(role) = compiled.get_mut(id.at()) else { continue };
        // Taken out, so that its parents can be looked at meanwhile.
        let mut sets = [&mut role.closure, &mut role.granted, &mut role.denied].map(std::mem::take);
        let [closure, granted, denied] = &mut sets;
        closure.insert(id.0);
        for parent in parents.get(id.at()).into_iter().flatten().filter_map(|p| compiled.get(p.at())) {
            closure.union(&parent.closure);
            granted.union(&parent.granted);
            denied.union(&parent.denied);
        }
        if let Some(role) = compiled.get_mut(id.at()) {
            [role.closure, role.granted, role.denied] = sets;
        }
    }
    roles.roles = compiled.into();
    Some(roles)
}

/// A role is a set of roles and codes: with too many of both, the sets would
/// fill the memory.
fn within_limits(policy: &Policy, codes: usize, report: &mut Report) -> Option<()> {
    let help = "split the policy: one Doorward, or one service of it, hardly needs so many";
    if let Some(first_too_many) = policy.roles.get(MAX_ROLES) {
        let message = format!("more than {MAX_ROLES} roles");
        report.push(Diagnostic::at(Diag::TooLarge, first_too_many.name.span, message).help(help));
        return None;
    }
    if codes > MAX_CODES {
        let message = format!("more than {MAX_CODES} different codes");
        report.push(Diagnostic::nowhere(Diag::TooLarge, message).help(help));
        return None;
    }
    Some(())
}

/// Every code that the policy names without a `*`.
fn universe(policy: &Policy) -> BTreeSet<&Code> {
    let patterns = policy.roles.iter().flat_map(|r| r.grants.iter().chain(&r.denies));
    let exact = patterns.filter_map(|p| match &p.value {
        CodePattern::Exact(code) => Some(code),
        CodePattern::Prefix(_) => None,
    });
    let own = policy.services.iter().flat_map(|s| s.routes.iter().map(|r| &r.own));
    let defaults = policy.services.iter().map(|s| &s.defaults).chain([&policy.defaults]);
    let required = own.chain(defaults).filter_map(|d| d.codes.as_ref());
    exact.chain(required.flat_map(|need| need.value.names().iter().map(|n| &n.value))).collect()
}

/// The codes that any of the patterns means. Codes are sorted, so a prefix is
/// one run of them.
fn matching(patterns: &[Located<CodePattern>], codes: &[Code]) -> BitSet {
    let mut set = BitSet::new(codes.len());
    for pattern in patterns {
        let (from, to) = match &pattern.value {
            CodePattern::Exact(code) => {
                let from = codes.partition_point(|c| c < code);
                (from, from + usize::from(codes.get(from) == Some(code)))
            }
            CodePattern::Prefix(prefix) => {
                let from = codes.partition_point(|c| c.as_str() < &**prefix);
                let run = codes.iter().skip(from).take_while(|c| c.as_str().starts_with(&**prefix)).count();
                (from, from + run)
            }
        };
        (from..to).filter_map(|n| u32::try_from(n).ok()).for_each(|n| set.insert(n));
    }
    set
}

/// An order in which every role comes after all that it inherits. Roles in a
/// circle are left out and reported. No recursion: a chain may be long.
fn parents_first(parents: &[Vec<RoleId>], policy: &Policy, report: &mut Report) -> Vec<RoleId> {
    let mut waiting: Vec<usize> = parents.iter().map(Vec::len).collect();
    let mut heirs: Vec<Vec<RoleId>> = vec![Vec::new(); parents.len()];
    for (list, child) in parents.iter().zip((0..).map(RoleId)) {
        for parent in list {
            if let Some(heirs) = heirs.get_mut(parent.at()) {
                heirs.push(child);
            }
        }
    }
    let mut order: Vec<RoleId> =
        waiting.iter().zip((0..).map(RoleId)).filter(|(n, _)| **n == 0).map(|(_, id)| id).collect();
    let mut next = 0;
    while let Some(done) = order.get(next).copied() {
        next += 1;
        for heir in heirs.get(done.at()).into_iter().flatten() {
            if let Some(n) = waiting.get_mut(heir.at()) {
                *n -= 1;
                if *n == 0 {
                    order.push(*heir);
                }
            }
        }
    }
    if order.len() < parents.len() {
        report_circles(parents, &waiting, policy, report);
    }
    order
}

/// Of the roles that wait for ever, follows unfinished parents until a role
/// comes again: that is a circle. Each is reported once.
fn report_circles(parents: &[Vec<RoleId>], waiting: &[usize], policy: &Policy, report: &mut Report) {
    let unfinished = |id: &RoleId| waiting.get(id.at()).is_some_and(|n| *n > 0);
    let role = |id: RoleId| -> Option<&policy::Role> { policy.roles.get(id.at()) };
    let mut seen: HashSet<RoleId> = HashSet::new();
    for start in (0..).map(RoleId).take(parents.len()).filter(unfinished) {
        let mut trail: Vec<RoleId> = Vec::new();
        let mut at = Some(start);
        while let Some(id) = at.filter(|id| seen.insert(*id)) {
            trail.push(id);
            at = parents.get(id.at()).and_then(|p| p.iter().copied().find(unfinished));
        }
        let Some(circle) =
            at.and_then(|id| trail.iter().position(|t| *t == id)).and_then(|from| trail.get(from..))
        else {
            continue;
        };
        let circle: Vec<&policy::Role> = circle.iter().filter_map(|id| role(*id)).collect();
        if let Some(finding) = circle_finding(&circle) {
            report.push(finding);
        }
    }
}

/// How many roles of a circle are named.
const NAMED: usize = 10;

fn circle_finding(circle: &[&policy::Role]) -> Option<Diagnostic> {
    let (first, others) = circle.split_first()?;
    let mut names: Vec<&str> = circle.iter().take(NAMED).map(|role| role.name.value.as_str()).collect();
    if circle.len() > NAMED {
        names.push("..");
    }
    names.push(first.name.value.as_str());
    let message = format!("roles inherit from each other in a circle: `{}`", names.join("` -> `"));
    let diagnostic = Diagnostic::at(Diag::RoleCycle, first.name.span, message)
        .label("part of the circle")
        .help("remove one `inherits` of the circle");
    let others = others.iter().take(NAMED - 1);
    Some(others.fold(diagnostic, |d, other| d.related(other.name.span, "part of the circle")))
}
