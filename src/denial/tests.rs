#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::config::Config;
use crate::engine::Headers;

static NOTHING: Missing = Missing { roles: Vec::new(), codes: Vec::new() };

/// What a configuration with this `deny` section tells.
fn denials(section: &str) -> Denials {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, format!("deny:\n{section}")).unwrap();
    let (config, _, report) = Config::load(&path, &|_| None);
    Denials::new(&config.unwrap_or_else(|| panic!("{report:?}")).deny)
}

fn denied(reason: Reason) -> Denied<'static> {
    Denied {
        reason,
        id: "id",
        request: None,
        service: None,
        route: None,
        user: None,
        missing: &NOTHING,
        methods: MethodSet::default(),
    }
}

fn told<'p>(denials: &'p Denials, denied: Denied<'_>) -> Told<'p> {
    match denials.answer(denied) {
        Answer::Refuse(told) => told,
        Answer::Login(location) => panic!("sent to {location:?}"),
    }
}

#[test]
fn the_table_is_in_the_order_of_the_reasons() {
    let denials = Denials::default();
    for reason in Reason::ALL {
        let kind = denials.kind(*reason);
        assert_eq!((kind.refusal, kind.word), (Refusal::of(*reason), Some(reason.public_word())));
    }
}

#[test]
fn statuses_are_chosen_by_the_word_that_is_told() {
    let denials = denials("  status: { role_missing: 404, token_invalid: 403, service_unknown: 421 }");
    assert_eq!(told(&denials, denied(Reason::RoleMissing)).refusal, Refusal::NotFound);
    assert_eq!(told(&denials, denied(Reason::CodeMissing)).refusal, Refusal::Forbidden);
    assert_eq!(told(&denials, denied(Reason::ServiceUnknown)).refusal, Refusal::MisdirectedRequest);
    // All that are told alike have one status, and no challenge beside a 403.
    for reason in Reason::ALL.iter().filter(|r| r.public_word() == "token_invalid") {
        let told = told(&denials, denied(*reason));
        assert_eq!((told.refusal, told.challenge), (Refusal::Forbidden, None), "{reason:?}");
    }
    let missing = told(&denials, denied(Reason::TokenMissing));
    assert_eq!((missing.refusal, missing.challenge), (Refusal::Unauthorized, Some(BARE)));
}

#[test]
fn a_405_that_is_answered_otherwise_lists_no_methods() {
    let methods = MethodSet::of_word("GET").unwrap();
    let refused = Denied { methods, ..denied(Reason::MethodNotAllowed) };
    assert_eq!(told(&Denials::default(), refused).allow, Some(methods));
    for section in ["  status: { method_not_allowed: 404 }", "  reveal: none"] {
        let denials = denials(section);
        let told = told(&denials, refused);
        assert_eq!((told.refusal, told.allow), (Refusal::NotFound, None), "{section}");
    }
}

#[test]
fn a_title_of_ones_own_stands_alone() {
    let denials = denials(
        "  titles:
    role_missing: You are not on the list
    token_missing: { en: Please sign in, de: Bitte anmelden }",
    );
    let list = told(&denials, denied(Reason::RoleMissing));
    assert_eq!((list.title, list.detail, list.language), ("You are not on the list", None, None));
    assert_eq!(list.vary, None);
    let built_in = told(&denials, denied(Reason::CodeMissing));
    assert!(built_in.detail.is_some());

    let title = |languages: &str| {
        let headers: [(&str, &[u8]); 1] = [("accept-language", languages.as_bytes())];
        let request = Input { headers: Headers::new(&headers), ..Input::default() };
        let told = told(&denials, Denied { request: Some(&request), ..denied(Reason::TokenMissing) });
        assert_eq!(told.vary, Some("accept-language"));
        (told.title, told.language)
    };
    assert_eq!(title("de-AT, en;q=0.5"), ("Bitte anmelden", Some("de")));
    assert_eq!(title("fr"), ("Please sign in", Some("en")));
    assert_eq!(told(&denials, denied(Reason::TokenMissing)).title, "Please sign in");
}

#[test]
fn the_link_names_what_is_missing() {
    let denials = denials(
        "  request_access: \"https://access.test/{service}?route={route}&method={method}&roles={missing_roles}\
         &codes={missing_codes}&user={user}&id={decision_id}\"",
    );
    let missing = Missing { roles: vec!["a".into(), "b/c".into()], codes: vec!["event:read".into()] };
    let request = Input { method: "GET", ..Input::default() };
    let link = |reason, missing: &Missing| {
        let denied = Denied {
            request: Some(&request),
            service: Some("events"),
            route: Some("GET,PUT /events/{id}"),
            user: Some("ann@example.com&admin=1#\r\n"),
            missing,
            ..denied(reason)
        };
        told(&denials, denied).request_access
    };
    let expected = "https://access.test/events?route=GET%2CPUT%20%2Fevents%2F%7Bid%7D&method=GET&roles=a%2Cb%2Fc\
                    &codes=event%3Aread&user=ann%40example.com%26admin%3D1%23%0D%0A&id=id";
    for reason in Reason::ALL {
        let given = matches!(reason, Reason::RoleMissing | Reason::CodeMissing);
        assert_eq!(link(*reason, &missing).as_deref(), given.then_some(expected), "{reason:?}");
    }
    let many = Missing { roles: vec!["a-role".into(); 500], codes: Vec::new() };
    assert_eq!(link(Reason::RoleMissing, &many), None, "cut short it would ask for something else");
}

