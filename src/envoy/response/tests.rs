//! What Envoy reads, checked on the encoded bytes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::LazyLock;

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{BoolValue, Struct, Value};
use envoy_types::pb::google::rpc;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::config::Config;
use crate::denial::{Answer, Denials, Denied};
use crate::engine::{HeaderChanges, Headers, Input, Missing, Reason};
use crate::gate;
use crate::policy::MethodSet;
use crate::words::Refusal;

fn changes<'a>(set: &[(&'a str, &'a str)], remove: &[&'a str]) -> HeaderChanges<'a> {
    HeaderChanges {
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        remove: remove.iter().map(|name| (*name).into()).collect(),
    }
}

/// What Envoy reads of an answer. That it is what the generated types would have
/// made of it holds for every answer of these tests.
fn response(answer: &gate::Answer<'_>) -> CheckResponse {
    let message = Message::of(answer);
    let read = CheckResponse::decode(message.alone()).unwrap();
    assert_eq!(read, built(answer));
    let framed = message.framed();
    let (prefix, rest) = framed.split_first_chunk().unwrap();
    let [0, length @ ..]: [u8; 5] = *prefix else { panic!("compressed") };
    assert_eq!(usize::try_from(u32::from_be_bytes(length)).unwrap(), rest.len());
    read
}

/// The same by the generated types.
fn built(answer: &gate::Answer<'_>) -> CheckResponse {
    #[expect(deprecated, reason = "the only one of the two that Envoy 1.36 to 1.40 obey")]
    let overwrite = |name: &str, value: &str| HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() }),
        append: Some(BoolValue { value: false }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: false,
    };
    let (code, http_response) = match &answer.outcome {
        Outcome::Allow(allow) => {
            let ok = OkHttpResponse {
                headers: allow.set().iter().map(|(name, value)| overwrite(name, value)).collect(),
                headers_to_remove: allow.remove().iter().map(|name| name.to_string()).collect(),
                ..OkHttpResponse::default()
            };
            (0, HttpResponse::OkResponse(ok))
        }
        Outcome::Deny(denial) => {
            let denied = DeniedHttpResponse {
                status: Some(HttpStatus { code: denial.status().into() }),
                headers: denial.headers().iter().map(|(name, value)| overwrite(name, value)).collect(),
                body: denial.body().to_owned(),
            };
            (denial.grpc().try_into().unwrap(), HttpResponse::DeniedResponse(denied))
        }
    };
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields =
        answer.described.iter().filter_map(|(name, value)| Some(((*name).to_owned(), text((*value)?))));
    CheckResponse {
        status: Some(rpc::Status { code, message: String::new(), details: Vec::new() }),
        dynamic_metadata: Some(Struct { fields: fields.collect() }),
        http_response: Some(http_response),
    }
}

