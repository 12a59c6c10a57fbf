//! Requirements made weaker: of a route, or of defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::Kind;
use super::change::Change;
use crate::diag::Span;
use crate::policy::{
    Code, CodePattern, Defaults, IpRule, Located, Need, NetworkRef, PeerPattern, Policy, RoleName,
};

/// The names that a policy has, for names to add.
pub(super) struct Vocabulary<'p> {
    /// Every role, with all that it inherits.
    roles: BTreeMap<&'p RoleName, BTreeSet<&'p RoleName>>,
    codes: BTreeSet<&'p Code>,
}

impl<'p> Vocabulary<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let inherits: BTreeMap<&RoleName, Vec<&RoleName>> = policy
            .roles
            .iter()
            .map(|role| (&role.name.value, role.inherits.iter().map(|name| &name.value).collect()))
            .collect();
        let below = |role: &'p RoleName| {
            let (mut all, mut open) = (BTreeSet::new(), vec![role]);
            while let Some(next) = open.pop() {
                let fresh = inherits.get(next).into_iter().flatten().filter(|name| all.insert(**name));
                open.extend(fresh.copied().collect::<Vec<_>>());
            }
            all
        };
        let levels = policy
            .services
            .iter()
            .flat_map(|service| service.routes.iter().map(|route| &route.own).chain([&service.defaults]));
        let asked = levels.chain([&policy.defaults]).filter_map(|level| level.codes.as_ref());
        let granted =
            policy.roles.iter().flat_map(|role| &role.grants).filter_map(|grant| match &grant.value {
                CodePattern::Exact(code) => Some(code),
                CodePattern::Prefix(_) => None,
            });
        Self {
            roles: inherits.keys().map(|role| (*role, below(role))).collect(),
            codes: asked.flat_map(|need| need.value.names()).map(|code| &code.value).chain(granted).collect(),
        }
    }

    /// A role that has none of these: one that they inherit, since that is the
    /// likeliest slip, else any.
    fn another_role(&self, listed: &[Located<RoleName>]) -> Option<RoleName> {
        let listed: BTreeSet<&RoleName> = listed.iter().map(|name| &name.value).collect();
        let mut others =
            self.roles.iter().filter(|(role, below)| !listed.contains(**role) && below.is_disjoint(&listed));
        let inherited = |role: &RoleName| {
            listed.iter().any(|name| self.roles.get(name).is_some_and(|below| below.contains(role)))
        };
        let near = others.clone().find(|(role, _)| inherited(role));
        near.or_else(|| others.next()).map(|(role, _)| (*role).clone())
    }

    /// Another code: one that begins alike, else any.
    fn another_code(&self, listed: &[Located<Code>]) -> Option<Code> {
        let mut others = self.codes.iter().filter(|code| listed.iter().all(|name| name.value != ***code));
        let beginning = |code: &Code| code.as_str().rsplit_once(':').map(|(before, _)| before.to_owned());
        let like = |code: &Code| {
            beginning(code).is_some() && listed.iter().any(|name| beginning(&name.value) == beginning(code))
        };
        let near = others.clone().find(|code| like(code));
        near.or_else(|| others.next()).map(|code| (*code).clone())
    }
}

/// Everything that can be weakened in what a level requires.
pub(super) fn of(level: &Defaults, vocabulary: &Vocabulary<'_>) -> Vec<Change<Defaults>> {
    let mut changes = Vec::new();
    if let Some(roles) = &level.roles {
        let put = |roles: Option<_>| Defaults { roles: roles.map(Box::new), ..level.clone() };
        let other = vocabulary.another_role(roles.value.names());
        changes.extend(of_need("roles", roles, other).map(|change| change.within(put)));
    }
    if let Some(codes) = &level.codes {
        let put = |codes: Option<_>| Defaults { codes: codes.map(Box::new), ..level.clone() };
        let other = vocabulary.another_code(codes.value.names());
        changes.extend(of_need("codes", codes, other).map(|change| change.within(put)));
    }
    if let Some(peers) = &level.peers {
        let put = |peers: Option<_>| Defaults { peers: peers.map(Box::new), ..level.clone() };
        changes.extend(of_peers(peers).into_iter().map(|change| change.within(put)));
    }
    if let Some(ip) = &level.ip {
        let put = |ip: Option<_>| Defaults { ip: ip.map(Box::new), ..level.clone() };
        changes.extend(of_ip(ip).into_iter().map(|change| change.within(put)));
    }
    if let Some(when) = &level.when {
        changes.push(Change {
            kind: Kind::RequirementDropped,
            span: when.span,
            before: self::when(&when.value.text),
            after: None,
            to: Defaults { when: None, ..level.clone() },
        });
    }
    changes
}

/// The keys of a level that say who may call, as they would be written.
pub(super) fn who(level: &Defaults) -> Vec<String> {
    let Defaults { roles, codes, peers, ip: _, when: condition } = level;
    let keys = [
        roles.as_ref().map(|roles| need("roles", &roles.value)),
        codes.as_ref().map(|codes| need("codes", &codes.value)),
        peers.as_ref().map(|peers| self::peers(&peers.value)),
        condition.as_ref().map(|condition| when(&condition.value.text)),
    ];
    keys.into_iter().flatten().collect()
}

/// A `peers` rule as it was written.
type Peers = Located<Vec<Located<PeerPattern>>>;

