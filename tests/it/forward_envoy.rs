//! Envoy over HTTP: the shipped `envoy-http.yaml`, and the same decisions.

use std::sync::OnceLock;

use crate::support::{Answer, Call, Front, Request, Stack, eventually, grpc, replaced, root};

/// Shared by many tests.
fn stack() -> &'static Stack {
    static SHARED: OnceLock<Stack> = OnceLock::new();
    SHARED.get_or_init(|| Stack::forward(Front::Http))
}

/// An Envoy that strips and normalises nothing and lets faults pass.
fn careless() -> &'static Stack {
    static SHARED: OnceLock<Stack> = OnceLock::new();
    let undone = [
        ("normalize_path: true", "normalize_path: false", 1),
        ("merge_slashes: true", "merge_slashes: false", 1),
        ("action: REJECT_REQUEST # [hard] %2F", "action: KEEP_UNCHANGED # %2F", 1),
        ("headers_with_underscores_action: REJECT_REQUEST", "headers_with_underscores_action: ALLOW", 1),
        ("- { remove_on_match: ", "- { remove: nothing } # ", 4),
        ("- { remove: x-", "- { remove: nothing-", 10),
        ("failure_mode_allow: false", "failure_mode_allow: true", 1),
        ("{ patterns: [{ prefix: x-user- }] }", "{ patterns: [{ exact: nothing }] }", 1),
        (
            "static_resources:\n",
            "layered_runtime:\n  layers:\n  - name: own\n    static_layer: { envoy.reloadable_features.http_reject_path_with_fragment: false }\nstatic_resources:\n",
            1,
        ),
    ];
    SHARED.get_or_init(|| {
        Stack::start_behind(Front::Http, "tests/it/forward.yaml", "info", &|shipped| {
            undone.iter().fold(shipped, |text, (from, to, times)| replaced(&text, from, to, *times))
        })
    })
}

const CLAIMS: [(&str, &str); 6] = [
    ("x-user-id", "root"),
    ("X-User-Id", "root2"),
    ("X-USER-ROLES", "admin"),
    ("x-user-unmanaged", "evil"),
    ("x.user.id", "root"),
    ("x-user.roles", "admin"),
];

fn spoofed(request: Request<'_>) -> Request<'_> {
    CLAIMS.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[test]
fn the_decision_and_its_headers_are_those_of_grpc() {
    let stack = stack();
    let side = stack.get("/events/things/1?x=1").roles(&["viewer"]).send().allowed("events");
    side.told("x-user-id", "u-1");
    side.told("x-user-roles", "viewer");
    side.told("x-user-tenant", "acme");
    assert_eq!(side.text("path"), "/events/things/1?x=1");
    assert!(!side.names().iter().any(|name| name.starts_with("x-doorward")), "{side:?}");

    let answer = stack.get("/events/things/1").send();
    answer.refused(401, "token_missing");
    assert_eq!(answer.header("www-authenticate"), ["Bearer realm=\"doorward\""]);
    assert_eq!(answer.header("cache-control"), ["no-store"]);
    assert_eq!(answer.header("x-doorward-status"), ["401"]);
    assert!(answer.header("x-doorward-decision-id").is_empty(), "it stands in the body");
    let answer = stack.request("DELETE", "/events/things/1").roles(&["viewer"]).send();
    answer.refused(403, "code_missing");
    assert_eq!(answer.json["required"]["codes"]["any"][0], "thing:own");
    let answer = stack.request("PUT", "/events/who").roles(&["admin"]).send();
    answer.refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), ["GET, HEAD"]);
    stack.get("/events/nothing").roles(&["admin"]).send().refused(404, "route_unknown");
    stack.get("/other").roles(&["admin"]).send().refused(404, "service_unknown");
    stack.get("/events/things/1").token("a.b.c").send().refused(401, "token_invalid");
    stack.get("/events/things/1").token("a").token("b").send().refused(401, "token_invalid");
}

#[test]
fn both_ways_of_asking_decide_alike() {
    let (http, over_grpc) = (stack(), Stack::trapped());
    let paths = [
        "/events/health",
        "/events/public/x",
        "/events/public/admin",
        "/events/admin/x",
        "/events/things/1",
        "/events/things/",
        "/events/nothing",
        "/events/socket",
        "/venues/health",
        "/VENUES/Health",
        "/other",
        "/events/public/a;x",
        "/events/public/%2e%2e/admin",
        "/events//health",
        "/events/public/%25",
        "/?/events",
        "/events/public/%41",
        "/events/peer/till",
        "/events.v1.EventService/GetEvent",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"] {
            for roles in [None, Some("viewer"), Some("admin")] {
                let ask = |stack: &'static Stack| {
                    let request = stack.request(method, path);
                    let answer = match roles {
                        Some(role) => request.roles(&[role]).send(),
                        None => request.send(),
                    };
                    (answer.status, answer.reason().to_owned(), answer.reached.len())
                };
                assert_eq!(ask(http), ask(over_grpc), "{method} {path} {roles:?}");
            }
        }
    }
}

#[test]
fn spf_1_no_identity_of_a_client_reaches_a_service() {
    let stack = stack();
    let mut claims = stack.claims(&[]);
    claims.as_object_mut().unwrap().remove("tenant");
    let token = stack.key.sign(&claims);
    let side = spoofed(stack.get("/events/who").token(&token)).send().allowed("events");
    side.told("x-user-id", "u-1");
    side.not_told("x-user-roles");
    side.not_told("x-user-tenant");
    spoofed(stack.get("/events/health")).send().allowed("events").told_of_nobody();
    stack.get("/events/health").header("x_user_id", "root").send().refused_by_envoy(400);

    // An Envoy that strips nothing, and drops what Doorward sets.
    let careless = careless();
    for (name, value) in CLAIMS.into_iter().chain([("x_user_id", "root")]) {
        let answer = careless.get("/events/who").header(name, value).roles(&["viewer"]).send();
        answer.refused(400, "request_malformed");
    }
}

