//! Doorward goes and comes back while Envoy asks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use tempfile::TempDir;
use tokio_stream::StreamExt;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::serve::{Doorward, folder};
use crate::support::{Edge, eventually, free_port, guide};

const POLICY: &str = "
services:
  all:
    paths: [/]
    routes:
      - { route: ANY /open/**, access: anonymous }
      - { route: ANY /shut/**, access: denied }
";

fn configured(config: &str) -> TempDir {
    folder(config, POLICY)
}

/// Asks Envoy all the time while something is done; gives how many requests there were. Each of them
/// must be answered as the policy says.
fn under_load(edge: &Edge, what: impl FnOnce()) -> usize {
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut browser = edge.browser();
                while !done.load(Ordering::Relaxed) {
                    let asked = [browser.get("/open/1"), browser.get("/shut/1")];
                    assert_eq!(asked, [Some(200), Some(403)], "{}", edge.counted());
                    count.fetch_add(asked.len(), Ordering::Relaxed);
                    // Bounded: the machine has other work too.
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
        // Whatever happens here, the others must be told.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    count.into_inner()
}

#[test]
fn two_instances_restarted_one_after_the_other_refuse_no_request() {
    let start = |port: u16| {
        let config = format!("listen: {{ grpc: 127.0.0.1:{port} }}\nshutdown: {{ delay: 3s }}\n");
        Doorward::prepared("info", configured(&config))
    };
    let ports = [free_port(), free_port()];
    let mut instances = ports.map(|port| Some(start(port)));
    let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
    let cluster = guide("grpc_health_check").replace("interval: 1s", "interval: 0.2s");
    let edge = Edge::start(&addresses.each_ref().map(String::as_str), &cluster);
    let healthy = |count| {
        eventually("Envoy sees them", || match edge.healthy() {
            seen if seen == count => Ok(()),
            seen => Err(format!("{seen} are healthy")),
        });
    };
    healthy(2);
    edge.until("/open/1", 200);
    let count = under_load(&edge, || {
        for _ in 0..2 {
            for (instance, port) in instances.iter_mut().zip(ports) {
                let (code, lines) = instance.take().unwrap().stop();
                assert_eq!(code, Some(0), "{lines:?}");
                assert!(!lines.iter().any(|line| line.contains("were cut")), "{lines:?}");
                *instance = Some(start(port));
                healthy(2);
            }
        }
    });
    assert!(count > 100, "{count} requests");
}

#[test]
fn connections_that_grow_old_are_replaced_without_a_failed_check() {
    let config = "listen: { grpc: 127.0.0.1:0 }\nlimits: { connection_age: 1s }\nshutdown: { delay: 0s }\n";
    let doorward = Doorward::prepared("info", configured(config));
    let edge = Edge::start(&[&doorward.address], "");
    edge.until("/open/1", 200);
    let connections = || edge.stat("cluster.doorward.upstream_cx_total");
    let count = under_load(&edge, || {
        eventually("connections grow old", || match connections() {
            5.. => Ok(()),
            few => Err(format!("{few} connections")),
        });
    });
    assert!(count > 100, "{count} requests");
    assert_eq!(edge.stat("cluster.doorward.upstream_rq_tx_reset"), 0);
}

#[test]
fn a_real_envoy_asks_over_abstract_and_restricted_sockets() {
    let name = format!("unix:@doorward-{}-{}", std::process::id(), free_port());
    let abstractly = configured(&format!("listen: {{ grpc: \"{name}\" }}\nshutdown: {{ delay: 0s }}\n"));
    let abstractly = Doorward::prepared("info", abstractly);
    assert_eq!(abstractly.address, name);
    let file = configured(
        "listen: { grpc: { address: \"unix:d.sock\", mode: \"0600\" } }\nshutdown: { delay: 0s }\n",
    );
    let file = Doorward::prepared("info", file);
    let socket = file.folder.path().join("d.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    for doorward in [abstractly, file] {
        let edge = Edge::start(&[&doorward.address], "");
        edge.until("/open/1", 200);
        assert_eq!(edge.get("/shut/1"), Some(403));
        assert_eq!(doorward.stop().0, Some(0));
        edge.until("/open/1", 503);
    }
    assert!(!socket.exists());
}

#[tokio::test]
async fn fail_7_after_sigterm_health_says_no_and_checks_are_answered_until_the_delay_is_over() {
    let config = "listen: { grpc: 127.0.0.1:0 }\nshutdown: { delay: 2s, limit: 1s }\n";
    let doorward = Doorward::prepared("info", configured(config));
    let channel =
        Endpoint::try_from(format!("http://{}", doorward.address)).unwrap().connect().await.unwrap();
    let request = HealthCheckRequest { service: "envoy.service.auth.v3.Authorization".to_owned() };
    let mut states = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(states.next().await.unwrap().unwrap().status, 1);
    doorward.signal("-TERM");
    assert_eq!(states.next().await.unwrap().unwrap().status, 2, "not serving");
    let answer = AuthorizationClient::new(channel.clone()).check(CheckRequest::default()).await;
    assert_ne!(answer.unwrap().into_inner().status.unwrap().code, 0);
    // A new connection too.
    let again = Endpoint::try_from(format!("http://{}", doorward.address)).unwrap().connect().await.unwrap();
    AuthorizationClient::new(again).check(CheckRequest::default()).await.unwrap();
    // Nobody ends the stream: it is cut, and that is no failure.
    doorward.line(|line| line.to_string().contains("were cut"));
    let (code, _) = doorward.wait();
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn sigint_does_not_wait_and_a_second_signal_cuts_everything() {
    let config = "listen: { grpc: 127.0.0.1:0 }\nshutdown: { delay: 10m, limit: 10m }\n";
    let doorward = Doorward::prepared("info", configured(config));
    doorward.signal("-INT");
    assert_eq!(doorward.wait().0, Some(0));
    let doorward = Doorward::prepared("info", configured(config));
    doorward.signal("-TERM");
    doorward.line(|line| line.to_string().contains("not ready any more"));
    doorward.signal("-TERM");
    assert_eq!(doorward.wait().0, Some(2));
}
