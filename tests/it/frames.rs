//! The check port, spoken to frame by frame: what HTTP/2 lets a peer say that no
//! gRPC library does. Each test says who still gets an answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;

use crate::serve::{Doorward, check, folder};
use crate::support::eventually;

const POLICY: &str = "services: { all: { paths: [/], routes: [{ route: GET /any/1, access: anonymous }] } }";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

fn configured(more: &str) -> Doorward {
    let config = format!("listen: {{ grpc: 127.0.0.1:0, admin: 127.0.0.1:0 }}\n{more}\n");
    Doorward::prepared("info", folder(&config, POLICY))
}

fn doorward() -> Doorward {
    configured("shutdown: { delay: 0s }")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Header fields: two by number, the others written out.
fn fields(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut block = [&[0x83, 0x86, 0x04][..], &text(path), &[0x01], &text("a")].concat();
    for (name, value) in more {
        block.extend([&[0x00][..], &text(name), &text(value)].concat());
    }
    block
}

fn headers(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &fields(path, &[]))
}

/// A gRPC message of a check that is allowed.
fn message() -> Vec<u8> {
    framed(&check("/any/1", "none").encode_to_vec())
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], u32::try_from(message.len()).unwrap().to_be_bytes().as_slice(), message].concat()
}

/// A whole check.
fn ask(stream: u32) -> Vec<u8> {
    [headers(stream, CHECK), frame(DATA, END_STREAM, stream, &message())].concat()
}

/// The streams of a client, one after the other.
fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// The end of an answer.
    fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// One that speaks HTTP/2 as it likes.
struct Peer(TcpStream);

impl Peer {
    /// Has said hello, with these settings.
    fn new(address: &str, settings: &[(u16, u32)]) -> Self {
        let mut peer = Self::silent(address);
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend([&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
        }
        peer.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &payload)[..]].concat());
        // As many answers may come as there are, and the server has said how much may be sent.
        peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
        while peer.next().unwrap().kind != WINDOW_UPDATE {}
        peer.send(&frame(SETTINGS, ACK, 0, &[]));
        peer
    }

    fn silent(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next frame; none when the connection is over.
    fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let mut payload =
            vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads until so many answers are over; gives the data of the last.
    fn answers(&mut self, count: usize) -> Vec<u8> {
        let (mut seen, mut data) = (0, Vec::new());
        while seen < count {
            let frame = self.next().unwrap_or_else(|| panic!("over after {seen} of {count} answers"));
            assert!(![GOAWAY, RST_STREAM].contains(&frame.kind), "{frame:?} after {seen}");
            if frame.kind == DATA {
                data.clone_from(&frame.payload);
            }
            seen += usize::from(frame.ends());
        }
        data
    }

    /// Reads to the end of the connection, which must come; says whether it was
    /// told why.
    fn is_ended(&mut self) -> bool {
        let mut told = false;
        while let Some(frame) = self.next() {
            told |= frame.kind == GOAWAY;
        }
        told
    }
}

/// What everybody else sees.
fn others_are_answered(server: &Doorward) {
    let mut peer = Peer::new(&server.address, &[]);
    peer.send(&ask(1));
    assert!(allows(&peer.answers(1)));
}

/// An allow has a status of 0, which is not written: an empty message.
fn allows(data: &[u8]) -> bool {
    data.get(5..7) == Some(&[0x0a, 2]) && data.get(8) == Some(&0) || data.get(5..7) == Some(&[0x0a, 0])
}

fn memory(server: &Doorward) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn files(server: &Doorward) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}

#[test]
fn as_many_checks_in_one_write_as_a_connection_may_have_are_all_answered() {
    let server = doorward();
    let mut peer = Peer::new(&server.address, &[]);
    peer.send(&streams().take(1024).flat_map(ask).collect::<Vec<_>>());
    let last = peer.answers(1024);
    assert!(allows(&last), "{}", String::from_utf8_lossy(&last));
    // And as little as a check can be.
    let least = |n| [headers(n, CHECK), frame(DATA, END_STREAM, n, &framed(b""))].concat();
    peer.send(&streams().skip(1024).take(1024).flat_map(least).collect::<Vec<_>>());
    assert!(!allows(&peer.answers(1024)));
}

