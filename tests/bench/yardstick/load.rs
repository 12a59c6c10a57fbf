//! The same checks to one server, and what they took: by h2load where all are alike, by
//! an HTTP/2 client of our own where each is another. Both sides of a ratio are asked by
//! the same one.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use h2::client::SendRequest;
use hyper::Request;
use hyper::body::Bytes;
use prost::Message;
use tokio::net::TcpStream;

use crate::support::process::Process;

/// Connections, and requests at once on each.
pub(crate) const CONNECTIONS: usize = 4;
pub(crate) const STREAMS: usize = 32;

const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What is asked.
pub(crate) struct Load {
    /// As bodies of gRPC requests.
    bodies: Arc<Vec<Bytes>>,
}

/// Points of a curve between 0 and 90 %, 90 and 99 %, 99 and 99.9 % of the answers.
pub(crate) const POINTS_A_NINE: usize = 10;

/// What one round took.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// Of the server, for each check.
    pub(crate) cpu: Duration,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    /// Within what time answers came: see [`POINTS_A_NINE`].
    pub(crate) curve: Vec<Duration>,
}

impl Load {
    pub(crate) fn new(messages: impl IntoIterator<Item = CheckRequest>) -> Self {
        Self { bodies: Arc::new(messages.into_iter().map(|message| framed(&message)).collect()) }
    }

    /// Bytes of a message.
    pub(crate) fn bytes(&self) -> usize {
        self.bodies[0].len() - 5
    }

    /// Asks the first check alone: whether it is allowed.
    pub(crate) fn is_allowed(&self, address: &str) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let message = CheckRequest::decode(&self.bodies[0][5..]).unwrap();
        runtime.block_on(async {
            let mut client = AuthorizationClient::connect(format!("http://{address}")).await.unwrap();
            client.check(message).await.unwrap().into_inner().status.unwrap().code == 0
        })
    }

    /// Asks so many checks of the server at this address.
    pub(crate) fn round(&self, server: &Process, address: &str, checks: usize, folder: &Path) -> Round {
        let before = server.cpu();
        let (took, mut each) = match &**self.bodies {
            [one] => h2load(one, address, checks, folder),
            _ => ours(&self.bodies, address, checks),
        };
        // What was told is to be written, too.
        std::thread::sleep(Duration::from_millis(50));
        let cpu = (server.cpu() - before) / u32::try_from(checks).unwrap();
        assert_eq!(each.len(), checks, "every check has an answer");
        each.sort_unstable();
        let at = |part: usize| each[(checks * part / 1000).min(checks - 1)];
        Round {
            cpu,
            per_second: checks as f64 / took.as_secs_f64(),
            p50: at(500),
            p99: at(990),
            p999: at(999),
            curve: (0..=3 * POINTS_A_NINE).map(|point| each[place(point, checks)]).collect(),
        }
    }
}

/// The place of a point among so many answers, sorted.
fn place(point: usize, answers: usize) -> usize {
    let slower = 10_f64.powf(-(point as f64) / POINTS_A_NINE as f64);
    ((answers as f64 * (1.0 - slower)) as usize).min(answers - 1)
}

/// The body of a gRPC request: not compressed, the length, the message.
fn framed(message: &impl Message) -> Bytes {
    let mut body = vec![0; 5];
    message.encode(&mut body).unwrap();
    let length = u32::try_from(body.len() - 5).unwrap();
    body[1..5].copy_from_slice(&length.to_be_bytes());
    body.into()
}

/// How long all took, and each.
fn h2load(body: &Bytes, address: &str, checks: usize, folder: &Path) -> (Duration, Vec<Duration>) {
    let (data, log) = (folder.join("body"), folder.join("h2load.log"));
    fs::write(&data, body).unwrap();
    let _ = fs::remove_file(&log);
    let said = Command::new("h2load")
        .args(["-n", &checks.to_string(), "-c", &CONNECTIONS.to_string(), "-m", &STREAMS.to_string()])
        .args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"])
        .arg(&data)
        .arg(format!("--log-file={}", log.display()))
        .arg(format!("http://{address}{PATH}"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&said.stdout);
    let all = format!("{checks} succeeded, 0 failed, 0 errored, 0 timeout");
    assert!(said.status.success() && told.contains(&all), "{told}");
    // Each line: when it began (µs), its status, how long it took (µs).
    let mut span = (u64::MAX, 0);
    let lines = fs::read_to_string(&log).unwrap();
    let each = lines.lines().map(|line| {
        let mut words = line.split('\t');
        let begun: u64 = words.next().unwrap().parse().unwrap();
        let took: u64 = words.nth(1).unwrap().parse().unwrap();
        span = (span.0.min(begun), span.1.max(begun + took));
        Duration::from_micros(took)
    });
    let each = each.collect();
    (Duration::from_micros(span.1 - span.0), each)
}

fn ours(bodies: &Arc<Vec<Bytes>>, address: &str, checks: usize) -> (Duration, Vec<Duration>) {
    let address: SocketAddr = address.parse().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..STREAMS {
                let (sender, next, bodies) = (sender.clone(), Arc::clone(&next), Arc::clone(bodies));
                tasks.push(tokio::spawn(async move {
                    let mut each = Vec::with_capacity(checks / CONNECTIONS / STREAMS * 2);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= checks {
                            return each;
                        }
                        let asked = Instant::now();
                        ask(sender.clone(), bodies[number % bodies.len()].clone(), address).await;
                        each.push(asked.elapsed());
                    }
                }));
            }
        }
        let mut each = Vec::with_capacity(checks);
        for task in tasks {
            each.append(&mut task.await.unwrap());
        }
        (begun.elapsed(), each)
    })
}

/// One check, and its whole answer.
async fn ask(sender: SendRequest<Bytes>, body: Bytes, address: SocketAddr) {
    let request = Request::post(format!("http://{address}{PATH}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut stream) = sender.send_request(request, false).unwrap();
    stream.send_data(body, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    while let Some(bytes) = body.data().await {
        let length = bytes.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}
