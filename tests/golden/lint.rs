//! What is only suspicious in a policy, and what comments allow of it: as
//! `doorward lint` says it. A case has a directory `policies`, and may have a
//! `doorward.yaml`.

use std::path::Path;

use doorward::compile::{self, Around, load_to_lint, silence};
use doorward::config::Config;
use doorward::diag::{Format, Report, Sources, render};

use crate::walk::walk;

/// A time before everything that the cases say of time.
const NOW: u64 = 1_800_000_000;

fn lint(case: &Path) -> String {
    let path = case.join("doorward.yaml");
    let config = path.exists().then(|| Config::load(&path, &|_| None).0.unwrap());
    let (sources, mut report) = (Sources::default(), Report::default());
    let headers = config
        .as_ref()
        .map(|config| compile::upstream_headers(&config.upstream_headers, &sources, &mut report).unwrap());
    let around = Around { config: config.as_ref().zip(headers.as_deref()) };
    let mut linted = load_to_lint(&case.join("policies"), NOW, around);
    assert!(linted.index.is_some(), "{}: {:?}", case.display(), linted.report);
    silence(&linted.sources, &|code| code.id() != "DW203", &mut linted.report);
    linted.report.sort(&linted.sources);
    let allowed: String = linted
        .report
        .silenced()
        .iter()
        .map(|silenced| format!("allowed {}: {}\n", silenced.diagnostic.code.id(), silenced.reason))
        .collect();
    render(&linted.report, &linted.sources, Format::Text { color: false }) + &allowed
}

#[test]
fn what_is_suspicious_in_policies_reads_as_written() {
    walk("lint", lint);
}

/// Whoever only loads a policy is not told what its comments allow, nor what is
/// wrong with them, nor anything else that is for `lint` alone.
#[test]
fn a_policy_that_is_only_loaded_is_no_occasion_to_speak() {
    for case in crate::walk::cases("lint") {
        let (index, sources, report) = compile::load(&case.join("policies"));
        let said = render(&report, &sources, Format::Short);
        assert!(index.is_some() && report.is_empty(), "{}: {said}", case.display());
    }
}
