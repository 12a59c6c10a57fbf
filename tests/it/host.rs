//! Which service a request is for, and that the client has no say in it.

use crate::support::{Call, Frames, Stack};

#[test]
fn host_1_case_port_and_final_dot_do_not_matter() {
    let stack = Stack::trapped();
    for host in
        ["localhost", "LOCALHOST", "LocalHost", "localhost.", "localhost:443", "LOCALHOST.:8443", "127.0.0.1"]
    {
        stack.get("/events/health").host(host).send().allowed("events");
        stack.get("/events/admin").host(host).send().refused(401, "token_missing");
    }
    for authority in ["LOCALHOST", "localhost:443", "LocalHost."] {
        Call::new(stack, "GET", "/events/health").authority(authority).send().allowed();
        Call::new(stack, "GET", "/events/admin").authority(authority).send().refused(401, "token_missing");
    }
}

#[test]
fn host_3_a_host_that_is_not_ours_reaches_nothing() {
    let stack = Stack::trapped();
    for host in [
        "evil.example",
        "events",
        "localhost.evil.example",
        "localhost:x",
        "xn--localhost",
        "[::2]",
        "127.0.0.2",
    ] {
        for path in ["/events/health", "/events/admin", "/"] {
            stack.get(path).host(host).roles(&["admin"]).send().never_arrived();
        }
    }
    for host in ["", "a,b", "localhost,evil", "localhost/events", "user@localhost", "local host"] {
        stack.get("/events/admin").host(host).roles(&["admin"]).send().never_arrived();
    }
}

#[test]
fn host_3_the_client_does_not_choose_the_service() {
    let stack = Stack::trapped();
    // `/venues/halls/**` is open, `/events/admin` is not; nor is what no route of Envoy claims.
    for (name, value) in
        [("service", "venues"), ("x-service", "venues"), ("context_extensions", "service=venues")]
    {
        stack.get("/events/admin").header(name, value).send().never_arrived();
        stack.get("/other").header(name, value).send().never_arrived();
    }
    stack.get("/venues/health").roles(&["admin"]).send().allowed("venues");
}

#[test]
fn host_4_the_authority_of_an_absolute_target_counts() {
    let stack = Stack::trapped();
    stack.get("http://evil.example:99/events/health").host("localhost").send().never_arrived();
    stack.get("http://localhost/events/health").host("evil.example").send().allowed("events");
    let frames = Frames::request(stack, b"GET", b"/events/admin").field(b"host", b"evil.example");
    frames.send().never_arrived();
}

#[test]
fn host_4_two_hosts_are_one_too_many() {
    let stack = Stack::trapped();
    stack.get("/events/health").header("host", "evil.example").send().never_arrived();
    Frames::new(stack)
        .field(b":method", b"GET")
        .field(b":scheme", b"http")
        .field(b":authority", b"localhost")
        .field(b":authority", b"evil.example")
        .field(b":path", b"/events/health")
        .send()
        .never_arrived();
}
