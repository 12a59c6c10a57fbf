//! Everything that a decision can depend on beside the path: who calls, from
//! where, when, under which host. Made for one policy, or for two that are to
//! be compared, so that the same fact is the same variable on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Addresses, Holders, Peers, hosts, rules, times};
use super::conditions::Conditions;
use super::logic::{Choice, Function, Logic, Plan, TooComplex, Variable};
use super::values::by_depth;
use crate::compile::{AddressRule, Index, PeerRule, Rule, Which};

/// What tokens may carry beside a user, roles and groups: as the issuers of a
/// configuration read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Codes of their own.
    pub codes: bool,
    /// Scopes that limit which codes count.
    pub scopes: bool,
}

impl Tokens {
    /// Where nothing is known of issuers, anything may be in a token.
    pub const ANY: Self = Self { codes: true, scopes: true };
}

/// One or two policies and all facts that they can ask for.
#[derive(Debug)]
pub(super) struct World<'i> {
    pub(super) logic: Logic,
    pub(super) facts: Facts<'i>,
    pub(super) holders: Named<'i>,
    pub(super) conditions: Conditions,
}

/// What is asked about beside what the policies say.
#[derive(Debug, Default)]
pub(super) struct Asked<'i> {
    /// Codes that no route need ask for.
    pub(super) codes: BTreeSet<&'i str>,
    /// Users who are told from all others.
    pub(super) users: BTreeSet<&'i str>,
    /// Groups that are told from all others.
    pub(super) groups: BTreeSet<&'i str>,
    /// Rules of peers that are no route's.
    pub(super) peers: Vec<&'i PeerRule>,
    /// Rules of addresses that are no route's.
    pub(super) addresses: Vec<&'i AddressRule>,
}

/// The facts.
#[derive(Debug)]
pub(super) struct Facts<'i> {
    /// The request carries a token that is valid.
    pub(super) token: Variable,
    /// One of the token's audiences is one of its issuer's.
    pub(super) usual_audience: Variable,
    /// The token names this audience.
    pub(super) audiences: BTreeMap<&'i str, Variable>,
    /// The token gives this role.
    pub(super) roles: BTreeMap<&'i str, Variable>,
    /// The token gives this code.
    pub(super) codes: BTreeMap<&'i str, Variable>,
    /// The token's scopes limit its codes, where tokens have any.
    pub(super) limited: Option<Variable>,
    /// This code is among them.
    pub(super) scopes: BTreeMap<&'i str, Variable>,
    /// The user.
    pub(super) user: Choice,
    /// The user is in a group of this class.
    pub(super) groups: Vec<Variable>,
    /// The peer.
    pub(super) peer: Choice,
    /// The address.
    pub(super) address: Choice,
    /// The time.
    pub(super) time: Choice,
    /// The host.
    pub(super) host: Choice,
    /// The values of the path's segments, where a binding tells them apart.
    pub(super) segments: Vec<Choice>,
    /// The request asks for a WebSocket.
    pub(super) websocket: Variable,
}

/// What stands behind the choices.
#[derive(Debug)]
pub(super) struct Named<'i> {
    pub(super) users: Holders<'i>,
    pub(super) groups: Holders<'i>,
    pub(super) peers: Peers<'i>,
    pub(super) peer_rules: Vec<&'i PeerRule>,
    pub(super) addresses: Addresses,
    pub(super) times: Vec<u64>,
    pub(super) hosts: Vec<String>,
}

