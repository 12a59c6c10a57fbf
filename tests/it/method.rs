//! Methods, upgrades, and messages that two readers may cut apart differently.

use crate::support::{Answer, Call, Frames, Stack};

#[test]
fn meth_1_only_exact_methods_are_methods() {
    let stack = Stack::trapped();
    for method in ["get", "Get", "FOO", "PROPFIND", "GETX", "QUERY", "GRPC", "ANY"] {
        for path in ["/events/public/x", "/events/admin"] {
            stack.request(method, path).roles(&["admin"]).send().never_arrived();
            let got = Call::new(stack, method, path).roles(&["admin"]).send();
            assert!(matches!(got.status, 0 | 400 | 405) && got.reached.is_empty(), "{method}: {got:?}");
        }
    }
}

#[test]
fn meth_2_head_is_judged_as_get() {
    let stack = Stack::trapped();
    stack.request("HEAD", "/events/things/t-1").send().never_arrived();
    let answer = stack.request("HEAD", "/events/things/t-1").roles(&["editor"]).send();
    assert_eq!(answer.allowed("events").text("method"), "HEAD");
    stack.request("HEAD", "/events/admin").roles(&["viewer"]).send().never_arrived();
}

#[test]
fn meth_3_a_second_method_is_not_passed_on() {
    let stack = Stack::trapped();
    for name in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Forwarded-Method"] {
        let request = stack.request("POST", "/events/open").header(name, "DELETE");
        let side = request.send().allowed("events");
        assert_eq!(side.text("method"), "POST");
        assert!(side.header(&name.to_lowercase()).is_empty(), "{side:?}");
    }
    stack
        .request("POST", "/events/things/t-1")
        .header("X-HTTP-Method-Override", "GET")
        .roles(&["viewer"])
        .send()
        .refused(405, "method_not_allowed");
}

#[test]
fn meth_4_only_a_preflight_of_a_service_that_wants_it_needs_no_token() {
    let stack = Stack::trapped();
    let options = |path| stack.request("OPTIONS", path);
    let preflight = |path, method| {
        options(path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", method)
            .send()
    };
    let side = preflight("/venues/v-1", "PUT").allowed("venues");
    side.told_of_nobody();
    // The request itself is not open for that.
    stack
        .request("PUT", "/venues/v-1")
        .header("origin", "https://shop.example")
        .send()
        .refused(401, "token_missing");
    // Half a preflight is an OPTIONS like any other.
    options("/venues/v-1").send().refused(405, "method_not_allowed");
    options("/venues/v-1").header("origin", "https://shop.example").send().never_arrived();
    options("/venues/v-1").header("access-control-request-method", "PUT").send().never_arrived();
    // And a service that did not ask for it has none.
    preflight("/events/things/t-1", "GET").never_arrived();
    preflight("/events/admin", "GET").refused(401, "token_missing");
    preflight("/events/open", "DELETE").never_arrived();
}

#[test]
fn meth_5_trace_and_connect_are_always_refused() {
    let stack = Stack::trapped();
    for method in ["TRACE", "CONNECT"] {
        for target in ["/events/public/x", "/events/admin", "localhost:443"] {
            stack.request(method, target).roles(&["admin"]).send().never_arrived();
            Frames::request(stack, method.as_bytes(), target.as_bytes())
                .roles(&["admin"])
                .send()
                .never_arrived();
        }
    }
    Frames::new(stack)
        .field(b":method", b"CONNECT")
        .field(b":authority", b"localhost:443")
        .roles(&["admin"])
        .send()
        .never_arrived();
}

#[test]
fn meth_6_a_get_does_not_open_a_tunnel() {
    let stack = Stack::trapped();
    let upgrade = stack.get("/events/live").header("upgrade", "websocket").header("connection", "upgrade");
    upgrade.roles(&["admin"]).send().never_arrived();
    Frames::request(stack, b"CONNECT", b"/events/live")
        .field(b":protocol", b"websocket")
        .roles(&["admin"])
        .send()
        .never_arrived();
}

#[test]
fn meth_7_an_upgrade_to_http_2_is_not_taken() {
    let stack = Stack::trapped();
    let request = stack
        .get("/events/admin")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA");
    request.header("connection", "upgrade, http2-settings").send().never_arrived();
}

#[test]
fn meth_9_messages_without_one_clear_end_are_refused() {
    let stack = Stack::trapped();
    let refused = |head: &str| {
        let answer = Answer::to_bytes(stack, |tag| {
            format!("{head}\r\nhost: localhost\r\nconnection: close\r\nx-case: {tag}\r\n\r\n0\r\n\r\nGET /events/admin HTTP/1.1\r\nx-case: {tag}\r\n\r\n").into_bytes()
        });
        assert!(answer.reached.is_empty() && (400..=501).contains(&answer.status), "{head}: {answer:?}");
    };
    refused("GET /events/health HTTP/1.0");
    refused("GET /events/health HTTP/0.9");
    refused("GET /events/health HTTP/1.1\r\nsp ace: x");
    refused("POST /events/open HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked");
    refused("POST /events/open HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6");
    refused("POST /events/open HTTP/1.1\r\ncontent-length: -1");
    refused("POST /events/open HTTP/1.1\r\ncontent-length: +5");
    refused("POST /events/open HTTP/1.1\r\ntransfer-encoding: xchunked");
    refused("POST /events/open HTTP/1.1\r\ntransfer-encoding: chunked, identity");
}

#[test]
fn meth_10_a_bare_line_feed_does_not_smuggle_an_identity() {
    let stack = Stack::trapped();
    for separator in ["\n", "\r", "\r\n ", "\r\n\t", "\0", "\x0b"] {
        let answer = Answer::to_bytes(stack, |tag| {
            let smuggled = format!("x-a: a{separator}X-User-Id: evil{separator}x-b: b");
            format!("GET /events/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-case: {tag}\r\n{smuggled}\r\n\r\n")
                .into_bytes()
        });
        if answer.status == 200 {
            answer.allowed("events").told_of_nobody();
        } else {
            answer.never_arrived();
        }
    }
}
