//! The whole room over a real policy: checks as Envoy sends them, answers as
//! Envoy reads them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, OkHttpResponse};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::request::tests::{check, with_http, words};
use super::service::Checks;
use crate::config::{Algorithm, ClaimPath, Config, DecisionLog, LogTo, Redact};
use crate::diag::Report;
use crate::engine::{HeaderChanges, HeaderPlan, Reason};
use crate::gate::{Gate, Live, Snapshot, Verdict, Words};
use crate::identity::Verifier;
use crate::identity::mint::{Claims, Signer};
use crate::telemetry::{Keep, Meters, Telemetry};

const POLICY: &str = "
roles:
  viewer: { grants: [event:read] }
bindings:
  - { peer: spiffe://cluster/ns/shop/sa/till, roles: [viewer] }
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: anonymous }
      - { route: POST /events, roles: { any: [viewer] } }
      - { route: GET /events/me, access: authenticated }
      - { route: GET /events/closed, access: denied }
";

const CONFIG: &str = "
identity:
  issuers:
    - issuer: https://id.test
      audiences: [shop]
      algorithms: [HS256]
      keys: { secret_env: SECRET }
      roles: roles
upstream_headers:
  x-user-id: user.id
  x-user-roles: user.roles
  x-user-tenant: claims.tenant
";

const SECRET: &str = "not a secret but long enough for one";

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| SECRET.to_owned())
}

/// The header of a caller with these roles and more claims.
fn bearer(roles: &[&str], extra: serde_json::Value) -> String {
    let claims = Claims {
        issuer: "https://id.test".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        expires_in: 600,
        extra: extra.as_object().cloned().unwrap_or_default(),
        ..Claims::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signer = Signer::from_secret(SECRET, Algorithm::HS256).unwrap();
    format!("Bearer {}", signer.sign(&claims.at(now)).unwrap())
}

fn snapshot(policy: &str) -> Snapshot {
    configured(policy, CONFIG)
}

fn configured(policy: &str, config: &str) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), policy).unwrap();
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    let (config, sources, mut report) = Config::load(&folder.path().join("doorward.yaml"), &environment);
    let config = config.unwrap();
    let verifier =
        Verifier::load(&config.identity, &config.directory, &environment, &mut Report::default()).unwrap();
    let headers = crate::compile::upstream_headers(&config.upstream_headers, &sources, &mut report).unwrap();
    let (index, sources, report) = crate::compile::load(&config.policies);
    let Some(index) = index else {
        panic!("{}", crate::diag::render(&report, &sources, crate::diag::Format::Short))
    };
    let headers = HeaderPlan::new(&headers, &index);
    Snapshot::new(index, verifier, headers, Meters::default())
}