#[test]
fn path_24_no_client_says_which_service_or_address_it_is() {
    for stack in [stack(), careless()] {
        let lie = |request: Request<'static>| {
            request
                .header("x-doorward-service", "/venues")
                .header("x-doorward-source", "10.0.0.1")
                .header("x-forwarded-uri", "/events/health")
                .header("x-original-uri", "/events/health")
                .header("x-envoy-original-path", "/events/health")
                .header("x-envoy-auth-headers-to-remove", "x-user-id")
                .send()
        };
        lie(stack.get("/events/things/1")).refused(401, "token_missing");
        lie(stack.get("/venues/health")).allowed("venues");
        lie(stack.get("/events/health")).allowed("events");
        lie(stack.get("/other")).refused(404, "service_unknown");
    }
}

#[test]
fn path_1_to_5_what_can_be_read_in_two_ways_is_refused() {
    for stack in [stack(), careless()] {
        for path in [
            "/events/public/../admin/x",
            "/events/./admin",
            "/events/public/..",
            "/events/public/%2e%2e/admin",
            "/events/public/.%2E/admin",
            "/events/public%2f..%2fadmin",
            "/events/public/..%5Cadmin",
            "/events/public/..;/admin",
            "/events/public/..;x=1/admin",
            "/events/admin;jsessionid=1",
            "/events//admin",
            "//events/admin",
            "/events/public//../admin",
            "/events/public/%252e%252e/admin",
            "/events/public/a%00",
            "/events/public/a%0a",
            "/events/public/a%zz",
            "/events/public\\..\\admin",
            "/events/publicadmin",
            "/events/public/admin#/../x",
            "http://evil/events/admin",
        ] {
            stack.get(path).send().never_arrived();
        }
    }
    // Envoy cuts a fragment off where it does not refuse it: nobody gets to see one.
    let answer = careless().get("/events/public/x#/../admin").send();
    assert_eq!(answer.allowed("events").text("path"), "/events/public/x");
}

#[test]
fn fail_4_doorward_killed_refuses_everything_until_it_is_back() {
    let mut stack = Stack::forward(Front::Http);
    let shut = |answer: &Answer| {
        if answer.status == 503 && answer.reached.is_empty() { Ok(()) } else { Err(format!("{answer:?}")) }
    };
    stack.get("/events/things/1").roles(&["viewer"]).send().allowed("events");
    stack.doorward.as_ref().unwrap().signal(9);
    eventually("a killed doorward is noticed", || shut(&stack.get("/events/health").send()));
    for path in ["/events/health", "/events/things/1", "/other"] {
        shut(&spoofed(stack.get(path).roles(&["admin"])).send()).unwrap();
    }
    stack.start_doorward();
    stack.wait_until_ready();
    stack.get("/events/things/1").roles(&["viewer"]).send().allowed("events");
    stack.get("/events/things/1").send().refused(401, "token_missing");
    // Told to stop, it ends, though Envoy keeps its connections open.
    stack.doorward.as_ref().unwrap().signal(15);
    eventually("doorward ends", || {
        if stack.doorward.as_ref().unwrap().runs() { Err("it runs".to_owned()) } else { Ok(()) }
    });
    shut(&stack.get("/events/health").send()).unwrap();
}

#[test]
fn a_browser_is_sent_to_the_login_page() {
    let stack = stack();
    let answer = stack.get("/events/things/1?a=b").header("accept", "text/html").send();
    assert_eq!(answer.status, 302, "{answer:?}");
    let to = "https://login.example.com/start?return_to=http%3A%2F%2Flocalhost%3A8080%2Fevents%2Fthings%2F1%3Fa%3Db";
    assert_eq!(answer.header("location"), [to], "{answer:?}");
    answer.never_arrived();
}

#[test]
fn a_grpc_caller_gets_a_grpc_status() {
    let outcome = grpc(stack(), "events.v1.EventService/DeleteEvent", Some(&["viewer"]), &[]);
    assert_eq!((outcome.code, outcome.reached.len()), (7, 0), "{outcome:?}");
    assert!(outcome.message.starts_with("code_missing: "), "{outcome:?}");
    let outcome = grpc(stack(), "events.v1.EventService/DeleteEvent", Some(&["admin"]), &[]);
    assert_eq!((outcome.code, outcome.reached.len()), (0, 1), "{outcome:?}");
    Call::new(stack(), "POST", "/events.v1.EventService/DeleteEvent")
        .send()
        .refused(405, "method_not_allowed");
}

#[test]
fn the_two_shipped_files_close_the_same_holes() {
    let read = |name| std::fs::read_to_string(root().join("deploy/envoy").join(name)).unwrap();
    let (grpc, http) = (read("envoy.yaml"), read("envoy-http.yaml"));
    let elsewhere = ["encode_raw_headers", "whatever Doorward said", "Which service answers"];
    let hard = grpc.lines().filter(|line| line.contains("[hard]") && !line.trim_start().starts_with('#'));
    for line in hard.filter(|line| !elsewhere.iter().any(|word| line.contains(word))) {
        let code = line.split(" #").next().unwrap().trim_end();
        assert!(http.lines().any(|other| other.starts_with(code)), "envoy-http.yaml lacks: {line}");
    }
}
