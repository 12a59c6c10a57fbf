//! Policy into index: names become integers, inheritance and wildcards become
//! bit sets, routes become a trie per service, networks become sorted ranges.
//!
//! An [`Index`] exists only if everything compiled without an error: there is
//! no partial policy. What people wrote is checked here against what else they
//! wrote: unknown names, circles, collisions. This room never sees a request.

mod address;
mod bindings;
mod bits;
mod conditions;
mod expression;
mod frontier;
mod headers;
mod ids;
mod index;
mod invariants;
mod lint;
mod need;
mod peers;
mod prefix;
mod revision;
mod roles;
mod routes;
mod scope;
mod scoped;
mod sets;
mod stop;
mod suites;
mod texts;
mod timeline;
mod tree;
mod trie;

pub use address::{AddressRule, AddressSet};
pub use bits::BitSet;
pub use conditions::Condition;
pub use expression::{Expression, Fact, Facts, Fault, Leans, MAX_ROUNDS, Output, Seen, Which, walk};
pub use frontier::{Frontier, Steps};
pub use headers::{Header, check_headers, upstream_headers};
pub use ids::Ids;
pub use index::{Bound, CodeId, Index, Need, Role, RoleId, Route, RouteId, Rule, Service, ServiceId};
pub use invariants::Bounds;
pub use lint::{Around, Judged, mapped_roles, redacted_parameters, silence};
pub use peers::{PeerListed, PeerMap, PeerRule};
pub use prefix::Claim;
pub use scope::{Miss, Occasion, On, Scope, Values, Window};
pub use scoped::{Bindings, Hit, Scoped};
pub use sets::{Gives, Sets};
pub use trie::{Found, Trie, careless, disguised};

use std::path::Path;

use crate::diag::{Report, Sources};
use crate::policy::{Limits, Policy, read_folder, read_texts};

/// Compiles a policy. `None` if the report holds an error.
pub fn compile(policy: &Policy, sources: &Sources, report: &mut Report) -> Option<Index> {
    let networks = address::Networks::new(&policy.networks);
    let conditions = conditions::Conditions::of(policy);
    let mut roles = roles::compile(policy, &conditions, sources, report)?;
    bindings::bind(policy, sources, &mut roles, report);
    suites::check(policy, &roles, report);
    invariants::check(policy, &roles, &networks, sources, report);
    let names = need::Names { roles: &roles, networks: &networks, conditions: &conditions, sources };
    let mut builder = routes::Builder::new(policy, names, report);
    let headers = headers::of_services(policy, sources, report);
    for (service, headers) in policy.services.iter().zip(headers) {
        builder.service(service, headers, report);
    }
    let (services, routes, spans) = builder.finish();
    let table = prefix::ServiceTable::new(&policy.services, report);
    lint::broad_anonymous(&services, &routes, &spans, report);
    if report.has_errors() {
        return None;
    }
    let networks = networks.sets();
    Some(Index::new(index::Parts {
        roles,
        services,
        routes,
        table,
        networks,
        revision: revision::of(sources),
    }))
}

/// A policy as it was written and as it was compiled, with everything that was
/// found. The report is sorted; its `allow:` comments are not read yet.
#[derive(Debug, Default)]
pub struct Linted {
    /// What was written, where it could be read.
    pub policy: Option<Policy>,
    /// What it was compiled into, if there is no error.
    pub index: Option<Index>,
    /// Its files.
    pub sources: Sources,
    /// The findings.
    pub report: Report,
}

/// As [`load_at`], with everything that is only suspicious.
pub fn load_to_lint(root: &Path, now: u64, around: Around<'_>) -> Linted {
    let mut linted = Linted::default();
    let Linted { policy, index, sources, report } = &mut linted;
    *policy = read_folder(root, Limits::default(), sources, report);
    if let Some(policy) = policy {
        lint::expiring(policy, now, report);
        *index = compile(policy, sources, report);
        if let Some(index) = index {
            lint::suspicious(policy, index, sources, around, report);
        }
    }
    report.sort(sources);
    linted
}

/// Reads and compiles a policy directory. The report is sorted; what comments
/// allow is set aside.
pub fn load(root: &Path) -> (Option<Index>, Sources, Report) {
    index_alone(load_and(root, |_, _| {}))
}

/// As [`load`], with warnings of bindings that have expired at `now`, in
/// seconds since 1970, or will soon. The index does not depend on the time.
pub fn load_at(root: &Path, now: u64) -> (Option<Index>, Sources, Report) {
    index_alone(load_written(root, now))
}

/// As [`load_at`], with the policy as it was written: for questions about what
/// people wrote.
pub fn load_written(root: &Path, now: u64) -> Loaded {
    load_and(root, |policy, report| lint::expiring(policy, now, report))
}

/// Compiles the files of a policy directory, by their names below it and their
/// texts. No files at all are a policy that answers for nothing.
pub fn load_texts(texts: impl IntoIterator<Item = (String, String)>) -> (Option<Index>, Sources, Report) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts(texts, &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    lint::quiet(&sources, &mut report);
    report.sort(&sources);
    (index, sources, report)
}

/// What a policy directory holds, its files, and what was found in them.
pub type Loaded = (Option<(Index, Policy)>, Sources, Report);

fn load_and(root: &Path, look: impl FnOnce(&Policy, &mut Report)) -> Loaded {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_folder(root, Limits::default(), &mut sources, &mut report);
    let compiled = policy.and_then(|policy| {
        look(&policy, &mut report);
        let index = compile(&policy, &sources, &mut report)?;
        Some((index, policy))
    });
    lint::quiet(&sources, &mut report);
    report.sort(&sources);
    (compiled, sources, report)
}

/// What was written is not kept: tests, which may be many, least of all.
fn index_alone((compiled, sources, report): Loaded) -> (Option<Index>, Sources, Report) {
    (compiled.map(|(index, _)| index), sources, report)
}