#[test]
fn dos_2_padding_and_what_is_too_large_take_nothing_from_the_checks_that_follow() {
    let server = doorward();
    let mut peer = Peer::new(&server.address, &[]);
    let padded = [&[255], message().as_slice(), &[0; 255]].concat();
    let mut streams = streams();
    // Ten times what the connection lets be on its way.
    for _ in 0..20 {
        for n in streams.by_ref().take(500) {
            peer.send(&[headers(n, CHECK), frame(DATA, PADDED | END_STREAM, n, &padded)].concat());
        }
        let last = peer.answers(500);
        assert!(allows(&last), "{}", String::from_utf8_lossy(&last));
    }
    // Twenty times 400 KiB where 128 KiB may be.
    for n in streams.by_ref().take(20) {
        peer.send(&[headers(n, CHECK), frame(DATA, 0, n, &[0; 16_000]).repeat(25)].concat());
        while !peer.next().unwrap().ends() {}
    }
    let n = streams.next().unwrap();
    peer.send(&ask(n));
    loop {
        let frame = peer.next().unwrap();
        if frame.stream == n && frame.kind == DATA {
            break assert!(allows(&frame.payload));
        }
    }
}

#[test]
fn odd_words_around_a_check_change_nothing_about_its_answer() {
    let server = doorward();
    let mut peer = Peer::new(&server.address, &[]);
    let mut streams = streams();
    for more in [
        ("content-type", "text/html"),
        ("te", "trailers"),
        ("grpc-encoding", "gzip"),
        ("grpc-accept-encoding", "nonsense"),
        ("grpc-timeout", "99999999999H"),
        ("grpc-timeout", "-1S"),
        ("grpc-timeout", ""),
        ("traceparent", "00-x"),
        ("expect", "100-continue"),
    ] {
        let n = streams.next().unwrap();
        let head = frame(HEADERS, END_HEADERS, n, &fields(CHECK, &[more]));
        peer.send(&[head, frame(DATA, END_STREAM, n, &message())].concat());
        assert!(allows(&peer.answers(1)), "{more:?}");
    }
    // Trailers, a priority of HTTP/2's beginnings, and an unknown frame between.
    let n = streams.next().unwrap();
    let priority = frame(2, 0, n, &[0, 0, 0, 0, 9]);
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x00\x01x\x01y");
    let unknown = frame(0xbb, 0xff, n, b"?");
    peer.send(&[headers(n, CHECK), priority, frame(DATA, 0, n, &message()), unknown, trailers].concat());
    assert!(allows(&peer.answers(1)));
    // A time that is over already is none for an allow.
    let n = streams.next().unwrap();
    let head = frame(HEADERS, END_HEADERS, n, &fields(CHECK, &[("grpc-timeout", "1n")]));
    peer.send(&[head, frame(DATA, END_STREAM, n, &message())].concat());
    assert!(!allows(&peer.answers(1)));
}

#[test]
fn a_length_that_lies_costs_only_its_own_stream() {
    let server = doorward();
    let mut peer = Peer::new(&server.address, &[]);
    for (n, length) in streams().zip(["0", "5", "99999"]) {
        let head = frame(HEADERS, END_HEADERS, n, &fields(CHECK, &[("content-length", length)]));
        peer.send(&[head, frame(DATA, END_STREAM, n, &message())].concat());
        loop {
            let frame = peer.next().unwrap();
            assert!(frame.kind != DATA, "{length}: {frame:?}");
            if frame.stream == n && frame.kind == RST_STREAM {
                break;
            }
        }
    }
    peer.send(&ask(7));
    assert!(allows(&peer.answers(1)));
}

