//! A decision allocates nothing, however many routes, roles and codes there
//! are. (Counted by a global allocator, which is why this is a program of its
//! own.)

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;
use std::sync::Arc;

use allocation_counter::measure;
use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::read_texts;

/// So many routes, each with a code of its own, and a tenth as many roles, of
/// which the caller holds one that inherits them all.
fn index(size: usize) -> Index {
    let mut text = String::from("roles:\n");
    let roles = size / 10;
    for role in 0..roles {
        let inherits = if role == 0 { String::new() } else { format!("inherits: [r{}], ", role - 1) };
        writeln!(text, "  r{role}: {{ {inherits}grants: [\"c{role}*\"], denies: [\"d{role}\"] }}").unwrap();
    }
    writeln!(text, "  all: {{ inherits: [r{}], grants: [\"*\"] }}", roles - 1).unwrap();
    text.push_str("services:\n  s:\n    paths: [/]\n    routes:\n");
    for route in 0..size {
        writeln!(text, "      - {{ route: \"GET /c{route}/{{id}}\", codes: c{route}, roles: r0 }}").unwrap();
    }
    text.push_str("      - { route: GET /open/**, access: anonymous }\n");
    text.push_str("      - { route: GET /open/c0/x, roles: r0 }\n");
    text.push_str("      - { route: GET /office, codes: c0, ip: { allow: [10.0.0.0/8] } }\n");
    text.push_str("      - { route: POST /p.S/M, codes: c0 }\n");
    let all: Vec<String> = (0..size).map(|n| format!("c{n}")).collect();
    writeln!(text, "      - {{ route: GET /every, codes: {{ all: [{}] }} }}", all.join(", ")).unwrap();
    index_of(text)
}

fn index_of(text: String) -> Index {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text)], &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    index.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)))
}

/// How often one decision allocates.
fn allocations(index: &Index, line: &str, roles: &[&str], expected: Reason) -> u64 {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let subject = Subject { user: "ann".to_owned(), roles, ..Subject::default() };
    let caller = Arc::new(Principal::resolve(index, subject));
    let (method, path) = line.split_once(' ').unwrap();
    let headers: [(&str, &[u8]); 3] =
        [("content-type", b"application/grpc+proto"), ("user-agent", b"x"), ("accept", b"*/*")];
    let input = Input {
        method,
        host: "api.example.com:443",
        path,
        source: Some("10.1.2.3".parse().unwrap()),
        headers: Headers::new(&headers),
        ..Input::default()
    };
    let mut reason = Reason::EngineError;
    let counted = measure(|| {
        reason = decide(index, &input, OnAnonymous::default(), |_| Ok(Arc::clone(&caller))).reason
    });
    assert_eq!(reason, expected, "{line}");
    counted.count_total
}

#[test]
fn a_decision_allocates_nothing_whatever_the_size_of_the_policy() {
    for size in [10, 1_000, 10_000] {
        let index = index(size);
        let last = format!("GET /c{}/4711", size - 1);
        for (line, roles, reason) in [
            ("GET /c0/4711", &["all"][..], Reason::Allowed),
            (last.as_str(), &["all"], Reason::Allowed),
            ("HEAD /c5/4711/?q=x", &["all"], Reason::Allowed),
            ("GET /every", &["all"], Reason::Allowed),
            ("GET /every", &["r0"], Reason::CodeMissing),
            ("GET /c0/4711", &["unknown"], Reason::RoleMissing),
            ("GET /office", &["all"], Reason::Allowed),
            ("POST /p.S/M", &["all"], Reason::Allowed),
            ("DELETE /c0/4711", &["all"], Reason::MethodNotAllowed),
            ("GET /nothing/here", &["all"], Reason::RouteUnknown),
            ("GET /open/c1/y/z", &[], Reason::Allowed),
            ("GET /../x", &["all"], Reason::PathAmbiguous),
        ] {
            let counted = allocations(&index, line, roles, reason);
            assert_eq!(counted, 0, "{line} with {size} routes");
        }
    }
}

#[test]
fn an_unusual_spelling_costs_the_same_whatever_the_size_of_the_policy() {
    let (small, large) = (index(10), index(10_000));
    for (line, reason) in [
        ("GET /open/%C3%A9/B/%40", Reason::Allowed),
        ("GET /open/C0/x", Reason::PathAmbiguous),
        ("GET /c0/a%20b", Reason::Allowed),
        ("GET /c%30/x", Reason::PathAmbiguous),
    ] {
        let few = allocations(&small, line, &["all"], reason);
        assert_eq!(few, allocations(&large, line, &["all"], reason), "{line}");
        assert!(few <= 16, "{line}: {few}");
    }
}

/// Whoever has scoped bindings pays once where one counts, whatever their
/// number; nobody else pays at all.
#[test]
fn scoped_bindings_allocate_once_and_only_where_they_count() {
    for bindings in [1, 1_000] {
        let mut text = String::from(
            "roles: { r: { grants: [c] } }\nservices:\n  s:\n    paths: [/]\n    routes:\n      \
             - { route: 'GET /v/{venue}', roles: r, codes: c }\n      - { route: GET /all, roles: r }\nbindings:\n",
        );
        for n in 0..bindings {
            writeln!(text, "  - {{ user: ann, roles: r, on: {{ venue: v-{n} }} }}").unwrap();
            writeln!(text, "  - {{ user: ann, roles: r, from: 2100-01-01, until: {}-01-01 }}", 2101 + n)
                .unwrap();
        }
        let index = index_of(text);
        let last = format!("GET /v/v-{}", bindings - 1);
        assert_eq!(allocations(&index, &last, &[], Reason::Allowed), 1);
        assert_eq!(allocations(&index, "GET /v/v-1000", &[], Reason::RoleMissing), 0);
        assert_eq!(allocations(&index, "GET /v/v-1000", &["r"], Reason::Allowed), 0);
        assert_eq!(allocations(&index, "GET /all", &[], Reason::RoleMissing), 0);
    }
}

/// Tracing costs nothing where it is off, and next to nothing where the trace is
/// not recorded.
#[cfg(feature = "server")]
#[test]
fn what_is_not_traced_allocates_nothing_for_it() {
    use doorward::config::{Config, DecisionLog, LogTo};
    use doorward::telemetry::{Carried, Telemetry};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, "tracing: { otlp: { endpoint: 'http://127.0.0.1:4317' }, sample: 0 }").unwrap();
    let tracing = Config::load(&path, &|_| None).0.unwrap().tracing.unwrap();
    let silent = || Telemetry::new(&DecisionLog { to: LogTo::Nowhere, ..DecisionLog::default() });
    let unrecorded: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let pairs = [("traceparent", unrecorded), ("tracestate", b"a=1")];
    let carried = Carried { parent: Some(unrecorded), state: Some(b"a=1") };
    for (telemetry, told) in [(silent(), false), (silent().tracing(&tracing), true)] {
        assert_eq!(telemetry.tells_traces(), told);
        for carried in [Carried::default(), carried] {
            let info = measure(|| {
                assert!(telemetry.trace(carried, Headers::new(&pairs), 7).is_none());
            });
            assert_eq!(info.count_total, 0, "{told}");
        }
    }
}
