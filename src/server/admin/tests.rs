//! What is asked and answered, without a socket.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::asking::asking;
use super::super::keys::{SystemClock, keep};
use super::super::reload::{self, Reloading};
use super::super::standing::Standing;
use super::super::startup;
use super::*;

const POLICY: &str = "
roles: { viewer: {} }
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, roles: viewer }
      - { route: \"GET /events/{id}\", access: anonymous }
";

struct World {
    admin: Arc<Admin>,
    folder: TempDir,
    _reloading: Reloading,
}

impl World {
    fn new() -> Self {
        Self::with("listen: { grpc: 127.0.0.1:0, admin: 127.0.0.1:0 }\n")
    }

    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/all.yaml"), POLICY).unwrap();
        fs::write(folder.path().join("doorward.yaml"), config).unwrap();
        let start = startup::load(&folder.path().join("doorward.yaml")).unwrap_or_else(|f| panic!("{f:?}"));
        let startup::Start { policy, telemetry, admin, reloader, candidate, upkeep, .. } = start;
        let (keys, ready) = keep(upkeep, SystemClock::new()).unwrap();
        let (asker, asked) = asking();
        let progress = reloader.progress();
        let reloading = reload::keep(reloader, candidate, asked).unwrap();
        let admin = Arc::new(Admin {
            policy,
            telemetry,
            progress,
            asker,
            standing: Arc::new(Standing::starting(ready.readiness())),
            explainer: Arc::new(admin.explainer),
            fares: keys.fares(),
            log: Log::nowhere(),
            tallies: Tallies::default(),
            secret: None,
            started: SystemTime::now(),
        });
        Self { admin, folder, _reloading: reloading }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.ask_from(Peer::Unix, method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn ask_from(&self, peer: Peer, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = Arc::clone(&self.admin).answer(request, peer).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn write(&self, policy: &str) {
        fs::write(self.folder.path().join("policies/all.yaml"), policy).unwrap();
    }
}

#[tokio::test]
async fn what_there_is_not_and_what_does_not_fit_is_said() {
    let world = World::new();
    for path in ["/", "/metrics/", "/Metrics", "//metrics", "/debug/pprof", "/explain/x"] {
        assert_eq!(world.ask("GET", path, "").await.0, 404, "{path}");
    }
    for (method, path) in [
        ("POST", "/healthz"),
        ("DELETE", "/policy"),
        ("GET", "/reload"),
        ("HEAD", "/explain"),
        ("PUT", "/explain"),
        ("OPTIONS", "/reload"),
    ] {
        let (status, answer) = world.ask(method, path, "").await;
        assert_eq!(status, 405, "{method} {path}");
        assert!(answer["error"].is_string());
    }
    assert_eq!(world.ask("GET", "/healthz?x=1", "").await, (200, json!("ok\n")));
}

#[tokio::test]
async fn log_6_from_afar_only_numbers_are_told() {
    let world = World::new();
    let far = Peer::Ip("203.0.113.9".parse().unwrap());
    for path in ["/healthz", "/metrics", "/policy"] {
        assert_eq!(world.ask_from(far, "GET", path, "").await.0, 200, "{path}");
    }
    for path in ["/reload", "/explain"] {
        for peer in [far, Peer::Gone] {
            assert_eq!(world.ask_from(peer, "POST", path, "{}").await.0, 403, "{path}");
        }
    }
    world.write(&POLICY.replace("roles: viewer", "roles: secret-name"));
    assert_eq!(world.ask("POST", "/reload", "").await.0, 422);
    let (_, near) = world.ask("GET", "/policy", "").await;
    assert!(near["last_error"].to_string().contains("secret-name"), "{near}");
    let (_, told) = world.ask_from(far, "GET", "/policy", "").await;
    assert!(!told.contains("secret-name") && told.contains("\"in_sync\": false"), "{told}");
}

#[tokio::test]
async fn a_reload_answers_with_what_came_of_it() {
    let world = World::new();
    let (status, first) = world.ask("POST", "/reload", "").await;
    assert_eq!(
        (status, &first["outcome"], &first["policy"]["generation"]),
        (200, &json!("unchanged"), &json!(1))
    );
    world.write(&POLICY.replace("anonymous", "authenticated"));
    let (status, second) = world.ask("POST", "/reload", "").await;
    assert_eq!(
        (status, &second["outcome"], &second["policy"]["generation"]),
        (200, &json!("reloaded"), &json!(2))
    );
    assert_ne!(first["policy"]["revision"], second["policy"]["revision"]);
    world.write(&POLICY.replace("anonymous", "nobody"));
    let (status, third) = world.ask("POST", "/reload", "").await;
    assert_eq!(
        (status, &third["outcome"], &third["policy"]["in_sync"]),
        (422, &json!("refused"), &json!(false))
    );
    assert!(third["policy"]["last_error"][0].as_str().unwrap().contains("all.yaml:"), "{third}");
    assert_eq!(third["policy"]["revision"], second["policy"]["revision"]);
    assert_eq!(world.ask("GET", "/policy", "").await.1["failed"], json!(1));
}

#[tokio::test]
async fn readyz_says_why_not() {
    let world = World::new();
    assert_eq!(
        world.ask("GET", "/readyz", "").await,
        (503, json!({ "ready": false, "reasons": ["starting"] }))
    );
    world.admin.standing.serve();
    assert_eq!(world.ask("GET", "/readyz", "").await, (200, json!({ "ready": true, "reasons": [] })));
    world.admin.standing.stop();
    assert_eq!(world.ask("GET", "/readyz", "").await.1["reasons"], json!(["stopping"]));
}

#[tokio::test]
async fn what_somebody_describes_is_explained() {
    let world = World::new();
    let asked =
        json!({ "method": "GET", "url": "https://api.test/events", "user": "ann", "roles": ["viewer"] });
    let (status, told) = world.ask("POST", "/explain", &asked.to_string()).await;
    assert_eq!((status, &told["reason"]), (200, &json!("allowed")), "{told}");
    assert_eq!(told["caller"]["verified"], json!(false));
    let asked = json!({ "method": "GET", "path": "/events", "claims": { "sub": "ann", "roles": ["other"] } });
    let (_, told) = world.ask("POST", "/explain", &asked.to_string()).await;
    assert_eq!((&told["reason"], &told["status"]), (&json!("role_missing"), &json!(403)), "{told}");
    let asked = json!({ "method": "GET", "path": "/events" });
    assert_eq!(world.ask("POST", "/explain", &asked.to_string()).await.1["reason"], json!("token_missing"));
}

#[tokio::test]
async fn log_2_explain_takes_no_token_and_repeats_none() {
    let world = World::new();
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.c2ln";
    for body in [
        json!({ "method": "GET", "path": "/events", "headers": { "authorization": "Bearer hidden-1" } })
            .to_string(),
        json!({ "method": "GET", "path": "/events", "headers": { "x-any": token } }).to_string(),
        json!({ "method": "GET", "path": format!("/events?t={token}") }).to_string(),
        json!({ "decision_id": token }).to_string(),
        json!({ "method": "GET", "path": "/events", "token": "hidden-2" }).to_string(),
        "{".to_owned(),
        "[]".to_owned(),
        r#"{"method":"GET","path":"/events","path":"/"}"#.to_owned(),
        r#"{"decision_id":"a","method":"GET"}"#.to_owned(),
    ] {
        let (status, told) = world.ask("POST", "/explain", &body).await;
        assert_eq!(status, 400, "{body}");
        let told = told.to_string();
        assert!(!told.contains("eyJ") && !told.contains("hidden"), "{told}");
    }
    assert_eq!(world.ask("POST", "/explain", &" ".repeat(MAX_BODY + 1)).await.0, 413);
    assert_eq!(world.ask("POST", "/explain", r#"{"decision_id":"00"}"#).await.0, 404);
}
