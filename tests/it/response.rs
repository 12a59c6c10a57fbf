//! What doorward answers, as Envoy obeys it; and what it answers when it is asked nonsense.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use serde_json::json;

use crate::support::{Call, Stack};

#[test]
fn rsp_1_and_2_every_kind_of_denial_is_one_to_envoy() {
    let stack = Stack::reference();
    for (method, path, roles, status) in [
        ("GET", "/events/%252e", &["admin"][..], 400),
        ("GET", "/other", &["admin"], 404),
        ("GET", "/events/a/b", &["admin"], 404),
        ("DELETE", "/events", &["admin"], 405),
        ("GET", "/events/internal", &["admin"], 403),
        ("GET", "/events/report", &["admin"], 403),
        ("DELETE", "/events/e-1", &["viewer"], 403),
        ("POST", "/events", &["viewer"], 403),
    ] {
        let request = stack.request(method, path).roles(roles).header("x-user-id", "evil");
        let answer = request.send();
        assert_eq!(answer.status, status, "{answer:?}");
        answer.never_arrived();
    }
    for token in ["", "x", "a.b.c"] {
        let answer = stack.get("/events").token(token).send();
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.never_arrived();
    }
}

#[test]
fn rsp_3_to_5_our_header_replaces_the_clients_and_is_there_once() {
    let stack = Stack::reference();
    for copies in 0..3 {
        let mut request = stack.get("/events/e-1").roles(&["admin"]);
        for copy in 0..copies {
            request = request.header("X-User-Id", &format!("evil-{copy}")).header("x-user-roles", "viewer");
        }
        let side = request.send().allowed("events");
        side.told("x-user-id", "u-1");
        side.told("x-user-roles", "admin");
        side.told("x-user-tenant", "acme");
    }
}

#[test]
fn rsp_6_a_claim_that_is_no_header_value_is_refused() {
    let stack = Stack::reference();
    for value in ["a\r\nx-user-roles: admin", "a\nb", "a\u{0}", "\u{1b}[31m", "a\u{7f}", "a\tb"] {
        let mut claims = stack.claims(&["viewer"]);
        claims["tenant"] = value.into();
        let request =
            stack.get("/events/e-1").token(&stack.key.sign(&claims)).header("x-user-tenant", "evil");
        request.send().refused(403, "value_unsafe");
    }
}

#[test]
fn rsp_8_an_empty_value_is_no_header() {
    let stack = Stack::reference();
    let mut claims = stack.claims(&["viewer"]);
    claims["tenant"] = "".into();
    let request = stack.get("/events/e-1").token(&stack.key.sign(&claims)).header("x-user-tenant", "evil");
    assert!(request.send().allowed("events").header("x-user-tenant").is_empty());
}

#[test]
fn rsp_14_and_15_an_answer_repeats_nothing_of_the_request() {
    let stack = Stack::reference();
    let marker = "marker-of-the-attacker";
    for path in [format!("/events/{marker}/nope"), format!("/{marker}"), format!("/events/%25{marker}")] {
        let request =
            stack.get(&path).header("x-thing", marker).header("authorization", &format!("Bearer {marker}"));
        let answer = request.send();
        answer.never_arrived();
        assert!(!format!("{:?}{}", answer.headers, answer.body).contains(marker), "{answer:?}");
    }
    let answer = stack.get("/events").token(marker).send();
    assert!(!format!("{:?}{}", answer.headers, answer.body).contains(marker), "{answer:?}");
}

#[test]
fn rsp_18_headers_have_room_or_the_request_is_refused() {
    let stack = Stack::reference();
    let many = |count: u32| {
        let start = stack.get("/events/e-1").roles(&["admin"]);
        (0..count).fold(start, |request, n| request.header(&format!("x-many-{n}"), "1")).send()
    };
    // The client's and ours together have a limit. Over it the request goes nowhere: the one thing that
    // must not happen is that ours are the ones left out.
    many(40).allowed("events").told("x-user-id", "u-1");
    for count in [50, 55, 58, 60, 62, 70, 90] {
        let answer = many(count);
        match answer.status {
            200 => answer.allowed("events").told("x-user-id", "u-1"),
            _ => answer.never_arrived(),
        }
    }

    let mut claims = stack.claims(&["viewer"]);
    claims["groups"] = (0..150).map(|n| json!(format!("/group/of-many/{n:020}"))).collect();
    stack.get("/events/e-1").token(&stack.key.sign(&claims)).send().allowed("events");
    claims["groups"] = (0..90).map(|n| json!(format!("/group/{}{n}", "\u{fc}".repeat(20)))).collect();
    stack.get("/events/e-1").token(&stack.key.sign(&claims)).send().refused(403, "value_unsafe");
}