fn answer(outcome: Outcome<'_>) -> gate::Answer<'_> {
    gate::Answer { outcome, id: "id", described: Described::default() }
}

fn allowing(changes: HeaderChanges<'_>) -> Option<gate::Answer<'_>> {
    Some(answer(Outcome::Allow(Allow::new(changes).ok()?)))
}

fn allow(changes: HeaderChanges<'_>) -> Option<CheckResponse> {
    allowing(changes).as_ref().map(response)
}

fn deny(denial: Denial) -> CheckResponse {
    response(&answer(Outcome::Deny(denial)))
}

fn key(option: &HeaderValueOption) -> &str {
    option.header.as_ref().map_or("", |header| &header.key)
}

fn ok(response: &CheckResponse) -> OkHttpResponse {
    match response.http_response.clone() {
        Some(HttpResponse::OkResponse(ok)) => ok,
        other => panic!("not an ok_response: {other:?}"),
    }
}

fn denied(response: &CheckResponse) -> DeniedHttpResponse {
    match response.http_response.clone() {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("not a denied_response: {other:?}"),
    }
}

static NOTHING: Missing = Missing { roles: Vec::new(), codes: Vec::new() };

fn denied_request() -> Denied<'static> {
    Denied {
        reason: Reason::TokenMissing,
        id: "id",
        request: None,
        service: None,
        route: None,
        user: None,
        missing: &NOTHING,
        methods: MethodSet::default(),
    }
}

fn refuse(reason: Reason, grpc: bool) -> CheckResponse {
    let denials = Denials::default();
    let denied = Denied { reason, ..denied_request() };
    let Answer::Refuse(told) = denials.answer(denied) else { panic!("a redirect") };
    deny(gate::denial(&told, "id", None, grpc))
}

fn assert_overwrites(options: &[HeaderValueOption]) {
    for option in options {
        let header = option.header.as_ref().unwrap();
        assert!(gate::is_sendable(&header.key, &header.value), "{header:?}");
        assert!(header.raw_value.is_empty());
        #[expect(deprecated, reason = "both are said")]
        let append = option.append;
        assert_eq!(append, Some(BoolValue { value: false }));
        assert_eq!(option.append_action(), HeaderAppendAction::OverwriteIfExistsOrAdd);
    }
}

#[test]
fn rsp_1_and_2_every_denial_is_complete() {
    for reason in Reason::ALL {
        for grpc in [false, true] {
            let response = refuse(*reason, grpc);
            // Even an allow that went astray comes out of `deny` as a denial.
            assert_ne!(response.status.as_ref().unwrap().code, 0, "{reason:?}");
            let denied = denied(&response);
            assert!(!denied.body.is_empty());
            assert_overwrites(&denied.headers);
        }
    }
}

#[test]
fn rsp_13_and_19_statuses_are_refusals() {
    for reason in Reason::ALL.iter().filter(|r| !r.is_allowed()) {
        let response = refuse(*reason, false);
        let status = denied(&response).status.unwrap().code;
        assert_eq!(status, i32::from(reason.status()));
        assert!([400, 401, 403, 404, 405, 503].contains(&status));
        assert!((1..=16).contains(&response.status.unwrap().code));
    }
}

#[test]
fn rsp_1_an_allow_says_so_in_every_way() {
    let response = allow(changes(&[], &[])).unwrap();
    assert_eq!(response.status.as_ref().unwrap().code, 0);
    assert_eq!(ok(&response), OkHttpResponse::default());
    // `ok_response`, field 3, empty, is on the wire all the same.
    let bytes = Message::of(&allowing(changes(&[], &[])).unwrap());
    assert!(bytes.alone().windows(2).any(|window| window == [0x1a, 0x00]));
}

#[test]
fn rsp_3_and_5_headers_overwrite_on_every_envoy() {
    let response = allow(changes(&[("x-user-id", "real")], &[])).unwrap();
    assert_overwrites(&ok(&response).headers);
    // `append` (field 2) is there and false; `append_action` (field 3) is 2.
    let message = Message::of(&allowing(changes(&[("x-user-id", "real")], &[])).unwrap());
    let bytes = message.alone();
    let expected = [b"\x0a\x11\x0a\x09x-user-id\x12\x04real".as_slice(), b"\x12\x00\x18\x02"].concat();
    assert!(bytes.windows(expected.len()).any(|window| window == expected), "{bytes:x?}");
}

#[test]
fn rsp_4_a_header_that_is_set_is_not_removed() {
    let both = changes(&[("x-user-id", "real")], &["x-user-id", "X-User-Id", "x-user-roles", "x_user_id"]);
    let ok = ok(&allow(both).unwrap());
    assert_eq!(ok.headers.len(), 1);
    assert_eq!(ok.headers_to_remove, ["x-user-roles", "x_user_id"]);
}

#[test]
fn rsp_8_an_empty_value_is_a_removal() {
    let ok = ok(&allow(changes(&[("x-user-name", "")], &[])).unwrap());
    assert_eq!(ok.headers, []);
    assert_eq!(ok.headers_to_remove, ["x-user-name"]);
}

#[test]
fn rsp_6_and_9_what_is_not_safe_does_not_leave() {
    for name in ["", ":path", "X-User-Id", "x user", "x_user_id", "x-\u{e9}", "x\r\ny", "host:"] {
        assert!(allow(changes(&[(name, "v")], &[])).is_none(), "{name}");
    }
    for value in ["a\r\nb", "a\nb", "a\0", "a\t", "\u{7f}", "Zo\u{eb}", " a", "a ", " "] {
        assert!(allow(changes(&[("x-user-id", value)], &[])).is_none(), "{value:?}");
    }
    assert!(allow(changes(&[], &[""])).is_none());
}

#[test]
fn rsp_14_no_foreign_text_in_the_headers_of_a_denial() {
    let denial = Denial::refuse(
        Refusal::Forbidden,
        vec![
            ("x-z", "a\r\nset-cookie: x=1".to_owned()),
            ("", "a".to_owned()),
            ("x-y", String::new()),
            ("allow", "GET".to_owned()),
        ],
        String::new(),
    );
    let denied = denied(&deny(denial));
    assert_eq!(denied.headers.iter().map(key).collect::<Vec<_>>(), ["allow"]);
}

#[test]
fn metadata_stands_at_the_top_and_holds_what_is_known() {
    let mut described = Described::default();
    described[1] = ("reason", Some("allowed"));
    described[2] = ("service", None);
    let allow = Allow::new(changes(&[], &[])).unwrap();
    let response = response(&gate::Answer { outcome: Outcome::Allow(allow), id: "id", described });
    let top = response.dynamic_metadata.clone().unwrap();
    assert_eq!(top.fields.keys().collect::<Vec<_>>(), ["reason"]);
    // The deprecated copy inside would win over it.
    #[expect(deprecated, reason = "it must stay empty")]
    let inside = ok(&response).dynamic_metadata;
    assert_eq!(inside, None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..ProptestConfig::default()
    })]

    /// RSP-3, 4, 5, 7, 8, 9, 16, 17, 21 for whatever the engine might ask for.
    #[test]
    fn an_allow_overwrites_or_removes_and_does_nothing_else(
        set in prop::collection::vec((name(), value()), 0..6),
        remove in prop::collection::vec(name(), 0..6),
    ) {
        let pairs: Vec<(&str, &str)> = set.iter().map(|(name, value)| (&**name, &**value)).collect();
        let names: Vec<&str> = remove.iter().map(String::as_str).collect();
        let asked = changes(&pairs, &names);
        let Some(response) = allow(asked) else { return Ok(()) };
        let ok = ok(&response);
        assert_overwrites(&ok.headers);
        let is_set = |name: &str| ok.headers.iter().any(|h| key(h).eq_ignore_ascii_case(name));
        for name in &ok.headers_to_remove {
            prop_assert!(!name.is_empty() && !is_set(name));
        }
        // Nothing that was asked for was forgotten.
        for name in set.iter().map(|(name, _)| &**name).chain(names) {
            prop_assert!(is_set(name) || ok.headers_to_remove.iter().any(|n| n == name));
        }
        let rest = OkHttpResponse { headers: Vec::new(), headers_to_remove: Vec::new(), ..ok };
        prop_assert_eq!(rest, OkHttpResponse::default());
    }
}

