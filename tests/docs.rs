//! The documentation and what ships are what they say: every YAML block in the
//! README, in `docs/` and in the examples is compiled, every link leads somewhere.
//!
//! The word behind ```` ```yaml ```` says what a block is:
//!
//! - `policy`: policy text that compiles without an error;
//! - `policy-error CODE`: policy text with exactly this error;
//! - `config`: a whole `doorward.yaml`;
//! - `envoy`: lines of `deploy/envoy/envoy.yaml`, which real Envoy validates;
//! - `envoy-cluster`: well-formed YAML to be added to a cluster of Envoy;
//! - `envoy-access-log`: an access log, with which `tests/it` runs real Envoy to
//!   replay what it writes;
//! - `envoy-tls`: a transport socket, which `tests/it` gives to real Envoy;
//! - `envoy-tracer`, `envoy-collector`: well-formed YAML that `tests/it` puts into
//!   it for traces;
//! - `envoy-listener`, `envoy-filter`, `envoy-route`: well-formed YAML that
//!   `tests/it` puts into `deploy/envoy/envoy.yaml` for an example.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use doorward::compile::{compile, load};
use doorward::config::{Config, OnAnonymous};
use doorward::denial::Denials;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::Reason;
use doorward::policy::read_texts;
use doorward::review::Tokens;
use doorward::review::invariants::{Outcome, prove};
use doorward::review::suite::{Suite, When};
use doorward::trial::Court;

struct Block {
    at: String,
    kind: String,
    text: String,
}

#[test]
fn every_yaml_block_is_what_it_says() {
    let envoy = fs::read_to_string(root().join("deploy/envoy/envoy.yaml")).unwrap();
    let mut seen = 0;
    for block in pages().iter().flat_map(|page| blocks(page)) {
        let mut words = block.kind.split_whitespace();
        if words.next() != Some("yaml") {
            continue;
        }
        seen += 1;
        match (words.next(), words.next()) {
            (Some("policy"), None) => {
                assert_eq!(errors(&block.text), "", "{}", block.at);
                tests_hold(&block);
            }
            (Some("policy-error"), Some(code)) => {
                let errors = errors(&block.text);
                assert!(errors.contains(&format!("[{code}]")), "{}: {errors}", block.at);
            }
            (Some("config"), None) => config(&block),
            (Some("envoy"), None) => {
                for line in block.text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'))
                {
                    let line = line.split(" #").next().unwrap().trim();
                    assert!(
                        envoy.lines().any(|l| l.split(" #").next().unwrap().trim() == line),
                        "{}: `{line}` is not in deploy/envoy/envoy.yaml",
                        block.at
                    );
                }
            }
            (
                Some(
                    "envoy-cluster" | "envoy-tls" | "envoy-listener" | "envoy-filter" | "envoy-route"
                    | "envoy-tracer" | "envoy-collector" | "envoy-access-log",
                ),
                None,
            ) => {
                let (mut sources, mut report) = (Sources::default(), Report::default());
                let file = sources.add("block.yaml", block.text.as_str());
                assert!(doorward::yaml::parse(file, &block.text, &mut report).is_some(), "{}", block.at);
                assert!(report.is_empty(), "{}", block.at);
            }
            _ => panic!("{}: a YAML block of an unknown kind, `{}`", block.at, block.kind),
        }
    }
    assert!(seen > 5, "only {seen} blocks found");
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&target).unwrap();
                let found = headings.lines().filter(|l| l.starts_with('#')).any(|l| slug(l) == anchor);
                assert!(found, "{}: no heading for {link}", page.display());
            }
        }
    }
}

#[test]
fn the_reference_lists_every_reason() {
    let page = fs::read_to_string(root().join("docs/reasons.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| `")).take(Reason::ALL.len()).collect();
    let expected: Vec<String> = Reason::ALL
        .iter()
        .map(|r| format!("| `{}` | {} | {} |", r.as_str(), r.status(), r.meaning()))
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_reference_policy_compiles_without_a_finding() {
    let (index, sources, report) = load(&root().join("policies"));
    let text = render(&report, &sources, Format::Text { color: false });
    assert!(report.is_empty(), "{text}");
    assert!(index.is_some());
}

/// The last column of the fault table names a test that exists.
#[test]
fn every_fault_in_the_table_has_its_test() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (mut waiting, mut code) = (vec![root().join("src"), root().join("tests")], String::new());
    while let Some(path) = waiting.pop() {
        if path.is_dir() && !path.ends_with("target") {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            code += &fs::read_to_string(path).unwrap();
        }
    }
    let (_, table) = page.split_once("| fault |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names: Vec<_> = rows.map(|row| row.rsplit('`').nth(1).unwrap()).collect();
    assert!(names.len() > 15);
    for name in names {
        assert!(code.contains(&format!("fn {name}()")), "there is no test `{name}`");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let below = |folder| fs::read_dir(root().join(folder)).unwrap().map(|e| e.unwrap().path());
    pages.extend(below("docs").filter(|p| p.extension().is_some_and(|e| e == "md")));
    pages.push(root().join("examples/README.md"));
    pages.extend(below("examples").map(|p| p.join("README.md")).filter(|p| p.exists()));
    pages.sort();
    pages
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(kind) = line.strip_prefix("```") {
            if !open {
                let at = format!("{}:{}", page.display(), number + 1);
                blocks.push(Block { at, kind: kind.to_owned(), text: String::new() });
            }
            open = !open;
        } else if open {
            let block = blocks.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!open, "{}: a code block is not closed", page.display());
    blocks
}

fn errors(text: &str) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("block.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    if let Some(policy) = policy {
        compile(&policy, &sources, &mut report);
    }
    if report.has_errors() { render(&report, &sources, Format::Short) } else { String::new() }
}

/// The tests of a block hold for its policy.
fn tests_hold(block: &Block) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy =
        read_texts([("block.yaml".to_owned(), block.text.clone())], &mut sources, &mut report).unwrap();
    // Blocks without a service are parts of a policy: there is nothing to ask.
    let Some(index) = compile(&policy, &sources, &mut report) else { return };
    let suite = Suite::new(&policy, &[], &mut report).unwrap();
    let denials = Denials::default();
    let court =
        Court { index: &index, headers: None, denials: &denials, on_anonymous: OnAnonymous::default() };
    assert!(suite.holds(court, When::Any(0)), "{}", block.at);
    let outcomes = prove(&index, &policy, &sources, Tokens::ANY, 0).unwrap();
    assert!(outcomes.iter().all(Outcome::holds), "{}: {outcomes:#?}", block.at);
}

fn config(block: &Block) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    fs::write(&path, &block.text).unwrap();
    let (config, sources, report) = Config::load(&path, &|_| None);
    assert!(config.is_some(), "{}: {}", block.at, render(&report, &sources, Format::Short));
}

/// GitHub's anchor of a heading.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
