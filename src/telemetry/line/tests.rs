#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::*;
use crate::compile::load;
use crate::config::{ClaimPath, LoggedClaims, RedactedParameter};
use crate::diag::{Place, Sources, Span};
use crate::engine::{Headers, Input, Subject};
use crate::telemetry::{Direction, Veil};
use crate::words::Reason;

fn input<'a>(path: &'a str, headers: Headers<'a>) -> Input<'a> {
    Input { method: "GET", host: "api.test", path, headers, ..Input::default() }
}

fn record<'a>(request: Option<&'a Input<'a>>) -> Record<'a> {
    Record {
        status: 404,
        request,
        time: Some(UNIX_EPOCH + Duration::new(1_900_000_000, 123_456_789)),
        took: Duration::from_nanos(12_345),
        ..Record::bare("0123456789abcdef0123456789abcdef", Reason::RoleMissing)
    }
}

fn style(parameters: &[&str], claims: &LoggedClaims, redacted: &[&[&str]]) -> Style {
    let span = Span { file: Sources::default().add("a", "a"), start: 0, end: 0 };
    let parameter = |name: &&str| RedactedParameter { name: (*name).to_owned(), span };
    let redact = Redact {
        parameters: parameters.iter().map(parameter).collect(),
        claims: redacted.iter().map(|names| ClaimPath::of(names)).collect(),
    };
    Style { claims: Asked::of(claims), redact, replay: false }
}

fn plain() -> Style {
    style(&[], &LoggedClaims::default(), &[])
}

