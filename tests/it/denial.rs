//! What denied callers are told where the configuration says so, as it arrives through Envoy.

use serde_json::json;

use crate::support::{Answer, Call, Request, Stack, eventually, now};

const BROWSER: [(&str, &str); 3] = [
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

fn browser<'s>(stack: &'s Stack, method: &str, target: &str) -> Request<'s> {
    BROWSER.iter().fold(stack.request(method, target), |request, (name, value)| request.header(name, value))
}

/// It must have been sent to the login page, to come back to this address, encoded; nothing more of it
/// is anywhere in the answer, and nothing reached a service.
#[track_caller]
fn sent_to_login(answer: &Answer, address: &str) {
    assert_eq!(answer.status, 302, "{answer:?}");
    let expected = format!("https://login.example.com/start?return_to={address}");
    assert_eq!(answer.header("location"), [expected], "{answer:?}");
    assert_eq!(answer.header("cache-control"), ["no-store"], "{answer:?}");
    assert_eq!(answer.header("vary"), ["accept"], "{answer:?}");
    assert!(
        answer.header("www-authenticate").is_empty() && answer.header("set-cookie").is_empty(),
        "{answer:?}"
    );
    assert_eq!(answer.body, "", "{answer:?}");
    answer.never_arrived();
}

#[test]
fn rsp_13_a_reason_has_the_status_that_was_chosen_for_it() {
    let stack = Stack::helpful();
    let answer = stack.get("/events/things/1").roles(&[]).send();
    answer.refused(404, "code_missing");
    assert_eq!(
        (&answer.json["status"], &answer.json["title"]),
        (&json!(404), &json!("You are not on the list"))
    );
    assert_eq!(answer.json.get("detail"), None);

    let answer = stack.get("/events/things/1").token("a.b.c").send();
    answer.refused(403, "token_invalid");
    assert!(answer.header("www-authenticate").is_empty(), "{answer:?}");

    let answer = stack.request("DELETE", "/events/who").roles(&["admin"]).send();
    answer.refused(400, "method_not_allowed");
    assert!(answer.header("allow").is_empty(), "{answer:?}");

    stack.get("/other").roles(&["admin"]).send().refused(421, "service_unknown");
    // What nothing was chosen for is as ever.
    let answer = stack.get("/events/things/1").send();
    answer.refused(401, "token_missing");
    assert_eq!(answer.header("www-authenticate"), ["Bearer realm=\"doorward\""]);
}

#[test]
fn a_grpc_caller_gets_the_status_that_goes_with_it() {
    let stack = Stack::helpful();
    let call = |method: &str| Call::new(stack, "POST", &format!("/events.v1.EventService/{method}"));
    let got = call("DeleteEvent").roles(&["viewer"]).grpc();
    got.refused(12, "code_missing: You are not on the list. Required code: thing:own.");
    let link = "Request access: https://access.example.com/events/new?route=GRPC";
    assert!(got.message.replace("%25", "%").contains(link), "{got:?}");
    // No browser, whatever it would like to get.
    let got = call("DeleteEvent").header("accept-language", "de").grpc();
    got.refused(16, "token_missing: Bitte anmelden %E2%80%93 hier geht's nicht weiter. [decision ");
    let got = BROWSER.iter().fold(call("DeleteEvent"), |call, (name, value)| call.header(name, value)).grpc();
    got.refused(16, "token_missing");
    Call::new(stack, "POST", "/events.v1.EventService/DeleteEvent")
        .header("authorization", "Bearer x")
        .grpc()
        .refused(7, "token_invalid");
}

#[test]
fn whoever_lacks_a_code_is_told_where_to_ask_for_it() {
    let stack = Stack::helpful();
    let mut claims = stack.claims(&["viewer"]);
    claims["sub"] = "ann&admin=1#\u{e9}".into();
    let answer = stack.request("DELETE", "/events/things/1").token(&stack.key.sign(&claims)).send();
    answer.refused(404, "code_missing");
    let id = answer.json["decision_id"].as_str().unwrap();
    let expected = format!(
        "https://access.example.com/events/new?route=DELETE%20%2Fevents%2Fthings%2F%7Bid%7D&codes=thing%3Aown\
         &user=ann%26admin%3D1%23%C3%A9&id={id}"
    );
    assert_eq!(answer.json["request_access"], expected);
    let answer = stack.get("/events/things/1").send();
    assert_eq!(answer.json.get("request_access"), None, "{answer:?}");
}

