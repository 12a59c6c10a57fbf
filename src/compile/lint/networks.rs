//! Networks that nothing names, and ranges within others.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Look;
use super::usage::levels;
use crate::compile::expression::Fact;
use crate::compile::index::Rule;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{AddressRange, IpRule, NetworkRef, Policy};

/// Tells of them.
pub(super) fn inspect(look: Look<'_>, report: &mut Report) {
    unused(look, report);
    for network in &look.policy.networks {
        covered(network.ranges.iter().map(|range| (range.value, range.span)).collect(), report);
    }
    for rule in levels(look.policy).filter_map(|level| level.ip.as_ref()) {
        let IpRule { allow, deny } = &rule.value;
        for list in [allow, deny] {
            let own = list.iter().filter_map(|network| match &network.value {
                NetworkRef::Range(range) => Some((*range, network.span)),
                NetworkRef::Named(_) => None,
            });
            covered(own.collect(), report);
        }
    }
}

fn unused(look: Look<'_>, report: &mut Report) {
    let mut named: HashSet<&str> = references(look.policy).collect();
    for (_, route) in look.index.routes() {
        let Rule::Needs { when: Some(when), .. } = &route.rule else { continue };
        let names: Vec<&str> = when.expression.names().networks().map(|(name, _)| name).collect();
        // Names that are not written out could be any.
        if names.is_empty() && when.expression.facts().any(|fact| *fact == Fact::Networks) {
            return;
        }
        named.extend(names);
    }
    for network in look.policy.networks.iter().filter(|n| !named.contains(n.name.value.as_str())) {
        let message = format!("the network `{}` is never used", network.name.value);
        report.push(
            Diagnostic::at(Diag::UnusedNetwork, network.name.span, message)
                .label("named nowhere")
                .help("name it in an `ip` rule or a condition, or remove it"),
        );
    }
}

fn references(policy: &Policy) -> impl Iterator<Item = &str> {
    let rules = levels(policy).filter_map(|level| level.ip.as_ref());
    let refs = rules.flat_map(|rule| rule.value.allow.iter().chain(&rule.value.deny));
    refs.filter_map(|network| match &network.value {
        NetworkRef::Named(name) => Some(name.as_str()),
        NetworkRef::Range(_) => None,
    })
}

/// Of the ranges of one list, those that lie within another.
fn covered(mut ranges: Vec<(AddressRange, Span)>, report: &mut Report) {
    // The widest of those that begin together comes first; of two that are the
    // same, the one that was written first.
    let family = |range: &AddressRange| matches!(range.first, IpAddr::V6(_));
    ranges.sort_by(|(a, at), (b, bt)| {
        (family(a), a.first).cmp(&(family(b), b.first)).then(b.last.cmp(&a.last)).then(at.cmp(bt))
    });
    let mut widest: Option<(AddressRange, Span)> = None;
    for (range, at) in ranges {
        match widest {
            Some((outer, outer_at)) if family(&outer) == family(&range) && range.last <= outer.last => {
                report.push(
                    Diagnostic::at(Diag::CoveredRange, at, "this range lies within another of the list")
                        .label("adds nothing")
                        .related(outer_at, "holds all of it")
                        .help("remove it, or the wider one if that was not meant"),
                );
            }
            _ => widest = Some((range, at)),
        }
    }
}
