//! HTTP/1.1 byte by byte, so that a request can be anything.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::mesh::Way;
use super::stack::{Side, Stack};

/// A request in the making. Its path, names and values go out as they are.
pub(crate) struct Request<'s> {
    stack: &'s Stack,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    host: Option<String>,
    body: String,
    tag: String,
    way: Option<&'s Way>,
    source: String,
}

/// What came back, and what reached the services.
pub(crate) struct Answer {
    /// 0 when the connection was closed without one.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body as JSON; null when it is not.
    pub(crate) json: Value,
    /// What the services say they got from this request; a request that was refused has none.
    pub(crate) reached: Vec<Value>,
}

/// A word that no other request of this test run has, to find it in the services' logs.
pub(crate) fn tag() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("tag-{}-{}-", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl<'s> Request<'s> {
    pub(crate) fn new(stack: &'s Stack, method: &str, target: &str) -> Self {
        Self {
            stack,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            host: Some("localhost".to_owned()),
            body: String::new(),
            tag: tag(),
            way: None,
            source: "127.0.0.1".to_owned(),
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Over TLS, this way.
    #[must_use]
    pub(crate) fn by(mut self, way: &'s Way) -> Self {
        self.way = Some(way);
        self
    }

    /// The token of someone with these roles.
    #[must_use]
    pub(crate) fn roles(self, roles: &[&str]) -> Self {
        let token = self.stack.token(roles);
        self.token(&token)
    }

    #[must_use]
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// A body of JSON, or what passes for it.
    #[must_use]
    pub(crate) fn json(self, body: &str) -> Self {
        let length = body.len().to_string();
        self.header("content-type", "application/json").header("content-length", &length).body_only(body)
    }

    /// From this address, as a load balancer in front of Envoy tells it by the PROXY protocol.
    #[must_use]
    pub(crate) fn source(mut self, address: &str) -> Self {
        assert!(self.stack.proxied, "Envoy does not ask for an address");
        address.clone_into(&mut self.source);
        self
    }

    /// A body that says its own length.
    #[must_use]
    pub(crate) fn body_only(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// A plain GET, while it is not certain that anyone listens.
    pub(crate) fn try_get(stack: &Stack, target: &str) -> Option<Answer> {
        TcpStream::connect(stack.address()).ok()?;
        Some(Request::new(stack, "GET", target).send())
    }

    pub(crate) fn send(self) -> Answer {
        let mut text = String::new();
        if self.stack.proxied {
            let (kind, here) =
                if self.source.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
            text += &format!("PROXY {kind} {} {here} 40000 443\r\n", self.source);
        }
        text += &format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if let Some(host) = &self.host {
            text += &format!("host: {host}\r\n");
        }
        text += &format!("x-case: {}\r\nconnection: close\r\n", self.tag);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text += &self.body;
        let raw = match self.way {
            None => plain(self.stack, text.as_bytes()),
            Some(way) => exchange(&mut way.connect(), text.as_bytes()),
        };
        Answer::of(self.stack, &raw, &self.tag)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body, json: _, reached } = self;
        write!(f, "{status} {headers:?} {body:?}, reached: {reached:?}")
    }
}

impl Answer {
    /// Sends bytes as they are; the tag must be somewhere in them.
    pub(crate) fn to_bytes(stack: &Stack, bytes: impl Fn(&str) -> Vec<u8>) -> Self {
        let tag = tag();
        Self::of(stack, &plain(stack, &bytes(&tag)), &tag)
    }

    fn of(stack: &Stack, raw: &[u8], tag: &str) -> Self {
        let text = String::from_utf8_lossy(raw);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers =
            lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned()));
        let headers: Vec<_> = headers.collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { dechunk(body) } else { body.to_owned() };
        let json = serde_json::from_str(&body).unwrap_or(Value::Null);
        Self { status, headers, body, json, reached: stack.reached(tag) }
    }

    /// Whether Doorward wrote it.
    pub(crate) fn is_a_problem(&self) -> bool {
        self.header("content-type") == ["application/problem+json"]
    }

    /// The reason that the answer gives.
    pub(crate) fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or("")
    }

    /// All values of a header of the answer.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// It must have been refused with this status and reason, by Doorward, and nothing reached a service.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, reason: &str) {
        assert_eq!((self.status, self.reason()), (status, reason), "{self:?}");
        assert!(self.is_a_problem(), "{self:?}");
        self.never_arrived();
    }

    /// Envoy itself must have refused it with this status.
    #[track_caller]
    pub(crate) fn refused_by_envoy(&self, status: u16) {
        assert_eq!((self.status, self.reason()), (status, ""), "{self:?}");
        self.never_arrived();
    }

    /// Whoever refused it: it was not answered as a success, and nothing reached a service.
    #[track_caller]
    pub(crate) fn never_arrived(&self) {
        assert!(self.status == 0 || self.status >= 300, "{self:?}");
        assert!(self.reached.is_empty(), "{self:?}");
    }

    /// It must have been let through, once, to this service.
    #[track_caller]
    pub(crate) fn allowed(&self, service: &str) -> Side {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.reached.len(), 1, "{self:?}");
        let side = Side(self.reached[0].clone());
        assert_eq!(side.text("service"), service, "{self:?}");
        side
    }
}

fn plain(stack: &Stack, bytes: &[u8]) -> Vec<u8> {
    let Ok(mut stream) = TcpStream::connect(stack.address()) else { return Vec::new() };
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    exchange(&mut stream, bytes)
}

/// The body of an answer of somebody else's than Envoy's listener.
pub(crate) fn body_of(address: SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let raw = exchange(&mut stream, request.as_bytes());
    let raw = String::from_utf8(raw).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    if chunked { dechunk(body) } else { body.to_owned() }
}

fn exchange(stream: &mut (impl Read + Write), bytes: &[u8]) -> Vec<u8> {
    // Envoy may answer and close before all is sent.
    let _ = stream.write_all(bytes);
    let mut raw = Vec::new();
    let mut part = [0; 16384];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break raw,
            Ok(read) => {
                raw.extend_from_slice(&part[..read]);
                if is_whole(&raw, bytes.starts_with(b"HEAD ")) {
                    break raw;
                }
            }
            // The last two are TLS: an alert, and an end without one.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
                ) =>
            {
                break raw;
            }
            Err(error) => panic!("no answer to {:?}: {error}", String::from_utf8_lossy(bytes)),
        }
    }
}

/// Whether the answer is complete, so that nobody waits for Envoy to close.
fn is_whole(raw: &[u8], to_head: bool) -> bool {
    let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&raw[..end]).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    to_head || length.is_some_and(|length| raw.len() >= end + 4 + length)
}

fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole += &rest[..size];
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}
