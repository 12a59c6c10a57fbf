//! Connections of a client that says what it likes, frame by frame.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Mutex;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as Inner};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason as Code, SendStream};
use prost::Message as _;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::connections::{IDLE, Protocol};
use super::*;
use crate::gate::{Gate, Verdict, Words};

const LIMIT: usize = 1024;

const RULES: Rules = Rules {
    protocol: Protocol::Grpc,
    connections: 1,
    streams: 200,
    header_size: 16 << 10,
    age: None,
    idle: IDLE,
};

fn asking<J: Judge>(checks: usize, size: usize, judge: J) -> Asking<J> {
    let gate = Gate::with(judge, Arc::default(), Arc::default(), Duration::from_secs(3600));
    let (_, health) = tonic_health::server::health_reporter();
    Asking::new(Checks::new(Arc::new(gate.at_most(checks))), size, Routes::new(health))
}

fn allowed(_: &Words<'_>) -> Verdict<'static> {
    Verdict::of(Reason::Allowed)
}

/// A connection on which nothing was said.
struct Wire {
    ours: DuplexStream,
    end: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Failure>>,
}

fn connected<J: Judge>(asking: Asking<J>) -> Wire {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (end, ending) = oneshot::channel();
    let server = tokio::spawn(asking.hold(theirs, RULES, End::new(ending)));
    Wire { ours, end, server }
}

/// A client, and what tells the server to end the conversation.
struct Client {
    asks: SendRequest<Bytes>,
    end: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Failure>>,
}

impl Client {
    /// Of a server that allows everything and takes so many checks at once.
    async fn new(checks: usize) -> Self {
        Self::of(checks, allowed).await
    }

    async fn of<J: Judge>(checks: usize, judge: J) -> Self {
        Self::to(asking(checks, LIMIT, judge)).await
    }

    async fn to<J: Judge>(asking: Asking<J>) -> Self {
        let Wire { ours, end, server } = connected(asking);
        let (asks, connection) = h2::client::handshake(ours).await.unwrap();
        tokio::spawn(connection);
        Self { asks, end, server }
    }

    /// Begins a request of which the body is sent later.
    async fn begin(&mut self, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::post(format!("http://doorward.test{path}")).body(()).unwrap();
        std::future::poll_fn(|cx| self.asks.poll_ready(cx)).await.unwrap();
        self.asks.send_request(request, false).unwrap()
    }

    /// What a request with this body gets: the messages, and the status in headers
    /// or trailers.
    async fn ask(&mut self, path: &str, body: Vec<u8>) -> (Vec<CheckResponse>, String) {
        let (answer, mut stream) = self.begin(path).await;
        stream.send_data(body.into(), true).unwrap();
        read(answer).await
    }
}

async fn read(answer: ResponseFuture) -> (Vec<CheckResponse>, String) {
    let (head, mut body) = answer.await.unwrap().into_parts();
    assert_eq!(
        (head.status.as_u16(), &head.headers["content-type"]),
        (200, &"application/grpc".parse().unwrap())
    );
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        bytes.extend_from_slice(&data.unwrap());
    }
    let trailers = body.trailers().await.unwrap();
    let status = head.headers.get("grpc-status").or_else(|| trailers.as_ref()?.get("grpc-status")).unwrap();
    let (mut bytes, mut messages) = (bytes.as_slice(), Vec::new());
    while let Some((prefix, rest)) = bytes.split_at_checked(5) {
        let length = usize::try_from(u32::from_be_bytes(prefix[1..].try_into().unwrap())).unwrap();
        messages.push(CheckResponse::decode(&rest[..length]).unwrap());
        bytes = &rest[length..];
    }
    (messages, status.to_str().unwrap().to_owned())
}

/// The only message of an answer to a check, which is never a gRPC error.
fn only((messages, status): (Vec<CheckResponse>, String)) -> CheckResponse {
    assert_eq!((messages.len(), status.as_str()), (1, "0"));
    messages.into_iter().next().unwrap()
}

/// The HTTP status; 200 is an allow.
fn http_status(response: &CheckResponse) -> i32 {
    match (response.status.as_ref().unwrap().code, &response.http_response) {
        (0, Some(HttpResponse::OkResponse(_))) => 200,
        (1.., Some(HttpResponse::DeniedResponse(denied))) => denied.status.as_ref().unwrap().code,
        other => panic!("{other:?}"),
    }
}

