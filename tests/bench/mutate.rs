//! How long a mutant takes: a policy of 1,000 routes in 10 services, weakened before
//! tests, before invariants and before both.
//!
//! `cargo bench --bench mutate`. The same sample of mutants each time, by the real
//! binary; what reading the policy takes is measured by a run of one mutant and
//! taken off. Ends with an error where a mutant takes longer than 500 ms, or where
//! tests or invariants make it more than five times as long.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const SERVICES: usize = 10;
const ROUTES: usize = 100;
const MUTANTS: u32 = 200;
const MOST: Duration = Duration::from_millis(500);

fn main() {
    let (tests, invariants) = (tests(), invariants());
    let nothing = "tests: [{ name: t, as: nobody, request: PUT /s0/c0, expect: token_missing }]\n";
    let none = measure("1 test", &[nothing]);
    let tested = measure("6,000 tests", &[&tests]);
    let proved = measure("20 invariants", &[&invariants]);
    let both = measure("both", &[&tests, &invariants]);
    for took in [none, tested, proved, both] {
        assert!(took < MOST, "too slow");
    }
    for took in [tested, proved, both] {
        assert!(took < none * 5, "what can't have changed is asked again");
    }
}

/// How long a mutant takes with these files beside the policy.
fn measure(name: &str, files: &[&str]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), policy()).unwrap();
    for (number, file) in files.iter().enumerate() {
        fs::write(folder.path().join(format!("more{number}.yaml")), file).unwrap();
    }
    let (one, _) = run(folder.path(), 1);
    let (all, told) = run(folder.path(), MUTANTS);
    let each = all.saturating_sub(one) / (MUTANTS - 1);
    let number = |key: &str| told[key].as_u64().unwrap();
    println!(
        "{name}: {:.1} ms a mutant, {:.1} s to begin; {} noticed (by {}), {} not, {} open nothing, {} don't compile",
        each.as_secs_f64() * 1000.0,
        one.as_secs_f64(),
        number("noticed"),
        told["noticed_by"],
        number("survived"),
        number("harmless"),
        number("broken"),
    );
    each
}

fn run(policy: &Path, limit: u32) -> (Duration, serde_json::Value) {
    let started = Instant::now();
    let said = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .arg("mutate")
        .arg(policy)
        .args(["--format", "json", "--limit", &limit.to_string(), "--at", "2026-11-28T12:00:00Z"])
        .output()
        .unwrap();
    let took = started.elapsed();
    assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    (took, serde_json::from_slice(&said.stdout).unwrap())
}

/// Roles of each service, and one above all.
fn policy() -> String {
    let mut text = String::from("roles:\n");
    for service in 0..SERVICES {
        writeln!(text, "  reader{service}: {{ grants: ['s{service}:read'] }}").unwrap();
        writeln!(text, "  writer{service}: {{ inherits: [reader{service}], grants: ['s{service}:write'] }}")
            .unwrap();
    }
    text.push_str("  boss: { grants: ['*'] }\nservices:\n");
    for service in 0..SERVICES {
        writeln!(text, "  s{service}:\n    paths: [/s{service}]\n    routes:").unwrap();
        for route in 0..ROUTES {
            let below = ["", "/{id}", "/{id}/items/{item}", "/all"][route % 4];
            let (method, code) = if route % 3 == 0 { ("PUT", "write") } else { ("GET", "read") };
            writeln!(
                text,
                "      - {{ route: '{method} /s{service}/c{route}{below}', codes: 's{service}:{code}' }}"
            )
            .unwrap();
        }
    }
    text
}

/// Of each route: who may, who may not, and that nothing is beside it.
fn tests() -> String {
    let mut text = String::from("tests:\n");
    for (service, route) in (0..SERVICES).flat_map(|service| (0..ROUTES).map(move |route| (service, route))) {
        let below = ["", "/x", "/x/items/y", "/all"][route % 4];
        let path = format!("/s{service}/c{route}{below}");
        let (method, other, role) =
            if route % 3 == 0 { ("PUT", "POST", "writer") } else { ("GET", "PATCH", "reader") };
        let near = if route % 3 == 0 {
            format!("reader{service}")
        } else {
            format!("reader{}", (service + 1) % SERVICES)
        };
        for (who, request, expect) in [
            ("nobody".to_owned(), format!("{method} {path}"), "token_missing"),
            (format!("{{ roles: [{near}] }}"), format!("{method} {path}"), "code_missing"),
            (format!("{{ roles: [{role}{service}] }}"), format!("{method} {path}"), "allow"),
            (format!("{{ codes: ['s{service}:write'] }}"), format!("{method} {path}/below"), "route_unknown"),
            ("{ roles: [boss] }".to_owned(), format!("{method} {path}/below"), "route_unknown"),
            ("{ roles: [boss] }".to_owned(), format!("{other} {path}"), "method_not_allowed"),
        ] {
            writeln!(
                text,
                "  - {{ name: '{request} as {}', as: {who}, request: {request}, expect: {expect} }}",
                who.replace('\'', "")
            )
            .unwrap();
        }
    }
    text
}

/// Two of each service.
fn invariants() -> String {
    let mut text = String::from("invariants:\n");
    for service in 0..SERVICES {
        let next = (service + 1) % SERVICES;
        writeln!(
            text,
            "  - {{ name: only writers write {service}, only: {{ codes: 's{service}:write' }}, may: 'PUT \
             /s{service}/**' }}\n  - {{ name: others stay out of {service}, never: {{ roles: {{ any: [reader{next}, \
             writer{next}] }}, besides: nothing }}, may: 'ANY /s{service}/**' }}"
        )
        .unwrap();
    }
    text
}
