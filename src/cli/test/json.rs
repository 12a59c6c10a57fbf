//! Results for programs: one JSON object.

use serde::Serialize;
use serde_json::Value;

use super::proved::{self, Proved};
use super::{EXPLAINED, Results};
use crate::cli::check::show;
use crate::policy::instant::utc;
use crate::review::coverage::Coverage;
use crate::review::suite::result;

#[derive(Serialize)]
struct Told<'a> {
    passed: usize,
    failed: usize,
    tests: Vec<Test<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    invariants: Vec<Proved<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Covered<'a>>,
    policy: Policy<'a>,
}

#[derive(Serialize)]
struct Test<'a> {
    name: &'a str,
    passed: bool,
    /// Where the expected result stands.
    file: &'a str,
    line: usize,
    column: usize,
    #[serde(rename = "as")]
    caller: &'a str,
    request: &'a str,
    /// When, where the test says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    expected: &'a str,
    got: &'a str,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wrong: Vec<String>,
    /// Of a failure, what `doorward check` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Value>,
}

#[derive(Serialize)]
struct Covered<'a> {
    percent: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<u8>,
    routes: Kind<'a>,
    roles: Kind<'a>,
    bindings: Kind<'a>,
    conditions: Kind<'a>,
}

#[derive(Serialize)]
struct Kind<'a> {
    all: usize,
    touched: usize,
    percent: u8,
    missed: Vec<Missed<'a>>,
}

#[derive(Serialize)]
struct Missed<'a> {
    what: &'a str,
    place: String,
}

#[derive(Serialize)]
struct Policy<'a> {
    directory: String,
    revision: &'a str,
}

/// One JSON object.
pub(super) fn json(results: &Results<'_>) -> String {
    let failed = results.failed();
    let mut explained = 0;
    let tests = results.ran.iter().map(|ran| {
        let case = ran.case;
        let from = results.sources.position(case.span.file, case.span.start);
        explained += usize::from(!ran.passed());
        let decision = (!ran.passed() && explained <= EXPLAINED)
            .then(|| serde_json::from_str(&results.explain(ran, show::json)).ok());
        Test {
            name: &case.name,
            passed: ran.passed(),
            file: results.sources.name(case.span.file),
            line: from.line,
            column: from.column,
            caller: &case.caller,
            request: &case.line,
            at: case.at.map(utc),
            expected: result(case.expect),
            got: result(ran.verdict.decision.reason),
            wrong: results.findings(ran).into_iter().map(|finding| finding.message).collect(),
            decision: decision.flatten(),
        }
    });
    let told = Told {
        passed: results.ran.len() - failed,
        failed,
        tests: tests.collect(),
        invariants: proved::json(results),
        coverage: results.coverage.as_ref().map(|coverage| covered(results, coverage)),
        policy: Policy { directory: show::directory(results.directory), revision: results.index.revision() },
    };
    // Texts, numbers and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}

fn covered<'a>(results: &Results<'_>, coverage: &'a Coverage) -> Covered<'a> {
    let kind = |kind: &'a crate::review::coverage::Kind| Kind {
        all: kind.all,
        touched: kind.touched,
        percent: kind.percent(),
        missed: kind
            .missed
            .iter()
            .map(|missed| Missed { what: &missed.what, place: results.place(&missed.place) })
            .collect(),
    };
    Covered {
        percent: coverage.total().percent(),
        at_least: results.min_coverage,
        routes: kind(&coverage.routes),
        roles: kind(&coverage.roles),
        bindings: kind(&coverage.bindings),
        conditions: kind(&coverage.conditions),
    }
}
