//! A replay of the lines that are really written agrees with deciding directly.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::compile::Index;
use doorward::config::{Config, OnAnonymous};
use doorward::engine::{Decision, Headers, Input, Principal, Reason, Subject, decide};
use doorward::review::replay::{Plan, Replay};
use doorward::telemetry::{Batch, Keep, Record, Telemetry};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::index_of;
use crate::cases;
use crate::matrix::{policy, quoted};

const ROLES: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "unknown"];
const CODES: [&str; 4] = ["a:read", "b:write", "c", "nothing"];

/// A policy with bindings of all kinds.
fn bound() -> impl Strategy<Value = String> {
    let binding = (
        select(vec![
            "user: ann",
            "user: bob",
            "group: staff",
            "group: other",
            "peer: 'spiffe://cluster/ns/shop/sa/web'",
        ]),
        select(ROLES[..5].to_vec()),
        proptest::option::weighted(0.4, subsequence(vec!["x", "y"], 1..2)),
    );
    let binding = binding.prop_map(|(holder, role, on)| {
        let on = on.map(|values| format!(", on: {{ id: [{}] }}", quoted(&values))).unwrap_or_default();
        format!("  - {{ {holder}, roles: [{role}]{on} }}\n")
    });
    (policy(), proptest::collection::vec(binding, 0..4)).prop_map(|(policy, bindings)| {
        match bindings.as_slice() {
            [] => policy,
            some => format!("{policy}bindings:\n{}", some.concat()),
        }
    })
}

fn names(known: &[&'static str]) -> impl Strategy<Value = Vec<String>> + use<> {
    subsequence(known.to_vec(), 0..3).prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn few(known: &[&'static str]) -> impl Strategy<Value = Vec<String>> + use<> {
    prop_oneof![3 => Just(Vec::new()), 1 => names(known)]
}

fn caller() -> impl Strategy<Value = Result<Subject, Reason>> {
    let scopes = proptest::option::weighted(0.1, names(&CODES));
    let subject = (
        select(vec!["ann", "bob", "eve"]),
        names(&ROLES),
        few(&["staff", "other", "more"]),
        few(&CODES),
        scopes,
    );
    prop_oneof![
        1 => select(vec![Reason::TokenMissing, Reason::TokenExpired]).prop_map(Err),
        6 => subject.prop_map(|(user, roles, groups, codes, scopes)| {
            Ok(Subject { user: user.to_owned(), roles, groups, codes, scopes, ..Subject::default() })
        }),
    ]
}

type Kind = &'static [(&'static str, &'static str)];

#[derive(Debug, Clone)]
struct Asked {
    caller: Result<Subject, Reason>,
    method: &'static str,
    kind: Kind,
    path: &'static str,
    named: Option<&'static str>,
    source: Option<&'static str>,
    peer: Option<&'static str>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let kinds: Vec<(&'static str, Kind)> = vec![
        ("TRACE", &[]),
        ("OPTIONS", &[]),
        ("POST", &[("content-type", "application/grpc")]),
        ("GET", &[("upgrade", "websocket")]),
        ("GET", &[("connection", "upgrade")]),
        ("OPTIONS", &[("origin", "https://a.test"), ("access-control-request-method", "GET")]),
    ];
    let plain = select(vec!["GET", "PUT", "DELETE", "POST"]).prop_map(|method| (method, &[][..] as Kind));
    let (odd, usual) = (
        vec!["/s/codes", "/s/9", "/else", "/s//x", "/s/0/%2e", "/s/0/x?q=1", "/s/0/{id}"],
        vec!["/s/0/x", "/s/0/y", "/s/1/x", "/s/2/x", "/s/3/z"],
    );
    (
        caller(),
        prop_oneof![4 => plain, 1 => select(kinds)],
        prop_oneof![6 => select(usual), 1 => select(odd)],
        select(vec![None, None, None, Some("s"), Some("none")]),
        select(vec![None, Some("203.0.113.7"), Some("203.0.113.7"), Some("198.51.100.7")]),
        select(vec![None, None, Some("spiffe://cluster/ns/shop/sa/web")]),
    )
        .prop_map(|(caller, (method, kind), path, named, source, peer)| Asked {
            caller,
            method,
            kind,
            path,
            named,
            source,
            peer,
        })
}

fn telemetry(config: &str) -> Telemetry {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, config).unwrap();
    Telemetry::new(&Config::load(Path::new(&path), &|_| None).0.unwrap().decision_log)
}

fn ask(index: &Index, input: &Input<'_>, caller: &Result<Subject, Reason>) -> Decision {
    decide(index, input, OnAnonymous::default(), |_| match caller {
        Ok(subject) => Ok(Arc::new(Principal::resolve(index, subject.clone()))),
        Err(reason) => Err((*reason, "")),
    })
}

/// The line of a decision.
fn line(telemetry: &Telemetry, index: &Index, input: &Input<'_>, decision: &Decision) -> Vec<u8> {
    let roles = decision.held(index).map(|held| held.role_names()).unwrap_or_default();
    telemetry.decided(
        &Record {
            detail: decision.detail,
            service: decision.service_name(index),
            route: decision.route_text(index),
            place: decision.place(index),
            revision: Some(index.revision()),
            caller: decision.principal.as_ref().map(|principal| principal.subject()),
            principal: decision.principal.as_ref(),
            roles: &roles,
            request: Some(input),
            took: Duration::from_micros(5),
            ..Record::bare("0123456789abcdef0123456789abcdef", decision.reason)
        },
        Keep::ALL,
        None,
    );
    let mut batch = Batch::default();
    telemetry.lines().unwrap().take(&mut batch, Duration::ZERO);
    batch.bytes().to_vec()
}

/// Whether a line would be allowed, or why that can't be said.
fn replayed(index: &Index, line: &[u8], was: Reason) -> Result<bool, &'static str> {
    let mut replay = Replay::new(index, Plan::default());
    replay.read("log", line, |_| {}).unwrap();
    assert_eq!((replay.lines(), replay.broken()), (1, 0), "{}", String::from_utf8_lossy(line));
    if let [open] = replay.open_groups().as_slice() {
        return Err(open.why);
    }
    Ok(match (replay.would_open(), replay.would_close()) {
        (1, 0) => true,
        (0, 1) => false,
        _ => was.is_allowed(),
    })
}

