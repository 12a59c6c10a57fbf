//! Asked over HTTP or over gRPC: the same request is decided alike, under a
//! real policy and with real tokens.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use envoy_types::pb::envoy::config::core::v3::{Address, HeaderMap, HeaderValue, SocketAddress, address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request as Asked};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use prost::Message;

use super::*;
use crate::config::{Algorithm, Config};
use crate::diag::Report;
use crate::engine::HeaderPlan;
use crate::gate::Snapshot;
use crate::identity::Verifier;
use crate::identity::mint::{Claims, Signer};
use crate::telemetry::Meters;

const POLICY: &str = "
roles:
  viewer: { grants: [event:read] }
  admin: { grants: ['*'] }
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: anonymous }
      - { route: 'POST /events', roles: { any: [viewer] } }
      - { route: 'GET /events/{id}', codes: event:read }
      - { route: GET /events/me, access: authenticated }
      - { route: GET /events/closed, access: denied }
      - { route: GET /events/near, access: anonymous, ip: { allow: [192.0.2.0/24] } }
      - { route: GET /events/far, access: anonymous, ip: { allow: [10.0.0.0/8] } }
      - { route: ANY /events/public/**, access: anonymous }
      - { route: GET /events/live, access: anonymous, upgrade: websocket }
      - { route: GET /events/asked, when: 'request.headers[\"x-asked\"] == \"yes\"' }
  venues:
    hosts: [venues.test]
    paths: [/events, /venues]
    cors_preflight: allow
    routes:
      - { route: ANY /venues/**, roles: admin }
";

const CONFIG: &str = "
identity:
  issuers:
    - { issuer: 'https://id.test', audiences: [shop], algorithms: [HS256], keys: { secret_env: SECRET }, roles: roles }
upstream_headers:
  x-user-id: user.id
  x-user-roles: user.roles
  x-user-tenant: claims.tenant
";

const SECRET: &str = "not a secret but long enough for one";

static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    let environment = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), POLICY).unwrap();
    fs::write(folder.path().join("doorward.yaml"), CONFIG).unwrap();
    let (config, sources, mut report) = Config::load(&folder.path().join("doorward.yaml"), &environment);
    let config = config.unwrap();
    let mut none = Report::default();
    let verifier = Verifier::load(&config.identity, &config.directory, &environment, &mut none).unwrap();
    let headers = crate::compile::upstream_headers(&config.upstream_headers, &sources, &mut report).unwrap();
    let (index, _, report) = crate::compile::load(&config.policies);
    assert!(!report.has_errors(), "{report:?}");
    let index = index.unwrap();
    let plan = HeaderPlan::new(&headers, &index);
    let live = Arc::new(Live::new(Snapshot::new(index, verifier, plan, Meters::default())));
    gate(live)
});

/// What became of it: the status, and what the upstream is told.
type Outcome = (u16, BTreeMap<String, String>);

fn over_http(proxy: Proxy, original: &Original) -> Outcome {
    let prefixes = vec!["x-user-".to_owned()];
    let answer = Forward::new(Arc::clone(&GATE), proxy, prefixes).answer(&asked(proxy, original));
    let told = answer.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-user-"));
    let told = told.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let status = header(&answer, "x-doorward-status").map_or(200, |status| status.parse().unwrap());
    assert_eq!(status == 200, answer.status() == 200);
    (status, told)
}

fn over_grpc(original: &Original) -> Outcome {
    let Original { method, host, path, service, headers } = original;
    let raw = |(key, value): &(String, String)| HeaderValue {
        key: key.clone(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let pseudo = (":path".to_owned(), path.clone());
    let http = HttpRequest {
        method: method.clone(),
        host: host.clone(),
        path: path.clone(),
        header_map: Some(HeaderMap { headers: std::iter::once(&pseudo).chain(headers).map(raw).collect() }),
        ..HttpRequest::default()
    };
    let socket = SocketAddress { address: "192.0.2.7".to_owned(), ..SocketAddress::default() };
    let address = Address { address: Some(address::Address::SocketAddress(socket)) };
    let check = CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer { address: Some(address), ..Peer::default() }),
            request: Some(Asked { http: Some(http), ..Asked::default() }),
            context_extensions: service.iter().map(|name| ("service".to_owned(), name.clone())).collect(),
            ..AttributeContext::default()
        }),
    };
    let answer = crate::envoy::answer(&GATE, &check.encode_to_vec());
    match CheckResponse::decode(answer.as_slice()).unwrap().http_response.unwrap() {
        HttpResponse::OkResponse(ok) => {
            let told = ok.headers.into_iter().map(|option| option.header.unwrap());
            (200, told.map(|header| (header.key, header.value)).collect())
        }
        HttpResponse::DeniedResponse(denied) => {
            (u16::try_from(denied.status.unwrap().code).unwrap(), BTreeMap::new())
        }
        HttpResponse::ErrorResponse(_) => (0, BTreeMap::new()),
    }
}

fn token(role: &str) -> String {
    let claims = Claims {
        issuer: "https://id.test".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice".to_owned(),
        roles: vec![role.to_owned()],
        expires_in: 600,
        ..Claims::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signer = Signer::from_secret(SECRET, Algorithm::HS256).unwrap();
    format!("Bearer {}", signer.sign(&claims.at(now)).unwrap())
}

fn originals() -> impl Strategy<Value = Original> {
    let any = |words: &'static [&'static str]| proptest::sample::select(words).prop_map(str::to_owned);
    let path = proptest::collection::vec(
        any(&[
            "/events", "/venues", "/me", "/closed", "/near", "/far", "/public", "/live", "/asked", "/1",
            "/a%20b", "/..", "/.", "//", "/%2e%2e", "/%2F", ";x", "?a=b", "/%41", "/%", "\\x", "/\u{7e}",
        ]),
        1..4,
    );
    let more = any(&[
        "",
        "x-asked: yes",
        "upgrade: websocket",
        "x-http-method-override: DELETE",
        "content-type: a/b",
    ]);
    let preflight = proptest::bool::weighted(0.1);
    let method = any(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"]);
    let host = any(&["api.test", "API.test:443", "venues.test", "venues.test.", "a..b"]);
    let service = proptest::option::of(any(&["events", "venues", "unrouted"]));
    let caller = any(&["", "viewer", "admin", "?"]);
    (method, host, path, service, caller, more, preflight).prop_map(
        |(method, host, path, service, caller, more, preflight)| {
            let mut headers = Vec::new();
            match caller.as_str() {
                "" => {}
                "?" => headers.push(("authorization".to_owned(), "Bearer a.b.c".to_owned())),
                role => headers.push(("authorization".to_owned(), token(role))),
            }
            headers.extend(more.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
            if preflight {
                headers.push(("origin".to_owned(), "https://a.test".to_owned()));
                headers.push(("access-control-request-method".to_owned(), "PUT".to_owned()));
            }
            Original { method, host, path: path.concat(), service, headers }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_request_is_decided_alike_however_doorward_is_asked(original in originals()) {
        let expected = over_grpc(&original);
        // From Envoy the path is a target, and the HTTP library refuses some.
        let is_target = original.path.starts_with('/') && original.path.parse::<hyper::Uri>().is_ok();
        for proxy in PROXIES.into_iter().filter(|proxy| is_target || *proxy != Proxy::Envoy) {
            prop_assert_eq!(&over_http(proxy, &original), &expected, "{:?}", proxy);
        }
    }
}

#[test]
fn the_requests_above_get_all_kinds_of_answers() {
    let ask = |method: &str, path: &str, caller: &str| {
        let headers =
            if caller.is_empty() { Vec::new() } else { vec![("authorization".to_owned(), token(caller))] };
        over_http(Proxy::Nginx, &Original { method: method.to_owned(), headers, ..get(path) })
    };
    assert_eq!(ask("GET", "/events/near", "").0, 200);
    assert_eq!(ask("GET", "/events/far", "").0, 403);
    assert_eq!(ask("GET", "/events/1", "").0, 401);
    assert_eq!(ask("GET", "/events/1", "viewer").1.get("x-user-id").map(String::as_str), Some("alice"));
    assert_eq!(ask("GET", "/events/1/2", "viewer").0, 404);
    assert_eq!(ask("PUT", "/events", "viewer").0, 405);
    assert_eq!(ask("GET", "/events/../events", "viewer").0, 400);
}