#[test]
fn a_browser_without_a_token_is_sent_to_the_login_page() {
    let stack = Stack::helpful();
    let things = "http%3A%2F%2Flocalhost%3A8080%2Fevents%2Fthings%2F1";
    for method in ["GET", "HEAD"] {
        let answer = browser(stack, method, "/events/things/1").send();
        sent_to_login(&answer, things);
    }
    let answer = browser(stack, "GET", "/events/things/1?a=b&c=d").host("API.example.com:443").send();
    sent_to_login(&answer, "https%3A%2F%2Fapi.example.com%2Fevents%2Fthings%2F1%3Fa%3Db%26c%3Dd");
    eventually("no line of a redirect", || {
        let log = stack.doorward_log();
        let line = log.lines().find(|line| line.contains("\"status\":302"));
        line.filter(|line| line.contains("\"reason\":\"token_missing\"") && !line.contains("c=d"))
            .ok_or(log.clone())?;
        Ok(())
    });

    let mut claims = stack.claims(&["viewer"]);
    claims["exp"] = json!(now() - 3600);
    claims["iat"] = json!(now() - 7200);
    let expired = stack.key.sign(&claims);
    sent_to_login(&browser(stack, "GET", "/events/things/1").token(&expired).send(), things);
    // A token that no login would make better, and a user who is logged in.
    browser(stack, "GET", "/events/things/1").token("x").send().refused(403, "token_invalid");
    browser(stack, "GET", "/events/things/1").roles(&[]).send().refused(404, "code_missing");
    browser(stack, "GET", "/events/things/1").roles(&["viewer"]).send().allowed("events");

    for method in ["GET", "HEAD"] {
        let call = Call::new(stack, method, "/events/things/1").header("accept", "text/html");
        let got = call.send();
        assert_eq!((got.status, got.reached.len(), got.body.len()), (302, 0, 0), "{got:?}");
        let expected = format!("https://login.example.com/start?return_to={things}");
        assert_eq!(
            got.headers.get_all("location").iter().collect::<Vec<_>>(),
            [expected.as_str()],
            "{got:?}"
        );
    }
}

#[test]
fn everybody_else_gets_a_401() {
    let stack = Stack::helpful();
    let curl: &[(&str, &str)] = &[("accept", "*/*"), ("user-agent", "curl/8.0")];
    let fetch: &[(&str, &str)] =
        &[("accept", "*/*"), ("sec-fetch-mode", "cors"), ("origin", "http://localhost")];
    let script: &[(&str, &str)] = &[("accept", "text/html, */*"), ("x-requested-with", "XMLHttpRequest")];
    let page_script: &[(&str, &str)] = &[("accept", "text/html"), ("sec-fetch-mode", "same-origin")];
    let api: &[(&str, &str)] = &[("accept", "application/json, text/html;q=0")];
    for headers in [&[], curl, fetch, script, page_script, api] {
        let request = stack.get("/events/things/1");
        let answer =
            headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send();
        answer.refused(401, "token_missing");
        assert!(answer.header("location").is_empty(), "{answer:?}");
        assert_eq!(answer.header("vary"), ["accept, accept-language"], "{answer:?}");
    }
    for method in ["POST", "DELETE"] {
        let target = if method == "POST" { "/events/things" } else { "/events/things/1" };
        browser(stack, method, target).send().refused(401, "token_missing");
    }
}

#[test]
fn nobody_is_sent_back_to_a_host_that_is_not_listed() {
    let stack = Stack::helpful();
    for host in ["127.0.0.1", "[::1]", "127.0.0.1:8080"] {
        let answer = browser(stack, "GET", "/events/things/1").host(host).send();
        answer.refused(401, "token_missing");
        assert!(answer.header("location").is_empty(), "{answer:?}");
    }
    for host in ["evil.example", "localhost.evil.example", "localhost,evil.example", "evil@localhost"] {
        let answer = browser(stack, "GET", "/events/things/1").host(host).send();
        assert!(answer.header("location").is_empty(), "{answer:?}");
        answer.never_arrived();
    }
    // Headers by which proxies and applications let themselves be told another host.
    let others = ["x-forwarded-host", "x-forwarded-proto", "x-original-host", "x-original-url", "forwarded"];
    let request = browser(stack, "GET", "/events/things/1");
    let request = others.iter().fold(request, |request, name| request.header(name, "evil.example"));
    sent_to_login(&request.send(), "http%3A%2F%2Flocalhost%3A8080%2Fevents%2Fthings%2F1");
}