fn said(response: &CheckResponse, name: &str) -> Option<String> {
    use envoy_types::pb::google::protobuf::value::Kind;
    match &response.dynamic_metadata.as_ref()?.fields.get(name)?.kind {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
}

fn gate() -> (Arc<Live>, Checks) {
    let live = Arc::new(Live::new(snapshot(POLICY)));
    let gate = Gate::with(Arc::clone(&live), Arc::default(), Arc::default(), Duration::from_secs(3600));
    (live, Checks::new(Arc::new(gate)))
}

/// What a snapshot decides about a request, everything told at length.
fn judged(
    snapshot: &Snapshot,
    words: &Words<'_>,
    clock: impl FnOnce() -> SystemTime,
) -> (Reason, HeaderChanges<'static>) {
    let then = |verdict: Verdict<'_>| (verdict.reason, verdict.changes.into_owned());
    snapshot.judge(words, &words.pairs(), Keep::ALL, false, clock, then)
}

fn ask(gate: &Checks, check: CheckRequest) -> CheckResponse {
    let message = gate.answer(&check.encode_to_vec(), &hyper::HeaderMap::new(), Instant::now());
    CheckResponse::decode(message.alone()).unwrap()
}

/// As Envoy reads it: 200 is an allow.
fn status(response: &CheckResponse) -> i32 {
    let response = CheckResponse::decode(response.encode_to_vec().as_slice()).unwrap();
    match (response.status.map_or(0, |s| s.code), response.http_response) {
        (0, _) => 200,
        (_, Some(HttpResponse::DeniedResponse(denied))) => denied.status.unwrap().code,
        (_, other) => panic!("{other:?}"),
    }
}

fn ok(response: CheckResponse) -> OkHttpResponse {
    match response.http_response {
        Some(HttpResponse::OkResponse(ok)) => ok,
        other => panic!("{other:?}"),
    }
}

fn answered(method: &str, path: &str, headers: &[(&str, &str)]) -> i32 {
    status(&ask(&gate().1, check(method, path, headers)))
}

#[test]
fn each_step_gives_its_status() {
    assert_eq!(answered("GET", "/events?x=/../admin", &[]), 200);
    assert_eq!(answered("GET", "/events/../events", &[]), 400);
    assert_eq!(answered("FOO", "/events", &[]), 400);
    assert_eq!(answered("POST", "/events", &[]), 401);
    assert_eq!(answered("GET", "/events/closed", &[]), 403);
    assert_eq!(answered("GET", "/other", &[]), 404);
    assert_eq!(answered("GET", "/events/other", &[]), 404);
    assert_eq!(answered("DELETE", "/events", &[]), 405);
    assert_eq!(answered("", "/events", &[]), 400);
    assert_eq!(answered("GET", "", &[]), 400);
    assert_eq!(answered("GET", "/events", &[("x-http-method-override", "DELETE")]), 400);
}

#[test]
fn host_3_a_service_that_envoy_names_must_exist() {
    let named = |name: &str| {
        let mut check = check("GET", "/events", &[]);
        check.attributes.as_mut().unwrap().context_extensions.insert("service".into(), name.into());
        status(&ask(&gate().1, check))
    };
    assert_eq!(named("events"), 200);
    for unknown in ["", "Events", "venues", "events "] {
        assert_eq!(named(unknown), 404, "{unknown:?}");
    }
}

#[test]
fn spf_1_hdr_9_an_anonymous_allow_removes_every_managed_header() {
    let spoofed =
        [("X-User-Id", "evil"), ("x-user-id", "evil"), ("x_user-roles", "admin"), ("x.user.id", "evil")];
    let ok = ok(ask(&gate().1, check("GET", "/events", &spoofed)));
    assert_eq!(ok.headers, []);
    for name in ["x-user-id", "x-user-roles", "x_user_id", "x.user.id", "x_user-roles"] {
        assert!(ok.headers_to_remove.iter().any(|n| n == name), "{name}: {:?}", ok.headers_to_remove);
    }
}

#[test]
fn hdr_6_every_spelling_that_some_cgi_reads_as_a_managed_name_is_removed() {
    let token = bearer(&["viewer"], serde_json::json!({}));
    let names = ["x!user!id", "x-user~id", "x+user-roles", "x|user_roles", "x'user.id"];
    let mut sent = vec![("authorization", token.as_str()), ("x-other!id", "kept"), ("xuserid", "kept")];
    sent.extend(names.map(|name| (name, "evil")));
    let ok = ok(ask(&gate().1, check("POST", "/events", &sent)));
    for name in names {
        assert!(ok.headers_to_remove.iter().any(|n| n == name), "{name}: {:?}", ok.headers_to_remove);
    }
    for name in ["x-other!id", "xuserid", "x-user-id", "x-user-roles"] {
        assert!(!ok.headers_to_remove.iter().any(|n| n == name), "{name}: set, or not ours");
    }
}

#[test]
fn spf_1_and_2_an_allow_overwrites_or_removes_every_managed_header() {
    let token = bearer(&["viewer", "unheard-of"], serde_json::json!({}));
    let spoofed = [("authorization", token.as_str()), ("x-user-id", "evil"), ("x-user-tenant", "evil")];
    let response = ask(&gate().1, check("POST", "/events", &spoofed));
    assert_eq!(said(&response, "user").as_deref(), Some("alice"));
    let ok = ok(response);
    let set: Vec<_> = ok.headers.iter().filter_map(|h| h.header.as_ref()).collect();
    let set: Vec<_> = set.iter().map(|h| (h.key.as_str(), h.value.as_str())).collect();
    assert_eq!(set, [("x-user-id", "alice"), ("x-user-roles", "viewer")]);
    assert!(ok.headers_to_remove.iter().any(|name| name == "x-user-tenant"));
    assert!(!ok.headers_to_remove.iter().any(|name| name == "x-user-id" || name == "x-user-roles"));
}

#[test]
fn attr_10_a_peer_is_told_to_the_upstream_by_its_own_name_and_roles() {
    let asked = |peer: &str, headers: &[(&str, &str)]| {
        let mut check = check("POST", "/events", headers);
        check.attributes.as_mut().unwrap().source =
            Some(Peer { principal: peer.to_owned(), ..Peer::default() });
        ask(&gate().1, check)
    };
    let till = "spiffe://cluster/ns/shop/sa/till";
    let spoofed = [("x-user-id", "evil"), ("x-user-tenant", "evil"), ("x-forwarded-client-cert", "URI=evil")];
    let response = asked(till, &spoofed);
    assert_eq!(said(&response, "user").as_deref(), Some(till));
    let ok = ok(response);
    let set: Vec<_> = ok.headers.iter().filter_map(|h| h.header.as_ref()).collect();
    let set: Vec<_> = set.iter().map(|h| (h.key.as_str(), h.value.as_str())).collect();
    assert_eq!(set, [("x-user-id", till), ("x-user-roles", "viewer")]);
    assert!(ok.headers_to_remove.iter().any(|name| name == "x-user-tenant"));

    let token = bearer(&[], serde_json::json!({}));
    let named = bearer(&[], serde_json::json!({ "sub": till }));
    for (peer, headers, expected) in [
        ("spiffe://cluster/ns/shop/sa/web", &[][..], 401),
        ("", &[("x-forwarded-client-cert", "URI=spiffe://cluster/ns/shop/sa/till")], 401),
        ("CN=till", &[], 401),
        (till, &[("authorization", "Bearer nonsense")], 401),
        (till, &[("authorization", &token)], 403),
        (till, &[("authorization", &named)], 403),
    ] {
        assert_eq!(status(&asked(peer, headers)), expected, "{peer} {headers:?}");
    }
}

#[test]
fn who_lacks_a_role_is_told_which() {
    let token = bearer(&[], serde_json::json!({}));
    let response = ask(&gate().1, check("POST", "/events", &[("authorization", token.as_str())]));
    let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else { panic!() };
    let body: serde_json::Value = serde_json::from_str(&denied.body).unwrap();
    assert_eq!(body.get("required"), Some(&serde_json::json!({"roles": {"any": ["viewer"]}})));
    assert!(!denied.body.contains("alice"));
}

#[test]
fn hdr_1_a_claim_that_may_not_become_a_header_denies() {
    for tenant in ["a\r\nx-user-roles: admin", " a", "a\0"] {
        let token = bearer(&["viewer"], serde_json::json!({ "tenant": tenant }));
        let response = ask(&gate().1, check("POST", "/events", &[("authorization", token.as_str())]));
        assert_eq!(status(&response), 403, "{tenant:?}");
    }
}

#[test]
fn clm_5_fail_8_a_clock_before_1970_denies() {
    let snapshot = snapshot(POLICY);
    let words = words(&check("GET", "/events/me", &[("authorization", "Bearer a.b.c")])).unwrap();
    let before = || UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(judged(&snapshot, &words, before).0, Reason::EngineError);
    assert!(!judged(&snapshot, &words, SystemTime::now).0.is_allowed());
}

#[test]
fn a_check_uses_the_snapshot_in_force() {
    let (live, gate) = gate();
    assert_eq!(status(&ask(&gate, check("GET", "/events", &[]))), 200);
    live.replace(snapshot(&POLICY.replace("GET /events, access: anonymous", "GET /events, access: denied")));
    assert_eq!(status(&ask(&gate, check("GET", "/events", &[]))), 403);
}

#[test]
fn a_token_that_comes_back_gives_the_same_answer_and_every_request_its_own_removals() {
    let snapshot = snapshot(POLICY);
    let token = bearer(&["viewer"], serde_json::json!({ "tenant": "t1" }));
    let ask = |more: &[(&str, &str)]| {
        let headers = [&[("authorization", token.as_str())], more].concat();
        let words = words(&check("POST", "/events", &headers)).unwrap();
        let (reason, changes) = judged(&snapshot, &words, SystemTime::now);
        assert_eq!(reason, Reason::Allowed);
        changes
    };
    let (first, again) = (ask(&[]), ask(&[]));
    assert_eq!(first, again);
    let spoofed = ask(&[("x-user_id", "evil")]);
    assert_eq!(spoofed.set, first.set);
    assert!(spoofed.remove.iter().any(|name| &**name == "x-user_id"));
    assert_eq!(ask(&[]), first, "one request's removals are not another's");
    let counts = snapshot.verifier().counts();
    assert_eq!((counts.hits, counts.misses), (3, 1));
}

#[test]
fn roles_within_scopes_are_told_where_they_count_and_nowhere_else() {
    let policy = "
roles:
  viewer: { grants: [read] }
  manager: { grants: [write], weight: 1 }
bindings:
  - { user: alice, roles: manager, on: { venue: v-1 } }
  - { user: alice, roles: manager, on: { venue: v-2 }, until: 2000-01-01 }
services:
  venues:
    paths: [/venues]
    routes:
      - { route: 'POST /venues/{venue}', access: authenticated }
      - { route: 'HEAD /venues/{venue}', access: anonymous }
      - { route: 'PUT /venues/{venue}', codes: write }
";
    let optional = CONFIG.replace("identity:\n", "identity:\n  optional: true\n");
    let snapshot = configured(policy, &optional);
    let token = bearer(&["viewer"], serde_json::json!({}));
    let asked = |method: &str, venue: &str| {
        let path = format!("/venues/{venue}");
        let words = words(&check(method, &path, &[("authorization", &token)])).unwrap();
        let (reason, changes) = judged(&snapshot, &words, SystemTime::now);
        let roles = changes.set.into_iter().find(|(name, _)| &**name == "x-user-roles");
        (reason, roles.map_or_else(String::new, |(_, roles)| roles.into_owned()))
    };
    let (everywhere, here) = ("viewer".to_owned(), "manager,viewer".to_owned());
    for _ in 0..2 {
        for method in ["POST", "HEAD"] {
            assert_eq!(asked(method, "v-1"), (Reason::Allowed, here.clone()), "{method}");
            assert_eq!(asked(method, "v-2"), (Reason::Allowed, everywhere.clone()), "{method}");
            assert_eq!(asked(method, "v-3"), (Reason::Allowed, everywhere.clone()), "{method}");
        }
        assert_eq!(asked("PUT", "v-1"), (Reason::Allowed, here.clone()));
        assert_eq!(asked("PUT", "v-2"), (Reason::CodeMissing, String::new()));
    }
    let counts = snapshot.verifier().counts();
    assert_eq!((counts.hits, counts.misses), (15, 1), "one token, remembered");
}

#[test]
fn a_binding_ends_in_its_second_for_tokens_that_are_remembered() {
    let policy = POLICY.replace(
        "bindings:\n",
        "bindings:\n  - { user: alice, roles: viewer, until: 2096-10-02T07:06:40Z }\n",
    );
    let snapshot = snapshot(&policy);
    let end = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let claims = serde_json::json!({ "iat": 3_999_999_000_u64, "exp": 4_000_001_000_u64 });
    let token = bearer(&[], claims);
    let words = words(&check("POST", "/events", &[("authorization", &token)])).unwrap();
    for _ in 0..2 {
        let ask = |clock: SystemTime| judged(&snapshot, &words, || clock).0;
        assert_eq!(ask(end - Duration::from_secs(1)), Reason::Allowed);
        assert_eq!(ask(end), Reason::RoleMissing);
    }
    assert_eq!(snapshot.verifier().counts().misses, 1);
}

#[test]
fn cache_2_a_token_for_one_service_is_not_one_for_another() {
    let policy = format!(
        "{POLICY}  billing:\n    paths: [/billing]\n    audiences: [billing]\n    \
                          routes: [{{ route: GET /billing, access: authenticated }}]\n"
    );
    let snapshot = snapshot(&policy);
    let ask = |path: &str, token: &str| {
        let words = words(&check("GET", path, &[("authorization", token)])).unwrap();
        judged(&snapshot, &words, SystemTime::now).0
    };
    let shop = bearer(&[], serde_json::json!({}));
    let both = bearer(&[], serde_json::json!({ "aud": ["billing", "shop"] }));
    let billing = bearer(&[], serde_json::json!({ "aud": "billing" }));
    for _ in 0..2 {
        assert_eq!(ask("/events/me", &shop), Reason::Allowed);
        assert_eq!(ask("/billing", &shop), Reason::AudienceMismatch);
        assert_eq!(ask("/billing", &both), Reason::Allowed);
        assert_eq!(ask("/events/me", &both), Reason::Allowed);
        assert_eq!(ask("/billing", &billing), Reason::Allowed);
        assert_eq!(ask("/events/me", &billing), Reason::AudienceMismatch);
    }
}

#[test]
fn cache_4_and_load_14_a_new_policy_is_asked_about_every_token_again() {
    let (live, gate) = gate();
    let token = bearer(&["viewer"], serde_json::json!({}));
    let ask = || status(&ask(&gate, check("POST", "/events", &[("authorization", token.as_str())])));
    assert_eq!((ask(), ask()), (200, 200));
    live.replace(snapshot(&POLICY.replace("viewer", "editor")));
    assert_eq!((ask(), ask()), (403, 403));
    live.replace(snapshot(POLICY));
    assert_eq!(ask(), 200);
}

#[test]
fn hdr_9_a_good_token_on_an_anonymous_route_names_its_user_and_a_bad_one_nobody() {
    let (good, spoof) = (bearer(&["viewer"], serde_json::json!({})), ("x-user-id", "evil"));
    let options =
        |lines: &str| configured(POLICY, &CONFIG.replace("identity:\n", &format!("identity:\n{lines}")));
    let refusing = options("  optional: true\n");
    let ignoring = options("  optional: true\n  invalid_on_anonymous: ignore\n");
    let plain = snapshot(POLICY);
    let ask = |snapshot: &Snapshot, token: Option<&str>| {
        let mut headers = vec![spoof];
        headers.extend(token.map(|token| ("authorization", token)));
        let words = words(&check("GET", "/events", &headers)).unwrap();
        let (reason, changes) = judged(snapshot, &words, SystemTime::now);
        let user = changes.set.iter().find(|(name, _)| &**name == "x-user-id").map(|(_, v)| v.to_string());
        let removed = changes.remove.iter().any(|name| &**name == "x-user-id");
        assert!(!reason.is_allowed() || user.is_some() != removed);
        (reason, user)
    };
    let alice = Some("alice".to_owned());
    for _ in 0..2 {
        assert_eq!(ask(&plain, Some(&good)), (Reason::Allowed, None));
        assert_eq!(ask(&refusing, Some(&good)), (Reason::Allowed, alice.clone()));
        assert_eq!(ask(&ignoring, Some(&good)), (Reason::Allowed, alice.clone()));
        for bad in ["Bearer a.b.c", &format!("{good}A"), "Bearer", "x,y"] {
            assert_eq!(ask(&plain, Some(bad)), (Reason::Allowed, None));
            assert!(!ask(&refusing, Some(bad)).0.is_allowed());
            assert_eq!(ask(&ignoring, Some(bad)), (Reason::Allowed, None));
        }
        for nobody in [None, Some("Basic YTpi")] {
            assert_eq!(ask(&refusing, nobody), (Reason::Allowed, None));
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(GET|POST|OPTIONS|get|CONNECT)",
        "/events(/[a-z.%;2fF]{0,6}){0,3}([?].{0,8})?",
        "(api.test|API.TEST:80|a,b)",
    ]
}

fn header() -> impl Strategy<Value = HeaderValue> {
    let name = prop_oneof![
        "(authorization|content-type|x-user-id|x_user_id|upgrade|cookie|:path|origin|x-http-method-override)",
        any::<String>(),
    ];
    let value =
        prop_oneof!["(Bearer [a-zA-Z0-9._-]{0,40}|application/grpc|websocket|DELETE)", any::<String>()];
    (name, value, prop::collection::vec(any::<u8>(), 0..8), 0..8u8).prop_map(|(key, value, bytes, kind)| {
        match kind {
            0 => HeaderValue { key, value, raw_value: bytes },
            1 => HeaderValue { key, value: String::new(), raw_value: bytes },
            2 => HeaderValue { key, value, raw_value: Vec::new() },
            _ => HeaderValue { key, value: String::new(), raw_value: value.into_bytes() },
        }
    })
}

prop_compose! {
    fn any_check()(
        method in text(),
        path in text(),
        host in text(),
        scheme in text(),
        raw in prop::option::weighted(0.8, prop::collection::vec(header(), 0..8)),
        map in prop::option::weighted(0.3, prop::collection::hash_map(any::<String>(), any::<String>(), 0..4)),
        service in prop::option::weighted(0.3, prop_oneof!["events", any::<String>()]),
        missing in 0..20u8,
    ) -> CheckRequest {
        let header_map = raw.map(|headers| HeaderMap { headers });
        let headers = map.unwrap_or_default();
        let mut check = with_http(HttpRequest { method, path, host, scheme, header_map, headers, ..HttpRequest::default() });
        let attributes = check.attributes.as_mut().unwrap();
        attributes.context_extensions.extend(service.map(|name| ("service".to_owned(), name)));
        match missing {
            0 => check.attributes = None,
            1 => attributes.request = None,
            2 => attributes.request.as_mut().unwrap().http = None,
            _ => {}
        }
        check
    }
}

/// As [`POLICY`], with a route closed, one opened, one for another role, and a
/// service of its own.
const CANDIDATE: &str = r#"
roles:
  viewer: { grants: [event:read] }
  editor: {}
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: denied }
      - { route: POST /events, roles: { any: [viewer] } }
      - { route: GET /events/me, roles: editor }
      - { route: GET /events/closed, access: anonymous }
  venues:
    paths: [/venues]
    routes:
      - { route: "GET /venues/{id}", access: anonymous }
"#;

fn beside_candidate() -> (Arc<Telemetry>, Checks) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), CANDIDATE).unwrap();
    let (candidate, sources, report) = crate::compile::load(folder.path());
    let words = crate::diag::render(&report, &sources, crate::diag::Format::Short);
    let candidate = candidate.unwrap_or_else(|| panic!("{words}"));
    let live = Arc::new(Live::new(snapshot(POLICY).beside(Some(candidate))));
    let telemetry = Arc::new(Telemetry::default());
    let gate = Gate::with(live, Arc::default(), Arc::clone(&telemetry), Duration::from_secs(3600));
    (telemetry, Checks::new(Arc::new(gate)))
}

