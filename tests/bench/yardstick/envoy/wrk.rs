//! Requests over HTTP/1.1: many by wrk, one by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::support::process::Process;

/// Connections, each with one request at a time.
const CONNECTIONS: usize = 32;

/// What one round took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// CPU of Envoy, for each request.
    pub(super) envoy: Duration,
    /// CPU of the server that it asks.
    pub(super) server: Duration,
    pub(super) per_second: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// Asks for so many seconds.
pub(super) fn round(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, String)],
    seconds: u32,
    envoy: &Process,
    server: Option<&Process>,
) -> Round {
    let cpu = || (envoy.cpu(), server.map_or(Duration::ZERO, Process::cpu));
    let before = cpu();
    let said = Command::new("wrk")
        .args(["-t", "1", "-c", &CONNECTIONS.to_string(), "-d", &format!("{seconds}s"), "--latency"])
        .args(headers.iter().flat_map(|(name, value)| ["-H".to_owned(), format!("{name}: {value}")]))
        .arg(format!("http://{address}{path}"))
        .output()
        .unwrap();
    let after = cpu();
    let told = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && !told.contains("Non-2xx") && !told.contains("Socket errors"), "{told}");
    let word = |before: &str| {
        let line = told.lines().find_map(|line| line.trim().strip_prefix(before));
        line.unwrap_or_else(|| panic!("{told}")).trim().to_owned()
    };
    let requests = told.lines().find_map(|line| line.split_once(" requests in ")).unwrap().0;
    let requests: u32 = requests.trim().parse().unwrap();
    Round {
        envoy: (after.0 - before.0) / requests,
        server: (after.1 - before.1) / requests,
        per_second: word("Requests/sec:").parse().unwrap(),
        p50: time(&word("50%")),
        p99: time(&word("99%")),
    }
}

/// As wrk writes a time.
fn time(text: &str) -> Duration {
    let (number, factor) = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)]
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap();
    Duration::from_secs_f64(number.parse::<f64>().unwrap() * factor)
}

/// The status of one request, if there is an answer.
pub(super) fn status(address: SocketAddr, path: &str, headers: &[(&str, String)]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: api.example.com\r\nconnection: close\r\n{headers}\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}