/// A check as Envoy sends it.
fn check(path: &str) -> Vec<u8> {
    let header = HeaderValue { key: ":path".to_owned(), raw_value: path.into(), ..HeaderValue::default() };
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        host: "api.test".to_owned(),
        header_map: Some(HeaderMap { headers: vec![header] }),
        ..HttpRequest::default()
    };
    let request = Some(Inner { http: Some(http), ..Inner::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
        .encode_to_vec()
}

/// A gRPC message: a flag for compression, the length, the bytes.
fn framed(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
    [&[flag], u32::try_from(length).unwrap().to_be_bytes().as_slice(), bytes].concat()
}

fn whole(path: &str) -> Vec<u8> {
    let check = check(path);
    framed(0, check.len(), &check)
}

#[tokio::test]
async fn rsp_20_a_check_gets_one_message() {
    let mut client = Client::new(usize::MAX).await;
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 200);
}

#[tokio::test]
async fn a_check_may_come_in_pieces() {
    let mut client = Client::new(1).await;
    for pieces in [1, 2, 7] {
        let (answer, mut stream) = client.begin(CHECK).await;
        for piece in whole("/pieces").chunks(pieces) {
            stream.send_data(piece.to_vec().into(), false).unwrap();
            tokio::task::yield_now().await;
        }
        stream.send_trailers(hyper::HeaderMap::new()).unwrap();
        assert_eq!(http_status(&only(read(answer).await)), 200);
    }
}

#[tokio::test]
async fn many_checks_at_once_get_each_its_own_answer() {
    let judge = |words: &Words<'_>| {
        let reason = if words.path.ends_with('7') { Reason::RoleMissing } else { Reason::Allowed };
        Verdict { service: Some(words.path.to_owned().leak()), ..Verdict::of(reason) }
    };
    let mut client = Client::of(usize::MAX, judge).await;
    let mut waiting = Vec::new();
    for number in 0..150 {
        let (answer, mut stream) = client.begin(CHECK).await;
        stream.send_data(whole(&format!("/{number}")).into(), true).unwrap();
        waiting.push((number, answer));
    }
    for (number, answer) in waiting {
        let expected = if number % 10 == 7 { 403 } else { 200 };
        let response = only(read(answer).await);
        assert_eq!(http_status(&response), expected, "{number}");
        assert!(response.dynamic_metadata.is_some_and(|m| m.fields.contains_key("service")));
    }
}

#[tokio::test]
async fn fail_3_one_check_too_many_is_denied_with_503_and_no_error() {
    let mut client = Client::new(0).await;
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 503);
    // Whoever has said nothing yet is in nobody's way.
    let mut client = Client::new(1).await;
    let (mut silent, _silent) = client.begin(CHECK).await;
    let soon = timeout(Duration::from_millis(5), &mut silent);
    assert!(soon.await.is_err(), "the rest of it is waited for");
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 200);
}

#[tokio::test]
async fn dos_1_checks_that_are_waited_for_are_bounded_too() {
    let mut client = Client::to(asking(usize::MAX, BEGUN_BYTES / 3, allowed)).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(client.begin(CHECK).await);
    }
    let (answer, _stream) = client.begin(CHECK).await;
    assert_eq!(http_status(&only(read(answer).await)), 503);
    // A place that is left is one that can be taken.
    let (answer, mut stream) = waiting.pop().unwrap();
    stream.send_data(whole("/").into(), true).unwrap();
    assert_eq!(http_status(&only(read(answer).await)), 200);
    let (answer, mut stream) = client.begin(CHECK).await;
    stream.send_data(whole("/").into(), true).unwrap();
    assert_eq!(http_status(&only(read(answer).await)), 200);
}

#[tokio::test(start_paused = true)]
async fn fail_3_a_check_that_does_not_arrive_is_denied_and_no_error() {
    let mut client = Client::new(1).await;
    let (answer, mut stream) = client.begin(CHECK).await;
    stream.send_data(whole("/")[..9].to_vec().into(), false).unwrap();
    assert_eq!(http_status(&only(read(answer).await)), 503);
}

