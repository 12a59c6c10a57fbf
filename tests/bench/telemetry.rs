//! What telling about decisions costs: CPU time per check of the real binary over
//! a real socket, with every decision written to standard output, as it is by default,
//! and to a file, with spans sent to a collector, and with neither.
//!
//! `cargo bench --bench telemetry`. All servers run at once and are asked in turn,
//! so that whatever else the machine does meets each. CPU time is the kernel's
//! count for the whole process, what writes and sends included. Counting can't be
//! turned off: what it costs is measured in this process, beside what one line and
//! one whole check cost there. Ends with an error if the log costs 15 % or more, or
//! tracing does of which no check, or no more than the usual limit, is recorded. A file
//! is told and not judged: what a fresh page of it costs is the file system's.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorward::compile::{load, upstream_headers};
use doorward::config::{Algorithm, Config};
use doorward::denial::Denials;
use doorward::diag::Report;
use doorward::engine::{HeaderPlan, Headers, Input, Subject};
use doorward::envoy::answer;
use doorward::gate::{Gate, Live, Snapshot};
use doorward::identity::Verifier;
use doorward::identity::mint::{Claims, Signer};
use doorward::telemetry::{Batch, Keep, Record, Telemetry};
use doorward::words::Reason;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use support::process::{self, Process};
use tempfile::TempDir;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server as Transport};
use tonic::{Response, Status};

const SECRET: &str = "not a secret but long enough for one";

/// Rounds, and checks in each, of each server: long enough that lines and spans are written
/// and sent as they are under load, many enough that what else the machine does meets all
/// alike.
const ROUNDS: usize = 20;
const CHECKS: usize = 8192;

/// How many checks are under way at once.
const AT_ONCE: usize = 32;

const MOST: f64 = 1.15;

const POLICY: &str = "
roles:
  viewer: { grants: ['event:read'] }
services:
  events:
    paths: [/events]
    routes:
      - { route: 'GET /events/{id}', codes: event:read }
      - { route: 'PUT /events/{id}', codes: event:update }
";

const WAYS: usize = 6;

/// What is told, and whether the requests belong to a trace that is recorded.
struct Way {
    name: &'static str,
    config: String,
    sampled: bool,
    /// The most that it may cost, as a multiple of telling nothing.
    most: f64,
}

fn ways(collector: &str) -> [Way; WAYS] {
    let traced =
        |more: &str| format!("{NONE}\ntracing:\n  otlp: {{ endpoint: \"http://{collector}\" }}\n{more}");
    let log = |to: &str| format!("decision_log: {{ to: {to}, allow: 1, claims: [sub] }}");
    [
        Way { name: "nothing", config: NONE.to_owned(), sampled: true, most: f64::INFINITY },
        Way { name: "the decision log", config: log("stdout"), sampled: true, most: MOST },
        Way {
            name: "the decision log, to a file",
            config: log("{ file: log, max_size: 8MiB, keep: 1 }"),
            sampled: true,
            most: f64::INFINITY,
        },
        Way { name: "tracing, none recorded", config: traced(""), sampled: false, most: MOST },
        Way { name: "tracing, 100 a second recorded", config: traced(""), sampled: true, most: MOST },
        Way {
            name: "tracing, all recorded",
            config: traced("  max_per_second: 10000\n"),
            sampled: true,
            most: f64::INFINITY,
        },
    ]
}

fn main() {
    let token = token();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let collector = Collector::start();
    let ways = ways(&collector.address);
    let servers = ways.each_ref().map(|way| Server::start(&way.config));
    let used = runtime.block_on(async {
        for (server, way) in servers.iter().zip(&ways) {
            server.round(&token, way.sampled).await;
        }
        let mut seen = [const { Vec::new() }; WAYS];
        for round in 0..ROUNDS {
            for turn in 0..servers.len() {
                // Each is first as often as the others.
                let at = (round + turn) % servers.len();
                seen[at].push(servers[at].process.cpu());
                servers[at].round(&token, ways[at].sampled).await;
            }
        }
        // What was told is to be written and sent, too.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for (server, seen) in servers.iter().zip(&mut seen) {
            seen.push(server.process.cpu());
        }
        seen.map(|seen| median(seen.windows(2).map(|pair| pair[1] - pair[0]).collect()))
    });
    assert_eq!(servers[1].process.lines(), CHECKS * (ROUNDS + 1), "lines are missing");
    assert!(servers[2].folder.path().join("log.1").exists(), "no file has become full");
    println!("{} spans were sent", collector.taken());
    let ratio = |at: usize| used[at].as_secs_f64() / used[0].as_secs_f64();
    for (at, way) in ways.iter().enumerate() {
        println!("CPU per check, {}: {} us, {:.3}", way.name, per(used[at], CHECKS), ratio(at));
    }
    in_process(&token);
    for (at, way) in ways.iter().enumerate() {
        assert!(ratio(at) < way.most, "{} costs too much", way.name);
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

const NONE: &str = "decision_log: { to: none }";

fn per(time: Duration, checks: usize) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e6 / f64::from(u32::try_from(checks).unwrap()))
}

