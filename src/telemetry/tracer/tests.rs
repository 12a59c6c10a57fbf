#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use serde_json::{Map, json};

use super::*;
use crate::config::Config;
use crate::engine::{Input, Subject};
use crate::telemetry::{Course, MOST_SPANS};
use crate::words::Reason;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED_PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED_PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const OTHER: &[u8] = b"00-11111111111111111111111111111111-2222222222222222-01";

/// A tracer of `tracing` with these lines.
fn tracer(more: &str) -> Tracer {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, format!("tracing:\n  otlp: {{ endpoint: \"http://c:4317\" }}\n{more}")).unwrap();
    let (config, _, report) = Config::load(&path, &|_| None);
    Tracer::new(&config.unwrap_or_else(|| panic!("{report:?}")).tracing.unwrap())
}

fn begin(tracer: &Tracer, carried: Option<&[u8]>, sent: &[&[u8]], id: u128) -> Option<Trace> {
    let pairs: Vec<_> = sent.iter().map(|value| ("traceparent", *value)).collect();
    tracer.begin(Carried { parent: carried, state: Some(b"a=1") }, Headers::new(&pairs), id)
}

#[test]
fn a_trace_is_followed_if_it_is_recorded() {
    let tracer = tracer("");
    let trace = begin(&tracer, None, &[SAMPLED_PARENT], 1).unwrap();
    assert_eq!((trace.id().to_string().as_str(), trace.flags), (TRACE, 1));
    assert_eq!(trace.parent.unwrap().get(), 0x00f0_67aa_0ba9_02b7);
    assert_eq!(trace.state, "", "the state of another header is another's");
    for sent in [&[UNSAMPLED_PARENT][..], &[], &[b"garbage"], &[SAMPLED_PARENT, SAMPLED_PARENT]] {
        assert!(begin(&tracer, None, sent, 1).is_none(), "{sent:?}");
    }
}

#[test]
fn who_carries_a_check_counts_more_than_who_sent_the_request() {
    let tracer = tracer("  sample: 1\n");
    let trace = begin(&tracer, Some(SAMPLED_PARENT), &[OTHER], 1).unwrap();
    assert_eq!((trace.id().to_string().as_str(), trace.state.as_str()), (TRACE, "a=1"));
    assert!(begin(&tracer, Some(UNSAMPLED_PARENT), &[OTHER], 1).is_none());
    let trace = begin(&tracer, Some(b"garbage"), &[OTHER], 1).unwrap();
    assert!(trace.id().to_string().starts_with("1111"), "what is none says nothing");
}

#[test]
fn a_share_of_what_belongs_to_no_trace_begins_one() {
    let tracer = tracer("  sample: 0.5\n  max_per_second: 10000\n");
    let low = begin(&tracer, None, &[], 0xabc).unwrap();
    assert_eq!(low.id().to_string(), format!("{:032x}", 0xabc), "it is called like the decision");
    assert_eq!((low.parent, low.flags), (None, 1));
    assert!(begin(&tracer, None, &[], u128::from(u64::MAX)).is_none());
    assert!(begin(&tracer, None, &[SAMPLED_PARENT], u128::from(u64::MAX)).is_some());
    assert!(begin(&tracer, None, &[UNSAMPLED_PARENT], 0).is_none());
}

#[test]
fn parents_can_be_ignored() {
    let none = tracer("  parent: ignore\n");
    assert!(begin(&none, Some(SAMPLED_PARENT), &[SAMPLED_PARENT], 1).is_none());
    let all = tracer("  parent: ignore\n  sample: 1\n");
    let trace = begin(&all, Some(UNSAMPLED_PARENT), &[OTHER], 7).unwrap();
    assert_eq!((trace.id().to_string(), trace.parent), (format!("{:032x}", 7), None));
    assert_eq!(trace.state, "");
}

#[test]
fn dos_8_nobody_can_have_every_request_traced() {
    let tracer = tracer("  max_per_second: 3\n");
    let traced = (0..100).filter(|n| begin(&tracer, None, &[SAMPLED_PARENT], *n).is_some()).count();
    assert!((3..=6).contains(&traced), "{traced}: a second may have passed meanwhile");
    assert_eq!(tracer.spans().checks_limited(), 100 - u64::try_from(traced).unwrap());
}

#[test]
fn so_many_are_admitted_in_every_second() {
    let pace = Pace::new(2);
    let at = |millis| pace.began + Duration::from_millis(millis);
    let admitted: Vec<bool> =
        [0, 10, 999, 1000, 1001, 500, 2000, 9000, 9000, 9000].map(|t| pace.admits(at(t))).into();
    let wanted = [true, true, false, true, true, false, true, true, true, false];
    assert_eq!(admitted, wanted, "a clock that is read late does not open a second again");
}

fn record<'a>(request: Option<&'a Input<'a>>, caller: Option<&'a Subject>, course: &'a Course) -> Record<'a> {
    Record {
        detail: Some("words of ours"),
        service: Some("events"),
        route: Some("GET,PUT /events/{id}"),
        revision: Some("r1"),
        caller,
        request,
        course: Some(course),
        took: Duration::from_millis(5),
        ..Record::bare("0123456789abcdef0123456789abcdef", Reason::Allowed)
    }
}