/// A configuration out of this `deny` section.
fn deny_section(text: &str) -> Denials {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, format!("deny:\n{text}")).unwrap();
    let (config, _, report) = Config::load(&path, &|_| None);
    Denials::new(&config.unwrap_or_else(|| panic!("{report:?}")).deny)
}

const LOGIN: &str =
    "  login: { url: \"https://login.test/start?to={url}\", hosts: [app.test, \"*.app.test\"] }";

#[test]
fn rsp_13_a_redirect_is_a_complete_denial() {
    let denials = deny_section(LOGIN);
    let accept: [(&str, &[u8]); 1] = [("accept", b"text/html")];
    let request = Input {
        method: "GET",
        host: "app.test",
        path: "/a?b=c",
        headers: Headers::new(&accept),
        ..Input::default()
    };
    let answer = denials.answer(Denied { request: Some(&request), ..denied_request() });
    let Answer::Login(location) = answer else { panic!("{answer:?}") };
    let response = deny(Denial::redirect(&location));
    assert_eq!(response.status.as_ref().unwrap().code, 16);
    let denied = denied(&response);
    assert_eq!(denied.status.unwrap().code, 302);
    assert_overwrites(&denied.headers);
    let headers: Vec<_> = denied.headers.iter().map(|h| h.header.clone().unwrap()).collect();
    let headers: Vec<_> = headers.iter().map(|h| (h.key.as_str(), h.value.as_str())).collect();
    let expected = [
        ("location", "https://login.test/start?to=https%3A%2F%2Fapp.test%2Fa%3Fb%3Dc"),
        ("cache-control", "no-store"),
        ("vary", "accept"),
    ];
    assert_eq!((headers.as_slice(), denied.body.as_str()), (expected.as_slice(), ""));
}