fn folder(more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), POLICY).unwrap();
    let config = format!(
        "listen: {{ grpc: 127.0.0.1:0 }}\nshutdown: {{ delay: 0s }}\nidentity:\n  issuers:\n    - issuer: https://id.test\n      \
         audiences: [shop]\n      algorithms: [HS256]\n      keys: {{ secret_env: SECRET }}\n      roles: roles\n{more}\n"
    );
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    folder
}

fn token() -> String {
    let claims = Claims {
        issuer: "https://id.test".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice@example.com".to_owned(),
        roles: vec!["viewer".to_owned()],
        expires_in: 3600,
        ..Claims::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Signer::from_secret(SECRET, Algorithm::HS256).unwrap().sign(&claims.at(now)).unwrap()
}

/// What Envoy sends for a usual request; every fourth is denied.
fn check(number: usize, token: &str, sampled: bool) -> CheckRequest {
    let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0{}", u8::from(sampled));
    let headers = [
        (":authority", "api.example.com"),
        ("authorization", &format!("Bearer {token}")),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("x-request-id", "2b1f9f6c-0d1c-4a63-9a63-1f6c2b1f9f6c"),
        ("traceparent", &parent),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
    ];
    let http = HttpRequest {
        method: if number.is_multiple_of(4) { "PUT" } else { "GET" }.to_owned(),
        host: "api.example.com".to_owned(),
        path: format!("/events/e-{number}?page=1"),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..HttpRequest::default()
    };
    let request = Some(Request { http: Some(http), ..Request::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

/// The real binary.
struct Server {
    process: Process,
    address: String,
    folder: TempDir,
}

impl Server {
    fn start(config: &str) -> Self {
        let folder = folder(config);
        let (process, address) = process::serve(folder.path(), &[("SECRET", SECRET)]);
        Self { process, address, folder }
    }

    /// Asks so often.
    async fn round(&self, token: &str, sampled: bool) {
        let channel = Endpoint::new(format!("http://{}", self.address)).unwrap().connect().await.unwrap();
        let tasks: Vec<_> = (0..AT_ONCE)
            .map(|task| tokio::spawn(ask(channel.clone(), token.to_owned(), sampled, task)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// Takes spans, in a thread of its own.
#[derive(Clone, Default)]
struct Collector {
    address: String,
    taken: Arc<AtomicUsize>,
}

impl Collector {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let collector = Self { address: listener.local_addr().unwrap().to_string(), ..Self::default() };
        let service = TraceServiceServer::new(collector.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
                Transport::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
            });
        });
        collector
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.get_ref().resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        self.taken.fetch_add(spans.map(|scope| scope.spans.len()).sum(), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn ask(channel: Channel, token: String, sampled: bool, task: usize) {
    const CHECKS_OF_ONE: usize = CHECKS / AT_ONCE;
    let mut client = AuthorizationClient::new(channel);
    for number in 0..CHECKS_OF_ONE {
        let check = check(task * CHECKS_OF_ONE + number, &token, sampled);
        let answer = client.check(check).await.unwrap().into_inner();
        assert!(answer.status.is_some());
    }
}

/// What a check, a line and a count cost without a server around them.
fn in_process(token: &str) {
    let log = "decision_log: { to: stdout, allow: 1, claims: [sub] }";
    let traced = &format!("{NONE}\ntracing: {{ otlp: {{ endpoint: \"http://127.0.0.1:4317\" }} }}");
    let all = &traced.replace("otlp:", "max_per_second: 10000, otlp:");
    for (name, config, sampled) in [
        ("the decision log", log, true),
        ("nothing told", NONE, true),
        ("tracing, none recorded", traced, false),
        ("tracing, 100 a second recorded", traced, true),
        ("tracing, up to 10000 a second recorded", all, true),
    ] {
        let checks: Vec<Vec<u8>> =
            (0..64).map(|number| check(number, token, sampled).encode_to_vec()).collect();
        let folder = folder(config);
        let (gate, telemetry) = gate(folder.path());
        let mut batch = Batch::default();
        let time = each(|number| {
            black_box(answer(&gate, &checks[number % checks.len()]));
            if number.is_multiple_of(1000)
                && let Some(lines) = telemetry.lines()
            {
                lines.take(&mut batch, Duration::ZERO);
            }
            if number.is_multiple_of(1000)
                && let Some(spans) = telemetry.spans()
            {
                black_box(spans.take(3000));
            }
        });
        println!("in process, {name}: {time:.0} ns per check");
    }
    let (request, telemetry) = (Input::default(), Telemetry::default());
    let mut record = Record {
        request: Some(&request),
        took: Duration::from_micros(7),
        ..Record::bare("", Reason::Allowed)
    };
    let time = each(|_| {
        let _begun = telemetry.metrics().begin(1024);
        telemetry.decided(black_box(&record), Keep::NOTHING, None);
    });
    println!("in process, counting alone: {time:.0} ns per check");

    let folder = folder("decision_log: { allow: 1 }");
    let (_, telemetry) = gate(folder.path());
    let headers: [(&str, &[u8]); 3] = [
        ("user-agent", b"Mozilla/5.0"),
        ("x-request-id", b"2b1f9f6c-0d1c-4a63-9a63-1f6c2b1f9f6c"),
        ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let request = Input {
        method: "GET",
        host: "api.example.com",
        path: "/events/e-1?page=1",
        source: Some([192, 0, 2, 7].into()),
        headers: Headers::new(&headers),
        ..Input::default()
    };
    let caller = Subject { user: "alice@example.com".to_owned(), ..Subject::default() };
    let index = load(&folder.path().join("policies")).0.unwrap();
    let roles = ["viewer"];
    record = Record {
        id: "0123456789abcdef0123456789abcdef",
        service: Some("events"),
        route: Some("GET /events/{id}"),
        revision: Some(index.revision()),
        place: index.routes().next().map(|(_, route)| &route.place),
        caller: Some(&caller),
        roles: &roles,
        request: Some(&request),
        ..record
    };
    let mut batch = Batch::default();
    let time = each(|number| {
        telemetry.decided(black_box(&record), Keep::ALL, None);
        if number.is_multiple_of(1000) {
            telemetry.lines().unwrap().take(&mut batch, Duration::ZERO);
        }
    });
    println!("in process, counting and a line: {time:.0} ns per check");
}

/// Nanoseconds of one, the best of some runs of many.
fn each(mut work: impl FnMut(usize)) -> f64 {
    const MANY: u32 = 50_000;
    let run = |_| {
        let begun = Instant::now();
        (0..MANY as usize).for_each(&mut work);
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(MANY)
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

fn gate(folder: &Path) -> (Arc<Gate>, Arc<Telemetry>) {
    let env = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let (config, sources, mut report) = Config::load(&folder.join("doorward.yaml"), &env);
    let config = config.unwrap();
    let headers = upstream_headers(&config.upstream_headers, &sources, &mut report).unwrap();
    let verifier = Verifier::load(&config.identity, folder, &env, &mut Report::default()).unwrap();
    let index = load(&config.policies).0.unwrap();
    let plan = HeaderPlan::new(&headers, &index);
    let telemetry = Telemetry::new(&config.decision_log);
    let telemetry = Arc::new(match &config.tracing {
        Some(tracing) => telemetry.tracing(tracing),
        None => telemetry,
    });
    let meters = telemetry.meters(&index);
    let live = Arc::new(Live::new(Snapshot::new(index, verifier, plan, meters)));
    (Arc::new(Gate::new(live, Arc::new(Denials::new(&config.deny)), Arc::clone(&telemetry))), telemetry)
}
