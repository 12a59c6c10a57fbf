//! What is said about tests that do not hold, and about what they leave untried.
//!
//! Each case is a policy directory with `tests:`; a file `at` says when its tests
//! run, `headers` beside it what the upstream is told, as in `upstream_headers`.

use std::fs;
use std::path::Path;

use doorward::compile::{load_written, upstream_headers};
use doorward::config::{Config, OnAnonymous};
use doorward::denial::Denials;
use doorward::diag::{Format, Place, Report, Sources, render};
use doorward::engine::HeaderPlan;
use doorward::policy::instant::rfc3339;
use doorward::review::Tokens;
use doorward::review::coverage::Touched;
use doorward::review::invariants::prove;
use doorward::review::suite::{Suite, When};
use doorward::trial::Court;

use crate::walk::walk;

/// A time before all that the cases speak of.
const NOW: u64 = 1_764_000_000;

fn results(case: &Path) -> String {
    let (loaded, files, report) = load_written(case, NOW);
    let found = render(&report, &files, Format::Text { color: false });
    let (index, policy) = loaded.unwrap_or_else(|| panic!("{}\n{found}", case.display()));
    let headers = headers(case).map(|headers| HeaderPlan::new(&headers, &index));
    let mut report = Report::default();
    let suite = Suite::new(&policy, &[], &mut report).unwrap();
    let denials = Denials::default();
    let court = Court {
        index: &index,
        headers: headers.as_ref(),
        denials: &denials,
        on_anonymous: OnAnonymous::default(),
    };
    let when = match fs::read_to_string(case.join("at")) {
        Ok(time) => When::At(rfc3339(time.trim()).unwrap()),
        Err(_) => When::Any(NOW),
    };
    let session = suite.before(court, when);
    let mut touched = Touched::new(&index);
    let mut page = String::new();
    for case in suite.cases() {
        let verdict = session.run(case, &mut touched);
        let misses = session.misses(case, &verdict);
        page.push_str(&format!("{} {}\n", if misses.is_empty() { "holds" } else { "fails" }, case.name));
        misses.iter().for_each(|miss| report.push(miss.finding(case, NOW, Place::to_string)));
    }
    for outcome in prove(&index, &policy, &files, Tokens::ANY, when.time()).unwrap() {
        page.push_str(&format!("{} {}\n", if outcome.holds() { "true " } else { "false" }, outcome.sentence));
        for found in outcome.counterexamples() {
            page.push_str(&format!("  {}\n", found.told(Place::to_string)));
            page.push_str(&format!("  {}\n", found.witness.command()));
        }
        outcome.finding(Place::to_string).into_iter().for_each(|finding| report.push(finding));
    }
    page.push('\n');
    page.push_str(&render(&report, &files, Format::Text { color: false }));
    let coverage = touched.coverage(&policy, &files);
    for (name, kind) in coverage.kinds() {
        page.push_str(&format!("{name}: {} of {}, {} %\n", kind.touched, kind.all, kind.percent()));
        kind.missed
            .iter()
            .for_each(|missed| page.push_str(&format!("  {}  {}\n", missed.what, missed.place)));
    }
    page.push_str(&format!("all: {} %\n", coverage.total().percent()));
    assert_eq!(
        suite.holds(court, when),
        suite.cases().iter().all(|case| {
            let misses = session.misses(case, &session.run(case, &mut Touched::new(&index)));
            misses.iter().all(|miss| matches!(miss, doorward::review::suite::Miss::Time { .. }))
        })
    );
    page
}

/// The headers of a configuration that says nothing else.
fn headers(case: &Path) -> Option<Vec<doorward::compile::Header>> {
    let config = case.join("_doorward.yaml");
    let (config, sources, mut report): (Option<Config>, Sources, Report) =
        config.is_file().then(|| Config::load(&config, &|_| None))?;
    let headers = upstream_headers(&config.unwrap().upstream_headers, &sources, &mut report);
    Some(headers.unwrap())
}

#[test]
fn results_of_tests_read_as_written() {
    walk("tests", results);
}
