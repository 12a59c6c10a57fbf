//! Roles, bindings and networks made weaker.

use super::change::{Change, Piece};
use super::requirements::{list, scalar, wider_peer, without};
use super::{Kind, Mutant};
use crate::policy::{AddressRange, Binding, CodePattern, Holder, Located, Network, Policy, Role, Scope};

/// Each denied code, and each grant as the next broader one.
pub(super) fn of_roles(policy: &Policy) -> Vec<Mutant> {
    let all = policy.roles.iter().enumerate();
    all.flat_map(|(number, role)| {
        let subject = format!("the role `{}`", role.name.value);
        let piece = move |role| Piece::Role(number, Box::new(role));
        denies(role).chain(grants(role)).map(move |change| change.mutant(subject.clone(), None, piece))
    })
    .collect()
}

fn denies(role: &Role) -> impl Iterator<Item = Change<Role>> {
    role.denies.iter().enumerate().map(|(at, deny)| {
        let denies = without(&role.denies, at);
        Change {
            kind: Kind::DenyDropped,
            span: deny.span,
            before: format!("denies: {}", list(&role.denies)),
            after: (!denies.is_empty()).then(|| format!("denies: {}", list(&denies))),
            to: Role { denies, ..role.clone() },
        }
    })
}

fn grants(role: &Role) -> impl Iterator<Item = Change<Role>> {
    let mut seen = Vec::new();
    role.grants.iter().enumerate().filter_map(move |(at, grant)| {
        let wider = wider(&grant.value)?;
        // Two that become the same are one mistake, and what is there is none.
        let fresh = !seen.contains(&wider) && role.grants.iter().all(|other| other.value != wider);
        seen.push(wider.clone());
        let mut grants = role.grants.clone();
        grants.iter_mut().skip(at).take(1).for_each(|one| one.value = wider.clone());
        fresh.then(|| Change {
            kind: Kind::GrantWidened,
            span: grant.span,
            before: format!("grants: {}", list(&role.grants)),
            after: Some(format!("grants: {}", list(&grants))),
            to: Role { grants, ..role.clone() },
        })
    })
}

/// `event:*` for `event:read`, `*` for `event:*`.
fn wider(grant: &CodePattern) -> Option<CodePattern> {
    let text = match grant {
        CodePattern::Exact(code) => code.as_str(),
        CodePattern::Prefix(prefix) if prefix.is_empty() => return None,
        CodePattern::Prefix(prefix) => prefix.strip_suffix(':').unwrap_or(prefix),
    };
    let end = text.rfind(':').map_or(0, |at| at + 1);
    Some(CodePattern::Prefix(text.get(..end).unwrap_or_default().into()))
}

/// Each bound of each binding, and each peer as the next broader one.
pub(super) fn of_bindings(policy: &Policy) -> Vec<Mutant> {
    let all = policy.bindings.iter().enumerate();
    all.flat_map(|(number, binding)| {
        let holder = match &binding.holder.value {
            Holder::User(name) => format!("user `{}`", crate::review::shown(name.as_str())),
            Holder::Group(name) => format!("group `{}`", crate::review::shown(name.as_str())),
            Holder::Peer(pattern) => format!("peer `{pattern}`"),
        };
        let subject = format!("the binding of {holder}");
        let piece = move |binding| Piece::Binding(number, Box::new(binding));
        let changes = bounds(binding).into_iter().chain(peer(binding));
        changes.map(move |change| change.mutant(subject.clone(), None, piece))
    })
    .collect()
}

fn bounds(binding: &Binding) -> Vec<Change<Binding>> {
    let scope = &binding.scope;
    let change = |span, before, scope| Change {
        kind: Kind::ScopeDropped,
        span,
        before,
        after: None,
        to: Binding { scope, ..binding.clone() },
    };
    let mut changes: Vec<_> = scope
        .on
        .iter()
        .enumerate()
        .map(|(at, on)| {
            let before = format!("on: {{ {}: {} }}", on.param.value, list(&on.values));
            change(on.param.span, before, Scope { on: without(&scope.on, at), ..scope.clone() })
        })
        .collect();
    if let Some(from) = &scope.from {
        let before = format!("from: {}", from.value.text);
        changes.push(change(from.span, before, Scope { from: None, ..scope.clone() }));
    }
    if let Some(until) = &scope.until {
        let before = format!("until: {}", until.value.text);
        changes.push(change(until.span, before, Scope { until: None, ..scope.clone() }));
    }
    changes
}

fn peer(binding: &Binding) -> Option<Change<Binding>> {
    let Located { value: Holder::Peer(pattern), span } = &binding.holder else { return None };
    let wider = wider_peer(pattern)?;
    let say = |pattern: &str| format!("peer: {}", scalar(pattern));
    Some(Change {
        kind: Kind::HolderWidened,
        span: *span,
        before: say(pattern.as_str()),
        after: Some(say(wider.as_str())),
        to: Binding { holder: Located { value: Holder::Peer(wider), span: *span }, ..binding.clone() },
    })
}

/// Each range but the only one: a network that is denied, and lacks one.
pub(super) fn of_networks(policy: &Policy) -> Vec<Mutant> {
    let several = policy.networks.iter().enumerate().filter(|(_, network)| network.ranges.len() > 1);
    several
        .flat_map(|(number, network)| {
            let subject = format!("the network `{}`", network.name.value);
            let piece = move |network| Piece::Network(number, Box::new(network));
            ranges(network).map(move |change| change.mutant(subject.clone(), None, piece))
        })
        .collect()
}

fn ranges(network: &Network) -> impl Iterator<Item = Change<Network>> {
    let say = |ranges: &[Located<AddressRange>]| {
        let ranges: Vec<String> = ranges.iter().map(|range| range.value.to_string()).collect();
        format!("{}: [{}]", network.name.value, ranges.join(", "))
    };
    network.ranges.iter().enumerate().map(move |(at, range)| {
        let ranges = without(&network.ranges, at);
        Change {
            kind: Kind::RangeDropped,
            span: range.span,
            before: say(&network.ranges),
            after: Some(say(&ranges)),
            to: Network { name: network.name.clone(), ranges },
        }
    })
}