#[test]
fn a_user_that_is_hidden_in_the_log_is_hidden_in_metadata_with_and_without_one() {
    for (to, claims, expected) in [
        (LogTo::Nowhere, vec![ClaimPath::name("sub")], "[redacted]"),
        (LogTo::Stdout, vec![ClaimPath::name("sub")], "[redacted]"),
        (LogTo::Nowhere, vec![ClaimPath::name("iss")], "alice"),
    ] {
        let redact = Redact { claims, ..Redact::default() };
        let telemetry = Telemetry::new(&DecisionLog { to, redact, ..DecisionLog::default() });
        let live = Arc::new(Live::new(snapshot(POLICY)));
        let gate = Gate::with(live, Arc::default(), Arc::new(telemetry), Duration::from_secs(3600));
        let gate = Checks::new(Arc::new(gate));
        let viewer = bearer(&["viewer"], json!({}));
        let answer = ask(&gate, check("GET", "/events/me", &[("authorization", &viewer)]));
        assert_eq!(said(&answer, "user").as_deref(), Some(expected));
    }
}

#[test]
fn a_candidate_is_told_and_not_enforced() {
    let (telemetry, gate) = beside_candidate();
    let (viewer, editor) = (bearer(&["viewer"], json!({})), bearer(&["editor"], json!({})));
    let cases = [
        ("GET", "/events", "", 200, Some(("would_close", "route_denied"))),
        ("GET", "/events", viewer.as_str(), 200, Some(("would_close", "route_denied"))),
        ("GET", "/events/me", "", 401, None),
        ("GET", "/events/me", viewer.as_str(), 200, Some(("would_close", "role_missing"))),
        ("GET", "/events/me", editor.as_str(), 200, None),
        ("GET", "/events/closed", "", 403, Some(("would_open", "allowed"))),
        ("GET", "/venues/1", "", 404, Some(("would_open", "allowed"))),
        ("GET", "/venues/2", "", 404, Some(("would_open", "allowed"))),
        ("POST", "/events", editor.as_str(), 403, None),
        ("GET", "/other", "", 404, None),
        ("GET", "/events/../venues/1", "", 400, None),
    ];
    for (method, path, token, expected, differs) in cases {
        let headers = [("authorization", token)];
        let sent = if token.is_empty() { &headers[..0] } else { &headers[..] };
        let response = ask(&gate, check(method, path, sent));
        assert_eq!(status(&response), expected, "{method} {path}");
        let told = [said(&response, "candidate"), said(&response, "candidate_reason")];
        let expected = [differs.map(|d| d.0.to_owned()), differs.map(|d| d.1.to_owned())];
        assert_eq!(told, expected, "{method} {path}");
    }
    let text = telemetry.metrics().text(crate::telemetry::Figures::default()).unwrap();
    let lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("doorward_candidate_disagreements_total")).collect();
    let line = |service: &str, route: &str, direction: &str, count: u32| {
        format!(
            "doorward_candidate_disagreements_total{{service=\"{service}\",route=\"{route}\",direction=\"{direction}\"}} {count}"
        )
    };
    let expected = [
        line("events", "GET /events", "would_close", 2),
        line("events", "GET /events/closed", "would_open", 1),
        line("events", "GET /events/me", "would_close", 1),
        line("venues", "GET /venues/{id}", "would_open", 2),
    ];
    assert_eq!(lines, expected);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..ProptestConfig::default()
    })]

    /// Whatever is asked, the answer beside a candidate is the answer without.
    #[test]
    fn a_candidate_changes_no_answer(check in any_check()) {
        static ALONE: LazyLock<Checks> = LazyLock::new(|| gate().1);
        static BESIDE: LazyLock<Checks> = LazyLock::new(|| beside_candidate().1);
        let (alone, beside) = (ask(&ALONE, check.clone()), ask(&BESIDE, check));
        prop_assert_eq!(status(&alone), status(&beside));
        for name in ["reason", "service", "route", "user"] {
            prop_assert_eq!(said(&alone, name), said(&beside, name));
        }
        if status(&alone) == 200 {
            prop_assert_eq!(ok(alone), ok(beside));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..ProptestConfig::default()
    })]

    /// ATTR-1, RSP-1, FAIL-2: whatever is asked, the answer is complete, and an
    /// allow is only what the policy leaves open to everybody.
    #[test]
    fn no_check_panics_and_no_answer_lacks_a_status(check in any_check()) {
        static GATE: LazyLock<Checks> = LazyLock::new(|| gate().1);
        let response = ask(&GATE, check.clone());
        prop_assert!(response.status.is_some() && response.dynamic_metadata.is_some());
        let reason = said(&response, "reason").unwrap();
        prop_assert_ne!(&reason, "engine_error");
        if status(&response) == 200 {
            let path = check.attributes.unwrap().request.unwrap().http.unwrap().path;
            prop_assert!(path == "/events" || path.starts_with("/events?"), "{path}");
            prop_assert_eq!(&reason, "allowed");
            prop_assert!(ok(response).headers_to_remove.iter().any(|name| name == "x-user-id"));
        }
    }
}
