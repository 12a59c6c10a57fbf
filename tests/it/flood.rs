//! Whoever reaches the check port and means no good: floods, rubbish, silence.
//! Each test says what others see meanwhile: right answers, and no memory lost.

use std::io::{Read, Write};
use std::net::TcpStream as Plain;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use prost::Message;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::serve::{Doorward, POLICY, ask, check, token};
use crate::support::eventually;

const CHECK: &str = "http://doorward/envoy.service.auth.v3.Authorization/Check";

/// The gRPC status of a denial as `overloaded`.
const UNAVAILABLE: i32 = 14;

/// What a flood may leave behind, in bytes: far less than it would if anything
/// of it were kept.
const LEFT_BEHIND: usize = 128 << 20;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn connect(address: &str, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    // As many answers may wait to be read as there are: the flood is ours.
    let builder = h2::client::Builder::new().initial_window_size(window).data_frame_budget(1 << 20).clone();
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

fn request() -> Request<()> {
    let head = Request::post(CHECK).header("content-type", "application/grpc").header("te", "trailers");
    head.body(()).unwrap()
}

/// A gRPC message of a check of `/any/1`.
fn message() -> Bytes {
    let check = check("/any/1", &token(&[])).encode_to_vec();
    let length = u32::try_from(check.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), &check].concat().into()
}

async fn open(
    client: SendRequest<Bytes>,
) -> (SendRequest<Bytes>, h2::client::ResponseFuture, SendStream<Bytes>) {
    let mut client = client.ready().await.unwrap();
    let (response, stream) = client.send_request(request(), false).unwrap();
    (client, response, stream)
}

/// The status code of the one answer in a body.
async fn code(mut body: RecvStream) -> i32 {
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        bytes.extend_from_slice(&part);
    }
    let trailers: HeaderMap = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    CheckResponse::decode(&bytes[5..]).unwrap().status.unwrap().code
}

/// What everybody else sees.
fn others_are_answered(server: &Doorward) {
    let token = token(&["viewer"]);
    assert_eq!(
        ask(&server.address, &[("/roles/1", &token), ("/roles/2", ""), ("/any/..", &token)]),
        [0, 16, 3]
    );
}

/// The memory of the process, in bytes.
fn memory(server: &Doorward) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn dos_1_ten_thousand_open_streams_are_all_answered() {
    let server = Doorward::with("info", POLICY);
    let before = memory(&server);
    runtime().block_on(async {
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let mut client = connect(&server.address, 1 << 20).await;
            for _ in 0..500 {
                let (next, response, stream) = open(client).await;
                client = next;
                waiting.push((response, stream));
            }
        }
        assert_eq!(waiting.len(), 10_000);
        tokio::task::block_in_place(|| others_are_answered(&server));
        let message = message();
        let answers: Vec<_> = waiting
            .into_iter()
            .map(|(response, mut stream)| {
                // Those that are too many are answered already.
                let _ = stream.send_data(message.clone(), true);
                // Read as they come, or the client's own library takes them for a flood.
                tokio::spawn(async { code(response.await.unwrap().into_body()).await })
            })
            .collect();
        for answer in answers {
            // Those that took too long to say what they ask, or are too many at once, are denied.
            let code = answer.await.unwrap();
            assert!([0, UNAVAILABLE].contains(&code), "{code}");
        }
    });
    let after = memory(&server);
    assert!(after < before + LEFT_BEHIND, "{before} -> {after}");
    others_are_answered(&server);
}

#[test]
fn dos_1_streams_that_are_reset_at_once_cost_only_whoever_opens_them() {
    let server = Doorward::with("info", POLICY);
    let before = memory(&server);
    let (message, mut closed) = (message(), 0);
    runtime().block_on(async {
        for _ in 0..40 {
            let mut client = connect(&server.address, 1 << 20).await;
            for n in 0..1000 {
                let Ok(mut ready) = client.ready().await else {
                    closed += 1;
                    break;
                };
                let Ok((_, mut stream)) = ready.send_request(request(), false) else { break };
                if n % 2 == 0 {
                    // A refusal is as good: the connection is about to go.
                    let _ = stream.send_data(message.clone(), true);
                }
                stream.send_reset(h2::Reason::CANCEL);
                client = ready;
            }
        }
    });
    println!("{closed} of 40 connections were closed for it");
    others_are_answered(&server);
    let after = memory(&server);
    assert!(after < before + LEFT_BEHIND, "{before} -> {after}");
}

#[test]
fn dos_1_whoever_does_not_read_its_answers_waits_alone() {
    let server = Doorward::with("info", POLICY);
    let before = memory(&server);
    runtime().block_on(async {
        let (message, mut kept) = (message(), Vec::new());
        for _ in 0..10 {
            // Nobody may send it a byte of a body.
            let mut client = connect(&server.address, 0).await;
            for _ in 0..500 {
                let (next, response, mut stream) = open(client).await;
                client = next;
                stream.send_data(message.clone(), true).unwrap();
                kept.push((response, stream));
            }
        }
        tokio::task::block_in_place(|| others_are_answered(&server));
    });
    others_are_answered(&server);
    let after = memory(&server);
    assert!(after < before + LEFT_BEHIND, "{before} -> {after}");
}

#[test]
fn dos_1_rubbish_on_the_port_is_hung_up_on() {
    let server = Doorward::with("info", POLICY);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let frame = |kind: u8, flags: u8, payload: &[u8]| {
        let length = &u32::try_from(payload.len()).unwrap().to_be_bytes()[1..];
        [length, &[kind, flags, 0, 0, 0, 1], payload].concat()
    };
    let with_preface = |frames: &[u8]| [preface.as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0], frames].concat();
    // Header fields that never end (CONTINUATION), settings that never stop.
    let endless = [frame(1, 0, &[0x82]), frame(9, 0, &[0; 8000]).repeat(200)].concat();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(200_000);
    for (what, bytes) in [
        ("zeros", vec![0; 100_000]),
        ("http/1", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(1000)),
        ("half a preface", b"PRI * HTTP/2.0\r\n\r\nSX".to_vec()),
        ("a huge frame", with_preface(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])),
        ("headers without end", with_preface(&endless)),
        ("data on no stream", with_preface(&frame(0, 1, b"data"))),
        ("settings", with_preface(&settings)),
    ] {
        let mut stream = Plain::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        // Whoever hangs up does not read on.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{what}");
        others_are_answered(&server);
    }
    assert!(memory(&server) < LEFT_BEHIND);
}

#[test]
fn dos_9_without_files_left_those_who_are_connected_are_answered_and_others_wait() {
    let server = Doorward::limited("info", POLICY, 64);
    let runtime = runtime();
    let client = runtime.block_on(connect(&server.address, 1 << 20));
    let answered = |client: SendRequest<Bytes>| {
        runtime.block_on(async {
            let (client, response, mut stream) = open(client).await;
            stream.send_data(message(), true).unwrap();
            assert_eq!(code(response.await.unwrap().into_body()).await, 0);
            client
        })
    };
    let client = answered(client);
    let crowd: Vec<_> = (0..150).map(|_| Plain::connect(&server.address).unwrap()).collect();
    eventually("all files are taken", || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count();
        if open >= 63 { Ok(()) } else { Err(format!("{open} are")) }
    });
    let _client = answered(client);
    drop(crowd);
    others_are_answered(&server);
}
