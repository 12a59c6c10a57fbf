//! Cases as files: each folder below `tests/golden/<kind>/` is one case, and
//! its `expected.txt` is what a person reads.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes what comes out now; the
//! difference is then for the reviewer.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use doorward::config::Config;
use doorward::diag::{Code, Format, render};
use doorward::identity::Verifier;

/// Runs every case of a kind: what `actual` makes of the folder must be what
/// its `expected.txt` says.
fn walk(kind: &str, actual: impl Fn(&Path) -> String) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in cases(kind) {
        let expected = case.join("expected.txt");
        let actual = actual(&case);
        if update {
            fs::write(&expected, &actual).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != actual {
            wrong.push(format!("{}:\n{actual}", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases differ; if that is meant: UPDATE_GOLDEN=1 cargo test --test golden\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The folders of a kind, relative to the crate so that paths in messages are
/// the same everywhere.
fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/golden").join(kind);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// `NAME=value` lines of the file `env` beside a case, where there is one.
fn env(case: &Path) -> impl Fn(&str) -> Option<String> {
    let lines = fs::read_to_string(case.join("env")).unwrap_or_default();
    move |wanted| {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()).next()
    }
}

fn config(case: &Path) -> String {
    let env = env(case);
    let (config, sources, mut report) = Config::load(&case.join("doorward.yaml"), &env);
    assert_eq!(config.is_none(), report.has_errors(), "{}", case.display());
    if let Some(Config { identity, directory, .. }) = config {
        let verifier = Verifier::load(&identity, &directory, &env, &mut report);
        assert_eq!(verifier.is_none(), report.has_errors(), "{}", case.display());
        report.sort(&sources);
    }
    render(&report, &sources, Format::Text { color: false })
}

#[test]
fn configuration_findings_read_as_written() {
    walk("config", config);
}

#[test]
fn every_finding_about_the_configuration_has_a_case() {
    let texts: Vec<String> = cases("config")
        .iter()
        .filter_map(|case| fs::read_to_string(case.join("expected.txt")).ok())
        .collect();
    let missing: BTreeSet<&str> = Code::ALL
        .iter()
        .map(|code| code.id())
        .filter(|id| id.starts_with("DW3") && !texts.iter().any(|text| text.contains(&format!("[{id}]"))))
        .collect();
    assert!(missing.is_empty(), "no case in tests/golden/config shows {missing:?}");
}

#[test]
fn the_examples_of_the_configuration_reference_have_no_findings() {
    let page = fs::read_to_string("docs/configuration.md").unwrap();
    let examples: Vec<&str> =
        page.split("```yaml config\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3);
    let folder = tempfile::tempdir().unwrap();
    for example in examples {
        let path = folder.path().join("doorward.yaml");
        fs::write(&path, example).unwrap();
        let (config, sources, report) = Config::load(&path, &|_| None);
        let findings = render(&report, &sources, Format::Text { color: false });
        assert!(config.is_some() && report.is_empty(), "{example}\n{findings}");
    }
}
