//! Requirements that nobody can meet, as far as that is certain.
//!
//! Any role may come from a token, and so may every code where tokens bring
//! codes. What is certain all the same is what denies do: they win over every
//! grant, so a code that is denied by each role that grants it, or by a role
//! that the route requires beside it, is had by nobody.

use std::collections::HashMap;

use super::Look;
use super::usage::{Usage, levels};
use crate::compile::address::AddressSet;
use crate::compile::bits::BitSet;
use crate::compile::index::{CodeId, Index, Need, RoleId, Rule};
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::policy::{AddressRange, IpRule, Located, NetworkRef, Policy};

/// Tells of them.
pub(super) fn inspect(look: Look<'_>, usage: &Usage<'_>, report: &mut Report) {
    let tokens = usage.tokens_bring_codes == Some(true);
    let mut judge = Judge { index: look.index, tokens, givers: HashMap::new() };
    for (service, written, route) in look.routes() {
        let Rule::Needs { roles, codes: Some(codes), .. } = &route.rule else { continue };
        if let Some(why) = judge.never(roles.as_deref(), codes) {
            let message = format!("nobody can meet what `{}` requires: {why}", written.text);
            let need = [&written.own, &service.defaults, &look.policy.defaults];
            let need = need.into_iter().find_map(|level| level.codes.as_ref());
            let finding = Diagnostic::at(Diag::NeverMet, written.span, message)
                .label("denied to everybody")
                .help("if nobody should call it, write `access: denied`; otherwise grant the code without denying it");
            report.push(match need {
                Some(need) => finding.related(need.span, "required here"),
                None => finding,
            });
        }
    }
    addresses(look.policy, report);
}

struct Judge<'a> {
    index: &'a Index,
    /// Whether tokens bring codes.
    tokens: bool,
    /// The roles that grant a code, and whether each denies it, too.
    givers: HashMap<CodeId, (bool, Vec<RoleId>)>,
}

impl Judge<'_> {
    /// Whether any role grants a code, and the roles that do not deny it.
    fn givers(&mut self, code: CodeId) -> &(bool, Vec<RoleId>) {
        let index = self.index;
        self.givers.entry(code).or_insert_with(|| {
            let granting = index.roles().filter(|(_, role)| role.granted.contains(code.number()));
            let granting: Vec<_> = granting.collect();
            let free = granting.iter().filter(|(_, role)| !role.denied.contains(code.number()));
            (!granting.is_empty(), free.map(|(id, _)| *id).collect())
        })
    }

    /// Why nobody can have the codes beside the roles, where that is certain.
    fn never(&mut self, roles: Option<&Need<RoleId>>, codes: &Need<CodeId>) -> Option<String> {
        let denied = self.denied(roles);
        let mut reasons = codes.ids.iter().map(|code| self.out_of_reach(*code, &denied));
        if !codes.all {
            // Every one must be out of reach, and for more than not being granted.
            let first = reasons.next()??;
            return reasons.all(|reason| reason.is_some()).then_some(first);
        }
        if let Some(reason) = reasons.find_map(|reason| reason) {
            return Some(reason);
        }
        if self.tokens {
            return None;
        }
        codes.ids.iter().find_map(|code| self.excluded_by_others(*code, codes))
    }

    /// What every caller with the required roles is denied.
    fn denied(&self, roles: Option<&Need<RoleId>>) -> BitSet {
        let mut sets = roles
            .into_iter()
            .flat_map(|need| need.ids.iter())
            .filter_map(|id| self.index.role(*id))
            .map(|role| &role.denied);
        let Some(first) = sets.next() else { return self.index.no_codes() };
        let all = roles.is_some_and(|need| need.all);
        sets.fold(first.clone(), |mut denied, set| {
            if all {
                denied.union(set)
            } else {
                denied.intersect(set)
            }
            denied
        })
    }

    fn out_of_reach(&mut self, code: CodeId, denied: &BitSet) -> Option<String> {
        let name = self.index.code(code)?;
        if denied.contains(code.number()) {
            return Some(format!("the required role denies `{name}`"));
        }
        if self.tokens {
            return None;
        }
        let (granted, free) = self.givers(code);
        (*granted && free.is_empty()).then(|| format!("every role that grants `{name}` denies it, too"))
    }

    /// Whether each role that grants one of the codes denies another of them.
    fn excluded_by_others(&mut self, code: CodeId, codes: &Need<CodeId>) -> Option<String> {
        let index = self.index;
        let (_, free) = self.givers(code);
        let excludes = |id: &RoleId| {
            let role = index.role(*id);
            role.is_some_and(|role| codes.ids.iter().any(|other| role.denied.contains(other.number())))
        };
        let none = !free.is_empty() && free.iter().all(excludes);
        none.then(|| {
            let name = index.code(code).map(|code| code.as_str()).unwrap_or_default();
            format!("every role that grants `{name}` denies another of the codes")
        })
    }
}

/// Address rules whose `deny` holds all that `allow` does.
fn addresses(policy: &Policy, report: &mut Report) {
    for rule in levels(policy).filter_map(|level| level.ip.as_ref()) {
        let IpRule { allow, deny } = &rule.value;
        if allow.is_empty() || deny.is_empty() {
            continue;
        }
        let deny = AddressSet::new(ranges(deny, policy));
        if ranges(allow, policy).all(|range| deny.covers(range)) {
            report.push(
                Diagnostic::at(
                    Diag::NeverMet,
                    rule.span,
                    "no address can meet this: `deny` holds all of `allow`",
                )
                .label("nobody gets in")
                .help("if nobody should call it, write `access: denied`; otherwise deny less"),
            );
        }
    }
}

fn ranges<'a>(refs: &'a [Located<NetworkRef>], policy: &'a Policy) -> impl Iterator<Item = AddressRange> {
    refs.iter().flat_map(|network| {
        let (own, named) = match &network.value {
            NetworkRef::Range(range) => (Some(*range), None),
            NetworkRef::Named(name) => {
                let at = policy.networks.binary_search_by(|network| network.name.value.cmp(name)).ok();
                (None, at.and_then(|at| policy.networks.get(at)))
            }
        };
        let named = named.into_iter().flat_map(|network| network.ranges.iter().map(|range| range.value));
        own.into_iter().chain(named)
    })
}
