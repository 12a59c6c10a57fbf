//! The port of HTTP mode itself, to whoever reaches it: nothing but a whole, plain request of the proxy
//! is decided about, and nothing but an allow is answered 200.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Front, Stack};

fn stack() -> &'static Stack {
    static SHARED: OnceLock<Stack> = OnceLock::new();
    SHARED.get_or_init(|| Stack::forward(Front::Nginx))
}

const WORDS: &str = "X-Original-Method: GET\r\nX-Original-URI: /events/health\r\nX-Original-Host: localhost\r\n\
                     X-Original-Scheme: http\r\nX-Real-IP: 192.0.2.1\r\n";

fn whole() -> String {
    format!("GET /events HTTP/1.1\r\nHost: doorward\r\n{WORDS}\r\n")
}

/// The status lines that come back, until the connection is closed or rests for a while after as many
/// as were awaited.
fn answers(bytes: &[u8], awaited: usize) -> Vec<u16> {
    let mut stream = TcpStream::connect(stack().doorward_address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may answer and close before all is sent. In parts, as from afar.
    for part in bytes.chunks(4 << 10) {
        let _ = stream.write_all(part);
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut raw = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let found: Vec<u16> = text.split("HTTP/1.").skip(1).map(|rest| rest[2..5].parse().unwrap()).collect();
        if found.len() >= awaited && awaited > 0 {
            return found;
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return found,
            Ok(read) => raw.extend_from_slice(&part[..read]),
        }
    }
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    assert_eq!(answers(whole().as_bytes(), 1), [200]);
    let denied = whole().replace("/events/health", "/events/things/1");
    let malformed = whole().replace("X-Original-Scheme: http\r\n", "");
    // Sent at once: each has its own answer, in its own place.
    let all = [whole(), denied, whole(), malformed, whole()].concat();
    assert_eq!(answers(all.as_bytes(), 5), [200, 401, 200, 403, 200]);
}

#[test]
fn what_is_no_plain_request_is_refused() {
    let old = whole().replace("HTTP/1.1", "HTTP/1.0");
    let absolute = whole().replace("GET /events", "GET http://doorward/events");
    let post = whole().replace("GET /events", "POST /events");
    let deeper = whole().replace("GET /events", "GET /events/health");
    let twice = whole().replace("\r\n\r\n", "\r\nX-Original-URI: /events/health\r\n\r\n");
    let folded = whole().replace("/events/health", "/events/\r\n health");
    let spoofed = whole().replace("\r\n\r\n", "\r\nx-user-id: root\r\n\r\n");
    for request in [old, absolute, post, deeper, twice, folded, spoofed] {
        let got = answers(request.as_bytes(), 1);
        assert!(matches!(got.as_slice(), [400 | 403]), "{got:?} {request}");
    }
}

#[test]
fn dos_2_garbage_and_floods_are_refused_and_closed() {
    let long = whole().replace("\r\n\r\n", &format!("\r\nx: {}\r\n\r\n", "a".repeat(200 << 10)));
    let many = whole().replace("\r\n\r\n", &format!("\r\n{}\r\n", "x: y\r\n".repeat(300)));
    let target = whole().replace("GET /events", &format!("GET /{}", "a".repeat(200 << 10)));
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /events\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
        target.as_bytes(),
    ] {
        let got = answers(request, 0);
        assert!(got.iter().all(|status| *status >= 400), "{got:?}");
    }
    assert_eq!(answers(whole().as_bytes(), 1), [200]);
}

#[test]
fn dos_2_a_head_is_as_long_as_proxies_let_clients_make_it_and_no_longer() {
    let long = |size: usize| {
        let header = format!("x: {}\r\n", "a".repeat(4000)).repeat(size / 4005);
        whole().replace("\r\n\r\n", &format!("\r\n{header}\r\n"))
    };
    assert_eq!(answers(long(60 << 10).as_bytes(), 1), [200]);
    // One read may bring as much again.
    let got = answers(long(124 << 10).as_bytes(), 0);
    assert!(matches!(got.as_slice(), [] | [431]), "{got:?}");
}

#[test]
fn a_body_is_no_second_request() {
    let hidden = whole();
    // Its length is believed, so that what stands in it is never a request of its own.
    let with = |header: &str, body: &str| whole().replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n{body}"));
    let cases = [
        with(&format!("Content-Length: {}", hidden.len()), &hidden),
        with("Transfer-Encoding: chunked", &format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len())),
        with(&format!("Content-Length: {}\r\nExpect: 100-continue", hidden.len()), &hidden),
        // Said to be huge, and never sent.
        with("Content-Length: 1000000000", ""),
    ];
    for request in cases {
        let got = answers(request.as_bytes(), 0);
        assert_eq!(got, [200], "{request}");
    }
    // Two lengths that contradict each other, or a length beside chunks.
    for header in
        ["Content-Length: 1\r\nContent-Length: 2", "Content-Length: -1", "Transfer-Encoding: xchunked"]
    {
        let got = answers(with(header, "").as_bytes(), 0);
        assert!(got.iter().all(|status| *status >= 400), "{header}: {got:?}");
    }
}
