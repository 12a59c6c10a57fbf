//! Requests in the shape that real proxies were seen to send, and what they
//! would be told.

#![expect(clippy::unwrap_used, reason = "tests")]

mod alike;

use std::sync::Mutex;
use std::time::Duration;

use hyper::{Method, Version};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::engine::HeaderChanges;
use crate::gate::Verdict;
use http_body_util::BodyExt;

const PROXIES: [Proxy; 4] = [Proxy::Envoy, Proxy::Nginx, Proxy::Traefik, Proxy::Caddy];

/// What a client asked for.
#[derive(Debug, Clone)]
struct Original {
    method: String,
    host: String,
    path: String,
    service: Option<String>,
    headers: Vec<(String, String)>,
}

fn get(path: &str) -> Original {
    Original {
        method: "GET".to_owned(),
        host: "api.test".to_owned(),
        path: path.to_owned(),
        service: Some("events".to_owned()),
        headers: vec![("authorization".to_owned(), "Bearer a".to_owned())],
    }
}

/// How this proxy asks about it.
fn asked(proxy: Proxy, original: &Original) -> Request<()> {
    let Original { method, host, path, service, headers } = original;
    let service = format!("/{}", service.as_deref().unwrap_or(""));
    let mut request = Request::builder();
    let own: &[(&str, &str)] = match proxy {
        Proxy::Envoy => {
            request = request.method(method.as_str()).uri(path);
            &[
                ("host", host),
                ("content-length", "0"),
                ("x-doorward-service", &service),
                ("x-doorward-source", "192.0.2.7"),
                ("x-envoy-internal", "true"),
                ("x-envoy-expected-rq-timeout-ms", "250"),
            ]
        }
        Proxy::Nginx => {
            request = request.uri(service);
            &[
                ("host", "doorward"),
                ("x-original-method", method),
                ("x-original-uri", path),
                ("x-original-host", host),
                ("x-original-scheme", "https"),
                ("x-real-ip", "192.0.2.7"),
            ]
        }
        Proxy::Traefik | Proxy::Caddy => {
            request = request.uri(service);
            &[
                ("host", "127.0.0.1:9192"),
                ("x-forwarded-for", "192.0.2.7"),
                ("x-forwarded-host", host),
                ("x-forwarded-method", method),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-uri", path),
            ]
        }
    };
    for (name, value) in own.iter().copied().chain(headers.iter().map(|(n, v)| (n.as_str(), v.as_str()))) {
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

fn gate<J: Judge>(judge: J) -> Arc<Gate<J>> {
    Arc::new(Gate::with(judge, Arc::default(), Arc::default(), Duration::from_secs(3600)))
}

fn forward<J: Judge>(proxy: Proxy, judge: J) -> Forward<J> {
    Forward::new(gate(judge), proxy, vec!["x-user-".to_owned(), "x-tenant".to_owned()])
}

fn allowed() -> Verdict<'static> {
    let changes = HeaderChanges {
        set: vec![("x-user-id".into(), "alice".into())],
        remove: vec!["x-user-roles".into(), "x_user_id".into()],
    };
    Verdict { changes, ..Verdict::of(Reason::Allowed) }
}

/// The words that reach the judge, and the answer.
fn told(proxy: Proxy, request: &Request<()>) -> (Option<Words<'static>>, Response<Body>) {
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let judge = move |words: &Words<'_>| {
        *keep.lock().unwrap() = Some(words.leaked());
        allowed()
    };
    let answer = forward(proxy, judge).answer(request);
    let words = seen.lock().unwrap().take();
    (words, answer)
}

