//! What is said about configurations of Envoy. A case holds a whole `envoy.yaml`
//! or `envoy.json`, or says in its file `change` what it does to the clean one:
//! a line that stands there once, with a `-` before it, then with a `+` each
//! those that stand there instead, indented from where it was.

use std::fs;
use std::path::{Path, PathBuf};

use doorward::diag::{Format, Report, Sources, render};
use doorward::proxy::{Managed, inspect};

use crate::walk::walk;

const CLEAN: &str = "tests/golden/envoy/clean/envoy.yaml";

fn envoy(case: &Path) -> String {
    let change = fs::read_to_string(case.join("change"));
    let (file, text) = match change {
        Ok(change) => (case.join("envoy.yaml"), changed(&change)),
        Err(_) => {
            let file =
                ["envoy.yaml", "envoy.json"].map(|name| case.join(name)).into_iter().find(|f| f.exists());
            let file = file.unwrap_or_else(|| panic!("{}: no file", case.display()));
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        }
    };
    told(file, &text)
}

fn told(file: PathBuf, text: &str) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let id = sources.add(file.display().to_string(), text);
    let seen = inspect(id, text, &Managed::default(), &[], &mut report);
    report.sort(&sources);
    let seen = match seen {
        Some(seen) => format!("managers: {}, routes: {}\n", seen.managers, seen.routes),
        None => "could not be read\n".to_owned(),
    };
    seen + &render(&report, &sources, Format::Text { color: false })
}

fn changed(change: &str) -> String {
    let mut text = fs::read_to_string(CLEAN).unwrap();
    let mut changes = change.lines().peekable();
    while let Some(old) = changes.next() {
        let old = old.strip_prefix('-').unwrap_or_else(|| panic!("`{old}` begins with neither `-` nor `+`"));
        let mut new = Vec::new();
        while let Some(line) = changes.next_if(|line| line.starts_with('+')) {
            new.push(line.strip_prefix('+').unwrap());
        }
        let stands: Vec<&str> = text.lines().filter(|line| line.trim_start() == old).collect();
        assert_eq!(stands.len(), 1, "`{old}` stands once in {CLEAN}");
        let line = stands.first().unwrap().to_string();
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let new: String = new.iter().map(|new| format!("{indent}{new}\n")).collect();
        text = text.replace(&format!("{line}\n"), &new);
    }
    text
}

#[test]
fn holes_in_configurations_of_envoy_read_as_written() {
    walk("envoy", envoy);
}

#[test]
fn what_ships_has_no_holes() {
    let sidecar = "deploy/kubernetes/examples/sidecar/envoy.yaml";
    for shipped in ["deploy/envoy/envoy.yaml", sidecar, "src/cli/init/envoy.yaml", CLEAN] {
        let told = told(shipped.into(), &fs::read_to_string(shipped).unwrap());
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!told.contains("managers: 0"), "{told}");
    }
}

/// Each line of the shipped file that is marked as closing a hole is missed when it goes, but for those
/// that say what Envoy does by itself, and for what is no part of a request's way.
#[test]
fn what_the_shipped_file_closes_is_missed() {
    let by_itself = [
        "max_active_downstream_connections: 10000",
        "per_connection_buffer_limit_bytes: 32768",
        "forward_client_cert_details: SANITIZE",
        "stream_idle_timeout: 60s",
        "failure_mode_allow: false",
        "clear_route_cache: false",
        "deny_at_disable: { default_value: true, runtime_key: ext_authz.deny_at_disable }",
        "enforce_response_header_limits: true",
        "max_denied_response_body_bytes: 8192",
        "address: { socket_address: { address: 127.0.0.1, port_value: 9901 } }",
        // Without it the route is none that Envoy takes.
        "direct_response: { status: 421 }",
    ];
    let shipped = fs::read_to_string("deploy/envoy/envoy.yaml").unwrap();
    let mut looked = 0;
    for (number, line) in shipped.lines().enumerate() {
        let Some((code, _)) = line.split_once(" # [hard]") else { continue };
        let code = code.trim();
        if code.is_empty() || code.starts_with('#') || code.ends_with(':') {
            continue;
        }
        let without: String = shipped
            .lines()
            .enumerate()
            .filter(|(n, _)| *n != number)
            .map(|(_, l)| format!("{l}\n"))
            .collect();
        let told = told("envoy.yaml".into(), &without);
        let missed = told.lines().count() > 1;
        assert_eq!(missed, !by_itself.contains(&code), "without `{code}`: {told}");
        looked += 1;
    }
    assert!(looked > 20, "{looked} lines");
}
