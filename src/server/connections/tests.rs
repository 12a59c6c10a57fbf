//! Connections that are too many, too slow, too old, or open at the end.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::listen::bind;
use super::super::web::Web;
use super::*;
use crate::config::{Listen, Listener};

const RULES: Rules = Rules {
    protocol: Protocol::Http,
    connections: 8,
    streams: 8,
    header_size: 16 << 10,
    age: None,
    idle: IDLE,
};

struct Running {
    address: String,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    tally: Arc<Tally>,
}

fn running(rules: Rules) -> Running {
    let address = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let bound = bind(&Listener { address, span: None, mode: 0o600, tls: None }).unwrap();
    let address = bound.address().to_owned();
    let (stop, stopping) = watch::channel(false);
    let tally = Arc::new(Tally::default());
    let workers = Workers::here();
    let port = Port { name: "test", bound, tls: None, rules, tally: Arc::clone(&tally), workers };
    let answer = service_fn(async |_: Request<Incoming>| Ok(Response::new("hello".to_owned())));
    let server = tokio::spawn(serve(port, move |_| Web(answer), stopping));
    Running { address, stop, server, tally }
}

/// Asks over HTTP/1.1; `None` if the connection is closed instead.
async fn ask(stream: &mut TcpStream) -> Option<String> {
    // Whoever has been refused may be told while it speaks.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-some: padding\r\n\r\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => return None,
        }
    }
    Some(String::from_utf8(answer).unwrap())
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_are_served() {
    let running = running(Rules { connections: 2, ..RULES });
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&running.address).await.unwrap();
        assert!(ask(&mut stream).await.is_some());
        open.push(stream);
    }
    let mut third = TcpStream::connect(&running.address).await.unwrap();
    assert_eq!(ask(&mut third).await, None);
    assert_eq!((running.tally.open(), running.tally.refused.load(Ordering::Relaxed)), (2, 1));
    for stream in &mut open {
        assert!(ask(stream).await.is_some());
    }
    drop(open);
    loop {
        let mut again = TcpStream::connect(&running.address).await.unwrap();
        if ask(&mut again).await.is_some() {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dos_1_who_says_nothing_or_little_is_cut() {
    for rules in [RULES, Rules { protocol: Protocol::Grpc, ..RULES }] {
        let running = running(rules);
        for words in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let mut stream = TcpStream::connect(&running.address).await.unwrap();
            stream.write_all(words).await.unwrap();
            assert!(is_closed(&mut stream).await, "{words:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_asked_to_end() {
    let running = running(Rules { age: Some(Duration::from_secs(20)), ..RULES });
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    assert!(ask(&mut stream).await.is_some());
    let began = tokio::time::Instant::now();
    assert!(is_closed(&mut stream).await);
    let age = began.elapsed();
    assert!((Duration::from_secs(17)..Duration::from_secs(22)).contains(&age), "{age:?}");
}

#[tokio::test]
async fn a_request_to_stop_closes_the_port_and_idle_connections() {
    let running = running(RULES);
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    assert!(ask(&mut stream).await.is_some());
    running.stop.send_replace(true);
    assert!(is_closed(&mut stream).await);
    running.server.await.unwrap();
    assert!(TcpStream::connect(&running.address).await.is_err());
    assert_eq!(running.tally.open(), 0);
}
