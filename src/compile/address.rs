//! Networks: merged, sorted ranges, found by binary search.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::diag::{Code as Diag, Diagnostic, Place, Report};
use crate::policy::{AddressRange, IpRule, Located, Network, NetworkRef};

/// A set of addresses. IPv4-mapped IPv6 addresses count as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl AddressSet {
    /// The union of ranges.
    pub fn new(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match (range.first, range.last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits())),
                // A range never spans two families: its parser made it from one prefix.
                _ => {}
            }
        }
        Self { v4: merge(v4), v6: merge(v6) }
    }

    /// The first and last address of every stretch, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self.v4.iter().map(|(a, b)| (IpAddr::V4((*a).into()), IpAddr::V4((*b).into())));
        v4.chain(self.v6.iter().map(|(a, b)| (IpAddr::V6((*a).into()), IpAddr::V6((*b).into()))))
    }

    /// Whether every address of a range is in the set.
    pub fn covers(&self, range: AddressRange) -> bool {
        match (range.first, range.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => spans(&self.v4, first.to_bits(), last.to_bits()),
            (IpAddr::V6(first), IpAddr::V6(last)) => spans(&self.v6, first.to_bits(), last.to_bits()),
            _ => false,
        }
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => spans(&self.v4, address.to_bits(), address.to_bits()),
            IpAddr::V6(address) => spans(&self.v6, address.to_bits(), address.to_bits()),
        }
    }
}

/// Whether one of the ranges holds everything from `from` to `to`.
fn spans<T: Ord + Copy>(ranges: &[(T, T)], from: T, to: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= from);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| to <= *last)
}

fn merge<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged.into_boxed_slice()
}

/// A route's address rule, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRule {
    /// Only these, where there is such a list.
    pub allow: Option<AddressSet>,
    /// None of these.
    pub deny: AddressSet,
    /// Where the rule stands.
    pub place: Place,
}

impl AddressRule {
    /// Whether a caller from this address may go on. A caller without an
    /// address may not: a rule about addresses can't be met by having none.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address else { return false };
        !self.deny.contains(address) && self.allow.as_ref().is_none_or(|allow| allow.contains(address))
    }
}

/// The named networks of a policy.
pub(super) struct Networks<'p>(HashMap<&'p str, &'p [Located<AddressRange>]>);

impl<'p> Networks<'p> {
    pub(super) fn new(networks: &'p [Network]) -> Self {
        Self(networks.iter().map(|n| (n.name.value.as_str(), n.ranges.as_slice())).collect())
    }

    /// Whether a network has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'p str> {
        self.0.keys().copied()
    }

    /// Each network as one set, by name.
    pub(super) fn sets(&self) -> Vec<(Arc<str>, AddressSet)> {
        let set = |(name, ranges): (&&str, &&[Located<AddressRange>])| {
            (Arc::from(*name), AddressSet::new(ranges.iter().map(|range| range.value)))
        };
        let mut sets: Vec<(Arc<str>, AddressSet)> = self.0.iter().map(set).collect();
        sets.sort_by_key(|(name, _)| Arc::clone(name));
        sets
    }

    /// `None` when a network is unknown; the report says which.
    pub(super) fn rule(&self, rule: &IpRule, place: Place, report: &mut Report) -> Option<AddressRule> {
        let allow = self.set(&rule.allow, report);
        let deny = self.set(&rule.deny, report)?;
        let allow = allow?;
        Some(AddressRule { allow: (!rule.allow.is_empty()).then_some(allow), deny, place })
    }

    fn set(&self, refs: &[Located<NetworkRef>], report: &mut Report) -> Option<AddressSet> {
        let mut ranges = Vec::new();
        let mut fine = true;
        for network in refs {
            match &network.value {
                NetworkRef::Range(range) => ranges.push(*range),
                NetworkRef::Named(name) => match self.0.get(name.as_str()) {
                    Some(named) => ranges.extend(named.iter().map(|range| range.value)),
                    None => {
                        fine = false;
                        report.push(
                            Diagnostic::at(
                                Diag::UnknownNetwork,
                                network.span,
                                format!("no network is called `{name}`"),
                            )
                            .label("not defined")
                            .suggest(
                                name.as_str(),
                                self.0.keys().copied().filter(|_| !report.is_long()),
                                "define it under `networks:`, or write a range",
                            ),
                        );
                    }
                },
            }
        }
        fine.then(|| AddressSet::new(ranges))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn overlapping_ranges_are_one_set() {
        let range = |s| AddressRange::parse(s).unwrap();
        let set = AddressSet::new(
            ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "2001:db8::/32", "0.0.0.0/32"].map(range),
        );
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.1", "2001:db8::1", "::ffff:10.2.3.4", "0.0.0.0"]
        {
            assert!(set.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.2", "2001:db9::", "::1", "255.255.255.255"] {
            assert!(!set.contains(outside.parse().unwrap()), "{outside}");
        }
    }
}
