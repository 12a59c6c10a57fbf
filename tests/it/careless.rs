//! Behind an Envoy in a careless shape - nothing normalised, nothing stripped, `failure_mode_allow` on -
//! Doorward alone must hold. Here a refusal is its own, and so is every header that went away.

use crate::support::{Call, Frames, Request, Stack};

#[test]
fn path_1_to_5_and_9_to_14_what_is_not_canonical_is_refused_never_repaired() {
    let stack = Stack::careless();
    for path in [
        "/events/public/../admin",
        "/events/public/./x",
        "/events/.",
        "/events/..",
        "/events/public/%2e%2e/admin",
        "/events/public/.%2e/admin",
        "/events/public/%2E./admin",
        "/events/public%2f..%2fadmin",
        "/events/public/..%2Fadmin",
        "/events/public%5c..%5cadmin",
        "/events/public/a%2fb",
        "/events/public/a%5Cb",
        "/events/public/..;/admin",
        "/events/public/..;x=1/admin",
        "/events/public/a;x=1",
        "/events/public/a%3bx",
        "/events//admin",
        "/events/public//x",
        "/events/public//../admin",
        "/events/public/%252e%252e/admin",
        "/events/public/a%25",
        "/events/%61dmin",
        "/events/public/%41",
        "/events/public/%7e",
        "/events/public/%c0%ae",
        "/events/public/%ff",
        "/events/public/%00",
        "/events/public/%0a",
        "/events/public/%7f",
        "/events/public/%",
        "/events/public/%2",
        "/events/public/%zz",
        "/events/public/a\\b",
        "/events/public/..\\admin",
        "/events/public/a|b",
        "/events/public/{a}",
        "/events/public/a^",
        "/events/public/<a>",
        "/events/public/\"a\"",
        "/events/public/a%3fb",
        "/events/public/a%23b",
    ] {
        stack.get(path).roles(&["admin"]).send().refused(400, "path_ambiguous");
    }
    // What no route of Envoy's claims is refused before, or with, its path.
    for path in
        ["//events/admin", "/../events/admin", "/./events/admin", "/%2e%2e/events/admin", "/events;/admin"]
    {
        stack.get(path).roles(&["admin"]).send().never_arrived();
    }
    for path in [&b"/events/public/\xff"[..], "/events/public/\u{e9}".as_bytes(), b"/events/public/\xc0\xae"]
    {
        Frames::request(stack, b"GET", path).roles(&["admin"]).send().never_arrived();
    }
    let long = format!("/events/public/{}", "a/".repeat(70));
    stack.get(&long).roles(&["admin"]).send().refused(400, "path_ambiguous");
    let long = format!("/events/public/{}", "a".repeat(9000));
    stack.get(&long).roles(&["admin"]).send().refused(400, "path_ambiguous");
    stack.get("/events/public/plain?a=%2e%2e%2f").send().allowed("events");
}

#[test]
fn path_21_a_policy_is_about_the_path_before_a_rewrite() {
    let stack = Stack::careless();
    let side = stack.get("/venues/halls/h-1?x=/../y").send().allowed("venues");
    assert_eq!(side.text("path"), "/internal/halls/h-1?x=/../y");
    stack.get("/venues/halls/admin").send().refused(401, "token_missing");
    stack.get("/venues/halls/../v-1").send().refused(400, "path_ambiguous");
    stack.get("/internal/halls/h-1").send().refused(404, "service_unknown");
}

#[test]
fn meth_3_a_method_override_that_says_something_else_is_refused() {
    let stack = Stack::careless();
    for name in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"] {
        for method in ["DELETE", "delete", "PUT", "GET", ""] {
            let request = stack.request("POST", "/events/open").header(name, method);
            request.send().refused(400, "request_malformed");
        }
    }
}

