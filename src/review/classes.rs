//! Values that no policy tells apart are one: users with the same bindings,
//! addresses that the same rules admit, times between two deadlines. Each class
//! has somebody or something to show for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::values::named;
use crate::compile::{AddressRule, Bindings, Bound, Index, PeerRule, Rule};
use crate::policy::{HostPattern, SpiffeId};

/// What bindings give to somebody, on each side: roles by name, and where and
/// when. Somebody else with the same is in the same class.
pub(super) type Given<'i> = Vec<Vec<&'i Bound>>;

/// Those who have names in bindings, by what they are given.
#[derive(Debug)]
pub(super) struct Holders<'i> {
    /// For users the first class is everybody without a binding.
    pub(super) classes: Vec<Holder<'i>>,
}

/// A class of them.
#[derive(Debug)]
pub(super) struct Holder<'i> {
    /// Sorted; empty for everybody whom no binding names.
    pub(super) names: Vec<&'i str>,
    /// What each side gives them.
    pub(super) given: Given<'i>,
}

impl<'i> Holders<'i> {
    /// Of the users, or the groups, of all sides; those apart are each a class of
    /// their own, whatever they are given.
    pub(super) fn new(
        sides: &[&'i Index],
        all: impl Fn(&'i Index) -> Vec<(&'i str, &'i Bindings)>,
        apart: &BTreeSet<&'i str>,
        nobody: bool,
    ) -> Self {
        let mut by_name: BTreeMap<&str, Given<'i>> = BTreeMap::new();
        for (side, index) in sides.iter().enumerate() {
            for (name, bindings) in all(index) {
                let given = by_name.entry(name).or_insert_with(|| vec![Vec::new(); sides.len()]);
                if let Some(given) = given.get_mut(side) {
                    given.extend(bindings.bounds());
                }
            }
        }
        for name in apart {
            by_name.entry(name).or_insert_with(|| vec![Vec::new(); sides.len()]);
        }
        let mut classes: Vec<Holder<'i>> = Vec::new();
        if nobody {
            classes.push(Holder { names: Vec::new(), given: vec![Vec::new(); sides.len()] });
        }
        let mut known: HashMap<(Option<&str>, Vec<Vec<String>>), usize> = HashMap::new();
        for (name, given) in by_name {
            let alone = apart.get(name).copied();
            let at = *known.entry((alone, signature(sides, &given))).or_insert_with(|| {
                classes.push(Holder { names: Vec::new(), given });
                classes.len() - 1
            });
            if let Some(class) = classes.get_mut(at) {
                class.names.push(name);
            }
        }
        Self { classes }
    }
}

/// What is given, in words that are equal where it is the same.
fn signature(sides: &[&Index], given: &Given<'_>) -> Vec<Vec<String>> {
    let word = |index: &Index, bound: &Bound| {
        let name = index.role(bound.role).map_or("", |role| &role.name);
        let scope = bound.scope.as_ref().map(|scope| {
            let window = &scope.window;
            let from = window.from.as_ref().map(|moment| moment.at);
            (&scope.on, from, window.until.as_ref().map(|moment| moment.at))
        });
        format!("{name} {scope:?}")
    };
    let side = |(index, bounds): (&&Index, &Vec<&Bound>)| {
        let words: BTreeSet<String> = bounds.iter().map(|bound| word(index, bound)).collect();
        words.into_iter().collect()
    };
    sides.iter().zip(given).map(side).collect()
}

/// Workloads, by the patterns that they match.
#[derive(Debug)]
pub(super) struct Peers<'i> {
    /// The first class is a connection without a usable certificate.
    pub(super) classes: Vec<Peer<'i>>,
}

/// A class of workloads.
#[derive(Debug)]
pub(super) struct Peer<'i> {
    /// The id of one of them; none for the first class.
    pub(super) id: Option<String>,
    /// What each side gives them.
    pub(super) given: Given<'i>,
    /// Which of the rules of all sides admit them, by their numbers.
    pub(super) admitted: BTreeSet<usize>,
    /// On which sides the policy gives them anything.
    pub(super) known: Vec<bool>,
}

/// The most classes of workloads.
const MAX_PEERS: usize = 4096;