/// An older line: without what was added for replays.
fn older(line: &[u8]) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_slice(line).unwrap();
    for field in ["kind", "service_named", "roles_bound", "token", "unlisted"] {
        value.as_object_mut().unwrap().remove(field);
    }
    value.to_string().into_bytes()
}

fn tried(
    then: &Index,
    now: &Index,
    same: bool,
    asked: &Asked,
    logs: &[Telemetry; 2],
) -> Result<(), TestCaseError> {
    let Asked { caller, method, kind, path, named, source, peer } = asked;
    let pairs: Vec<(&str, &[u8])> = kind.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let input = Input {
        method,
        host: "h.test",
        path,
        service: *named,
        source: source.map(|source| source.parse().unwrap()),
        peer: *peer,
        headers: Headers::new(&pairs),
        // Lines are written now; no binding here ends.
        now: 1_900_000_000,
        ..Input::default()
    };
    let was = ask(then, &input, caller);
    let direct = ask(now, &input, caller).reason;
    let [exact, usual] = logs;

    let told = line(exact, then, &input, &was);
    match replayed(now, &told, was.reason) {
        Ok(allowed) => {
            prop_assert_eq!(
                allowed,
                direct.is_allowed(),
                "{} {}",
                direct.as_str(),
                String::from_utf8_lossy(&told)
            );
        }
        // Nobody was asked for then.
        Err(why) => prop_assert!(
            why == "caller" && was.principal.is_none() && !same,
            "{why}: {}",
            String::from_utf8_lossy(&told)
        ),
    }
    let told = line(usual, then, &input, &was);
    for told in [older(&told), told] {
        if let Ok(allowed) = replayed(now, &told, was.reason) {
            // An older line says nothing of upgrades and preflights but by its reason.
            let beside = kind.iter().any(|(name, _)| matches!(*name, "upgrade" | "connection" | "origin"));
            let old = !String::from_utf8_lossy(&told).contains("\"kind\"");
            let agrees = allowed == direct.is_allowed() || (old && beside);
            prop_assert!(agrees, "{} {}", direct.as_str(), String::from_utf8_lossy(&told));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn what_is_decided_again_is_what_would_be_decided(
        (then, now) in (bound(), bound()),
        same in proptest::bool::weighted(0.2),
        asked in proptest::collection::vec(asked(), 40),
    ) {
        let now = if same { then.clone() } else { now };
        let (then, now) = (index_of(&then), index_of(&now));
        let logs = ["decision_log: { allow: 1, replay: true }", "decision_log: { allow: 1 }"].map(telemetry);
        for asked in asked {
            tried(&then, &now, same, &asked, &logs)?;
        }
    }
}
