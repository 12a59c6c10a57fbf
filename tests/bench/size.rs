//! A large policy: how long the real binary takes until it serves, what memory that
//! needs, and what a change of one file of a thousand costs.
//!
//! `cargo bench --bench size`. Times of the start are from the start of the process to
//! the line that says it listens; the best of some starts counts, since other work only
//! adds. A changed file is waited for until a check is decided by it, which includes the
//! time until the change is seen and until no more come. Ends with an error above the
//! limits for a start.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use support::checks::check;
use support::policy::{Size, file};
use support::process::{self, Process};
use tonic::transport::Channel;

const ROLES: usize = 50;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
const RUNS: usize = 3;

/// Of the largest, to be served: time, and resident memory in kB.
const MOST: (Duration, u64) = (Duration::from_secs(2), 200_000);

/// The place of a route that anybody may call in a resource of the policy.
const HEALTH: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("| routes | files | start s | CPU s | MB | bytes/route |\n|---|---|---|---|---|---|");
    let mut smallest = None;
    for routes in SIZES {
        let (folder, size) = (tempfile::tempdir().unwrap(), Size::of(routes, ROLES));
        write(folder.path(), size);
        let starts = (0..RUNS).map(|_| start(folder.path()));
        let (took, cpu, resident) = starts.min_by_key(|(took, ..)| *took).unwrap();
        let base = *smallest.get_or_insert(resident);
        let each = (resident - base) as f64 * 1024.0 / routes as f64;
        println!(
            "| {routes} | {} | {:.2} | {:.2} | {:.0} | {} |",
            size.services + 1,
            took.as_secs_f64(),
            cpu.as_secs_f64(),
            resident as f64 / 1000.0,
            if resident == base { "-".to_owned() } else { format!("{each:.0}") },
        );
        if routes == SIZES[SIZES.len() - 1] {
            runtime.block_on(change(folder.path(), size));
            assert!(took < MOST.0 && resident < MOST.1, "a start takes too long, or too much memory");
        }
    }
}

fn write(folder: &Path, size: Size) {
    size.write(&folder.join("policies"));
    fs::write(folder.join("doorward.yaml"), "listen: { grpc: 127.0.0.1:0 }\ndecision_log: { to: none }\n")
        .unwrap();
}

/// How long it takes to start, the CPU time of that, and the memory in kB.
fn start(folder: &Path) -> (Duration, Duration, u64) {
    let begun = Instant::now();
    let (process, _) = process::serve(folder, &[]);
    (begun.elapsed(), process.cpu(), process.resident())
}

/// Closes a route in one file, and opens it again: what each takes.
async fn change(folder: &Path, size: Size) {
    let (process, address) = process::serve(folder, &[]);
    let mut client = AuthorizationClient::connect(format!("http://{address}")).await.unwrap();
    let asked = check(&size.request(HEALTH * size.services), 12, None);
    assert!(is_allowed(&mut client, &asked).await);
    let path = folder.join("policies").join(file(0));
    let open = fs::read_to_string(&path).unwrap();
    let shut = open.replacen("access: anonymous", "access: denied", 1);
    for (text, allowed) in [(&shut, false), (&open, true)] {
        let (begun, cpu) = (Instant::now(), process.cpu());
        fs::write(&path, text).unwrap();
        while is_allowed(&mut client, &asked).await != allowed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (took, cpu) = (begun.elapsed(), process.cpu() - cpu);
        told(&process, took, cpu);
    }
}

fn told(process: &Process, took: Duration, cpu: Duration) {
    println!(
        "one file of a thousand changed: decided by it after {:.2} s, {:.2} s of CPU, {:.0} MB",
        took.as_secs_f64(),
        cpu.as_secs_f64(),
        process.resident() as f64 / 1000.0
    );
}

async fn is_allowed(client: &mut AuthorizationClient<Channel>, check: &CheckRequest) -> bool {
    client.check(check.clone()).await.unwrap().into_inner().status.unwrap().code == 0
}