fn caller() -> Subject {
    let claims: Map<_, _> = [("iss", "https://id.test"), ("email", "hidden@example.com")]
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .into_iter()
        .collect();
    Subject { user: "hidden-user".to_owned(), claims, ..Subject::default() }
}

fn course(outcome: Result<bool, Reason>) -> Course {
    let now = Instant::now();
    let at = |millis| now - Duration::from_millis(millis);
    Course {
        decide: Lasted { from: at(4), to: at(1) },
        verify: Some(Verify { lasted: Lasted { from: at(3), to: at(2) }, outcome }),
    }
}

fn said<'s>(span: &'s Span, name: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn words(text: &'static str) -> Option<Value> {
    Some(Value::Text(text.into()))
}

#[test]
fn spans_lie_in_each_other_and_say_what_was_decided() {
    let tracer = tracer("");
    let headers: [(&str, &[u8]); 1] = [("authorization", b"Bearer hidden-token")];
    let input = Input {
        method: "GET",
        host: "hidden.example",
        path: "/events/hidden-path?q=hidden-query",
        headers: Headers::new(&headers),
        ..Input::default()
    };
    let (caller, course) = (caller(), course(Ok(true)));
    let trace = begin(&tracer, Some(SAMPLED_PARENT), &[], 1).unwrap();
    tracer.end(trace, &record(Some(&input), Some(&caller), &course));
    let spans = tracer.spans().take(10);
    let [verify, decide, check] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((verify.name, decide.name, check.name), ("verify", "decide", "check"));
    assert_eq!((verify.parent, decide.parent), (Some(decide.id), Some(check.id)));
    assert_eq!(check.parent.unwrap().get(), 0x00f0_67aa_0ba9_02b7);
    assert!(check.from <= decide.from && decide.from <= verify.from);
    assert!(verify.to <= decide.to && decide.to <= check.to && verify.from < verify.to);
    assert_eq!((check.flags, decide.flags, check.state.as_str()), (0x301, 0x101, "a=1"));
    assert_eq!((check.kind, decide.kind, check.fault), (Kind::Server, Kind::Internal, false));
    let ids: BTreeSet<_> = spans.iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), 3);
    for (name, value) in [
        ("doorward.decision", words("allow")),
        ("doorward.reason", words("allowed")),
        ("doorward.status", Some(Value::Number(200))),
        ("doorward.decision_id", words("0123456789abcdef0123456789abcdef")),
        ("doorward.service", words("events")),
        ("doorward.route", words("GET,PUT /events/{id}")),
        ("http.route", words("/events/{id}")),
        ("http.request.method", words("GET")),
        ("error.type", None),
    ] {
        assert_eq!(said(check, name), value.as_ref(), "{name}");
    }
    assert_eq!(said(decide, "doorward.revision"), words("r1").as_ref());
    assert_eq!(said(verify, "doorward.cache_hit"), Some(&Value::Flag(true)));
    assert_eq!(said(verify, "doorward.issuer"), words("https://id.test").as_ref());
    assert!(!format!("{spans:?}").contains("hidden"), "{spans:?}");
}

#[test]
fn a_refused_token_names_no_issuer_and_a_fault_is_an_error() {
    let tracer = tracer("");
    let course = course(Err(Reason::SignatureInvalid));
    let caller = caller();
    let odd = Input { method: "hidden", ..Input::default() };
    // A caller beside a refusal there never is: even so.
    let refused = Record {
        reason: Reason::SignatureInvalid,
        status: 401,
        ..record(Some(&odd), Some(&caller), &course)
    };
    tracer.end(begin(&tracer, Some(SAMPLED_PARENT), &[], 1).unwrap(), &refused);
    let spans = tracer.spans().take(10);
    assert_eq!(spans[0].attributes, [("doorward.reason", words("signature_invalid").unwrap())]);
    assert_eq!(said(&spans[2], "http.request.method"), words("_OTHER").as_ref());
    assert_eq!((said(&spans[2], "doorward.decision"), spans[2].fault), (words("deny").as_ref(), false));

    let failed = Record {
        reason: Reason::EngineError,
        status: 503,
        course: None,
        route: None,
        ..record(None, None, &course)
    };
    tracer.end(begin(&tracer, Some(SAMPLED_PARENT), &[], 1).unwrap(), &failed);
    let spans = tracer.spans().take(10);
    assert_eq!((spans.len(), spans[0].fault), (1, true));
    assert_eq!(said(&spans[0], "error.type"), words("engine_error").as_ref());
}

#[test]
fn spans_that_find_no_room_are_dropped_whole_and_counted() {
    let tracer = tracer("  max_per_second: 10000\n  sample: 1\n");
    let course = course(Ok(false));
    let checks = MOST_SPANS / 3 + 5;
    for id in 1..=checks {
        let trace = begin(&tracer, Some(SAMPLED_PARENT), &[], id as u128).unwrap();
        tracer.end(trace, &record(None, None, &course));
    }
    let spans = tracer.spans();
    assert_eq!((spans.waiting(), spans.dropped()), (MOST_SPANS / 3 * 3, (15, 0)));
    assert_eq!(spans.take(7).len(), 7);
    assert_eq!(spans.waiting(), MOST_SPANS / 3 * 3 - 7);
}
