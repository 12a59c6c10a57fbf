//! What a check costs beside what the exchange costs: Doorward, and a server on the same
//! stack that decodes a check and says yes, asked in turn.
//!
//! `cargo bench --bench yardstick [-- WORDS] [--pictures=FOLDER]`, with the words of
//! workloads; all without. `envoy` is the word for what goes through Envoy. Needs h2load
//! and wrk. `docs/performance.md` says what is measured and what came out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

#[path = "../support/mod.rs"]
mod support;

mod always;
mod envoy;
mod load;
mod pictures;
mod table;
mod workload;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use always::Threads;
use load::{Load, Round};
use support::checks::Issuer;
use support::process::{self, Process};
use table::{Table, median, micros, millis};
use workload::Workload;

/// Rounds of each server, and checks in each.
const ROUNDS: usize = 7;
const CHECKS: usize = 20_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [word, threads] = &*arguments
        && word == always::WORD
    {
        return always::run(threads);
    }
    let wanted = |name: &str| arguments.iter().all(|word| name.contains(word.as_str()));
    let through = (wanted(ENVOY) || wanted(SETTINGS)).then(envoy_binary);
    let envoy = through.iter().map(|path| (path.to_str().unwrap(), "--version"));
    println!(
        "{}",
        table::heading(
            &[("h2load", "--version"), ("wrk", "-v")].into_iter().chain(envoy).collect::<Vec<_>>()
        )
    );
    let issuer = Issuer::new();
    let mut table = Table::new(&[
        "workload",
        "server",
        "CPU/check µs",
        "ratio",
        "checks/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "MB",
    ]);
    let workloads = workload::ALL.into_iter().filter(|workload| wanted(workload.name));
    let measured: Vec<Measured> = workloads.map(|workload| measure(&workload, &issuer, &mut table)).collect();
    table.print();
    if let Some(folder) = env::args().find_map(|word| word.strip_prefix("--pictures=").map(PathBuf::from)) {
        pictures::draw(&measured, &folder).unwrap();
    }
    if let Some(binary) = through {
        if wanted(ENVOY) {
            envoy::measure(&issuer, &binary);
        }
        if wanted(SETTINGS) {
            envoy::measure_settings(&issuer, &binary);
        }
    }
}

/// The words for what goes through Envoy.
const ENVOY: &str = "envoy: filters";
const SETTINGS: &str = "envoy: settings";

/// `ENVOY_BIN`, or the one that the end-to-end tests use.
fn envoy_binary() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/envoy");
    let said = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(said.status.success(), "no Envoy: see .tools/envoy");
    String::from_utf8(said.stdout).unwrap().trim().into()
}

/// One of those that are asked in turn.
struct Side {
    name: &'static str,
    process: Process,
    address: String,
    rounds: Vec<Round>,
}

/// What came out of a workload.
struct Measured {
    name: &'static str,
    routes: usize,
    sides: Vec<Outcome>,
}

impl Measured {
    /// Whether it is one of those that differ in the size of the policy.
    fn asks_many(&self) -> bool {
        self.name.ends_with(" routes")
    }
}

/// What came out of it for one server: medians.
struct Outcome {
    name: &'static str,
    cpu: Duration,
    curve: Vec<Duration>,
}

impl Outcome {
    fn of(side: &Side) -> Self {
        let points = side.rounds[0].curve.len();
        let curve = |point| median(side.rounds.iter().map(|round| round.curve[point]));
        Self {
            name: side.name,
            cpu: median(side.rounds.iter().map(|round| round.cpu)),
            curve: (0..points).map(curve).collect(),
        }
    }
}

fn measure(workload: &Workload, issuer: &Issuer, table: &mut Table) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    workload.write(issuer, folder.path());
    let load = workload.load(issuer);
    let side = |name, (process, address)| Side { name, process, address, rounds: Vec::new() };
    let mut sides = [
        side("always allow, one thread", always::start(Threads::One)),
        side("always allow, two threads", always::start(Threads::Two)),
        side("Doorward", process::serve(folder.path(), &[])),
    ];
    assert_eq!(load.is_allowed(&sides[2].address), workload.is_allowed(), "{}", workload.name);
    for round in 0..=ROUNDS {
        // Each is first as often as the others, and the first round warms up.
        for turn in 0..sides.len() {
            let side = &mut sides[(round + turn) % 3];
            let took = load.round(&side.process, &side.address, CHECKS, folder.path());
            if round > 0 {
                side.rounds.push(took);
            }
        }
    }
    report(workload, &load, &sides, table);
    Measured { name: workload.name, routes: workload.routes, sides: sides.iter().map(Outcome::of).collect() }
}

fn report(workload: &Workload, load: &Load, sides: &[Side], table: &mut Table) {
    let cpu = |side: &Side| median(side.rounds.iter().map(|round| round.cpu));
    let yardstick = cpu(&sides[0]).as_secs_f64();
    for (number, side) in sides.iter().enumerate() {
        let of = |part: fn(&Round) -> Duration| millis(median(side.rounds.iter().map(part)));
        table.row(vec![
            if number == 0 { format!("{}: {} bytes", workload.name, load.bytes()) } else { String::new() },
            side.name.to_owned(),
            micros(cpu(side)),
            format!("{:.2}", cpu(side).as_secs_f64() / yardstick),
            format!("{:.0}", median(side.rounds.iter().map(|round| round.per_second))),
            of(|round| round.p50),
            of(|round| round.p99),
            of(|round| round.p999),
            format!("{:.0}", side.process.resident() as f64 / 1000.0),
        ]);
    }
}