fn of_need<T: Clone + Display>(
    key: &'static str,
    written: &Located<Need<T>>,
    other: Option<T>,
) -> impl Iterator<Item = Change<Option<Located<Need<T>>>>> {
    let Located { value, span } = written;
    let before = need(key, value);
    let change = |kind, at: Span, to: Option<Need<T>>| Change {
        kind,
        span: at,
        before: before.clone(),
        after: to.as_ref().map(|to| need(key, to)),
        to: to.map(|value| Located { value, span: *span }),
    };
    let mut changes = vec![change(Kind::RequirementDropped, *span, None)];
    match value {
        Need::All(names) if names.len() > 1 => {
            changes.push(change(Kind::AnyForAll, *span, Some(Need::Any(names.clone()))));
            changes.extend(
                names.iter().enumerate().map(|(at, name)| {
                    change(Kind::NameDropped, name.span, Some(Need::All(without(names, at))))
                }),
            );
        }
        // One of one is all of one.
        Need::All(names) | Need::Any(names) => changes.extend(other.map(|other| {
            let mut names = names.clone();
            names.push(Located { value: other, span: *span });
            change(Kind::NameAdded, *span, Some(Need::Any(names)))
        })),
    }
    changes.into_iter()
}

fn of_peers(written: &Located<Vec<Located<PeerPattern>>>) -> Vec<Change<Option<Peers>>> {
    let Located { value, span } = written;
    let before = peers(value);
    let mut changes = vec![Change {
        kind: Kind::RequirementDropped,
        span: *span,
        before: before.clone(),
        after: None,
        to: None,
    }];
    for (at, pattern) in value.iter().enumerate() {
        let Some(wider) = wider_peer(&pattern.value) else { continue };
        let mut all = value.clone();
        all.iter_mut().skip(at).take(1).for_each(|one| one.value = wider.clone());
        changes.push(Change {
            kind: Kind::PeerWidened,
            span: pattern.span,
            before: before.clone(),
            after: Some(peers(&all)),
            to: Some(Located { value: all, span: *span }),
        });
    }
    changes
}

/// `spiffe://cluster/ns/shop/sa/*` for `spiffe://cluster/ns/shop/sa/till`, and so
/// on up to the trust domain.
pub(super) fn wider_peer(pattern: &PeerPattern) -> Option<PeerPattern> {
    let text = pattern.as_str();
    let (before, _) = text.strip_suffix("/*").unwrap_or(text).rsplit_once('/')?;
    PeerPattern::parse(&format!("{before}/*"))
}

fn of_ip(written: &Located<IpRule>) -> Vec<Change<Option<Located<IpRule>>>> {
    let Located { value, span } = written;
    let change = |at, to: Option<IpRule>| Change {
        kind: Kind::IpDropped,
        span: at,
        before: ip_line(value),
        after: to.as_ref().map(ip_line),
        to: to.map(|value| Located { value, span: *span }),
    };
    let mut changes = vec![change(*span, None)];
    let IpRule { allow, deny } = value;
    if let (Some(first), false) = (allow.first(), deny.is_empty()) {
        changes.push(change(first.span, Some(IpRule { allow: Vec::new(), deny: deny.clone() })));
    }
    if allow.len() + deny.len() > 1 {
        let fewer = |at| IpRule { allow: allow.clone(), deny: without(deny, at) };
        changes.extend(deny.iter().enumerate().map(|(at, network)| change(network.span, Some(fewer(at)))));
    }
    changes
}

/// All but one.
pub(super) fn without<T: Clone>(all: &[T], gone: usize) -> Vec<T> {
    all.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, one)| one.clone()).collect()
}

/// `[a, b]`.
pub(super) fn list<T: Display>(names: &[Located<T>]) -> String {
    let names: Vec<String> = names.iter().map(|name| scalar(&name.value.to_string())).collect();
    format!("[{}]", names.join(", "))
}

/// A name as YAML takes it in a list: one with a `*` needs quotes.
pub(super) fn scalar(name: &str) -> String {
    if name.contains('*') { format!("\"{name}\"") } else { name.to_owned() }
}

fn need<T: Display>(key: &str, need: &Need<T>) -> String {
    match (need, need.names()) {
        (_, [name]) => format!("{key}: {}", name.value),
        (Need::Any(_), names) => format!("{key}: {{ any: {} }}", list(names)),
        (Need::All(_), names) => format!("{key}: {{ all: {} }}", list(names)),
    }
}

fn peers(patterns: &[Located<PeerPattern>]) -> String {
    format!("peers: {}", list(patterns))
}

fn ip_line(rule: &IpRule) -> String {
    let name = |one: &Located<NetworkRef>| match &one.value {
        NetworkRef::Named(name) => name.to_string(),
        NetworkRef::Range(range) => scalar(&range.to_string()),
    };
    let list = |list: &[Located<NetworkRef>]| list.iter().map(name).collect::<Vec<_>>().join(", ");
    let parts = [("allow", &rule.allow), ("deny", &rule.deny)];
    let parts = parts.into_iter().filter(|(_, one)| !one.is_empty());
    let parts: Vec<String> = parts.map(|(key, one)| format!("{key}: [{}]", list(one))).collect();
    format!("ip: {{ {} }}", parts.join(", "))
}

fn when(text: &str) -> String {
    format!("when: {}", text.split_whitespace().collect::<Vec<_>>().join(" "))
}