fn value(style: &Style, record: &Record<'_>) -> Value {
    let line = style.line(record, <[u8]>::to_vec);
    if let Some(told) = record.caller.and_then(|caller| style.told(caller, record.roles)) {
        let kept = Record { told: Some(&told), roles: &[], ..*record };
        style.line(&kept, |kept| {
            assert_eq!(kept, line, "what is kept of a caller is what would be written");
        });
    }
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
    assert_eq!(line.last(), Some(&b'\n'));
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn what_is_not_known_is_not_there() {
    assert_eq!(
        value(&plain(), &record(None)),
        json!({
            "time": "2030-03-17T17:46:40.123456Z",
            "decision_id": "0123456789abcdef0123456789abcdef",
            "decision": "deny",
            "reason": "role_missing",
            "status": 404,
            "duration_us": 12,
        })
    );
}

#[test]
fn log_2_nothing_else_of_a_request_stands_in_a_line() {
    let pairs: [(&str, &[u8]); 5] = [
        ("authorization", b"Bearer hidden-1"),
        ("cookie", b"hidden-2"),
        ("x-request-id", b"r-1"),
        ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("user-agent", b"hidden-3"),
    ];
    let request = Input {
        source: Some([192, 0, 2, 7].into()),
        peer: Some("spiffe://a/b"),
        body: Some(b"hidden-4"),
        ..input("/a?access_token=hidden-5", Headers::new(&pairs))
    };
    let found = value(&plain(), &record(Some(&request)));
    assert!(!found.to_string().contains("hidden"), "{found}");
    for (name, expected) in [
        ("method", "GET"),
        ("host", "api.test"),
        ("path", "/a"),
        ("request_id", "r-1"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("source", "192.0.2.7"),
        ("peer", "spiffe://a/b"),
    ] {
        assert_eq!(found[name], expected, "{name}");
    }
}

/// What is shown of a path on a route, where the service has these routes.
fn shown(hidden: &[&str], routes: &[&str], path: &str, route: &str) -> String {
    let routes: String =
        routes.iter().map(|route| format!("      - {{ route: \"{route}\", access: anonymous }}\n")).collect();
    shown_by(&format!("services:\n  s:\n    paths: [/]\n    routes:\n{routes}"), hidden, path, route)
}

fn shown_by(policy: &str, hidden: &[&str], path: &str, route: &str) -> String {
    let style = style(hidden, &LoggedClaims::default(), &[]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), policy).unwrap();
    let index = load(folder.path()).0.unwrap();
    let veil = Veil::of(&index, &style.redact.parameters);
    let request = input(path, Headers::default());
    let record = Record { route: Some(route), veil: Some(&veil), ..record(Some(&request)) };
    value(&style, &record)["path"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_misspelt_is_hidden_where_another_service_answers_for_it() {
    let policy = "
services:
  accounts:
    paths: [/reset]
    routes: [{ route: 'POST /reset/{token}', access: anonymous }]
  rest:
    paths: [/]
    routes: [{ route: 'ANY /**', access: anonymous }]
";
    for (path, expected) in [("/Reset/abc", "/Reset/{token}"), ("/other/abc", "/other/abc")] {
        assert_eq!(shown_by(policy, &["token"], path, "ANY /**"), expected);
    }
}

#[test]
fn path_parameters_are_hidden_by_the_template_of_the_route() {
    for (path, route, expected) in [
        ("/reset/abc?x", "GET /reset/{token}", "/reset/{token}"),
        ("/reset/abc/", "GET,POST /reset/{token}", "/reset/{token}/"),
        ("/a/b/c/d", "ANY /a/{secret}/{id}/**", "/a/{secret}/c/d"),
        ("/a%2Fb;c/abc/abc", "ANY /{token}/{id}/**", "/{token}/abc/abc"),
        ("/a/b", "GET /{token}/{secret}", "/{token}/{secret}"),
        ("/reset/abc", "ANY /**", "/reset/abc"),
        ("/reset/abc", "GET /reset/{id}", "/reset/abc"),
        ("/", "ANY /**", "/"),
    ] {
        assert_eq!(shown(&["token", "secret"], &[route], path, route), expected, "{path} on {route}");
    }
    let long = format!("/reset/{}", "a".repeat(300));
    let route = "GET /reset/{token}";
    assert_eq!(shown(&["token"], &[route], &long, route), "/reset/{token}", "hidden, then cut");
}

#[test]
fn path_parameters_are_hidden_whatever_route_decided() {
    let routes = [
        "GET /reset/{token}",
        "GET /reset/help",
        "POST /reset/{id}",
        "GET /users/{secret}/orders/**",
        "GET /users/{secret}/orders/{token}/note",
        "ANY /**",
        "PATCH /users/**",
    ];
    for (path, route, expected) in [
        ("/reset/abc", "ANY /**", "/reset/{token}"),
        ("/reset/abc", "POST /reset/{id}", "/reset/{token}"),
        ("/reset/abc/x/y", "ANY /**", "/reset/{token}/[redacted]"),
        ("/reset/abc/", "ANY /**", "/reset/{token}/"),
        ("/RESET/abc", "ANY /**", "/RESET/{token}"),
        ("/Reset%20/abc", "ANY /**", "/Reset%20/{token}"),
        ("/reset/help", "GET /reset/help", "/reset/help"),
        ("/users/42/x", "PATCH /users/**", "/users/{secret}/x"),
        ("/users/42/orders/7", "GET /users/{secret}/orders/**", "/users/{secret}/orders/{token}"),
        ("/users/42/orders/7/note", "ANY /**", "/users/{secret}/orders/{token}/note"),
        ("/elsewhere/abc", "ANY /**", "/elsewhere/abc"),
        ("/reset%2Fabc/x", "ANY /**", "/[redacted]"),
    ] {
        assert_eq!(shown(&["token", "secret"], &routes, path, route), expected, "{path} on {route}");
    }
}

#[test]
fn a_path_is_hidden_whole_where_nobody_says_what_of_it_is_secret() {
    let style = style(&["token"], &LoggedClaims::default(), &[]);
    let request = input("/reset/abc", Headers::default());
    let route = Some("GET /reset/{id}");
    for record in [record(Some(&request)), Record { route, ..record(Some(&request)) }] {
        assert_eq!(value(&style, &record)["path"], REDACTED);
    }
}

#[test]
fn a_path_without_a_route_is_whole_where_no_parameter_is_hidden() {
    let request = input("/reset/abc", Headers::default());
    assert_eq!(value(&plain(), &record(Some(&request)))["path"], "/reset/abc");
}

#[test]
fn the_user_is_hidden_with_the_claim_that_says_it() {
    let claims = json!({"sub": "u-1", "email": "a@b", "tenant": "acme"});
    let caller = |user: &str, proof| Subject {
        user: user.to_owned(),
        proof,
        claims: claims.as_object().unwrap().clone(),
        ..Subject::default()
    };
    let style = style(&[], &LoggedClaims::All, &[&["email"]]);
    let shown = |caller: &Subject| value(&style, &Record { caller: Some(caller), ..record(None) });
    let found = shown(&caller("a@b", Proof::Token));
    assert_eq!((&found["user"], &found["claims"]["email"]), (&json!(REDACTED), &json!(REDACTED)));
    assert_eq!(found["claims"]["tenant"], "acme");
    assert_eq!(shown(&caller("u-1", Proof::Token))["user"], "u-1");
    let peer = caller("spiffe://a", Proof::Certificate);
    assert_eq!(shown(&peer).get("claims"), None, "a certificate has none");
}

#[test]
fn roles_are_those_in_force_and_not_without_end() {
    let caller = Subject { user: "u".to_owned(), ..Subject::default() };
    let names: Vec<String> = (0..70).map(|n| format!("r{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shown = |roles: &[&str]| value(&plain(), &Record { caller: Some(&caller), roles, ..record(None) });
    assert_eq!(shown(&[])["roles"], json!([]), "a caller without roles");
    assert_eq!(shown(&names[..2])["roles"], json!(["r0", "r1"]));
    let many = shown(&names);
    assert_eq!(many["roles"].as_array().unwrap().len(), 64);
    assert_eq!(many["roles_left_out"], 6);
}

#[test]
fn what_a_candidate_would_do_stands_in_the_line() {
    let candidate = Disagreement {
        direction: Direction::WouldOpen,
        reason: Reason::Allowed,
        service: Some("shop".into()),
        route: Some("GET /a".into()),
        place: None,
        revision: "abc".into(),
    };
    let found = value(&plain(), &Record { candidate: Some(&candidate), ..record(None) });
    let expected = json!({
        "direction": "would_open", "reason": "allowed", "service": "shop", "route": "GET /a", "revision": "abc",
    });
    assert_eq!(found["candidate"], expected);
}

#[test]
fn places_are_those_of_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "services: { s: { paths: [/], routes: [{ route: GET /a, access: anonymous }] } }";
    std::fs::write(folder.path().join("all.yaml"), policy).unwrap();
    let index = load(folder.path()).0.unwrap();
    let place: &Place = &index.routes().next().unwrap().1.place;
    let found = value(&plain(), &Record { place: Some(place), revision: Some("r"), ..record(None) });
    assert_eq!((&found["place"], &found["revision"]), (&json!("all.yaml:1"), &json!("r")));
}

#[test]
fn what_a_token_gives_is_told_as_far_as_it_is_asked_for() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let caller = Subject {
        user: "ann".to_owned(),
        roles: names(&["viewer", "offline_access"]),
        groups: names(&["/staff"]),
        scopes: Some(Vec::new()),
        ..Subject::default()
    };
    let in_force = ["viewer", "editor"];
    let request = Input { service: Some("events"), ..input("/a", Headers::default()) };
    let record = Record { caller: Some(&caller), roles: &in_force, ..record(Some(&request)) };

    let told = value(&plain(), &record);
    assert_eq!((&told["kind"], &told["service_named"]), (&json!("http"), &json!("events")));
    assert_eq!((&told["roles_bound"], &told["token"]), (&json!(["editor"]), &Value::Null));
    assert_eq!(told["unlisted"], json!(["roles", "groups", "scopes"]));

    let told = value(&Style { replay: true, ..plain() }, &record);
    let token = json!({ "roles": ["viewer", "offline_access"], "groups": ["/staff"], "scopes": [] });
    assert_eq!((&told["token"], &told["unlisted"]), (&token, &Value::Null));
}

#[test]
fn log_2_names_that_are_hidden_or_too_many_are_unlisted() {
    let many: Vec<String> = (0..65).map(|number| format!("c{number}")).collect();
    let caller = Subject {
        user: "ann".to_owned(),
        groups: vec!["/secret".to_owned()],
        codes: many,
        scopes: Some(vec!["x".repeat(257)]),
        claims: json!({ "team": ["/secret"] }).as_object().unwrap().clone(),
        ..Subject::default()
    };
    let request = input("/a", Headers::default());
    let record = Record { caller: Some(&caller), ..record(Some(&request)) };
    let style = Style { replay: true, ..style(&[], &LoggedClaims::default(), &[&["team"]]) };
    let told = value(&style, &record);
    assert_eq!((&told["token"], &told["unlisted"]), (&json!({}), &json!(["groups", "codes", "scopes"])));
    assert!(!told.to_string().contains("secret"));
}

#[test]
fn the_kind_of_a_request_is_told() {
    type Pairs<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(&str, Pairs<'_>, &str); 8] = [
        ("GET", &[], "http"),
        ("POST", &[("content-type", b"application/grpc+proto")], "grpc"),
        ("PUT", &[("content-type", b"application/grpc")], "http"),
        ("GET", &[("upgrade", b"WebSocket")], "websocket"),
        ("GET", &[("upgrade", b"h2c")], "upgrade"),
        ("POST", &[("content-type", b"application/grpc"), ("connection", b"upgrade")], "grpc upgrade"),
        ("OPTIONS", &[("origin", b"x"), ("access-control-request-method", b"PUT")], "preflight PUT"),
        ("OPTIONS", &[("access-control-request-method", b"PUT")], "http"),
    ];
    for (method, headers, kind) in cases {
        let request = Input { method, ..input("/a", Headers::new(headers)) };
        assert_eq!(value(&plain(), &record(Some(&request)))["kind"], kind, "{method} {headers:?}");
    }
}
