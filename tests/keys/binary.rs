//! The real program, while keys are missing and when they come.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::key_server::{KeyServer, Reply};
use super::world::{ISSUER, Key, at, eventually, issuer, jwks};

const POLICY: &str = "
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: authenticated }
      - { route: GET /events/open, access: anonymous }
";

/// The program. It ends when this is dropped.
struct Doorward(Child);

impl Drop for Doorward {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Doorward {
    fn start(folder: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["serve", "--config"])
            .arg(folder.join("doorward.yaml"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self(child)
    }
}

async fn status(channel: &Channel) -> i32 {
    let request = HealthCheckRequest::default();
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status
}

/// The HTTP status of a check, and what its body says.
async fn check(channel: &Channel, path: &str, token: Option<&str>) -> (i32, String) {
    let mut headers = HashMap::from([("accept".to_owned(), "*/*".to_owned())]);
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "api.example.com".to_owned(),
        path: path.to_owned(),
        headers,
        ..Default::default()
    };
    let request = Request { http: Some(http), ..Default::default() };
    let attributes = AttributeContext { request: Some(request), ..Default::default() };
    let check = CheckRequest { attributes: Some(attributes) };
    let answer = AuthorizationClient::new(channel.clone()).check(check).await.unwrap().into_inner();
    match answer.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => (denied.status.unwrap().code, denied.body),
        _ => (200, String::new()),
    }
}

#[tokio::test]
async fn jwks_8_a_key_server_that_hangs_holds_no_check_and_readiness_waits_for_it() {
    let (server, key) = (KeyServer::https().await, Key::new());
    server.set("/keys", Reply::Nothing);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    write("policies/all.yaml", POLICY);
    write("ca.pem", &server.ca);
    let issuers = issuer(ISSUER, &at(&server, "/keys"));
    write("doorward.yaml", &format!("listen: {{ grpc: \"unix:d.sock\" }}\nidentity:\n  issuers:\n{issuers}"));
    let _doorward = Doorward::start(folder.path());
    let socket = folder.path().join("d.sock");
    eventually("a socket", || socket.exists()).await;
    let channel =
        Endpoint::try_from(format!("unix://{}", socket.display())).unwrap().connect().await.unwrap();

    eventually("a fetch", || server.requests() == 1).await;
    let token = key.token();
    for _ in 0..100 {
        assert_eq!(check(&channel, "/events/open", None).await.0, 200);
        let (denied, body) = check(&channel, "/events", Some(&token)).await;
        assert_eq!(denied, 503);
        assert!(body.contains("keys_unavailable"), "{body}");
    }
    assert_eq!(check(&channel, "/events", None).await.0, 401);
    assert_eq!(status(&channel).await, 2, "not serving");
    assert_eq!(server.requests(), 1, "all that was during one fetch");

    server.set("/keys", Reply::json(jwks(&[&key])));
    while status(&channel).await != 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(check(&channel, "/events", Some(&token)).await.0, 200);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(token.split('.').all(|part| !log.contains(part)), "a part of a token in the log");
}
