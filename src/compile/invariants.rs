//! Invariants and the policy: what they name must be there. With a typing error
//! in a role, nobody would hold it, and `never` would be true of nobody.

use std::collections::BTreeSet;

use super::address::{AddressRule, Networks};
use super::peers::PeerRule;
use super::roles::Roles;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::policy::invariant::{Callers, Holders, Invariant, Says};
use crate::policy::{Code, Located, Need, Policy, PrincipalName};

/// Looks at every name in every invariant.
pub(super) fn check(
    policy: &Policy,
    roles: &Roles,
    networks: &Networks<'_>,
    sources: &Sources,
    report: &mut Report,
) {
    let services: BTreeSet<&str> =
        policy.services.iter().map(|service| service.name.value.as_str()).collect();
    for invariant in &policy.invariants {
        if let Some(Holders { roles: held, codes, groups, .. }) = holders(invariant) {
            for role in held.iter().flat_map(Need::names) {
                // A finding, where there is none.
                let _ = roles.role(role, report);
            }
            codes.iter().flat_map(Need::names).for_each(|code| known_code(code, roles, report));
            groups.iter().flat_map(Need::names).for_each(|group| known_group(group, roles, report));
        }
        if let Some(service) =
            invariant.service.as_ref().filter(|name| !services.contains(name.value.as_str()))
        {
            let known = services.iter().copied().filter(|_| !report.is_long());
            let message = format!("no service is called `{}`", service.value);
            let finding = Diagnostic::at(Diag::BadValue, service.span, message).label("not defined");
            report.push(finding.suggest(
                service.value.as_str(),
                known,
                "define it under `services:`, or leave it out for all of them",
            ));
        }
        if let Some(ip) = &invariant.ip {
            let _ = networks.rule(&ip.value, sources.place(ip.span), report);
        }
    }
}

/// What the callers of an invariant hold.
fn holders(invariant: &Invariant) -> Option<&Holders> {
    match &invariant.says.value {
        Says::Only(Callers::Holders(held))
        | Says::Never(Callers::Holders(held))
        | Says::Always(Callers::Holders(held)) => Some(held),
        _ => None,
    }
}

fn known_code(code: &Located<Code>, roles: &Roles, report: &mut Report) {
    if roles.code(&code.value).is_some() {
        return;
    }
    let known = roles.codes.iter().map(|code| code.as_str()).filter(|_| !report.is_long());
    let message = format!("the policy has no code `{}`", code.value);
    report.push(Diagnostic::at(Diag::BadValue, code.span, message).label("nobody is asked for it").suggest(
        code.value.as_str(),
        known,
        "write a code that a route requires or a role grants",
    ));
}

fn known_group(group: &Located<PrincipalName>, roles: &Roles, report: &mut Report) {
    if roles.groups.contains_key(group.value.as_str()) {
        return;
    }
    let known = roles.groups.keys().map(|name| &**name).filter(|_| !report.is_long());
    let message = format!("no binding is for the group `{}`", group.value);
    report.push(Diagnostic::at(Diag::BadValue, group.span, message).label("means nothing here").suggest(
        group.value.as_str(),
        known,
        "write a group to which the policy gives roles, or the roles themselves",
    ));
}

/// What an invariant says of peers and addresses, compiled.
#[derive(Debug)]
pub struct Bounds {
    /// Its callers are among these peers.
    pub peers: Option<PeerRule>,
    /// Its requests come from these addresses.
    pub ip: Option<AddressRule>,
}

impl Bounds {
    /// Of each invariant of a policy that compiles.
    pub fn of(policy: &Policy, sources: &Sources) -> Vec<Self> {
        let networks = Networks::new(&policy.networks);
        let bounds = |invariant: &Invariant| Self {
            peers: holders(invariant)
                .and_then(|held| held.peers.as_ref())
                .map(|peers| PeerRule::new(peers, sources)),
            // Unknown networks were errors when the policy was compiled.
            ip: invariant
                .ip
                .as_ref()
                .and_then(|ip| networks.rule(&ip.value, sources.place(ip.span), &mut Report::default())),
        };
        policy.invariants.iter().map(bounds).collect()
    }
}
