#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use super::*;
use crate::compile::{Index, compile};
use crate::config::OnAnonymous;
use crate::diag::{Format, Report, Sources, render};
use crate::policy::read_texts;

/// Compiles a policy out of one text.
pub(crate) fn index(text: &str) -> Index {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    let index = policy.and_then(|p| compile(&p, &sources, &mut report));
    index.unwrap_or_else(|| panic_with(&render(&report, &sources, Format::Text { color: false })))
}

#[expect(clippy::panic, reason = "tests")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}

/// A request as `METHOD host/path`, with headers.
fn ask(index: &Index, line: &str, headers: &[(&str, &str)], roles: Option<&[&str]>) -> Decision {
    let (method, target) = line.split_once(' ').unwrap();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    let input = Input {
        method,
        host: "api.test",
        path: target,
        service: None,
        source: Some("192.0.2.1".parse().unwrap()),
        headers: Headers::new(&headers),
        ..Input::default()
    };
    decide(index, &input, OnAnonymous::Unseen, |_| {
        let roles = roles.ok_or((Reason::TokenMissing, ""))?;
        let subject = Subject {
            user: "ann".to_owned(),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
            ..Subject::default()
        };
        Ok(Arc::new(Principal::resolve(index, subject)))
    })
}

const POLICY: &str = r#"
roles:
  viewer: { grants: ["event:read"] }
  editor: { inherits: [viewer], grants: ["event:*"], denies: ["event:purge"] }
  admin: { grants: ["*"], weight: 10 }