/// Text of the kind that gets out of headers and URLs.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[!-~]{0,6}",
        prop::sample::select(vec![
            "\r\n",
            "\n",
            "\0",
            "//",
            "/\\",
            "@",
            "#",
            "?",
            "&",
            "%0d%0a",
            "%",
            ":",
            ";",
            "\"",
            " ",
            "\t",
            "\u{e9}",
            "app.test",
            "evil.test",
            "https://",
            "..",
            "\u{202e}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..ProptestConfig::default()
    })]

    /// RSP-13, RSP-14: whatever the request holds, headers are headers, and the
    /// only redirect leads to the login page with one value in its query.
    #[test]
    fn a_denial_holds_no_header_of_the_requests_making(
        reason in prop::sample::select(Reason::ALL),
        method in prop_oneof![Just("GET".to_owned()), nasty()],
        host in prop_oneof![3 => Just("app.test".to_owned()), 1 => Just("x.app.test:81".to_owned()), 1 => nasty()],
        target in prop_oneof![3 => nasty().prop_map(|t| format!("/{t}")), 1 => nasty()],
        languages in prop_oneof!["(de|fr|en|\\*)(;q=[01](\\.[0-9]{1,3})?)?(, de)?", nasty()],
        names in prop::collection::vec(nasty(), 3),
        grpc in any::<bool>(),
        none in any::<bool>(),
    ) {
        let denials = if none { &*REVEALS_NOTHING } else { &*REVEALS_ALL };
        let headers: [(&str, &[u8]); 2] = [("accept", b"text/html"), ("accept-language", languages.as_bytes())];
        let request =
            Input { method: &method, host: &host, path: &target, headers: Headers::new(&headers), ..Input::default() };
        let missing = Missing { roles: vec![names[0].clone()], codes: Vec::new() };
        let denied_request = Denied {
            reason,
            request: Some(&request),
            route: Some(&names[1]),
            user: Some(&names[2]),
            missing: &missing,
            ..denied_request()
        };
        let response = match denials.answer(denied_request) {
            Answer::Login(location) => deny(Denial::redirect(&location)),
            Answer::Refuse(told) => deny(gate::denial(&told, "id", None, grpc)),
        };
        prop_assert_ne!(response.status.as_ref().unwrap().code, 0);
        let denied = denied(&response);
        assert_overwrites(&denied.headers);
        let status = denied.status.unwrap().code;
        prop_assert!([302, 400, 401, 403, 404, 405, 503].contains(&status));
        let locations: Vec<_> = denied.headers.iter().filter(|h| key(h) == "location").collect();
        prop_assert_eq!(locations.len(), usize::from(status == 302));
        for location in locations {
            let url = &location.header.as_ref().unwrap().value;
            let value = url.strip_prefix("https://login.test/start?to=https%3A%2F%2F").unwrap();
            prop_assert!(value.starts_with("app.test%2F") || value.starts_with("x.app.test%2F"), "{}", url);
            prop_assert!(!value.starts_with("app.test%2F%2F"), "{}", url);
            prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)), "{}", url);
        }
        if let Ok(body) = serde_json::from_str::<serde_json::Value>(&denied.body)
            && let Some(link) = body["request_access"].as_str()
        {
            let values = link.strip_prefix("https://access.test/?r=").unwrap();
            prop_assert_eq!(values.matches('&').count(), 3, "{}", link);
            prop_assert!(link.bytes().all(|b| b.is_ascii_graphic()) && !values.contains(['"', '#', '?', '/']), "{}", link);
        }
    }
}

static REVEALS_NOTHING: LazyLock<Denials> =
    LazyLock::new(|| deny_section(&format!("  reveal: none\n{LOGIN}")));

static REVEALS_ALL: LazyLock<Denials> = LazyLock::new(|| {
    deny_section(&format!(
        "  titles: {{ token_missing: {{ en: Sign in, de: \"Anmelden, bitte\" }} }}
  request_access: \"https://access.test/?r={{missing_roles}}&m={{method}}&t={{route}}&u={{user}}\"
{LOGIN}"
    ))
});

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "x-user-[a-c]", 1 => "[xX]_user_[a-c]", 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[!-~]{0,8}", 1 => any::<String>()]
}
