//! What a check costs while the policy is replaced: the real binary over a real
//! socket, in turns with and without reloads.
//!
//! `cargo bench --bench reload`. Prints the median and the 99th percentile of
//! both, and their ratio, which must stay below 2. The ratio is of one run:
//! between runs the machine differs more than that.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use doorward::config::Algorithm;
use doorward::identity::mint::{Claims, Signer};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use support::process;
use tonic::transport::Channel;

const SECRET: &str = "not a secret but long enough for one";

/// Turns of each kind, and reloads in a turn that has some.
const TURNS: usize = 8;
const RELOADS: usize = 25;

/// From one reload to the next: as fast as changes are taken up, about.
const EVERY: Duration = Duration::from_millis(250);

const ROUTES: usize = 1000;

const CONFIG: &str = "
listen: { grpc: 127.0.0.1:0 }
identity:
  issuers:
    - issuer: https://id.test
      audiences: [shop]
      algorithms: [HS256]
      keys: { secret_env: SECRET }
      roles: roles
";

fn policy(n: usize) -> String {
    let routes = (0..ROUTES)
        .map(|i| format!("      - {{ route: 'GET /a/{i}/{{id}}', codes: 'a{i}:read' }}\n"))
        .collect::<String>();
    format!(
        "roles:\n  viewer: {{ grants: ['*'] }}\nservices:\n  a:\n    description: version {n}\n    paths: [/a]\n    routes:\n{routes}"
    )
}

/// Asks one check after the other until the turn is over; gives what each took.
async fn turn(
    client: &mut AuthorizationClient<Channel>,
    check: &CheckRequest,
    length: Duration,
) -> Vec<Duration> {
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < length {
        let asked = Instant::now();
        let answer = client.check(check.clone()).await.unwrap().into_inner();
        took.push(asked.elapsed());
        assert_eq!(answer.status.unwrap().code, 0);
    }
    took
}

fn percentile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small"
    )]
    let at = (sorted.len() as f64 * part) as usize;
    sorted[at.min(sorted.len() - 1)]
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("all.yaml"), policy(0)).unwrap();
    fs::write(folder.path().join("doorward.yaml"), CONFIG).unwrap();
    let (server, address) = process::serve(folder.path(), &[("SECRET", SECRET)]);

    let claims = Claims {
        issuer: "https://id.test".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice".to_owned(),
        roles: vec!["viewer".to_owned()],
        expires_in: 3600,
        ..Claims::default()
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = Signer::from_secret(SECRET, Algorithm::HS256).unwrap().sign(&claims.at(now)).unwrap();
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "api.test".to_owned(),
        path: "/a/500/x".to_owned(),
        headers: [("authorization".to_owned(), format!("Bearer {token}"))].into(),
        ..HttpRequest::default()
    };
    let request = Some(Request { http: Some(http), ..Request::default() });
    let check =
        CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) };

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client = runtime.block_on(AuthorizationClient::connect(format!("http://{address}"))).unwrap();
    let length = EVERY * u32::try_from(RELOADS).unwrap();
    runtime.block_on(turn(&mut client, &check, length / 4));
    let (mut calm, mut reloading) = (Vec::new(), Vec::new());
    for n in 0..TURNS {
        calm.extend(runtime.block_on(turn(&mut client, &check, length)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 1..=RELOADS {
                    fs::write(folder.path().join("next"), policy(n * RELOADS + i)).unwrap();
                    fs::rename(folder.path().join("next"), policies.join("all.yaml")).unwrap();
                    let id = server.id().to_string();
                    Command::new("kill").args(["-HUP", &id]).status().unwrap();
                    std::thread::sleep(EVERY);
                }
            });
            reloading.extend(runtime.block_on(turn(&mut client, &check, length)));
        });
    }
    println!("{ROUTES} routes, {} reloads, {} and {} checks", TURNS * RELOADS, calm.len(), reloading.len());
    for sorted in [&mut calm, &mut reloading] {
        sorted.sort_unstable();
    }
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let (without, with) = (percentile(&calm, part), percentile(&reloading, part));
        println!(
            "{name:>6}: {without:>10.1?} without, {with:>10.1?} with reloads: {:.2}",
            with.as_secs_f64() / without.as_secs_f64()
        );
    }
}