#[test]
fn an_answer_arrives_whole_however_little_of_it_may_be_sent_at_once() {
    let server = doorward();
    const INITIAL_WINDOW: u16 = 4;
    let mut peer = Peer::new(&server.address, &[(INITIAL_WINDOW, 0)]);
    peer.send(&ask(1));
    let mut data = Vec::new();
    loop {
        let frame = peer.next().unwrap();
        match frame.kind {
            HEADERS if frame.ends() => break,
            HEADERS | DATA => {
                assert!(frame.payload.len() == 1 || frame.kind == HEADERS);
                if frame.kind == DATA {
                    data.extend(&frame.payload);
                }
                peer.send(&crate::frames::frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()));
            }
            _ => {}
        }
    }
    assert!(allows(&data));
    let length = u32::from_be_bytes(data[1..5].try_into().unwrap());
    assert_eq!(data.len(), 5 + usize::try_from(length).unwrap());
}

#[test]
fn dos_1_mistakes_that_reset_streams_end_the_connection_that_makes_them() {
    let server = doorward();
    // Each makes the server give up a stream that it may have answered.
    let zero = |n| frame(WINDOW_UPDATE, 0, n, &[0; 4]);
    let too_much = |n| frame(WINDOW_UPDATE, 0, n, &i32::MAX.to_be_bytes());
    let mistakes: [&dyn Fn(u32) -> Vec<u8>; 2] = [&zero, &too_much];
    for mistake in mistakes {
        let mut peer = Peer::new(&server.address, &[]);
        let mut reader = Peer(peer.0.try_clone().unwrap());
        let reader = thread::spawn(move || reader.is_ended());
        for n in streams().take(20_000) {
            if peer.0.write_all(&[headers(n, CHECK), mistake(n)].concat()).is_err() {
                break;
            }
        }
        assert!(reader.join().unwrap(), "it is told to go");
        others_are_answered(&server);
    }
}

#[test]
fn dos_1_pings_and_settings_that_nobody_reads_the_answers_of_are_not_kept() {
    let server = doorward();
    let before = memory(&server);
    for flood in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])] {
        let mut peer = Peer::new(&server.address, &[]);
        peer.0.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let flood = flood.repeat(10_000);
        // Until the server reads no more, or 40 MB.
        for _ in 0..300 {
            if peer.0.write_all(&flood).is_err() {
                break;
            }
        }
        others_are_answered(&server);
    }
    let after = memory(&server);
    println!("{before} -> {after}");
    assert!(after < before + (32 << 20), "{before} -> {after}");
}

#[test]
fn dos_1_reflection_that_nobody_reads_is_not_kept() {
    let server = doorward();
    let before = memory(&server);
    let symbol = b"\x22\x27envoy.service.auth.v3.Authorization".to_vec();
    let symbol = [&[0x22, u8::try_from(symbol.len() - 2).unwrap()], &symbol[2..]].concat();
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = Peer::new(&server.address, &[]);
        peer.0.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        for n in streams().take(100) {
            // Ten questions each, and the answers are much longer.
            let asked = frame(DATA, 0, n, &framed(&symbol)).repeat(10);
            if peer.0.write_all(&[headers(n, REFLECTION), asked].concat()).is_err() {
                break;
            }
        }
        peers.push(peer);
    }
    others_are_answered(&server);
    let after = memory(&server);
    println!("{before} -> {after}");
    assert!(after < before + (160 << 20), "{before} -> {after}");
    drop(peers);
    others_are_answered(&server);
}

#[test]
fn what_is_left_open_is_let_go_with_its_connection() {
    let server = doorward();
    others_are_answered(&server);
    let before = files(&server);
    for _ in 0..20 {
        let mut half = Peer::new(&server.address, &[]);
        half.send(&[ask(1), headers(3, CHECK), headers(5, WATCH), headers(7, REFLECTION)].concat());
        half.send(&frame(DATA, END_STREAM, 5, &framed(b"")));
        half.0.shutdown(Shutdown::Write).unwrap();
        half.is_ended();
        let mut leaving = Peer::new(&server.address, &[]);
        leaving.send(&[ask(1), frame(GOAWAY, 0, 0, &[0; 8])].concat());
        // What was asked before is answered, and then it is over.
        assert!(allows(&leaving.answers(1)));
        leaving.is_ended();
    }
    eventually("all connections are gone", || match files(&server) {
        now if now <= before => Ok(()),
        now => Err(format!("{before} -> {now}")),
    });
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0), "{lines:?}");
}