#[test]
fn hdr_2_and_3_text_and_lists_survive_the_header() {
    let stack = Stack::reference();
    let mut claims = stack.claims(&["viewer"]);
    claims["tenant"] = "Zo\u{eb} \u{2603}".into();
    claims["groups"] = json!(["a,admin", "b"]);
    let side = stack.get("/events/e-1").token(&stack.key.sign(&claims)).send().allowed("events");
    side.told("x-user-tenant", "Zo%C3%AB %E2%98%83");
    side.told("x-user-groups", "a%2Cadmin,b");
}

#[test]
fn pol_1_what_no_route_names_is_refused() {
    let stack = Stack::reference();
    for path in
        ["/", "/event", "/events/e-1/x/y", "/venues/v-1/x", "/events/health/x", "/favicon.ico", "/metrics"]
    {
        let answer = stack.get(path).roles(&["admin"]).send();
        assert_eq!(answer.status, 404, "{answer:?}");
        answer.never_arrived();
    }
    Call::new(stack, "POST", "/events.v1.EventService/Nope")
        .roles(&["admin"])
        .grpc()
        .refused(12, "route_unknown");
}

/// Asks doorward itself, as Envoy would.
fn ask(check: CheckRequest) -> CheckResponse {
    let url = format!("http://{}", Stack::trapped().doorward_address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = AuthorizationClient::connect(url).await.unwrap();
        client.check(check).await.expect("doorward always answers with a decision").into_inner()
    })
}

fn check(http: Option<HttpRequest>) -> CheckRequest {
    let request = Some(Request { http, ..Request::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

fn http() -> HttpRequest {
    let header = HeaderValue {
        key: ":path".to_owned(),
        raw_value: b"/events/health".to_vec(),
        ..HeaderValue::default()
    };
    HttpRequest {
        method: "GET".to_owned(),
        host: "localhost".to_owned(),
        path: "/events/health".to_owned(),
        header_map: Some(HeaderMap { headers: vec![header] }),
        ..HttpRequest::default()
    }
}

#[track_caller]
fn denied(response: &CheckResponse) {
    assert!(response.status.as_ref().is_some_and(|status| status.code != 0), "{response:?}");
    let Some(HttpResponse::DeniedResponse(denial)) = &response.http_response else { panic!("{response:?}") };
    assert!(denial.status.as_ref().is_some_and(|status| status.code >= 400), "{response:?}");
}

#[test]
fn attr_1_a_check_that_lacks_a_part_is_denied() {
    let whole = ask(check(Some(http())));
    assert_eq!(whole.status.as_ref().map(|status| status.code), Some(0), "{whole:?}");
    assert!(matches!(whole.http_response, Some(HttpResponse::OkResponse(_))), "{whole:?}");

    denied(&ask(CheckRequest::default()));
    denied(&ask(CheckRequest { attributes: Some(AttributeContext::default()) }));
    denied(&ask(check(None)));
    denied(&ask(check(Some(HttpRequest::default()))));
    let without: [fn(&mut HttpRequest); 6] = [
        |http| http.method.clear(),
        |http| http.path.clear(),
        |http| http.host.clear(),
        |http| http.header_map = None,
        |http| "CONNECT".clone_into(&mut http.method),
        |http| "*".clone_into(&mut http.path),
    ];
    for change in without {
        let mut http = http();
        change(&mut http);
        denied(&ask(check(Some(http))));
    }
}

#[test]
fn attr_2_two_forms_of_headers_are_one_too_many() {
    let mut both = http();
    both.headers.insert(":path".to_owned(), "/events/health".to_owned());
    denied(&ask(check(Some(both))));
}

#[test]
fn attr_6_to_9_what_a_caller_can_choose_decides_nothing() {
    let mut lying = http();
    "/events/admin".clone_into(&mut lying.path);
    "x=/events/health".clone_into(&mut lying.query);
    "/events/health".clone_into(&mut lying.fragment);
    "https".clone_into(&mut lying.scheme);
    lying.size = -1;
    denied(&ask(check(Some(lying))));
}
