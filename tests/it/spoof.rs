//! No identity that a client writes reaches a service, on any route, in any spelling.

use crate::support::{Call, Frames, Stack};

/// What a client might write to be somebody, in spellings that pass Envoy.
const CLAIMS: [(&str, &str); 8] = [
    ("x-user-id", "root"),
    ("X-User-Id", "root2"),
    ("X-USER-ROLES", "admin"),
    ("x-user-tenant", "evil"),
    ("x-user-unmanaged", "evil"),
    ("x.user.id", "root"),
    ("x-user.roles", "admin"),
    ("x.user-id", "root"),
];

#[test]
fn spf_1_what_a_token_does_not_say_is_removed() {
    let stack = Stack::trapped();
    let mut claims = stack.claims(&[]);
    claims.as_object_mut().unwrap().remove("tenant");
    let token = stack.key.sign(&claims);
    let spoof = |request| {
        CLAIMS.iter().fold(request, |request: crate::support::Request<'_>, (n, v)| request.header(n, v))
    };
    let side = spoof(stack.get("/events/who").token(&token)).send().allowed("events");
    side.told("x-user-id", "u-1");
    let others = side.names().into_iter().filter(|name| name.replace(['_', '.'], "-").starts_with("x-user"));
    assert_eq!(others.collect::<Vec<_>>(), ["x-user-id"], "{side:?}");
    // And on a route that looks at no token.
    spoof(stack.get("/events/health")).send().allowed("events").told_of_nobody();
    spoof(stack.get("/events/public/a/b")).send().allowed("events").told_of_nobody();
    spoof(stack.get("/events/health").token(&token)).send().allowed("events").told_of_nobody();
}

#[test]
fn spf_1_over_http_2_and_grpc_too() {
    let stack = Stack::trapped();
    let spoof = |call| CLAIMS.iter().fold(call, |call: Call<'_>, (n, v)| call.header(&n.to_lowercase(), v));
    spoof(Call::new(stack, "GET", "/events/health")).send().allowed().told_of_nobody();
    let side = spoof(Call::new(stack, "GET", "/events/who").roles(&[])).send().allowed();
    side.told("x-user-id", "u-1");
    spoof(Call::new(stack, "POST", "/events.v1.EventService/GetEvent")).grpc().allowed().told_of_nobody();
    let call = Call::new(stack, "POST", "/events.v1.EventService/DeleteEvent").roles(&["admin"]);
    let side = spoof(call).grpc().allowed();
    side.told("x-user-id", "u-1");
    side.told("x-user-roles", "admin");
}

#[test]
fn spf_2_three_copies_become_one() {
    let stack = Stack::trapped();
    let request =
        stack.get("/events/who").header("x-user-id", "a").header("X-User-Id", "b").header("X-USER-ID", "c");
    request.roles(&["viewer"]).send().allowed("events").told("x-user-id", "u-1");
}

#[test]
fn spf_3_trailers_carry_no_identity() {
    let stack = Stack::trapped();
    let call = Call::new(stack, "POST", "/events/open")
        .body(b"x")
        .trailer("x-user-id", "evil")
        .trailer("x-user-roles", "admin")
        .trailer("x.user.id", "evil")
        .trailer("authorization", "Bearer evil")
        .trailer("x-checksum", "kept");
    let side = call.send().allowed();
    side.told_of_nobody();
    assert_eq!(side.trailers(), [("x-checksum", "kept")]);

    let call = Call::new(stack, "POST", "/events.v1.EventService/GetEvent").trailer("x-user-id", "evil");
    let side = call.grpc().allowed();
    side.told_of_nobody();
    assert_eq!(side.trailers(), []);
    // An underscore in a trailer ends the stream.
    let got = Call::new(stack, "POST", "/events/open").body(b"x").trailer("x_user_id", "evil").send();
    assert!(got.reached.iter().all(|side| !side.to_string().contains("evil")), "{got:?}");
}

#[test]
fn spf_3_trailers_of_a_chunked_body_carry_none_either() {
    let stack = Stack::trapped();
    let request = stack.request("POST", "/events/open").header("transfer-encoding", "chunked");
    let answer =
        request.header("trailer", "x-user-id").body_only("1\r\nx\r\n0\r\nx-user-id: evil\r\n\r\n").send();
    answer.allowed("events").told_of_nobody();
}

#[test]
fn spf_4_underscores_are_refused() {
    let stack = Stack::trapped();
    for name in ["X_User_Id", "x_user_id", "x-user_id", "x_user-id", "x_anything"] {
        stack.get("/events/health").header(name, "evil").send().refused_by_envoy(400);
        let got = Call::new(stack, "GET", "/events/health").header(&name.to_lowercase(), "evil").send();
        assert!(got.status != 200 && got.reached.is_empty(), "{got:?}");
    }
}

#[test]
fn spf_5_connection_does_not_take_our_header_away() {
    let stack = Stack::trapped();
    let request = stack.get("/events/who").roles(&["viewer"]).header("x-user-id", "evil");
    request
        .header("connection", "close, x-user-id, x-user-roles")
        .send()
        .allowed("events")
        .told("x-user-id", "u-1");
    let request =
        stack.get("/events/health").header("x-user-id", "evil").header("connection", "close, x-user-id");
    request.send().allowed("events").told_of_nobody();
}

#[test]
fn spf_6_the_clients_word_on_the_check_is_not_passed_on() {
    let stack = Stack::trapped();
    for name in ["x-envoy-auth-partial-body", "x-envoy-auth-failure-mode-allowed"] {
        let side = stack.get("/events/health").header(name, "true").send().allowed("events");
        assert!(side.header(name).is_empty(), "{side:?}");
    }
}

#[test]
fn spf_9_certificates_and_forwarding_are_not_the_clients_to_claim() {
    let stack = Stack::trapped();
    let request = stack
        .get("/events/health")
        .header("x-forwarded-client-cert", "By=spiffe://evil")
        .header("forwarded", "for=evil");
    let side = request.send().allowed("events");
    assert!(
        side.header("x-forwarded-client-cert").is_empty() && side.header("forwarded").is_empty(),
        "{side:?}"
    );
}

#[test]
fn spf_10_odd_names_and_values_of_http_2() {
    let stack = Stack::trapped();
    let get = || Frames::request(stack, b"GET", b"/events/health");
    for name in [&b"X-User-Id"[..], b"x-user-id ", b" x-user-id", b"x-user-id:", b"x-user-\xffid", b""] {
        get().field(name, b"evil").send().never_arrived();
    }
    for value in [&b"a\r\nx-user-id: evil"[..], b"a\nb", b"a\0b", b"a\rb"] {
        get().field(b"x-thing", value).send().never_arrived();
    }
    let got = Call::new(stack, "GET", "/events/who").roles(&["viewer"]).header("x-user-id", "  evil ").send();
    got.allowed().told("x-user-id", "u-1");
}
