//! One reading of every path, for Envoy, Doorward and the services alike.

use crate::support::{Call, Frames, Stack, grpc};

/// Anonymously asked, none of these may reach a service: each is, in somebody's reading, below
/// `/events/admin` or is `/events/public/admin`.
#[track_caller]
fn closed(paths: &[&str]) {
    let stack = Stack::trapped();
    for path in paths {
        stack.get(path).send().never_arrived();
        Frames::request(stack, b"GET", path.as_bytes()).send().never_arrived();
    }
}

#[test]
fn path_1_dots_do_not_lead_out_of_an_open_path() {
    closed(&[
        "/events/public/../admin/x",
        "/events/public/./../admin/x",
        "/events/./admin",
        "/events/public/..",
        "/events/public/../../events/admin",
        "/./events/admin",
        "/events/public/x/../../admin/..",
    ]);
}

#[test]
fn path_2_nor_when_they_are_encoded() {
    closed(&[
        "/events/public/%2e%2e/admin",
        "/events/public/%2E%2e/admin",
        "/events/public/.%2e/admin",
        "/events/public/%2E./admin",
        "/events/public%2f..%2fadmin",
        "/events/public%2F..%2Fadmin",
        "/events/public/..%2fadmin",
        "/events/public%5c..%5cadmin",
        "/events/public/..%5Cadmin",
    ]);
    let stack = Stack::trapped();
    for path in
        ["/events/public/a%2fb", "/events/public/a%2Fb", "/events/public/a%5cb", "/events/public/a%5Cb"]
    {
        stack.get(path).roles(&["admin"]).send().refused_by_envoy(400);
    }
}

#[test]
fn path_3_path_parameters_are_refused() {
    closed(&["/events/public/..;/admin", "/events/public/..;x=1/admin", "/;/events/admin"]);
    let stack = Stack::trapped();
    for path in [
        "/events/admin;jsessionid=1",
        "/events/public/a;/b",
        "/events/public/a;x=1",
        "/events/public/a%3b",
        "/events/public/a%3B/b",
        "/events/public/..%3b/admin",
        "/events/health;",
    ] {
        stack.get(path).roles(&["admin"]).send().refused(400, "path_ambiguous");
        Call::new(stack, "GET", path).roles(&["admin"]).send().refused(400, "path_ambiguous");
    }
    stack.get("/events;x/health").send().never_arrived();
}

#[test]
fn path_4_empty_segments_are_merged_before_anyone_looks() {
    closed(&[
        "//events/admin",
        "/events//admin",
        "///events///admin//x",
        "/events/public//../admin",
        "//events/admin/x",
        "/events/public/.//..//../admin",
    ]);
    let stack = Stack::trapped();
    let side = stack.get("//events//admin//x").roles(&["admin"]).send().allowed("events");
    assert_eq!(side.text("path"), "/events/admin/x");
    stack.get("//evil.example/events/public/x").send().refused(404, "service_unknown");
}

#[test]
fn path_5_double_encoding_is_refused() {
    let stack = Stack::trapped();
    for path in [
        "/events/public/%252e%252e/admin",
        "/events/public/a%252fb",
        "/events/public/a%25%32%66b",
        "/events/public/%25",
        "/events/public/%25%32%65",
    ] {
        stack.get(path).roles(&["admin"]).send().refused(400, "path_ambiguous");
    }
}

#[test]
fn path_6_a_prefix_ends_where_its_segment_ends() {
    let stack = Stack::trapped();
    for path in ["/eventsadmin", "/events-public", "/events.public/x", "/event"] {
        stack.get(path).roles(&["admin"]).send().refused(404, "service_unknown");
    }
    for path in ["/events/publicadmin", "/events/public-admin", "/events/public.admin", "/events/healthz"] {
        stack.get(path).roles(&["admin"]).send().refused(404, "route_unknown");
    }
}

#[test]
fn path_7_no_spelling_of_a_closed_path_falls_to_the_open_one_around_it() {
    closed(&[
        "/events/public/admin",
        "/events/public/admin/",
        "/events/public/admin//",
        "/events/public/admin/.",
        "/events/public/admin;",
        "/events/public/Admin",
        "/events/public/ADMIN",
        "/events/public/admin%20",
        "/events/public/%20admin",
        "/events/public/admin.json",
        "/events/public/%61dmin",
        "/events/public/adm%69n",
        "/events/public/admin%00",
        "/events/public/admin%0d",
        "/events/public/admin%09",
        "/events/public/admin?",
        "/events/public/admin?x=1",
        "/venues/halls/Admin",
        "/venues/HALLS/ADMIN",
    ]);
}