#[test]
fn rsp_14_the_way_back_is_one_encoded_value() {
    let stack = Stack::helpful();
    let front = "http%3A%2F%2Flocalhost%3A8080%2Fevents%2Fthings%2F";
    for (target, encoded) in [
        ("/events/things/a%20b", "a%2520b"),
        ("/events/things/%C3%A9", "%25C3%25A9"),
        ("/events/things/@evil.example", "%40evil.example"),
        ("/events/things/1?%0d%0aset-cookie:%20a=b", "1%3F%250d%250aset-cookie%3A%2520a%3Db"),
        ("/events/things/1?return_to=//evil.example&x=%23", "1%3Freturn_to%3D%2F%2Fevil.example%26x%3D%2523"),
        ("/events/things/1?'\"<script>", "1%3F%27%22%3Cscript%3E"),
        ("/events/things/1?a?b=/../..//", "1%3Fa%3Fb%3D%2F..%2F..%2F%2F"),
    ] {
        sent_to_login(&browser(stack, "GET", target).send(), &format!("{front}{encoded}"));
    }
    let long = "x".repeat(3000);
    sent_to_login(&browser(stack, "GET", &format!("/events/things/1?{long}")).send(), &format!("{front}1"));
    browser(stack, "GET", &format!("/events/things/{long}")).send().refused(401, "token_missing");
    for target in
        ["//evil.example/events", "/events/%2f%2fevil.example", "/events/..//..//evil.example", "/\\evil"]
    {
        let answer = browser(stack, "GET", target).send();
        let locations = answer.header("location");
        assert!(
            locations.iter().all(|to| to
                .starts_with("https://login.example.com/start?return_to=http%3A%2F%2Flocalhost%3A8080%2F")),
            "{answer:?}"
        );
        answer.never_arrived();
    }
}

#[test]
fn a_title_is_in_the_language_that_was_asked_for() {
    let stack = Stack::helpful();
    for (accept, language, title) in [
        ("de-CH, en;q=0.5", "de", "Bitte anmelden \u{2013} hier geht's nicht weiter"),
        ("fr", "en", "Please sign in"),
        ("fr;q=0.9, de;q=0.1, *;q=0.5", "de", "Bitte anmelden \u{2013} hier geht's nicht weiter"),
    ] {
        let answer = stack.get("/events/things/1").header("accept-language", accept).send();
        answer.refused(401, "token_missing");
        assert_eq!(
            (answer.header("content-language"), &answer.json["title"]),
            (vec![language], &json!(title))
        );
    }
}

#[test]
fn with_reveal_none_one_404_is_like_the_other() {
    let stack = Stack::silent();
    let mut claims = stack.claims(&["viewer"]);
    claims["exp"] = json!(now() - 3600);
    claims["iat"] = json!(now() - 7200);
    let expired = stack.key.sign(&claims);
    let answers = [
        stack.get("/events/nothing/here/at/all").roles(&["viewer"]).send(),
        stack.get("/events/things/1").send(),
        stack.get("/events/things/1").token(&expired).send(),
        stack.request("DELETE", "/events/things/1").roles(&["viewer"]).send(),
        stack.request("PATCH", "/events/things/1").roles(&["viewer"]).send(),
    ];
    for answer in &answers {
        let id = answer.json["decision_id"].as_str().unwrap();
        let body = json!({"type": "about:blank", "title": "Not Found", "status": 404, "decision_id": id});
        assert_eq!((answer.status, &answer.json), (404, &body), "{answer:?}");
        let names = |answer: &Answer| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(answer), names(&answers[0]));
        answer.never_arrived();
    }
    let bad = stack.get("/events/things/1").token("a.b.c").send();
    assert_eq!(
        (bad.status, bad.header("www-authenticate")),
        (401, vec!["Bearer realm=\"doorward\""]),
        "{bad:?}"
    );
    Call::new(stack, "POST", "/events.v1.EventService/DeleteEvent")
        .roles(&["viewer"])
        .grpc()
        .refused(12, "Not Found. [decision ");
}
