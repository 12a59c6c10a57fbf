//! What is said about mistakes in policies and configurations.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use doorward::compile::{self, load, load_at, mapped_roles, redacted_parameters};
use doorward::config::Config;
use doorward::diag::{Code, Format, render};
use doorward::identity::Verifier;
use doorward::policy::instant::rfc3339;

use crate::walk::{cases, compare, updating, walk};

/// A case with a file `at` is looked at as if it were that time.
fn policy(case: &Path) -> String {
    let (index, sources, report) = match fs::read_to_string(case.join("at")) {
        Ok(time) => load_at(case, rfc3339(time.trim()).unwrap()),
        Err(_) => load(case),
    };
    assert_eq!(index.is_none(), report.has_errors(), "{}", case.display());
    render(&report, &sources, Format::Text { color: false })
}

/// A case with a directory `policies` is compared with that policy.
fn config(case: &Path) -> String {
    let env = env(case);
    let (config, sources, mut report) = Config::load(&case.join("doorward.yaml"), &env);
    assert_eq!(config.is_none(), report.has_errors(), "{}", case.display());
    if let Some(Config { identity, directory, policies, upstream_headers, decision_log, .. }) = config {
        let verifier = Verifier::load(&identity, &directory, &env, &mut report);
        assert_eq!(verifier.is_none(), report.has_errors(), "{}", case.display());
        compile::upstream_headers(&upstream_headers, &sources, &mut report);
        if policies.is_dir() {
            let index = load(&policies).0.unwrap();
            mapped_roles(&index, &identity.issuers, &mut report);
            redacted_parameters(&index, &decision_log.redact, &mut report);
        }
        report.sort(&sources);
    }
    render(&report, &sources, Format::Text { color: false })
}

/// `NAME=value` lines of the file `env` beside a case, where there is one.
fn env(case: &Path) -> impl Fn(&str) -> Option<String> {
    let lines = fs::read_to_string(case.join("env")).unwrap_or_default();
    move |wanted| {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()).next()
    }
}

#[test]
fn findings_in_policies_read_as_written() {
    walk("policy", policy);
}

#[test]
fn findings_in_configurations_read_as_written() {
    walk("config", config);
}

#[test]
fn every_code_has_a_case() {
    if updating() {
        return; // the files are being written
    }
    let texts: Vec<String> = ["policy", "lint", "api", "config", "folder", "envoy", "tests"]
        .iter()
        .flat_map(|kind| cases(kind))
        .map(|case| fs::read_to_string(case.join("expected.txt")).unwrap())
        .collect();
    let missing: BTreeSet<&str> = Code::ALL
        .iter()
        .filter(|code| !is_of_another_build(**code))
        .map(|code| code.id())
        .filter(|id| !texts.iter().any(|text| text.contains(&format!("[{id}]"))))
        .collect();
    assert!(missing.is_empty(), "no case in tests/golden shows {missing:?}");
}

/// `docs/diagnostics.md` ends with a table of all findings, each with a case
/// that shows it. A link that still shows it is left as it is.
#[test]
fn the_reference_lists_every_finding() {
    let page = Path::new("docs/diagnostics.md");
    let text = fs::read_to_string(page).unwrap();
    let heading = "| id | name | | meaning | example |\n|---|---|---|---|---|\n";
    let (intro, table) = text.split_once(heading).unwrap();
    let rows = Code::ALL.iter().map(|code| {
        let (id, name, severity) = (code.id(), code.name(), code.severity().as_str());
        let before = table.lines().find(|row| row.starts_with(&format!("| {id} |")));
        let linked = before.and_then(|row| row.split_once("](../")?.1.split_once("/expected.txt)"));
        if is_of_another_build(*code) {
            return format!("| {id} | {name} | {severity} | {} | |\n", code.meaning());
        }
        let linked = linked.map(|(case, _)| PathBuf::from(case)).filter(|case| shows(case, id));
        let case = linked.unwrap_or_else(|| example(id));
        let title = case.file_name().unwrap().to_string_lossy();
        let link = format!("[{title}](../{}/expected.txt)", case.display());
        format!("| {id} | {name} | {severity} | {} | {link} |\n", code.meaning())
    });
    compare(page, &format!("{intro}{heading}{}", rows.collect::<String>())).unwrap();
}

/// What only a build with fewer features says.
fn is_of_another_build(code: Code) -> bool {
    code == Code::NotYet
}

fn shows(case: &Path, id: &str) -> bool {
    let text = fs::read_to_string(case.join("expected.txt")).unwrap_or_default();
    text.contains(&format!("[{id}]"))
}

/// The case that shows a finding in the fewest words.
fn example(id: &str) -> PathBuf {
    let all =
        ["policy", "lint", "api", "folder", "config", "envoy", "tests"].iter().flat_map(|kind| cases(kind));
    let showing = all.filter(|case| shows(case, id));
    let shortest = showing.min_by_key(|case| fs::metadata(case.join("expected.txt")).unwrap().len());
    shortest.unwrap_or_else(|| panic!("no case shows {id}"))
}

#[test]
fn every_numbered_attack_on_policies_has_a_case() {
    let all = ["policy", "folder", "decisions"].iter().flat_map(|kind| cases(kind));
    let names: Vec<String> =
        all.map(|case| case.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let policies = (1..=12).map(|number| format!("pol-{number}-"));
    let files = [1, 2, 3, 4, 5, 6, 8, 10, 11].map(|number| format!("load-{number}-"));
    for number in policies.chain(files) {
        let has = names.iter().any(|name| name.starts_with(&number));
        assert!(has, "no case in tests/golden begins with `{number}`");
    }
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
