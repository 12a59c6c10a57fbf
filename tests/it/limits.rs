//! More than a caller may ask for: it gets less, and the others get what is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::Request;
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use h2::client::{ResponseFuture, SendRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

use crate::serve::{Doorward, folder};

type Bytes = axum::body::Bytes;

const POLICY: &str = "services: { all: { paths: [/], routes: [{ route: GET /, access: anonymous }] } }";

/// With these lines among the limits.
fn limited(limits: &str) -> Doorward {
    let config =
        format!("listen: {{ grpc: 127.0.0.1:0 }}\nshutdown: {{ delay: 0s }}\nlimits: {{ {limits} }}\n");
    Doorward::prepared("info", folder(&config, POLICY))
}

async fn connect(doorward: &Doorward) -> SendRequest<Bytes> {
    let tcp = TcpStream::connect(&doorward.address).await.unwrap();
    let (client, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Begins a check and sends no message.
async fn begin(
    client: &SendRequest<Bytes>,
    header: &str,
) -> Result<(ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
    let request = Request::post("http://a/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("x-more", header)
        .body(())
        .unwrap();
    client.clone().ready().await?.send_request(request, false)
}

async fn client(doorward: &Doorward) -> AuthorizationClient<Channel> {
    client_of(&doorward.address).await
}

async fn client_of(address: &str) -> AuthorizationClient<Channel> {
    let endpoint = Endpoint::try_from(format!("http://{address}")).unwrap();
    AuthorizationClient::new(endpoint.connect().await.unwrap())
}

/// The gRPC status in an answer.
async fn code(client: &mut AuthorizationClient<Channel>) -> i32 {
    client.check(CheckRequest::default()).await.unwrap().into_inner().status.unwrap().code
}

const MALFORMED: i32 = 3;
const OVERLOADED: i32 = 14;

#[tokio::test]
async fn fail_3_one_check_too_many_is_denied_and_the_next_is_answered() {
    let doorward = limited("checks: 1");
    let (address, done) = (doorward.address.clone(), Arc::new(AtomicBool::new(false)));
    // As many as it takes for two to be decided at the same moment.
    let crowd: Vec<_> = (0..8)
        .map(|_| {
            let (address, done) = (address.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut client = client_of(&address).await;
                    let begun = Instant::now();
                    while !done.load(Ordering::Relaxed) {
                        assert!(begun.elapsed() < Duration::from_secs(60), "never two at once");
                        match code(&mut client).await {
                            OVERLOADED => done.store(true, Ordering::Relaxed),
                            code => assert_eq!(code, MALFORMED),
                        }
                    }
                });
            })
        })
        .collect();
    let joined =
        tokio::task::spawn_blocking(|| crowd.into_iter().try_for_each(std::thread::JoinHandle::join));
    assert!(joined.await.unwrap().is_ok());
    assert_eq!(code(&mut client(&doorward).await).await, MALFORMED);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// The header fields of a check: two by number, two written out.
fn fields() -> Vec<u8> {
    let path = b"/envoy.service.auth.v3.Authorization/Check";
    [&[0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()], path.as_slice(), &[0x01, 1, b'a']].concat()
}

/// Sends frames until the other side ends the connection, as it must.
async fn is_ended(doorward: &Doorward, frames: impl Iterator<Item = Vec<u8>> + Send + 'static) {
    let (mut from, mut to) = TcpStream::connect(&doorward.address).await.unwrap().into_split();
    let sender = tokio::spawn(async move {
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        for frame in std::iter::once(begin).chain(frames) {
            if to.write_all(&frame).await.is_err() {
                break;
            }
        }
        to
    });
    let reads = async {
        let mut head = [0; 9];
        while from.read_exact(&mut head).await.is_ok() && head[3] != GOAWAY {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if from.read_exact(&mut payload).await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reads).await.expect("it goes on");
    sender.abort();
}

#[tokio::test]
async fn dos_1_rapid_resets_end_the_connection_that_sends_them_and_no_other() {
    let doorward = limited("streams: 100");
    let mut others = client(&doorward).await;
    for _ in 0..3 {
        let resets = (0..50_000).map(|n| {
            let stream = 2 * n + 1;
            [frame(HEADERS, 0x4, stream, &fields()), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
                .concat()
        });
        is_ended(&doorward, resets).await;
        assert_eq!(code(&mut others).await, MALFORMED);
    }
}

#[tokio::test]
async fn dos_1_headers_without_end_end_their_connection_and_no_other() {
    let doorward = limited("header_size: 4KiB");
    let mut others = client(&doorward).await;
    let field = [&[0x00, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let endless = (0..50_000).map(move |n| match n {
        0 => frame(HEADERS, 0, 1, &fields()),
        _ => frame(CONTINUATION, 0, 1, &field),
    });
    is_ended(&doorward, endless).await;
    assert_eq!(code(&mut others).await, MALFORMED);
}

#[tokio::test]
async fn headers_that_are_too_large_are_not_read() {
    let doorward = limited("header_size: 4KiB");
    let large = connect(&doorward).await;
    if let Ok((answer, _body)) = begin(&large, &"x".repeat(64 * 1024)).await {
        let refused = match answer.await {
            Ok(answer) => answer.status() == 431,
            Err(_) => true,
        };
        assert!(refused);
    }
    assert_eq!(code(&mut client(&doorward).await).await, MALFORMED);
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_the_others_are_served() {
    let doorward = limited("connections: 2");
    let (mut first, mut second) = (client(&doorward).await, client(&doorward).await);
    assert_eq!((code(&mut first).await, code(&mut second).await), (MALFORMED, MALFORMED));
    let third = TcpStream::connect(&doorward.address).await.unwrap();
    let refused = match h2::client::handshake(third).await {
        Ok((_client, connection)) => connection.await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    doorward.line(|line| line["why"].as_str().is_some_and(|why| why.contains("limits.connections")));
    assert_eq!((code(&mut first).await, code(&mut second).await), (MALFORMED, MALFORMED));
}