#[test]
fn path_8_a_final_slash_changes_nothing() {
    let stack = Stack::trapped();
    stack.get("/events/admin/").send().refused(401, "token_missing");
    stack.get("/events/things/t-1/").roles(&["viewer"]).send().allowed("events");
    stack.get("/events/health/").send().allowed("events");
}

#[test]
fn path_9_encoded_letters_are_the_letters() {
    let stack = Stack::trapped();
    stack.get("/events/%61dmin").send().refused(401, "token_missing");
    let side = stack.get("/events/adm%69n").roles(&["admin"]).send().allowed("events");
    assert_eq!(side.text("path"), "/events/admin");
}

#[test]
fn path_10_bytes_that_are_no_text_are_refused() {
    let stack = Stack::trapped();
    for path in [
        "/events/public/%c0%ae%c0%ae/admin",
        "/events/public/%ff",
        "/events/public/%C0%AF",
        "/events/public/%ed%a0%80",
        "/events/public/%f8%88%80%80%80",
        "/events/public/%80",
    ] {
        stack.get(path).roles(&["admin"]).send().refused(400, "path_ambiguous");
    }
    for path in [&b"/events/public/\xff"[..], b"/events/public/\xc0\xae", b"/events/public/\xed\xa0\x80"] {
        Frames::request(stack, b"GET", path).roles(&["admin"]).send().never_arrived();
    }
}

#[test]
fn path_11_look_alikes_of_a_slash_are_no_slash() {
    let stack = Stack::trapped();
    for path in ["/events%EF%BC%8Fadmin", "/events%E2%81%84admin"] {
        stack.get(path).roles(&["admin"]).send().refused(404, "service_unknown");
    }
    let path = "/events/things/%EF%BC%8F..%EF%BC%8Fadmin";
    let side = stack.get(path).roles(&["viewer"]).send().allowed("events");
    assert_eq!(side.text("path"), path, "only inside a parameter, and untouched");
    let got = Call::new(stack, "GET", "/events/things/\u{e9}").roles(&["viewer"]).send();
    assert_eq!(got.allowed().text("path"), "/events/things/%C3%A9");
}

#[test]
fn path_12_control_characters_are_refused() {
    let stack = Stack::trapped();
    for path in [
        "/events/public/%0a",
        "/events/public/a%0d%0ab",
        "/events/public/%09",
        "/events/public/%7f",
        "/events/public/%1f",
    ] {
        stack.get(path).roles(&["admin"]).send().refused(400, "path_ambiguous");
    }
    stack.get("/events/public/%00").roles(&["admin"]).send().never_arrived();
    for path in
        [&b"/events/public/\x01"[..], b"/events/public/\x7f", b"/events/public/a b", b"/events/public/\r\n"]
    {
        Frames::request(stack, b"GET", path).roles(&["admin"]).send().never_arrived();
    }
}

#[test]
fn path_13_half_escapes_are_refused() {
    let stack = Stack::trapped();
    for path in [
        "/events/public/%zz",
        "/events/public/%",
        "/events/public/%2",
        "/events/public/a%2",
        "/events/public/%u002e",
    ] {
        stack.get(path).roles(&["admin"]).send().never_arrived();
        Frames::request(stack, b"GET", path.as_bytes()).roles(&["admin"]).send().never_arrived();
    }
}

#[test]
fn path_14_a_backslash_does_not_lead_out_of_an_open_path() {
    closed(&["/events/public/..\\admin", "/events/public\\..\\admin", "/events\\admin", "\\events\\admin"]);
}

#[test]
fn path_15_what_must_be_encoded_is_not_part_of_a_path() {
    let stack = Stack::trapped();
    for path in
        ["/events/admin|x", "/events/{admin}", "/events/admin^", "/events/<admin>", "/events/\"admin\""]
    {
        stack.get(path).roles(&["viewer"]).send().never_arrived();
    }
}

#[test]
fn path_16_fragments_are_refused() {
    let stack = Stack::trapped();
    for path in
        ["/events/public/a#b", "/events/public/a#f?x=1", "/events/health#/../admin", "/events/public/a?x#y"]
    {
        stack.get(path).roles(&["admin"]).send().never_arrived();
        Frames::request(stack, b"GET", path.as_bytes()).roles(&["admin"]).send().never_arrived();
    }
    stack.get("/events/public/x%23/../admin").send().never_arrived();
}