/// It must be refused without being decided about.
#[track_caller]
fn refused(proxy: Proxy, request: &Request<()>) {
    let (words, answer) = told(proxy, request);
    assert_eq!(words, None, "{proxy:?}: {request:?}");
    let status = if proxy == Proxy::Nginx { 403 } else { 400 };
    assert_eq!(answer.status().as_u16(), status, "{proxy:?}: {request:?}");
    assert_eq!(answer.headers().get("x-doorward-status").unwrap(), "400");
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn every_proxy_brings_the_same_words() {
    for proxy in PROXIES {
        let (words, answer) = told(proxy, &asked(proxy, &get("/events/1?x=%2e")));
        let scheme = if proxy == Proxy::Envoy { "" } else { "https" };
        let expected = Words {
            method: "GET",
            host: "api.test",
            path: "/events/1?x=%2e",
            service: Some("events"),
            source: "192.0.2.7".parse().ok(),
            headers: vec![("authorization".into(), b"Bearer a")],
            scheme,
            ..Words::default()
        };
        assert_eq!(words, Some(expected), "{proxy:?}");
        assert_eq!(answer.status(), 200, "{proxy:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    /// Whatever a client asks for: it is decided as what it is, or refused, and
    /// a proxy makes no difference.
    #[test]
    fn the_words_of_a_request_do_not_depend_on_the_proxy(
        method in "[A-Z]{1,8}",
        host in "[a-zA-Z0-9.:-]{1,20}",
        path in "/[!-\"$-~]{0,40}",
        service in proptest::option::of("[a-z][a-z0-9-]{0,10}"),
        value in "[ -~]{0,20}",
    ) {
        let headers = vec![("authorization".to_owned(), value.trim().to_owned())];
        let original = Original { method, host, path, service, headers };
        let mut all = Vec::new();
        for proxy in PROXIES {
            // Envoy's target is parsed by the HTTP library, which refuses some.
            if proxy == Proxy::Envoy && original.path.parse::<hyper::Uri>().is_err() {
                continue;
            }
            let (words, _) = told(proxy, &asked(proxy, &original));
            let words = words.unwrap();
            prop_assert_eq!(&words.path, &original.path);
            all.push(Words { scheme: "", ..words });
        }
        prop_assert!(all.iter().all(|words| Some(words) == all.first()), "{:?}", all);
    }
}

#[test]
fn path_24_each_word_must_be_there_once() {
    for proxy in PROXIES {
        let whole = asked(proxy, &get("/events"));
        let own: Vec<String> = whole.headers().keys().map(|name| name.as_str().to_owned()).collect();
        let of_hop =
            ["authorization", "content-length", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms"];
        let mut looked_at = 0;
        for name in own.iter().filter(|name| !of_hop.contains(&name.as_str())) {
            // nginx, Traefik and Caddy say `host` of Doorward, and it is nothing to us.
            if name == "host" && proxy != Proxy::Envoy {
                continue;
            }
            looked_at += 1;
            let change = |value: Option<&[u8]>, keep: bool| {
                let mut request = asked(proxy, &get("/events"));
                if !keep {
                    request.headers_mut().remove(name);
                }
                if let Some(value) = value {
                    let name: hyper::header::HeaderName = name.parse().unwrap();
                    request.headers_mut().append(name, value.try_into().unwrap());
                }
                request
            };
            refused(proxy, &change(None, false));
            refused(proxy, &change(Some(b""), false));
            refused(proxy, &change(Some(b"/\xff"), false));
            let same = whole.headers().get(name).unwrap().as_bytes().to_vec();
            refused(proxy, &change(Some(&same), true));
            refused(proxy, &change(Some(b"/evil"), true));
        }
        assert!(looked_at >= 3, "{proxy:?}");
    }
}

#[test]
fn what_other_proxies_say_is_not_looked_at() {
    let lies = [
        ("x-original-uri", "/evil"),
        ("x-original-url", "/evil"),
        ("x-original-method", "GET"),
        ("x-original-host", "evil"),
        ("x-forwarded-uri", "/evil"),
        ("x-forwarded-method", "DELETE"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-prefix", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-envoy-original-path", "/evil"),
        ("x-real-ip", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1;host=evil"),
        ("x-doorward-service", "/evil"),
        ("x-doorward-source", "10.0.0.1"),
    ];
    for proxy in PROXIES {
        let plain = told(proxy, &asked(proxy, &get("/events"))).0.unwrap();
        for (name, value) in lies {
            let mut request = asked(proxy, &get("/events"));
            if request.headers().contains_key(name) {
                continue;
            }
            request.headers_mut().append(name, value.parse().unwrap());
            let words = told(proxy, &request).0.unwrap();
            let headers = words.headers.iter().filter(|(other, _)| other != name).cloned().collect();
            assert_eq!(Words { headers, ..words }, plain, "{proxy:?} {name}");
        }
    }
}

#[test]
fn spf_1_a_managed_header_of_the_client_is_refused_in_every_spelling() {
    for proxy in PROXIES {
        for name in
            ["x-user-id", "X-User-Roles", "x_user_id", "x.user-id", "x-user-", "x-tenant", "x_tenant.id"]
        {
            let mut request = asked(proxy, &get("/events"));
            let name: hyper::header::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, "evil".parse().unwrap());
            refused(proxy, &request);
        }
    }
}

#[test]
fn only_the_shape_that_a_proxy_sends_is_taken() {
    for proxy in PROXIES {
        for version in [Version::HTTP_10, Version::HTTP_2, Version::HTTP_09] {
            let mut request = asked(proxy, &get("/events"));
            *request.version_mut() = version;
            refused(proxy, &request);
        }
        for target in ["http://evil/events", "evil:80", "http://evil"] {
            let mut request = asked(proxy, &get("/events"));
            *request.uri_mut() = target.parse().unwrap();
            refused(proxy, &request);
        }
        if proxy == Proxy::Envoy {
            continue;
        }
        for target in ["/events/1", "/events/1?/events", "//", "//events", "/events/", "*"] {
            let mut request = asked(proxy, &get("/events"));
            *request.uri_mut() = target.parse().unwrap();
            refused(proxy, &request);
        }
        for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::CONNECT] {
            let mut request = asked(proxy, &get("/events"));
            *request.method_mut() = method;
            refused(proxy, &request);
        }
    }
}

#[test]
fn the_address_is_one_address() {
    let name = |proxy| match proxy {
        Proxy::Envoy => "x-doorward-source",
        Proxy::Nginx => "x-real-ip",
        Proxy::Traefik | Proxy::Caddy => "x-forwarded-for",
    };
    for proxy in PROXIES {
        let from = |address: &str| {
            let mut request = asked(proxy, &get("/events"));
            request.headers_mut().insert(name(proxy), address.parse().unwrap());
            request
        };
        for odd in
            ["10.0.0.1, 192.0.2.7", "192.0.2.7:80", "unix:", "-", "unknown", "192.0.2", "[2001:db8::1]"]
        {
            refused(proxy, &from(odd));
        }
        let source = |address| told(proxy, &from(address)).0.unwrap().source;
        assert_eq!(source("2001:db8::1"), "2001:db8::1".parse().ok());
        assert_eq!(source("::ffff:192.0.2.1"), "192.0.2.1".parse().ok());
    }
}

#[test]
fn an_allow_sets_and_only_envoy_is_told_what_to_remove() {
    for proxy in PROXIES {
        let (_, answer) = told(proxy, &asked(proxy, &get("/events")));
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-user-id"), Some("alice"));
        let removed = (proxy == Proxy::Envoy).then_some("x-user-roles,x_user_id");
        assert_eq!(header(&answer, "x-envoy-auth-headers-to-remove"), removed);
        assert_eq!(header(&answer, "x-doorward-status"), None);
        assert_eq!(header(&answer, "x-doorward-decision-id").unwrap().len(), 32);
    }
}

#[test]
fn rsp_13_nothing_but_an_allow_is_a_success() {
    for proxy in PROXIES {
        for reason in Reason::ALL.iter().copied().filter(|reason| !reason.is_allowed()) {
            let answer =
                forward(proxy, move |_: &Words<'_>| Verdict::of(reason)).answer(&asked(proxy, &get("/e")));
            let (status, own) = (answer.status().as_u16(), reason.status());
            let expected = match proxy {
                Proxy::Envoy if own >= 500 => 403,
                Proxy::Nginx if own != 401 => 403,
                _ => own,
            };
            assert_eq!(status, expected, "{proxy:?} {reason:?}");
            assert_eq!(header(&answer, "x-doorward-status"), Some(own.to_string().as_str()));
            assert_eq!(header(&answer, "www-authenticate").is_some(), own == 401);
            assert_eq!(header(&answer, "x-user-id"), None);
        }
    }
}

#[test]
fn fail_2_a_fault_of_ours_is_a_denial_for_every_proxy() {
    let panics = |_: &Words<'_>| -> Verdict<'static> { std::panic::resume_unwind(Box::new(())) };
    let unsafe_header = |_: &Words<'_>| {
        let set = vec![("x-user-id".into(), "a\r\nset-cookie: x".into())];
        let changes = HeaderChanges { set, remove: Vec::new() };
        Verdict { changes, ..Verdict::of(Reason::Allowed) }
    };
    for proxy in PROXIES {
        let request = asked(proxy, &get("/events"));
        let answer = forward(proxy, panics).answer(&request);
        assert!(answer.status().as_u16() >= 400, "{proxy:?}");
        assert_eq!(header(&answer, "x-doorward-status"), Some("503"));
        let answer = forward(proxy, unsafe_header).answer(&request);
        assert_eq!(answer.status(), 403, "{proxy:?}");
        assert!(!answer.headers().contains_key("set-cookie"));
    }
}

#[test]
fn fail_1_envoys_deadline_is_heeded() {
    let ask = |told: &str| {
        let mut request = asked(Proxy::Envoy, &get("/events"));
        request.headers_mut().insert("x-envoy-expected-rq-timeout-ms", told.parse().unwrap());
        forward(Proxy::Envoy, |_: &Words<'_>| allowed()).answer(&request)
    };
    let late = ask("0");
    assert_eq!((late.status().as_u16(), header(&late, "x-doorward-status")), (403, Some("503")));
    for told in ["60000", "99999999", "", "-1", "0x0", "123456789"] {
        assert_eq!(ask(told).status(), 200, "{told}");
    }
}

#[tokio::test]
async fn a_denial_is_the_same_problem_for_all() {
    for proxy in PROXIES {
        let judge = |_: &Words<'_>| Verdict::of(Reason::RoleMissing);
        let answer = forward(proxy, judge).answer(&asked(proxy, &get("/events")));
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        let id = header(&answer, "x-doorward-decision-id").unwrap().to_owned();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("reason").unwrap(), "role_missing");
        assert_eq!(body.get("decision_id").unwrap(), &id);
    }
}

#[test]
fn fail_3_too_many_checks_are_denied() {
    for proxy in PROXIES {
        let gate =
            Gate::with(|_: &Words<'_>| allowed(), Arc::default(), Arc::default(), Duration::from_secs(3600));
        let answer =
            Forward::new(Arc::new(gate.at_most(0)), proxy, Vec::new()).answer(&asked(proxy, &get("/e")));
        assert!(answer.status().as_u16() >= 400, "{proxy:?}");
        assert_eq!(header(&answer, "x-doorward-status"), Some("503"));
    }
}