#[tokio::test]
async fn attr_5_dos_2_what_can_not_be_read_is_denied_and_no_error() {
    let good = check("/");
    let mut not_utf8 = check("/QQQQ");
    let at = not_utf8.windows(4).position(|w| w == b"QQQQ").unwrap();
    not_utf8[at] = 0xff;
    let large = check(&"/".repeat(LIMIT));
    let mut client = Client::new(usize::MAX).await;
    for (what, body) in [
        ("nothing", Vec::new()),
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("not protobuf", framed(0, 3, b"\xff\xff\xff")),
        ("an empty message", framed(0, 0, b"")),
        ("cut short", framed(0, good.len(), &good[..good.len() / 2])),
        ("more than it says", framed(0, good.len() - 1, &good)),
        ("two messages", [whole("/"), whole("/")].concat()),
        ("compressed", framed(1, good.len(), &good)),
        ("not utf-8", framed(0, not_utf8.len(), &not_utf8)),
        ("too large", framed(0, large.len(), &large)),
        ("said to be huge", framed(0, 1 << 31, &good)),
    ] {
        let response = only(client.ask(CHECK, body).await);
        assert_eq!(http_status(&response), 400, "{what}");
    }
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 200);
}

#[tokio::test]
async fn attr_13_other_methods_do_not_exist() {
    let mut client = Client::new(usize::MAX).await;
    for path in [
        "/envoy.service.auth.v3.Authorization/Other",
        "/other",
        "/",
        "/envoy.service.auth.v3.Authorization/check",
        "/envoy.service.auth.v3.Authorization/Check/",
    ] {
        let (messages, status) = client.ask(path, whole("/")).await;
        assert_eq!((messages.len(), status.as_str()), (0, "12"), "{path}");
    }
}

#[tokio::test]
async fn what_is_given_up_is_not_decided_and_harms_nobody() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let judge = move |words: &Words<'_>| {
        seen.lock().unwrap().push(words.path.to_owned());
        Verdict::of(Reason::Allowed)
    };
    let mut client = Client::of(usize::MAX, judge).await;
    let (answer, mut stream) = client.begin(CHECK).await;
    stream.send_data(whole("/gone")[..20].to_vec().into(), false).unwrap();
    tokio::task::yield_now().await;
    stream.send_reset(Code::CANCEL);
    assert!(answer.await.is_err());
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/next")).await)), 200);
    assert_eq!(*asked.lock().unwrap(), ["/next"]);
}

#[tokio::test]
async fn what_was_begun_is_finished_when_the_conversation_ends() {
    let mut client = Client::new(usize::MAX).await;
    let (answer, mut stream) = client.begin(CHECK).await;
    stream.send_data(whole("/")[..9].to_vec().into(), false).unwrap();
    // Somebody answered, so the stream before has been seen.
    assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 200);
    client.end.send(()).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stream.send_data(whole("/")[9..].to_vec().into(), true).unwrap();
    assert_eq!(http_status(&only(read(answer).await)), 200);
    client.server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_gone_silent_is_cut() {
    let Wire { ours, end: _end, server } = connected(asking(usize::MAX, LIMIT, allowed));
    // It says hello, and then nobody reads or writes any more.
    let (asks, connection) = h2::client::handshake::<_>(ours).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(server.await.unwrap().is_err());
    assert!(began.elapsed() >= KEEPALIVE + KEEPALIVE_ANSWER);
    drop((asks, connection));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_is_kept_however_little_it_asks() {
    let mut client = Client::new(usize::MAX).await;
    for _ in 0..4 {
        sleep(KEEPALIVE * 3).await;
        assert_eq!(http_status(&only(client.ask(CHECK, whole("/")).await)), 200);
    }
    assert!(!client.server.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_is_not_cut_because_it_does_not_answer() {
    let Wire { mut ours, end: _end, server } = connected(asking(usize::MAX, LIMIT, allowed));
    ours.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    for _ in 0..20 {
        // A frame that means nothing.
        ours.write_all(b"\0\0\0\xbb\0\0\0\0\0").await.unwrap();
        sleep(KEEPALIVE / 2).await;
    }
    assert!(!server.is_finished());
    assert!(server.await.unwrap().is_err(), "but when it says nothing any more");
}

#[tokio::test]
async fn fail_2_a_panic_is_the_affair_of_its_own_check() {
    let judge = |words: &Words<'_>| if words.path == "/panic" { panic!("told to") } else { allowed(words) };
    let mut client = Client::of(usize::MAX, judge).await;
    let mut waiting = Vec::new();
    for path in ["/", "/panic", "/"] {
        let (answer, mut stream) = client.begin(CHECK).await;
        stream.send_data(whole(path).into(), true).unwrap();
        waiting.push(answer);
    }
    for (answer, expected) in waiting.into_iter().zip([200, 503, 200]) {
        assert_eq!(http_status(&only(read(answer).await)), expected);
    }
}
