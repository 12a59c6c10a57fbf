//! One complete answer for every check, whatever the judge does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message as _;

use super::super::request::tests::check;
use super::*;
use crate::engine::HeaderChanges;
use crate::gate::{Verdict, Words};

fn guarded_by<J: Judge>(judge: J, limit: Duration) -> Checks<J> {
    Checks::new(Arc::new(Gate::with(judge, Arc::default(), Arc::default(), limit)))
}

const LONG: Duration = Duration::from_secs(3600);

fn allowed() -> Verdict<'static> {
    let changes = HeaderChanges { set: vec![("x-user-id".into(), "alice".into())], remove: Vec::new() };
    Verdict { changes, ..Verdict::of(Reason::Allowed) }
}

/// The HTTP status of the answer, as Envoy reads its bytes: 200 is an allow.
fn status(response: &CheckResponse) -> i32 {
    let response = CheckResponse::decode(response.encode_to_vec().as_slice()).unwrap();
    let code = response.status.unwrap().code;
    match response.http_response.unwrap() {
        HttpResponse::OkResponse(_) => {
            assert_eq!(code, 0);
            200
        }
        HttpResponse::DeniedResponse(denied) => {
            assert_ne!(code, 0);
            denied.status.unwrap().code
        }
        HttpResponse::ErrorResponse(_) => panic!("an error opens with failure_mode_allow"),
    }
}

fn metadata_of(response: &CheckResponse, name: &str) -> Option<String> {
    use envoy_types::pb::google::protobuf::value::Kind;
    match &response.dynamic_metadata.as_ref()?.fields.get(name)?.kind {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
}

fn ask<J: Judge>(gate: &Checks<J>, check: CheckRequest, timeout: Option<&str>) -> CheckResponse {
    let headers = timeout.map(|timeout| ("grpc-timeout".parse().unwrap(), timeout.parse().unwrap()));
    let message = gate.answer(&check.encode_to_vec(), &headers.into_iter().collect(), Instant::now());
    CheckResponse::decode(message.alone()).unwrap()
}

#[test]
fn fail_2_a_panic_is_a_denial_and_the_next_check_is_answered() {
    let gate = guarded_by(
        |words: &Words<'_>| if words.path == "/panic" { panic!("told to") } else { allowed() },
        LONG,
    );
    let answer = ask(&gate, check("GET", "/panic", &[]), None);
    assert_eq!(status(&answer), 503);
    assert_eq!(metadata_of(&answer, "reason").as_deref(), Some("engine_error"));
    assert_eq!(status(&ask(&gate, check("GET", "/", &[]), None)), 200);
}

#[test]
fn fail_2_a_grpc_caller_sees_a_panic_as_unavailable() {
    let gate = guarded_by(|_: &Words<'_>| -> Verdict<'static> { panic!("told to") }, LONG);
    let answer = ask(&gate, check("POST", "/", &[("content-type", "application/grpc")]), None);
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else { panic!() };
    let status = denied.headers.iter().filter_map(|h| h.header.as_ref()).find(|h| h.key == "grpc-status");
    assert_eq!(status.unwrap().value, "14");
}

#[test]
fn fail_1_an_allow_that_comes_too_late_is_a_denial() {
    let gate = guarded_by(|_: &Words<'_>| allowed(), LONG);
    for timeout in ["0m", "0S", "0n"] {
        let answer = ask(&gate, check("GET", "/", &[]), Some(timeout));
        assert_eq!(status(&answer), 503, "{timeout}");
        assert_eq!(metadata_of(&answer, "reason").as_deref(), Some("overloaded"));
    }
    assert_eq!(status(&ask(&gate, check("GET", "/", &[]), Some("1H"))), 200);
    let impatient = guarded_by(|_: &Words<'_>| allowed(), Duration::ZERO);
    assert_eq!(status(&ask(&impatient, check("GET", "/", &[]), Some("1H"))), 503);
}

#[test]
fn fail_1_a_denial_that_comes_late_keeps_its_reason() {
    let gate = guarded_by(|_: &Words<'_>| Verdict::of(Reason::RoleMissing), Duration::ZERO);
    assert_eq!(status(&ask(&gate, check("GET", "/", &[]), None)), 403);
}

#[test]
fn attr_1_an_empty_check_is_malformed() {
    let gate = guarded_by(|_: &Words<'_>| allowed(), LONG);
    assert_eq!(status(&ask(&gate, CheckRequest::default(), None)), 400);
}

#[test]
fn rsp_6_an_allow_that_can_not_be_sent_is_a_denial() {
    let gate = guarded_by(
        |_: &Words<'_>| {
            let set = vec![("x-user-id".into(), "a\r\nx-user-roles: admin".into())];
            Verdict { changes: HeaderChanges { set, remove: Vec::new() }, ..Verdict::of(Reason::Allowed) }
        },
        LONG,
    );
    let answer = ask(&gate, check("GET", "/", &[]), None);
    assert_eq!(status(&answer), 403);
    assert_eq!(metadata_of(&answer, "reason").as_deref(), Some("value_unsafe"));
}

#[test]
fn every_reason_gives_its_status_and_its_metadata() {
    for reason in Reason::ALL {
        let gate = guarded_by(
            move |_: &Words<'_>| Verdict {
                service: Some("events"),
                route: Some("GET /events"),
                revision: Some("abc"),
                ..Verdict::of(*reason)
            },
            LONG,
        );
        let answer = ask(&gate, check("GET", "/events", &[]), None);
        assert_eq!(status(&answer), i32::from(reason.status()));
        for (name, value) in [
            ("reason", reason.as_str()),
            ("service", "events"),
            ("route", "GET /events"),
            ("revision", "abc"),
        ] {
            assert_eq!(metadata_of(&answer, name).as_deref(), Some(value));
        }
        assert_eq!(metadata_of(&answer, "decision_id").unwrap().len(), 32);
    }
}

#[test]
fn timeouts_are_read_as_grpc_writes_them() {
    assert_eq!(timeout(b"250m"), Some(Duration::from_millis(250)));
    assert_eq!(timeout(b"1S"), Some(Duration::from_secs(1)));
    assert_eq!(timeout(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
    for odd in ["", "m", "250", "250x", "-1m", "123456789m", "1 m", "\u{e9}m"] {
        assert_eq!(timeout(odd.as_bytes()), None, "{odd}");
    }
}