const LOGIN: &str = "  login:
    url: \"https://login.test/start?lang=en&to={url}\"
    hosts: [app.test, \"*.apps.test:8443\", \"http://localhost:8080\", login.test]";

/// A request that a browser sends when somebody clicks on a link.
const CLICK: &[(&str, &str)] = &[
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

fn sent_to(reason: Reason, method: &str, host: &str, path: &str, headers: &[(&str, &str)]) -> Option<String> {
    let denials = denials(LOGIN);
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    let request = Input { method, host, path, headers: Headers::new(&headers), ..Input::default() };
    match denials.answer(Denied { request: Some(&request), ..denied(reason) }) {
        Answer::Login(location) => Some(location.as_str().to_owned()),
        Answer::Refuse(told) => {
            let varies = matches!(reason, Reason::TokenMissing | Reason::TokenExpired);
            assert_eq!(told.vary, varies.then_some("accept"));
            None
        }
    }
}

fn click(host: &str, path: &str) -> Option<String> {
    sent_to(Reason::TokenMissing, "GET", host, path, CLICK)
}

#[test]
fn a_browser_is_sent_to_the_login_page_and_back() {
    let to = |address: &str| Some(format!("https://login.test/start?lang=en&to={address}"));
    assert_eq!(click("app.test", "/a/b?q=1&r=%2F"), to("https%3A%2F%2Fapp.test%2Fa%2Fb%3Fq%3D1%26r%3D%252F"));
    assert_eq!(click("App.Test.:444", "/"), to("https%3A%2F%2Fapp.test%2F"));
    assert_eq!(click("x.apps.test", "/"), to("https%3A%2F%2Fx.apps.test%3A8443%2F"));
    assert_eq!(click("localhost:10000", "/"), to("http%3A%2F%2Flocalhost%3A8080%2F"));
    for method in ["GET", "HEAD"] {
        assert!(sent_to(Reason::TokenExpired, method, "app.test", "/", CLICK).is_some());
    }
    assert!(sent_to(Reason::TokenMissing, "GET", "app.test", "/", &[("accept", "text/html")]).is_some());
}

#[test]
fn everybody_else_is_refused() {
    for reason in Reason::ALL {
        let sent = sent_to(*reason, "GET", "app.test", "/", CLICK).is_some();
        assert_eq!(sent, matches!(reason, Reason::TokenMissing | Reason::TokenExpired), "{reason:?}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
        assert_eq!(sent_to(Reason::TokenMissing, method, "app.test", "/", CLICK), None, "{method}");
    }
    let html = ("accept", "text/html");
    let others: [&[(&str, &str)]; 11] = [
        &[],
        &[("accept", "*/*")],
        &[("accept", "application/json, text/plain, */*")],
        &[html, ("sec-fetch-mode", "cors")],
        &[html, ("sec-fetch-mode", "no-cors")],
        &[html, ("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors")],
        &[html, ("sec-fetch-mode", "Navigate")],
        &[html, ("x-requested-with", "XMLHttpRequest")],
        &[html, ("upgrade", "websocket"), ("connection", "upgrade")],
        &[html, ("content-type", "application/grpc")],
        &[html, ("content-type", "application/grpc-web+proto")],
    ];
    for headers in others {
        assert_eq!(sent_to(Reason::TokenMissing, "GET", "app.test", "/", headers), None, "{headers:?}");
    }
}

#[test]
fn nobody_is_sent_to_return_elsewhere() {
    for host in [
        "evil.test",
        "",
        "app.test.evil.test",
        "evilapp.test",
        "apps.test",
        "app.test@evil.test",
        "evil.test:80#app.test",
        "app.test,evil.test",
        "app.test/evil",
        "app.test\r\nx: y",
    ] {
        assert_eq!(click(host, "/"), None, "{host}");
    }
    for path in
        ["//evil.test", "/\\evil.test", "/..//evil.test", "/%2e%2e/x", "evil", "@evil.test", "", "*", "/a#b"]
    {
        assert_eq!(click("app.test", path), None, "{path}");
    }
}

#[test]
fn a_login_page_that_needs_a_login_is_no_way_in() {
    assert_eq!(click("login.test", "/start"), None);
    assert_eq!(click("login.test", "/start?to=x"), None);
    assert!(click("login.test", "/other").is_some());
}

#[test]
fn what_is_too_long_or_odd_does_not_come_along() {
    let plain = click("app.test", "/a").unwrap();
    assert_eq!(click("app.test", &format!("/a?{}", "x".repeat(2048))).as_ref(), Some(&plain));
    for query in ["?a b", "?a\r\nlocation: //evil.test", "?\u{e9}", "?\u{0}"] {
        assert_eq!(click("app.test", &format!("/a{query}")).as_ref(), Some(&plain), "{query:?}");
    }
    assert_eq!(click("app.test", &format!("/{}", "x".repeat(2048))), None);
    assert!(click("app.test", &format!("/{}", "x".repeat(2000))).unwrap().len() < 8192);
}