#[test]
fn path_17_an_absolute_target_is_its_path_and_its_host() {
    let stack = Stack::trapped();
    stack.get("http://localhost/events/admin/x").send().refused(401, "token_missing");
    stack.get("http://localhost/events/health?q").send().allowed("events");
    stack.get("http://evil.example/events/health").send().refused(404, "service_unknown");
    stack.get("http://user@localhost/events/admin").send().never_arrived();
    for path in [&b"http://localhost/events/health"[..], b"events/health", b"", b"?x", b"*"] {
        Frames::request(stack, b"GET", path).send().never_arrived();
    }
}

#[test]
fn path_18_options_star_is_refused() {
    let stack = Stack::trapped();
    stack.request("OPTIONS", "*").roles(&["admin"]).send().never_arrived();
    Frames::request(stack, b"OPTIONS", b"*").roles(&["admin"]).send().never_arrived();
}

#[test]
fn path_19_a_parameter_is_exactly_one_segment() {
    let stack = Stack::trapped();
    for path in ["/events/things", "/events/things/", "/events/things/a/b", "/events/things/a/b/c"] {
        stack.get(path).roles(&["viewer"]).send().never_arrived();
    }
    for path in ["/events/things/%2e%2e", "/events/things/..", "/events/things/a%2fb", "/events/things/a;b"] {
        stack.get(path).roles(&["viewer"]).send().never_arrived();
    }
}

#[test]
fn path_20_case_counts_unless_the_service_says_it_does_not() {
    let stack = Stack::trapped();
    stack.get("/events/Health").send().refused(404, "route_unknown");
    stack.get("/Events/health").send().refused(404, "service_unknown");
    stack.get("/venues/HEALTH").send().allowed("venues");
    stack.get("/venues/Halls/ADMIN").send().refused(401, "token_missing");
}

#[test]
fn path_24_a_path_in_a_header_is_not_the_path() {
    let stack = Stack::trapped();
    let headers = [
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-envoy-original-path",
        "x-original-host",
        "x-forwarded-host",
    ];
    for header in headers {
        stack.get("/events/admin/x").header(header, "/events/health").send().refused(401, "token_missing");
        let side = stack.get("/events/health").header(header, "/events/admin/x").send().allowed("events");
        assert!(side.header(header).is_empty(), "{header} reached the service: {side:?}");
    }
}

#[test]
fn path_25_grpc_methods_are_compared_exactly() {
    let stack = Stack::trapped();
    for method in [
        "events.v1.EventService/",
        "events.v1.EventService",
        "events.v1.EventService/getevent",
        "Events.v1.EventService/GetEvent",
        "events.v1.eventservice/GetEvent",
        "events.v1.EventService/GetEvent/",
        "events.v1.EventService/GetEvent/x",
        "events.v1.EventServiceX/GetEvent",
    ] {
        let outcome = grpc(stack, method, Some(&["admin"]), &[]);
        assert!(matches!(outcome.code, 3 | 12) && outcome.reached.is_empty(), "{method}: {outcome:?}");
    }
    // Without the slash in front it is no path at all.
    let frames = Frames::request(stack, b"POST", b"events.v1.EventService/GetEvent");
    frames.field(b"content-type", b"application/grpc").field(b"te", b"trailers").send().never_arrived();
}

#[test]
fn qry_1_the_query_is_no_part_of_the_path() {
    let stack = Stack::trapped();
    for query in ["x", "/events/public/", ".js", "/../public/x", "x=/events/health", "a?b"] {
        stack.get(&format!("/events/admin?{query}")).send().refused(401, "token_missing");
        let target = format!("/events/admin/x?{query}");
        let side = stack.get(&target).roles(&["admin"]).send().allowed("events");
        assert_eq!(side.text("path"), target);
    }
}

#[test]
fn qry_2_the_query_is_passed_on_as_it_is() {
    let stack = Stack::trapped();
    for target in [
        "/events/public/a?x=1?y=2",
        "/events/health?/../admin",
        "/events/health?next=/../../admin",
        "/events/health?a=%2e%2e%2f;b=//",
        "/events/health?",
    ] {
        let side = stack.get(target).send().allowed("events");
        assert_eq!(side.text("path"), target);
    }
}

#[test]
fn qry_3_an_encoded_question_mark_begins_no_query() {
    let stack = Stack::trapped();
    stack.get("/events/health%3fx=1").roles(&["admin"]).send().refused(400, "path_ambiguous");
    let side = stack.get("/events/admin%3f/../public/x").send().allowed("events");
    assert_eq!(side.text("path"), "/events/public/x");
}

#[test]
fn qry_4_a_token_in_the_query_is_no_token() {
    let stack = Stack::trapped();
    let token = stack.token(&["admin"]);
    for name in ["access_token", "jwt", "token"] {
        stack.get(&format!("/events/admin?{name}={token}")).send().refused(401, "token_missing");
    }
}