#[test]
fn meth_6_a_get_does_not_open_a_tunnel() {
    let stack = Stack::careless();
    let upgrade = stack.get("/events/live").header("upgrade", "websocket").header("connection", "upgrade");
    upgrade.roles(&["admin"]).send().refused(403, "upgrade_denied");
    Frames::request(stack, b"CONNECT", b"/events/live")
        .field(b":protocol", b"websocket")
        .roles(&["admin"])
        .send()
        .never_arrived();
}

#[test]
fn meth_6_a_route_may_permit_the_tunnel() {
    let stack = Stack::careless();
    let upgrade = stack.get("/events/socket").header("upgrade", "websocket").header("connection", "upgrade");
    let answer = upgrade.send();
    // The service speaks no WebSocket; that it was asked is what counts.
    assert_eq!(answer.reached.len(), 1, "{answer:?}");
}

#[test]
fn spf_1_2_and_4_every_spelling_of_an_identity_header_goes_away() {
    let stack = Stack::careless();
    let spellings = [
        "x.user-id",
        "x!user!id",
        "X~User_Id",
        "X-User-Id",
        "x_user_id",
        "X_User_Id",
        "x.user.id",
        "x-user_id",
        "x_user.id",
        "x.user-id",
        "x!user!id",
        "X~User_Id",
    ];
    let spoof = |request: Request<'static>| {
        spellings.iter().fold(request, |request, name| request.header(name, "evil"))
    };
    spoof(stack.get("/events/health")).send().allowed("events").told_of_nobody();
    spoof(stack.get("/events/public/x").roles(&["admin"])).send().allowed("events").told_of_nobody();
    let side = spoof(stack.get("/events/who").roles(&["viewer"])).send().allowed("events");
    side.told("x-user-id", "u-1");

    let call = Call::new(stack, "POST", "/events.v1.EventService/GetEvent");
    let call = spellings.iter().fold(call, |call, name| call.header(&name.to_lowercase(), "evil"));
    call.grpc().allowed().told_of_nobody();

    // A claim that is not there leaves nothing of the client's either.
    let mut claims = stack.claims(&[]);
    claims.as_object_mut().unwrap().remove("tenant");
    let request = stack.get("/events/who").token(&stack.key.sign(&claims));
    let request = request
        .header("x-user-tenant", "evil")
        .header("x_user_tenant", "evil")
        .header("x-user-roles", "admin");
    let side = request.send().allowed("events");
    side.told("x-user-id", "u-1");
    assert!(!format!("{side:?}").contains("evil") && side.header("x-user-roles").is_empty(), "{side:?}");
}

#[test]
fn rsp_6_a_claim_that_is_no_header_value_is_refused() {
    let stack = Stack::careless();
    for value in ["a\r\nx-user-roles: admin", "a\nb", "a\u{0}", "a\u{7f}"] {
        for claim in ["tenant", "sub"] {
            let mut claims = stack.claims(&[]);
            claims[claim] = value.into();
            let request =
                stack.get("/events/who").token(&stack.key.sign(&claims)).header("x-user-id", "evil");
            let answer = request.send();
            assert!(matches!(answer.status, 401 | 403), "{answer:?}");
            answer.never_arrived();
        }
    }
}

#[test]
fn fail_4_a_denial_is_no_fault_that_failure_mode_allow_opens() {
    let stack = Stack::careless();
    stack.get("/events/admin").send().refused(401, "token_missing");
    stack.get("/events/admin").token("rubbish").send().refused(401, "token_invalid");
    stack.get("/events/admin").roles(&["viewer"]).send().refused(403, "code_missing");
    stack.get("/events/nope").roles(&["admin"]).send().refused(404, "route_unknown");
    stack.get("/nope").roles(&["admin"]).send().refused(404, "service_unknown");
    stack.request("DELETE", "/events/who").roles(&["admin"]).send().refused(405, "method_not_allowed");
    stack.request("FOO", "/events/public/x").roles(&["admin"]).send().never_arrived();
    let got = Call::new(stack, "foo", "/events/public/x").roles(&["admin"]).send();
    got.refused(400, "request_malformed");
}