impl<'i> World<'i> {
    /// Of one policy or two, from `now` on, in seconds since 1970.
    pub(super) fn new(sides: &[&'i Index], tokens: Tokens, now: u64) -> Result<Self, TooComplex> {
        Self::asked(sides, tokens, now, &Asked::default())
    }

    /// The same, with more that can be asked about.
    pub(super) fn asked(
        sides: &[&'i Index],
        tokens: Tokens,
        now: u64,
        more: &Asked<'i>,
    ) -> Result<Self, TooComplex> {
        let (mut address_rules, mut peer_rules) = rules(sides);
        address_rules.extend(&more.addresses);
        peer_rules.extend(&more.peers);
        let holders = Named {
            users: Holders::new(sides, |index| index.users().collect(), &more.users, true),
            groups: Holders::new(sides, |index| index.groups().collect(), &more.groups, false),
            peers: Peers::new(sides, &peer_rules).ok_or(TooComplex)?,
            peer_rules,
            addresses: Addresses::new(&address_rules),
            times: times(sides, now),
            hosts: hosts(sides),
        };
        let mut plan = Plan::default();
        let mut of_names = |names: BTreeSet<&'i str>| -> BTreeMap<&'i str, Variable> {
            names.into_iter().map(|name| (name, plan.variable())).collect()
        };
        let roles = sides.iter().flat_map(|index| index.roles().map(|(_, role)| &*role.name));
        let roles = of_names(roles.collect());
        let mut asked = asked_codes(sides);
        asked.extend(&more.codes);
        let codes = of_names(if tokens.codes { asked.clone() } else { BTreeSet::new() });
        let scopes = of_names(if tokens.scopes { asked } else { BTreeSet::new() });
        let audiences = sides.iter().flat_map(|index| index.services());
        let audiences = of_names(audiences.flat_map(|(_, s)| s.audiences.iter()).map(|a| &**a).collect());
        let facts = Facts {
            token: plan.variable(),
            usual_audience: plan.variable(),
            audiences,
            roles,
            codes,
            limited: tokens.scopes.then(|| plan.variable()),
            scopes,
            user: plan.choice(holders.users.classes.len()),
            groups: holders.groups.classes.iter().map(|_| plan.variable()).collect(),
            peer: plan.choice(holders.peers.classes.len()),
            address: plan.choice(holders.addresses.classes.len()),
            time: plan.choice(holders.times.len()),
            host: plan.choice(holders.hosts.len()),
            segments: segment_sizes(sides).into_iter().map(|size| plan.choice(size)).collect(),
            websocket: plan.variable(),
        };
        let conditions = Conditions::plan(sides, &mut plan);
        Ok(Self { logic: plan.finish()?, facts, holders, conditions })
    }

    /// The address is one that a rule admits.
    pub(super) fn admitted(&self, rule: &AddressRule) -> Function {
        self.logic.among(&self.facts.address, &self.holders.addresses.admitted(rule))
    }

    /// The peer is one that a rule admits.
    pub(super) fn admitted_peer(&self, rule: &PeerRule) -> Function {
        let number = self.holders.peer_rules.iter().position(|known| std::ptr::eq(*known, rule));
        let classes = self.holders.peers.classes.iter().enumerate();
        let admitted = classes.filter(|(_, class)| number.is_some_and(|n| class.admitted.contains(&n)));
        self.logic.among(&self.facts.peer, &admitted.map(|(at, _)| at).collect())
    }

    /// The host is one that is so.
    pub(super) fn host(&self, is_meant: impl Fn(&str) -> bool) -> Function {
        let hosts = self.holders.hosts.iter().enumerate();
        let meant = hosts.filter(|(_, host)| is_meant(host)).map(|(at, _)| at).collect();
        self.logic.among(&self.facts.host, &meant)
    }
}

/// The codes that anything asks for; those that are only granted decide nothing.
fn asked_codes<'i>(sides: &[&'i Index]) -> BTreeSet<&'i str> {
    let mut asked = BTreeSet::new();
    for index in sides {
        for (_, route) in index.routes() {
            let Rule::Needs { codes, when, .. } = &route.rule else { continue };
            let ids = codes.iter().flat_map(|need| need.ids.iter());
            asked.extend(ids.filter_map(|id| index.code(*id)).map(|code| code.as_str()));
            if let Some(when) = when {
                match when.expression.leans().codes {
                    Which::Only(names) => {
                        asked.extend(names.into_iter().filter_map(|name| {
                            index.code_named(name).and_then(|id| index.code(id)).map(|code| code.as_str())
                        }));
                    }
                    Which::All => {
                        asked.extend(index.codes().map(|(_, code)| code.as_str()));
                    }
                }
            }
        }
    }
    asked
}

/// How many values each segment of a path may have that bindings tell apart.
fn segment_sizes(sides: &[&Index]) -> Vec<usize> {
    let told = by_depth(sides);
    let depths = told.last_key_value().map_or(0, |(depth, _)| depth + 1);
    // Each kind, and any other value.
    (0..depths).map(|depth| told.get(&depth).map_or(1, |told| told.len() + 1)).collect()
}
