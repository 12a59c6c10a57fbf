//! A server in this process, and clients that ask it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::super::asking::{Asker, asking};
use super::super::connections::Tallies;
use super::super::keys::{SystemClock, keep};
use super::super::logs::Log;
use super::super::standing::Standing;
use super::super::{decision_log, listen, otlp, reload, startup};
use super::*;
use crate::config::LogTo;

const POLICY: &str = "
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: anonymous }
";

fn folder(listen: &str, policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), policy).unwrap();
    let config = format!("listen: {{ grpc: \"{listen}\" }}\nshutdown: {{ delay: 0s }}\n");
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    folder
}

impl Stops for mpsc::Receiver<&'static str> {
    async fn next(&mut self) -> &'static str {
        match self.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

struct Running {
    address: String,
    stop: mpsc::Sender<&'static str>,
    server: JoinHandle<Result<(), String>>,
    folder: TempDir,
    /// Nobody asks for reloads here; without it, their thread would end.
    _asker: Asker,
}

impl Running {
    fn new(listen: &str) -> Self {
        let folder = folder(listen, POLICY);
        let ready = startup::load(&folder.path().join("doorward.yaml")).unwrap_or_else(|f| panic!("{f:?}"));
        let bound = listen::bind(&ready.listen.grpc).unwrap();
        let address = bound.address().to_owned();
        let (stop, stops) = mpsc::channel(2);
        let (keys, is_ready) = keep(ready.upkeep, SystemClock::new()).unwrap();
        let (asker, asked) = asking();
        let (progress, fares) = (ready.reloader.progress(), keys.fares());
        let reload = reload::keep(ready.reloader, ready.candidate, asked).unwrap();
        let (_, log) = decision_log::start(&LogTo::Nowhere, None).unwrap();
        let tasks = Tasks { keys, reload, tls: Vec::new(), log, spans: otlp::start(None, None) };
        let ports = Ports { grpc: (bound, None), http: None, admin: None };
        let startup::Start { policy, gate, telemetry, admin, limits, shutdown, .. } = ready;
        let admin = Arc::new(Admin {
            policy,
            telemetry,
            progress,
            asker: asker.clone(),
            standing: Arc::new(Standing::starting(is_ready.readiness())),
            explainer: Arc::new(admin.explainer),
            fares,
            log: Log::nowhere(),
            tallies: Tallies::default(),
            secret: None,
            started: SystemTime::now(),
        });
        let plan = Plan { gate, admin, limits, shutdown };
        let server = tokio::spawn(run(ports, plan, (tasks, is_ready), stops));
        Self { address, stop, server, folder, _asker: asker }
    }

    async fn channel(&self) -> Channel {
        let uri = match self.address.strip_prefix("unix:") {
            Some(path) => format!("unix://{path}"),
            None => format!("http://{}", self.address),
        };
        Endpoint::try_from(uri).unwrap().connect().await.unwrap()
    }
}

async fn health(channel: Channel, service: &str) -> Result<i32, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel).check(request).await.map(|r| r.into_inner().status).map_err(|s| s.code())
}

async fn check(channel: Channel) -> CheckResponse {
    AuthorizationClient::new(channel).check(CheckRequest::default()).await.unwrap().into_inner()
}

const SERVING: i32 = ServingStatus::Serving as i32;
const NOT_SERVING: i32 = ServingStatus::NotServing as i32;

#[tokio::test]
async fn checks_and_health_are_answered_over_tcp() {
    let running = Running::new("127.0.0.1:0");
    let channel = running.channel().await;
    assert_ne!(check(channel.clone()).await.status.unwrap().code, 0);
    assert_eq!(health(channel.clone(), "").await, Ok(SERVING));
    assert_eq!(health(channel.clone(), "envoy.service.auth.v3.Authorization").await, Ok(SERVING));
    assert_eq!(health(channel, "other").await, Err(Code::NotFound));
    running.stop.send("TEST").await.unwrap();
    assert_eq!(running.server.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn checks_are_answered_over_a_unix_socket() {
    let running = Running::new("unix:d.sock");
    assert_ne!(check(running.channel().await).await.status.unwrap().code, 0);
    let socket = running.folder.path().join("d.sock");
    assert!(socket.exists());
    running.stop.send("TEST").await.unwrap();
    assert_eq!(running.server.await.unwrap(), Ok(()));
    assert!(!socket.exists());
}

#[tokio::test]
async fn reflection_describes_the_service() {
    let running = Running::new("127.0.0.1:0");
    let ask = |request| ServerReflectionRequest { message_request: Some(request), ..Default::default() };
    let requests = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("envoy.service.auth.v3.CheckResponse".to_owned())),
    ]);
    let mut client = ServerReflectionClient::new(running.channel().await);
    let mut answers = client.server_reflection_info(requests).await.unwrap().into_inner();
    let mut next = async || -> ServerReflectionResponse { answers.next().await.unwrap().unwrap() };
    let Some(MessageResponse::ListServicesResponse(list)) = next().await.message_response else { panic!() };
    assert!(list.service.iter().any(|s| s.name == "envoy.service.auth.v3.Authorization"));
    let Some(MessageResponse::FileDescriptorResponse(file)) = next().await.message_response else { panic!() };
    assert_eq!(file.file_descriptor_proto.len(), 1);
}

#[tokio::test]
async fn fail_7_a_request_to_stop_is_told_and_what_was_begun_finishes() {
    let running = Running::new("127.0.0.1:0");
    let mut client = HealthClient::new(running.channel().await);
    let mut states = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(states.next().await.unwrap().unwrap().status, SERVING);
    running.stop.send("TEST").await.unwrap();
    assert_eq!(states.next().await.unwrap().unwrap().status, NOT_SERVING);
    assert!(!running.server.is_finished(), "the stream is still open");
    drop(states);
    drop(client);
    assert_eq!(running.server.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_second_request_to_stop_does_not_wait() {
    let running = Running::new("127.0.0.1:0");
    let mut client = HealthClient::new(running.channel().await);
    let mut states = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(states.next().await.unwrap().unwrap().status, SERVING);
    for _ in 0..2 {
        running.stop.send("TEST").await.unwrap();
    }
    assert!(running.server.await.unwrap().unwrap_err().contains("second"));
}

#[test]
fn pol_1_nothing_starts_with_a_bad_or_empty_policy_and_all_is_told_at_once() {
    let refused = |folder: &Path| {
        let found = startup::load(&folder.join("doorward.yaml")).err().unwrap_or_else(|| panic!("it starts"));
        assert!(!folder.join("d.sock").exists());
        found.iter().map(|f| f.report.counts().0).collect::<Vec<_>>()
    };
    let bad = folder("unix:d.sock", &POLICY.replace("anonymous", "anonimous"));
    assert_eq!(refused(bad.path()), [0, 1]);
    let empty = folder("unix:d.sock", "");
    assert_eq!(refused(empty.path()).into_iter().sum::<usize>(), 1);
    fs::remove_dir_all(empty.path().join("policies")).unwrap();
    assert_eq!(refused(empty.path()), [0, 1]);
    fs::remove_file(empty.path().join("doorward.yaml")).unwrap();
    assert_eq!(refused(empty.path()), [1]);
}