#[test]
fn fail_7_whoever_said_nothing_yet_does_not_hold_up_the_end() {
    let server = configured("shutdown: { delay: 0s, limit: 10m }");
    others_are_answered(&server);
    let mut silent = [Peer::silent(&server.address), Peer::silent(&server.address)];
    silent[1].send(b"PRI * HTTP/2.0\r\n");
    // They are taken in their order.
    others_are_answered(&server);
    let began = Instant::now();
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn fail_7_what_was_asked_while_the_server_ends_is_answered() {
    let server = configured("shutdown: { delay: 0s }");
    let mut peer = Peer::new(&server.address, &[]);
    let (mut streams, mut asked, mut answered, mut last) = (streams(), 0, 0, u32::MAX);
    let mut signalled = false;
    while let Some(frame) = {
        // Always some on their way, until it is said that there is no use.
        if last == u32::MAX && asked - answered < 50 {
            let burst: Vec<u32> = streams.by_ref().take(50).collect();
            peer.send(&burst.iter().copied().flat_map(ask).collect::<Vec<_>>());
            asked += burst.len();
        }
        if asked > 2000 && !signalled {
            server.signal("-TERM");
            signalled = true;
        }
        peer.next()
    } {
        match frame.kind {
            GOAWAY => last = u32::from_be_bytes(frame.payload[..4].try_into().unwrap()),
            PING if frame.flags & ACK == 0 => peer.send(&crate::frames::frame(PING, ACK, 0, &frame.payload)),
            DATA => assert!(allows(&frame.payload)),
            RST_STREAM => panic!("{frame:?}"),
            _ => answered += usize::from(frame.ends()),
        }
    }
    let begun = usize::try_from(last).unwrap().div_ceil(2).min(asked);
    assert!(last != u32::MAX >> 1 || asked == answered, "{last}: {asked} {answered}");
    assert!(answered >= begun, "{answered} of {begun} up to {last}, {asked} asked");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn dos_1_greedy_connections_leave_time_to_others_and_to_the_admin_port() {
    let server = doorward();
    let (address, done) = (server.address.as_str(), AtomicBool::new(false));
    let (checks, pages) = thread::scope(|scope| {
        // More than there are threads, so that there is no thread without one.
        for _ in 0..8 {
            scope.spawn(|| {
                let mut peer = Peer::new(address, &[]);
                let mut streams = streams();
                while !done.load(Ordering::Relaxed) {
                    peer.send(&streams.by_ref().take(500).flat_map(ask).collect::<Vec<_>>());
                    peer.answers(500);
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut peer = Peer::new(&server.address, &[]);
            let mut checks: Vec<_> = streams()
                .take(60)
                .map(|n| {
                    let began = Instant::now();
                    peer.send(&ask(n));
                    peer.answers(1);
                    began.elapsed()
                })
                .collect();
            let mut pages: Vec<_> = (0..20)
                .map(|_| {
                    let began = Instant::now();
                    let mut page = TcpStream::connect(&server.admin).unwrap();
                    page.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
                    let mut text = String::new();
                    page.read_to_string(&mut text).unwrap();
                    assert!(text.starts_with("HTTP/1.1 "), "{text}");
                    began.elapsed()
                })
                .collect();
            checks.sort();
            pages.sort();
            (checks, pages)
        }));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    println!("checks: {:?} {:?}, pages: {:?} {:?}", checks[30], checks[59], pages[10], pages[19]);
    assert!(checks[59] < Duration::from_secs(5), "{checks:?}");
    assert!(pages[19] < Duration::from_secs(5), "{pages:?}");
}
