//! From the path of a configuration file to everything that serving needs, or
//! to all that is wrong. Opens no socket.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::compile::{self, Header, Index};
use crate::config::{Config, Listeners};
use crate::denial::Denials;
use crate::diag::{Report, Sources};
use crate::engine::HeaderPlan;
use crate::envoy::{Live, Snapshot};
use crate::identity::{Upkeep, Verifier};

/// What was found in one set of files.
#[derive(Debug)]
pub struct Findings {
    /// The findings, sorted.
    pub report: Report,
    /// The files they point into.
    pub sources: Sources,
}

/// Everything that serving needs.
pub(super) struct Start {
    pub(super) listen: Listeners,
    pub(super) policy: Arc<Live>,
    /// What denied callers are told.
    pub(super) denials: Arc<Denials>,
    /// What the keys need.
    pub(super) upkeep: Upkeep,
    /// What is not wrong and yet worth a look.
    pub(super) warnings: Vec<Findings>,
}

/// Reads and checks everything. A configuration with mistakes hides where the
/// policy lies; short of that, the mistakes of all files are told at once.
pub(super) fn load(path: &Path) -> Result<Start, Vec<Findings>> {
    let environment = |name: &str| std::env::var(name).ok();
    let (config, sources, mut report) = Config::load(path, &environment);
    let Some(config) = config else { return Err(vec![Findings { report, sources }]) };
    let Config { directory, listen, policies, identity, header_prefixes, upstream_headers, deny } = config;
    let verifier = Verifier::load(&identity, &directory, &environment, &mut report);
    let headers = compile::upstream_headers(&upstream_headers, &sources, &mut report);
    let (index, policy_sources, mut policy_report) = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(now) => compile::load_at(&policies, now.as_secs()),
        // Checks are refused with that clock anyway.
        Err(_) => compile::load(&policies),
    };
    if let Some(index) = &index {
        compile::mapped_roles(index, &identity.issuers, &mut report);
    }
    if let (Some(index), Some(headers)) = (&index, &headers) {
        compile::check_headers(index, headers, &header_prefixes, &mut policy_report);
        policy_report.sort(&policy_sources);
    }
    report.sort(&sources);
    let policy = Findings { report: policy_report, sources: policy_sources };
    let findings = vec![Findings { report, sources }, policy];
    match (verifier, index, headers) {
        (Some(mut verifier), Some(index), Some(headers))
            if !findings.iter().any(|f| f.report.has_errors()) =>
        {
            Ok(Start {
                listen,
                denials: Arc::new(Denials::new(&deny)),
                upkeep: verifier.take_upkeep(),
                policy: Arc::new(Live::new(snapshot(index, verifier, &headers))),
                warnings: findings,
            })
        }
        _ => Err(findings),
    }
}

fn snapshot(index: Index, verifier: Verifier, headers: &[Header]) -> Snapshot {
    let headers = HeaderPlan::new(headers, &index);
    Snapshot::new(index, verifier, headers)
}
