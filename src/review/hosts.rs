//! Requests of which the proxy does not say which service they are for: host and
//! path choose it. Looked at only on hosts on which two policies may choose
//! differently; everywhere else a request is for the same service on both sides,
//! and compared as one of that service.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::{Index, Trie};
use crate::policy::{Segment, Template};

/// Hosts on which the two policies choose services by other paths.
#[derive(Debug)]
pub(super) struct Moved {
    /// Those hosts, one of each kind.
    pub(super) hosts: Vec<String>,
    /// The services that answer on them, on each side.
    pub(super) services: [BTreeSet<String>; 2],
    /// The paths that services answer for.
    pub(super) paths: Trie,
}

/// What services answer for on a host: the segments, whether their case does not
/// matter, and the service; in the order in which it counts.
type Claims = Vec<BTreeSet<(Vec<String>, bool, String)>>;

/// All hosts on which something moved, those of one kind together.
pub(super) fn moved(hosts: &[String], sides: [&Index; 2]) -> Vec<Moved> {
    let mut kinds: BTreeMap<[Claims; 2], Vec<String>> = BTreeMap::new();
    for host in hosts {
        let claims = sides.map(|index| claims(index, host));
        let [old, new] = &claims;
        if old != new {
            kinds.entry(claims).or_default().push(host.clone());
        }
    }
    kinds.into_iter().map(|(claims, hosts)| Moved::new(&claims, hosts)).collect()
}

fn claims(index: &Index, host: &str) -> Claims {
    let name = |id| index.service(id).map_or_else(String::new, |service| service.name.to_string());
    index
        .claims_on(host)
        .map(|claims| {
            let owned = |segments: Vec<&str>| segments.into_iter().map(str::to_owned).collect();
            claims.into_iter().map(|claim| (owned(claim.segments), claim.fold, name(claim.service))).collect()
        })
        .collect()
}

impl Moved {
    fn new(claims: &[Claims; 2], hosts: Vec<String>) -> Self {
        let services =
            claims.each_ref().map(|claims| claims.iter().flatten().map(|(.., name)| name.clone()).collect());
        let paths = claims.iter().flatten().flatten().map(|(segments, ..)| segments);
        Self { hosts, services, paths: answered(paths.map(|segments| segments.iter().map(String::as_str))) }
    }
}

/// Paths that services answer for, so that paths are told apart that lead to
/// different services: to be walked loosely, for in another spelling no service
/// answers.
pub(super) fn answered<'c>(paths: impl Iterator<Item = impl Iterator<Item = &'c str>>) -> Trie {
    let below = |path: &mut dyn Iterator<Item = &'c str>| Template {
        segments: path.map(|text| Segment::Literal(text.into())).collect(),
        rest: true,
    };
    let templates: BTreeSet<Template> = paths.map(|mut path| below(&mut path)).collect();
    Trie::of_templates(&templates, false)
}