impl<'i> Peers<'i> {
    /// Of all sides; `rules` are the rules of their routes.
    pub(super) fn new(sides: &[&'i Index], rules: &[&'i PeerRule]) -> Option<Self> {
        let of_rules = rules.iter().flat_map(|rule| rule.patterns.iter());
        let of_rules = of_rules.map(|listed| listed.pattern.as_str().trim_start_matches("spiffe://"));
        let mut patterns: BTreeSet<Vec<&str>> =
            sides.iter().flat_map(|index| index.peer_patterns()).collect();
        patterns.extend(of_rules.map(|pattern| pattern.split('/').collect::<Vec<_>>()));
        let patterns: Vec<Vec<&str>> = patterns.into_iter().collect();
        let mut classes = vec![Peer {
            id: None,
            given: vec![Vec::new(); sides.len()],
            admitted: BTreeSet::new(),
            known: vec![false; sides.len()],
        }];
        let mut known = HashSet::new();
        for id in ids(&patterns)? {
            let Some(peer) = SpiffeId::parse(&id) else { continue };
            let given: Given<'i> = sides
                .iter()
                .map(|index| index.given_to_peer(peer).flat_map(Bindings::bounds).collect())
                .collect();
            let admits = |(number, rule): (usize, &&PeerRule)| rule.admits(peer).is_some().then_some(number);
            let admitted: BTreeSet<usize> = rules.iter().enumerate().filter_map(admits).collect();
            let has_any = sides.iter().map(|index| index.given_to_peer(peer).next().is_some()).collect();
            if known.insert((signature(sides, &given), admitted.clone(), Clone::clone(&has_any))) {
                classes.push(Peer { id: Some(id), given, admitted, known: has_any });
            }
        }
        Some(Self { classes })
    }
}

/// Ids that match the patterns in every combination. `None` if those are too many.
///
/// What the segments so far match is all that what follows depends on, so of
/// several beginnings that match the same, one goes on.
fn ids(patterns: &[Vec<&str>]) -> Option<Vec<String>> {
    // What stands for any other trust domain, and any other segment.
    let parts: HashSet<&str> = patterns.iter().flatten().copied().collect();
    let others = ["elsewhere", "other"].map(|word| named(word, |name| parts.contains(name)));
    let mut found = Vec::new();
    let mut waiting: Vec<(Vec<&str>, Vec<usize>)> = vec![(Vec::new(), (0..patterns.len()).collect())];
    let mut seen = HashSet::new();
    while let Some((path, alive)) = waiting.pop() {
        let depth = path.len();
        // A trust domain, and something in it.
        if depth >= 2 {
            found.push(format!("spiffe://{}", path.join("/")));
        }
        if found.len() > MAX_PEERS {
            return None;
        }
        let parts = |pattern: &usize| patterns.get(*pattern).map_or(&[][..], Vec::as_slice);
        let goes_on = |pattern: &usize| depth < parts(pattern).len();
        if depth >= 2 && !alive.iter().any(goes_on) {
            continue;
        }
        let told = alive.iter().filter_map(|p| parts(p).get(depth)).filter(|part| **part != "*");
        let fresh = others.get(usize::from(depth > 0)).map_or("", String::as_str);
        for part in told.copied().chain([fresh]).collect::<BTreeSet<&str>>() {
            let matches = |p: &&usize| match parts(p).get(depth) {
                Some(text) => *text == "*" || *text == part,
                None => parts(p).last() == Some(&"*"),
            };
            let next: Vec<usize> = alive.iter().filter(matches).copied().collect();
            if seen.insert((depth, next.clone())) {
                let mut path = path.clone();
                path.push(part);
                waiting.push((path, next));
            }
        }
    }
    Some(found)
}

/// Addresses, by the rules that admit them.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Somebody of each class; none where a request has no address.
    pub(super) classes: Vec<Option<IpAddr>>,
}