services:
  events:
    paths: [/events]
    cors_preflight: allow
    defaults: { roles: viewer }
    routes:
      - route: GET /events/{id}
        codes: event:read
      - route: DELETE /events/{id}
        codes: event:delete
      - { route: "POST /events/{id}/purge", codes: event:purge }
      - { route: GET /events/health, access: anonymous }
      - { route: GET /events/feed, access: authenticated }
      - { route: ANY /events/internal/**, access: denied }
      - { route: GET /events/live, access: anonymous, upgrade: websocket }
      - { route: GET /events/office, ip: { allow: [10.0.0.0/8] }, access: anonymous }
  public:
    paths: [/public]
    routes:
      - { route: ANY /public/**, access: anonymous }
      - { route: ANY /public/admin/**, roles: admin, inherit: false }
"#;

#[track_caller]
fn expect(line: &str, roles: Option<&[&str]>, reason: Reason) {
    let decision = ask(&index(POLICY), line, &[], roles);
    assert_eq!(decision.reason, reason, "{line} {roles:?} {:?}", decision.detail);
}

#[test]
fn every_step_has_its_reason() {
    for (line, roles, reason) in [
        ("FOO /events/1", None, Reason::RequestMalformed),
        ("get /events/1", None, Reason::RequestMalformed),
        ("GET events", None, Reason::RequestMalformed),
        ("GET /events/../x", None, Reason::PathAmbiguous),
        ("GET /events;x/1", None, Reason::PathAmbiguous),
        ("GET /nothing", None, Reason::ServiceUnknown),
        ("GET /events", None, Reason::RouteUnknown),
        ("GET /events/a/b", None, Reason::RouteUnknown),
        ("PUT /events/1", None, Reason::MethodNotAllowed),
        ("TRACE /events/1", None, Reason::MethodNotAllowed),
        ("GET /events/internal", Some(&["admin"][..]), Reason::RouteDenied),
        ("GET /events/internal/x/y", Some(&["admin"]), Reason::RouteDenied),
        ("GET /events/office", None, Reason::IpDenied),
        ("GET /events/1", None, Reason::TokenMissing),
        ("GET /events/1", Some(&[]), Reason::RoleMissing),
        ("GET /events/1", Some(&["nobody-knows"]), Reason::RoleMissing),
        ("DELETE /events/1", Some(&["viewer"]), Reason::CodeMissing),
        ("POST /events/1/purge", Some(&["editor"]), Reason::CodeMissing),
        ("GET /events/1", Some(&["viewer"]), Reason::Allowed),
        ("HEAD /events/1", Some(&["viewer"]), Reason::Allowed),
        ("DELETE /events/1", Some(&["editor"]), Reason::Allowed),
        ("GET /events/health", None, Reason::Allowed),
        ("GET /events/health/", None, Reason::Allowed),
        ("GET /events/feed", None, Reason::TokenMissing),
        ("GET /events/feed", Some(&[]), Reason::Allowed),
    ] {
        expect(line, roles, reason);
    }
}

#[test]
fn deny_of_any_held_role_wins() {
    expect("POST /events/1/purge", Some(&["admin", "viewer"]), Reason::Allowed);
    expect("POST /events/1/purge", Some(&["admin", "editor"]), Reason::CodeMissing);
}

#[test]
fn method_not_allowed_lists_the_methods() {
    let index = index(POLICY);
    let decision = ask(&index, "PUT /events/1", &[], None);
    assert_eq!(decision.allow.to_string(), "GET, HEAD, DELETE");
}

#[test]
fn path_7_an_anonymous_catch_all_never_answers_for_a_protected_spelling() {
    for path in [
        "/public/Admin",
        "/public/ADMIN/x",
        "/public/admin%20",
        "/public/%20admin/x",
        "/public/admin.json",
        "/public/admin.",
        "/public/admin.tar.gz",
        "/public/Admin.v1.json/x",
        "/public/admin%20.",
        "/public/admin.%20.",
    ] {
        expect(&format!("GET {path}"), None, Reason::PathAmbiguous);
    }
    for path in ["/public/admin", "/public/admin/", "/public/admin/x"] {
        expect(&format!("GET {path}"), None, Reason::TokenMissing);
    }
    for path in ["/public", "/public/", "/public/administrator", "/public/x/admin", "/public/a.json"] {
        expect(&format!("GET {path}"), None, Reason::Allowed);
    }
    for path in ["/publicadmin", "/public-admin", "/public.admin"] {
        expect(&format!("GET {path}"), None, Reason::ServiceUnknown);
    }
}

#[test]
fn path_7_nor_where_path_parameters_and_encoded_slashes_are_kept() {
    let index = index(
        "services: { s: { paths: [/s], path_parameters: keep, encoded_slash: keep, routes: [{ route: 'GET /s/{x}', access: anonymous }, { route: 'GET /s/admin', access: denied }] } }",
    );
    let reason = |path: &str| ask(&index, &format!("GET {path}"), &[], None).reason;
    for path in ["/s/admin;x", "/s/Admin;x", "/s/admin%20;x=1", "/s/admin.json;x", "/s/Admin%2Fx"] {
        assert_eq!(reason(path), Reason::PathAmbiguous, "{path}");
    }
    for path in ["/s/a;x", "/s/a%2Fadmin", "/s/administrator;x"] {
        assert_eq!(reason(path), Reason::Allowed, "{path}");
    }
}

#[test]
fn path_7_no_service_answers_for_another_spelling_of_anothers_path() {
    let index = index(
        "services: { admin: { paths: [/admin], routes: [{ route: ANY /admin/**, access: denied }] }, web: { paths: [/], routes: [{ route: ANY /**, access: anonymous }] } }",
    );
    let reason = |path: &str| ask(&index, &format!("GET {path}"), &[], None).reason;
    assert_eq!(reason("/admin/x"), Reason::RouteDenied);
    for path in ["/Admin", "/ADMIN/x", "/aDmin/"] {
        assert_eq!(reason(path), Reason::PathAmbiguous, "{path}");
    }
    assert_eq!(reason("/administrator"), Reason::Allowed);
}

#[test]
fn escapes_that_spell_a_literal_are_refused() {
    let index = index(
        "services: { s: { paths: [/v1], routes: [{ route: 'POST /v1/users:delete', access: denied }, { route: 'ANY /v1/{x}', access: authenticated }] } }",
    );
    assert_eq!(ask(&index, "PUT /v1/users%3Adelete", &[], Some(&[])).reason, Reason::PathAmbiguous);
    assert_eq!(ask(&index, "PUT /v1/users%3Alist", &[], Some(&[])).reason, Reason::Allowed);
    assert_eq!(
        ask(&index, "PUT /v1/users:delete", &[], Some(&[])).reason,
        Reason::Allowed,
        "another method, by its own route"
    );
}

#[test]
fn meth_3_method_overrides() {
    let index = index(POLICY);
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let decision = ask(&index, "GET /events/health", &[(name, "DELETE")], None);
        assert_eq!(decision.reason, Reason::RequestMalformed, "{name}");
        assert_eq!(ask(&index, "GET /events/health", &[(name, "get")], None).reason, Reason::Allowed);
    }
    for name in ["x_http_method_override", "x-http_method-override", "x!method!override", "x.http.method"] {
        let decision = ask(&index, "GET /events/health", &[(name, "DELETE")], None);
        assert_eq!(decision.reason, Reason::RequestMalformed, "{name}: the same name to CGI");
    }
    for name in ["x-http-methods", "http-method", "xhttpmethod"] {
        assert_eq!(ask(&index, "GET /events/health", &[(name, "DELETE")], None).reason, Reason::Allowed);
    }
    for query in
        ["_method=DELETE", "a=b&_method=PUT", "%5fmethod=DELETE", "_%6Dethod=DELETE", "%5F%6d%65thod=PUT"]
    {
        let line = format!("GET /events/health?{query}");
        assert_eq!(ask(&index, &line, &[], None).reason, Reason::RequestMalformed, "{query}");
    }
}

#[test]
fn meth_4_preflight_needs_opt_in_and_both_headers() {
    let index = index(POLICY);
    let origin = ("origin", "https://app.test");
    let announce = ("access-control-request-method", "DELETE");
    let preflight =
        |path: &str, headers: &[(&str, &str)]| ask(&index, &format!("OPTIONS {path}"), headers, None).reason;
    assert_eq!(preflight("/events/1", &[origin, announce]), Reason::Allowed);
    assert_eq!(preflight("/events/1", &[origin]), Reason::MethodNotAllowed);
    assert_eq!(preflight("/events/1", &[announce]), Reason::MethodNotAllowed);
    assert_eq!(
        preflight("/events/1", &[origin, ("access-control-request-method", "PUT")]),
        Reason::MethodNotAllowed
    );
    assert_eq!(preflight("/events/internal/x", &[origin, announce]), Reason::RouteDenied);
    assert_eq!(preflight("/events/1", &[origin, announce, announce]), Reason::RequestMalformed);
    assert_eq!(
        preflight("/public/admin", &[origin, announce]),
        Reason::TokenMissing,
        "no opt-in, and ANY names OPTIONS"
    );
}

#[test]
fn meth_6_an_upgrade_needs_its_route() {
    let index = index(POLICY);
    let websocket = [("upgrade", "websocket"), ("connection", "Upgrade")];
    assert_eq!(ask(&index, "GET /events/live", &websocket, None).reason, Reason::Allowed);
    assert_eq!(ask(&index, "GET /events/health", &websocket, None).reason, Reason::UpgradeDenied);
    assert_eq!(ask(&index, "GET /events/live", &[("upgrade", "h2c")], None).reason, Reason::UpgradeDenied);
    assert_eq!(
        ask(&index, "GET /events/health", &[("connection", "keep-alive, upgrade")], None).reason,
        Reason::UpgradeDenied
    );
}

#[test]
fn path_25_grpc_paths_are_exact() {
    let index = index(
        "roles: { r: { grants: [c] } }\nservices: { s: { routes: [{ route: GRPC /pkg.Svc/Method, codes: c }] } }",
    );
    let grpc = [("content-type", "application/grpc+proto")];
    let reason = |line: &str, headers| ask(&index, line, headers, Some(&["r"])).reason;
    assert_eq!(reason("POST /pkg.Svc/Method", &grpc[..]), Reason::Allowed);
    assert_eq!(reason("POST /pkg.Svc/Method/", &grpc), Reason::PathAmbiguous);
    assert_eq!(reason("POST /pkg.Svc/", &grpc), Reason::PathAmbiguous);
    assert_eq!(reason("POST /Pkg.svc/method", &grpc), Reason::PathAmbiguous);
    assert_eq!(reason("POST /pkg.Svc/Other", &grpc), Reason::RouteUnknown);
    assert_eq!(reason("POST /pkg.Svc/Method", &[]), Reason::MethodNotAllowed);
    assert_eq!(reason("GET /pkg.Svc/Method", &grpc), Reason::MethodNotAllowed);
    assert_eq!(
        reason("POST /pkg.Svc/Method", &[("content-type", "application/grpc-web")]),
        Reason::MethodNotAllowed
    );
}

#[test]
fn host_3_the_proxys_word_decides_and_an_unknown_one_denies() {
    let index = index(
        "services: { s: { hosts: [api.test], paths: [/], routes: [{ route: GET /x, access: anonymous }] }, t: { hosts: ['*.other.test'], paths: [/], routes: [{ route: GET /x, access: denied }] } }",
    );
    let ask = |host, service| {
        let input = Input { method: "GET", host, path: "/x", service, ..Input::default() };
        decide(&index, &input, OnAnonymous::Unseen, |_| Err((Reason::TokenMissing, ""))).reason
    };
    assert_eq!(ask("api.test", None), Reason::Allowed);
    assert_eq!(ask("API.Test.:8443", Some("s")), Reason::Allowed);
    assert_eq!(ask("a.other.test", None), Reason::RouteDenied);
    assert_eq!(ask("api.test", Some("t")), Reason::ServiceUnknown, "the host is a cross-check");
    assert_eq!(ask("api.test", Some("S")), Reason::ServiceUnknown);
    assert_eq!(ask("api.test", Some("")), Reason::ServiceUnknown);
    assert_eq!(ask("unknown.test", None), Reason::ServiceUnknown);
    assert_eq!(ask("api.test,b.test", None), Reason::RequestMalformed);
    assert_eq!(ask("", None), Reason::RequestMalformed);
}

#[test]
fn path_20_case_matters_unless_the_service_says_otherwise() {
    let policy = |extra: &str| {
        index(&format!(
            "services: {{ s: {{ paths: [/Api], {extra} routes: [{{ route: GET /api/Admin, access: denied }}] }} }}"
        ))
    };
    let index = policy("case_insensitive: true,");
    for path in ["/api/admin", "/API/ADMIN", "/Api/Admin"] {
        assert_eq!(ask(&index, &format!("GET {path}"), &[], None).reason, Reason::RouteDenied, "{path}");
    }
}

#[test]
fn opting_in_to_parameters_and_encoded_slashes_holds_inside_a_name_only() {
    let index = index(
        "services: { s: { paths: [/a, /b], encoded_slash: keep, path_parameters: keep, routes: [{ route: 'GET /a/{x}', access: anonymous }, { route: GET /a/admin, access: denied }, { route: 'GET /b/**', access: anonymous }] } }",
    );
    let reason = |path: &str| ask(&index, &format!("GET {path}"), &[], None).reason;
    assert_eq!(reason("/a/x%2Fy"), Reason::Allowed);
    assert_eq!(reason("/a/x;v=1"), Reason::Allowed);
    for path in [
        "/a/admin;v=1",
        "/a/admin%2Fx",
        "/a;x/y",
        "/b/x;y",
        "/b/x%2fy",
        "/a/..;x",
        "/a/x%2F..",
        "/a;/admin",
        "/c;d",
    ] {
        assert_eq!(reason(path), Reason::PathAmbiguous, "{path}");
    }
}

#[test]
fn ip_rules_are_inherited_and_fail_closed() {
    let index = index(
        "networks: { office: [10.0.0.0/8] }\ndefaults: { ip: { deny: [192.0.2.1] } }\nservices: { s: { paths: [/], routes: [{ route: GET /x, access: anonymous, inherit: false }, { route: GET /y, access: anonymous, ip: { allow: office } }] } }",
    );
    let ask = |path, source: Option<&str>| {
        let source = source.map(|s| s.parse().unwrap());
        let input = Input { method: "GET", host: "a", path, source, ..Input::default() };
        decide(&index, &input, OnAnonymous::Unseen, |_| Err((Reason::TokenMissing, ""))).reason
    };
    assert_eq!(ask("/x", Some("192.0.2.1")), Reason::IpDenied, "inherit: false keeps `ip`");
    assert_eq!(ask("/x", Some("::ffff:192.0.2.1")), Reason::IpDenied);
    assert_eq!(ask("/x", Some("192.0.2.2")), Reason::Allowed);
    assert_eq!(ask("/x", None), Reason::IpDenied);
    assert_eq!(ask("/y", Some("10.1.2.3")), Reason::Allowed);
    assert_eq!(ask("/y", Some("192.0.2.1")), Reason::IpDenied);
}

/// `DELETE /events/1` on `api.test`, without headers.
fn delete_event() -> Input<'static> {
    Input { method: "DELETE", host: "api.test", path: "/events/1", ..Input::default() }
}

#[test]
fn the_explanation_names_places_and_holders() {
    let index = index(POLICY);
    let input = delete_event();
    let told_of = |roles: &[&str], origin| {
        let roles = roles.iter().map(|r| (*r).to_owned()).collect();
        let subject = Subject { user: "ann".to_owned(), roles, ..Subject::default() };
        explain(&index, &input, origin, OnAnonymous::Unseen, |_| {
            Ok(Arc::new(Principal::resolve(&index, subject)))
        })
    };
    let says = |told: &Explanation, text: &str| told.steps.iter().any(|s| s.text == text);

    let (decision, told) = told_of(&["viewer"], Origin::Token);
    assert_eq!(decision.reason, Reason::CodeMissing);
    assert_eq!(told.place.as_deref(), Some("policy.yaml:15"));
    let missing: Vec<_> = told.missing.iter().map(Lack::to_string).collect();
    assert_eq!(missing, ["the code event:delete, which is granted by admin, editor"]);
    assert!(says(&told, "ann, by a verified token") && says(&told, "viewer, by the token"));
    assert!(says(&told, "requires viewer, which is held"));

    let (_, told) = told_of(&["editor", "gone"], Origin::Asserted);
    assert_eq!(told.decision, "allow");
    assert!(says(&told, "ann, asserted, not verified") && says(&told, "editor, asserted"));
    assert!(says(&told, "gone, asserted but not in the policy: gives nothing"));
    assert!(says(&told, "requires viewer, which is included in editor"));
    assert!(says(&told, "requires event:delete, which is granted by editor"));
    assert!(!told.steps.iter().any(|s| s.text.contains("token")), "{told:?}");
}

/// Asks the reference policy about a caller of whom everything is said.
fn decided(line: &str, on_anonymous: OnAnonymous, caller: Result<Subject, Reason>) -> Decision {
    let index = index(POLICY);
    let (method, path) = line.split_once(' ').unwrap();
    let input = Input {
        method,
        host: "api.test",
        path,
        source: Some("192.0.2.1".parse().unwrap()),
        ..Input::default()
    };
    decide(&index, &input, on_anonymous, |service| {
        assert!(["events", "public"].contains(&&*service.name));
        caller.map(|subject| Arc::new(Principal::resolve(&index, subject))).map_err(|reason| (reason, ""))
    })
}

fn subject(roles: &[&str], codes: &[&str], scopes: Option<&[&str]>) -> Subject {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Subject {
        user: "ann".to_owned(),
        roles: owned(roles),
        codes: owned(codes),
        scopes: scopes.map(owned),
        ..Subject::default()
    }
}

#[test]
fn codes_of_a_token_count_beside_roles_and_denies_of_held_roles_win() {
    let reason = |line: &str, roles: &[&str], codes: &[&str]| {
        decided(line, OnAnonymous::Unseen, Ok(subject(roles, codes, None))).reason
    };
    assert_eq!(reason("DELETE /events/1", &["viewer"], &[]), Reason::CodeMissing);
    assert_eq!(reason("DELETE /events/1", &["viewer"], &["event:delete"]), Reason::Allowed);
    assert_eq!(reason("DELETE /events/1", &[], &["event:delete"]), Reason::RoleMissing);
    assert_eq!(reason("POST /events/1/purge", &["viewer"], &["event:purge"]), Reason::Allowed);
    assert_eq!(reason("POST /events/1/purge", &["editor"], &["event:purge"]), Reason::CodeMissing);
}

#[test]
fn clm_9_codes_and_scopes_of_a_token_are_never_patterns() {
    for odd in ["*", "event:*", "Event:delete", " event:delete", "event:delete\n", "event", "unheard:of", ""]
    {
        let by_code = subject(&["viewer"], &[odd], None);
        let by_scope = subject(&["admin", "viewer"], &[], Some(&[odd]));
        for caller in [by_code, by_scope] {
            let decision = decided("DELETE /events/1", OnAnonymous::Unseen, Ok(caller));
            assert_eq!(decision.reason, Reason::CodeMissing, "{odd:?}");
        }
    }
}

#[test]
fn scopes_limit_what_roles_and_codes_give_and_never_add_to_it() {
    let reason = |roles: &[&str], codes: &[&str], scopes: &[&str]| {
        decided("DELETE /events/1", OnAnonymous::Unseen, Ok(subject(roles, codes, Some(scopes)))).reason
    };
    assert_eq!(reason(&["admin", "viewer"], &[], &["event:delete"]), Reason::Allowed);
    assert_eq!(reason(&["admin", "viewer"], &[], &["event:read"]), Reason::CodeMissing);
    assert_eq!(reason(&["admin", "viewer"], &["event:delete"], &[]), Reason::CodeMissing);
    assert_eq!(reason(&["viewer"], &[], &["event:delete"]), Reason::CodeMissing);
    assert_eq!(reason(&["viewer"], &["event:delete"], &["event:delete"]), Reason::Allowed);
}

#[test]
fn what_scopes_leave_out_is_told() {
    let index = index(POLICY);
    let input = delete_event();
    let caller = subject(&["admin", "viewer"], &["event:read", "x"], Some(&["event:read"]));
    let (_, told) = explain(&index, &input, Origin::Token, OnAnonymous::Unseen, |_| {
        Ok(Arc::new(Principal::resolve(&index, caller)))
    });
    let missing: Vec<_> = told.missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["the code event:delete, which the token's scopes do not include"]);
    for (step, text) in [("code", "event:read, "), ("code", "x, "), ("scopes", "no code but event:read")] {
        assert!(told.steps.iter().any(|s| s.step == step && s.text.starts_with(text)), "{text}");
    }
}

#[test]
fn cred_6_a_token_on_an_anonymous_route_is_unseen_or_good_or_as_configured() {
    use OnAnonymous::{IgnoreInvalid, RefuseInvalid, Unseen};
    for (on_anonymous, caller, reason, known) in [
        (Unseen, Ok(()), Reason::Allowed, false),
        (Unseen, Err(Reason::SignatureInvalid), Reason::Allowed, false),
        (RefuseInvalid, Ok(()), Reason::Allowed, true),
        (RefuseInvalid, Err(Reason::TokenMissing), Reason::Allowed, false),
        (RefuseInvalid, Err(Reason::TokenExpired), Reason::TokenExpired, false),
        (RefuseInvalid, Err(Reason::TokenAmbiguous), Reason::TokenAmbiguous, false),
        (RefuseInvalid, Err(Reason::KeysUnavailable), Reason::KeysUnavailable, false),
        (IgnoreInvalid, Ok(()), Reason::Allowed, true),
        (IgnoreInvalid, Err(Reason::TokenMissing), Reason::Allowed, false),
        (IgnoreInvalid, Err(Reason::TokenExpired), Reason::Allowed, false),
        (IgnoreInvalid, Err(Reason::EngineError), Reason::Allowed, false),
    ] {
        let who = caller.map(|()| subject(&[], &[], None));
        let decision = decided("GET /events/health", on_anonymous, who.clone());
        assert_eq!(
            (decision.reason, decision.principal.is_some()),
            (reason, known),
            "{on_anonymous:?} {caller:?}"
        );
        // A route that needs somebody cares for none of this.
        let decision = decided("GET /events/feed", on_anonymous, who);
        assert_eq!(decision.reason.is_allowed(), caller.is_ok());
    }
}
