//! Where a token may stand, and that it is never picked from several.

use crate::support::{Call, Stack};

#[test]
fn cred_1_two_credentials_are_none() {
    let stack = Stack::trapped();
    let (admin, viewer) = (stack.token(&["admin"]), stack.token(&["viewer"]));
    for (first, second) in [(&admin, &viewer), (&viewer, &admin), (&admin, &admin)] {
        stack.get("/events/who").token(first).token(second).send().refused(401, "token_invalid");
        let joined = format!("Bearer {first},Bearer {second}");
        stack.get("/events/who").header("authorization", &joined).send().refused(401, "token_invalid");
        let joined = format!("Bearer {first}, {second}");
        stack.get("/events/who").header("authorization", &joined).send().refused(401, "token_invalid");
        Call::new(stack, "GET", "/events/who")
            .header("authorization", &format!("Bearer {first}"))
            .header("authorization", &format!("Bearer {second}"))
            .send()
            .refused(401, "token_invalid");
    }
    stack
        .get("/events/who")
        .token(&admin)
        .header("Authorization", "Basic YTpi")
        .send()
        .refused(401, "token_invalid");
}

#[test]
fn cred_2_one_scheme_one_space_one_token() {
    let stack = Stack::trapped();
    let token = stack.token(&["viewer"]);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        stack
            .get("/events/who")
            .header("authorization", &format!("{scheme} {token}"))
            .send()
            .allowed("events");
    }
    for value in [
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer{token}"),
        format!("Bearer: {token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer {token} x"),
        format!("Bearer {token};"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer x".to_owned(),
        "Bearer ..".to_owned(),
    ] {
        stack.get("/events/who").header("authorization", &value).send().refused(401, "token_invalid");
    }
    // An empty header is no credential; either word is right, passing is not.
    let answer = stack.get("/events/who").header("authorization", "").send();
    assert_eq!(answer.status, 401, "{answer:?}");
    answer.never_arrived();
    // Over HTTP/2 the spaces around a value arrive.
    for value in [format!(" Bearer {token}"), format!("Bearer {token} "), format!("  Bearer {token}  ")] {
        Call::new(stack, "GET", "/events/who")
            .header("authorization", &value)
            .send()
            .refused(401, "token_invalid");
    }
}

#[test]
fn cred_3_other_places_are_not_looked_at() {
    let stack = Stack::trapped();
    let (viewer, admin) = (stack.token(&["viewer"]), stack.token(&["admin"]));
    for name in ["proxy-authorization", "x-access-token", "x-auth-token", "x-jwt-assertion"] {
        stack
            .get("/events/admin")
            .header(name, &format!("Bearer {admin}"))
            .send()
            .refused(401, "token_missing");
        let request = stack.get("/events/admin").token(&viewer).header(name, &format!("Bearer {admin}"));
        request.send().refused(403, "code_missing");
    }
    for cookie in [format!("access_token={admin}"), format!("token={admin}; authorization={admin}")] {
        stack.get("/events/admin").header("cookie", &cookie).send().refused(401, "token_missing");
        stack
            .get("/events/admin")
            .token(&viewer)
            .header("cookie", &cookie)
            .send()
            .refused(403, "code_missing");
    }
}

#[test]
fn cred_5_a_stripped_token_leaves_an_anonymous_request() {
    let stack = Stack::trapped();
    let request = stack.get("/events/who").roles(&["admin"]).header("connection", "close, authorization");
    request.send().never_arrived();
}

#[test]
fn cred_6_an_open_route_takes_nothing_from_a_token() {
    let stack = Stack::trapped();
    for token in
        [stack.token(&["admin"]), "rubbish".to_owned(), stack.other_key.sign(&stack.claims(&["admin"]))]
    {
        stack.get("/events/health").token(&token).send().allowed("events").told_of_nobody();
    }
}

#[test]
fn cred_7_other_schemes_are_not_bearer() {
    let stack = Stack::trapped();
    let token = stack.token(&["admin"]);
    for scheme in ["Basic", "DPoP", "Negotiate", "Token", "JWT", "Digest", "Bearer1", "XBearer"] {
        let answer = stack.get("/events/who").header("authorization", &format!("{scheme} {token}")).send();
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.never_arrived();
    }
}

#[test]
fn cred_8_a_token_has_a_largest_size() {
    let stack = Stack::trapped();
    let mut claims = stack.claims(&["viewer"]);
    claims["padding"] = "x".repeat(3000).into();
    stack.get("/events/who").token(&stack.key.sign(&claims)).send().allowed("events");
    claims["padding"] = "x".repeat(8000).into();
    stack.get("/events/who").token(&stack.key.sign(&claims)).send().refused(401, "token_invalid");
    stack.get("/events/who").token(&".".repeat(20000)).send().refused(401, "token_invalid");
    stack.get("/events/who").token(&"a".repeat(40000)).send().refused_by_envoy(431);
}

#[test]
fn cred_9_and_10_nobody_is_exempt() {
    let stack = Stack::trapped();
    for (name, value) in [
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "kube-probe/1.31"),
        ("x-internal", "true"),
        ("x-middleware-subrequest", "middleware"),
        ("x-envoy-internal", "true"),
        ("x-envoy-auth-failure-mode-allowed", "true"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-doorward", "off"),
    ] {
        stack.get("/events/admin").header(name, value).send().refused(401, "token_missing");
    }
}