impl Addresses {
    /// By these rules.
    pub(super) fn new(rules: &[&AddressRule]) -> Self {
        let mut starts: BTreeSet<IpAddr> = BTreeSet::new();
        // Documentation addresses read best, and are outside of most lists.
        starts.extend([
            IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ]);
        for set in rules.iter().flat_map(|rule| rule.allow.iter().chain([&rule.deny])) {
            for (first, last) in set.ranges() {
                starts.insert(first);
                starts.extend(next(last));
            }
        }
        let usual = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
        let mut ordered: Vec<IpAddr> = starts.into_iter().collect();
        ordered.sort_by_key(|ip| *ip != usual);
        let mut classes = Vec::new();
        let mut known = HashSet::new();
        for ip in ordered.into_iter().map(Some).chain([None]) {
            let admitted: Vec<bool> = rules.iter().map(|rule| rule.admits(ip)).collect();
            if known.insert(admitted) {
                classes.push(ip);
            }
        }
        Self { classes }
    }

    /// The classes that a rule admits.
    pub(super) fn admitted(&self, rule: &AddressRule) -> BTreeSet<usize> {
        self.classes.iter().enumerate().filter(|(_, ip)| rule.admits(**ip)).map(|(at, _)| at).collect()
    }
}

fn next(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().checked_add(1).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        IpAddr::V6(ip) => ip.to_bits().checked_add(1).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    }
}

/// The distinct rules of routes, each once.
pub(super) fn rules<'i>(sides: &[&'i Index]) -> (Vec<&'i AddressRule>, Vec<&'i PeerRule>) {
    let (mut addresses, mut peers): (Vec<&AddressRule>, Vec<&PeerRule>) = Default::default();
    let (mut seen, mut listed) = (HashSet::new(), HashSet::new());
    for (_, route) in sides.iter().flat_map(|index| index.routes()) {
        if let Some(rule) = &route.ip
            && seen.insert(std::ptr::from_ref::<AddressRule>(rule))
        {
            addresses.push(rule);
        }
        if let Rule::Needs { peers: Some(rule), .. } = &route.rule
            && listed.insert(std::ptr::from_ref::<PeerRule>(rule))
        {
            peers.push(rule);
        }
    }
    (addresses, peers)
}

/// The beginnings of all stretches of time in which no binding begins or ends,
/// from `now` on.
pub(super) fn times(sides: &[&Index], now: u64) -> Vec<u64> {
    let mut starts = BTreeSet::from([now]);
    for index in sides {
        for bound in index.bindings().flat_map(Bindings::bounds) {
            let Some(window) = bound.scope.as_ref().map(|scope| &scope.window) else { continue };
            let ends = [&window.from, &window.until].into_iter().flatten().map(|moment| moment.at);
            starts.extend(ends.filter(|at| *at > now));
        }
    }
    starts.into_iter().collect()
}

/// What the command line takes for the host where none is said.
pub(super) const USUAL_HOST: &str = "localhost";

/// A host of every kind that some service tells from others: first one that no
/// pattern names.
pub(super) fn hosts(sides: &[&Index]) -> Vec<String> {
    let patterns: BTreeSet<HostPattern> = sides
        .iter()
        .flat_map(|index| index.services().flat_map(|(id, _)| index.hosts_of(id)))
        .cloned()
        .collect();
    let exact: BTreeSet<&str> = patterns
        .iter()
        .filter_map(|pattern| match pattern {
            HostPattern::Exact(name) => Some(&**name),
            HostPattern::Below(_) => None,
        })
        .collect();
    let fresh = |word: &str, suffix: &str| {
        let name = named(word, |name| exact.contains(&*format!("{name}{suffix}")));
        format!("{name}{suffix}")
    };
    // A name of one label lies below no pattern.
    let mut hosts = vec![fresh(USUAL_HOST, "")];
    hosts.extend(exact.iter().map(|name| (*name).to_owned()));
    hosts.extend(patterns.iter().filter_map(|pattern| match pattern {
        HostPattern::Below(name) => Some(fresh("any", &format!(".{name}"))),
        HostPattern::Exact(_) => None,
    }));
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_match_patterns_in_every_combination() {
        let patterns = [vec!["c", "ns", "*", "sa", "x"], vec!["c", "ns", "shop", "*"], vec!["d", "*"]];
        let found = ids(&patterns).unwrap_or_default();
        for id in [
            "spiffe://c/ns/shop/sa/x",
            "spiffe://c/ns/other/sa/x",
            "spiffe://c/ns/shop/other",
            "spiffe://d/other",
            "spiffe://elsewhere/other",
        ] {
            assert!(found.iter().any(|known| known == id), "{id} is not in {found:?}");
        }
    }
}
