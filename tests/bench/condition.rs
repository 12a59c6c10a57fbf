//! What a condition costs a decision, by its kind.
//!
//! `cargo bench --bench condition`

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark")]

use std::sync::{Arc, LazyLock};

use divan::{AllocProfiler, Bencher, black_box};
use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::read_texts;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The kinds, each with a condition that holds.
const KINDS: [(&str, &str); 14] = [
    ("0 none", ""),
    ("1 equality of a claim and a parameter", "claims.tenant == path.id"),
    ("2 the user's own", "path.id == user.id || claims.tenant == path.id"),
    ("3 in a claim of 10", "path.id in claims.ten"),
    ("4 in a claim of 300", "path.id in claims.hundreds"),
    ("5 a role", "'editor' in user.roles"),
    ("6 a code", "'doc:read' in user.codes"),
    ("7 a network", "'office' in source.networks"),
    ("8 a header", "request.headers['x-kind'] == 'plain'"),
    ("9 the body", "request.body.name != claims.tenant"),
    ("a interpreted: order", "claims.level >= 2"),
    ("b interpreted: hours of a zone", "request.time.getHours('Europe/Berlin') >= 0"),
    ("c interpreted: pattern", "path.id.matches('^[a-z]+-[0-9]+$')"),
    ("d interpreted: loop over 10", "claims.ten.exists(x, x == path.id)"),
];

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut text = String::from(
        "networks: { office: [192.0.2.0/24] }\nroles: { editor: { grants: [\"doc:*\"] } }\nservices:\n  s:\n    paths: [/]\n    routes:\n",
    );
    for (at, (_, condition)) in KINDS.iter().enumerate() {
        let when = if condition.is_empty() {
            String::new()
        } else {
            format!(", when: {}", serde_json::to_string(condition).unwrap())
        };
        text.push_str(&format!("      - {{ route: \"GET /k{at}/{{id}}\", codes: doc:read{when} }}\n"));
    }
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text)], &mut sources, &mut report);
    policy
        .and_then(|policy| compile(&policy, &sources, &mut report))
        .unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)))
});

fn caller() -> Arc<Principal> {
    let many = |n: usize| (0..n).rev().map(|n| format!("o-{n}")).collect::<Vec<_>>();
    let claims = json!({ "tenant": "o-0", "level": 3, "ten": many(10), "hundreds": many(300) });
    let subject = Subject {
        user: "ann".to_owned(),
        roles: vec!["editor".to_owned()],
        claims: claims.as_object().unwrap().clone(),
        ..Subject::default()
    };
    Arc::new(Principal::resolve(&INDEX, subject))
}

/// A whole decision.
#[divan::bench(args = KINDS.map(|(kind, _)| kind))]
fn decision(bencher: Bencher<'_, '_>, kind: &str) {
    let at = KINDS.iter().position(|(known, _)| *known == kind).unwrap();
    let path = format!("/k{at}/o-0");
    let headers: [(&str, &[u8]); 3] =
        [("accept", b"*/*"), ("content-type", b"application/json"), ("x-kind", b"plain")];
    let caller = caller();
    let input = Input {
        method: "GET",
        host: "api.example.com",
        path: &path,
        source: Some("192.0.2.7".parse().unwrap()),
        headers: Headers::new(&headers),
        body: Some(br#"{"name": "somebody", "age": 33}"#),
        now: 1_800_000_000,
        ..Input::default()
    };
    bencher.bench(|| {
        let decision = decide(&INDEX, black_box(&input), OnAnonymous::default(), |_| Ok(Arc::clone(&caller)));
        assert_eq!(decision.reason, Reason::Allowed);
    });
}
