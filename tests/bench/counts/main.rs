//! How many instructions a check takes, part by part, held against
//! `tests/bench/counts/expected.txt`.
//!
//! `tests/bench/counts/run [--accept]`. Needs valgrind. Each part is run in a process of
//! its own under callgrind, which counts within [`counted`] alone. Counts do not hang on
//! how fast a machine is or what else it does, but on the compiler, the C library and what
//! callgrind takes the processor to offer (SHA-256 is done without its instructions there,
//! and takes ten times as many): they are written down with the counts, and where they are
//! others nothing is judged. Ends with an error where a part takes more than it did; what
//! takes less is told, and `--accept` writes down what was counted.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward::compile::{load, upstream_headers};
use doorward::config::Config;
use doorward::denial::Denials;
use doorward::diag::{Report, Sources};
use doorward::engine::{HeaderPlan, Headers, Input, Principal, Subject, decide};
use doorward::envoy;
use doorward::gate::{Gate, Live, Snapshot};
use doorward::identity::{Remembered, Verifier};
use doorward::telemetry::{Batch, Telemetry};
use prost::Message;

use support::checks::{self, Issuer, check};
use support::policy::{Met, Size};

/// How often a part is run.
const TIMES: u32 = 1_000;

/// More than this share above what is expected is worse. (The order of headers in a
/// message, which is drawn by lot, makes more than 1 %.)
const TOLERANCE: f64 = 0.05;

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/counts/expected.txt");

/// The parts, and what runs each of them [`TIMES`] times.
const PARTS: [(&str, fn()); 10] = [
    ("check, hot token, log on", || answering(true, READ, true)),
    ("check, hot token", || answering(false, READ, true)),
    ("check, anonymous", || answering(false, HEALTH, false)),
    ("check, denied", || answering(false, DELETE, true)),
    ("token, remembered", recalling),
    ("decode 16 headers", || reading(16)),
    ("decode 40 headers", || reading(40)),
    ("encode an allow", || writing(READ)),
    ("encode a denial", || writing(DELETE)),
    ("decide", deciding),
];

/// The functions in which is counted, as callgrind knows them.
const COUNTED: [&str; 2] = ["counts::counted*", "doorward::envoy::written*"];

/// Places in a resource of the policy.
const READ: usize = 2;
const DELETE: usize = 4;
const HEALTH: usize = 9;

const SIZE: Size = Size { services: 10, routes: 100, roles: 50 };

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [name] = &*arguments
        && let Some((_, run)) = PARTS.iter().find(|(part, _)| part == name)
    {
        run();
        return ExitCode::SUCCESS;
    }
    let accept = arguments.iter().any(|argument| argument == "--accept");
    let (before, expected) = read_expected();
    let here = surroundings();
    let (mut text, mut worse) = (format!("{here}\n"), false);
    println!("| part | instructions | expected | |\n|---|---|---|---|");
    for (name, _) in PARTS {
        let count = instructions(name) / u64::from(TIMES);
        writeln!(text, "{count:>8} {name}").unwrap();
        let before = expected.get(name).copied();
        let share = before.map(|before| count as f64 / before as f64 - 1.0);
        let verdict = match share {
            None => "not expected yet".to_owned(),
            Some(share) if share > TOLERANCE => format!("{:.1} % worse", share * 100.0),
            Some(share) if share < -TOLERANCE => format!("{:.1} % better: accept it", -share * 100.0),
            Some(_) => "as before".to_owned(),
        };
        worse |= share.is_none_or(|share| share > TOLERANCE);
        println!("| {name} | {count} | {} | {verdict} |", before.map_or("-".to_owned(), |b| b.to_string()));
    }
    if accept {
        fs::write(EXPECTED, text).unwrap();
        return ExitCode::SUCCESS;
    }
    if before != here {
        println!("\nNot judged. Expected counts are of: {before}\nThese are of: {here}");
        return ExitCode::SUCCESS;
    }
    if worse {
        println!("\nWhere that has a reason, write it into the commit and run with `-- --accept`.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What counts hang on beside the code.
fn surroundings() -> String {
    let said = |program: &str, argument: &str| {
        let said = Command::new(program).arg(argument).output().unwrap().stdout;
        String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned()
    };
    let wide = fs::read_to_string("/proc/cpuinfo").unwrap().contains(" avx2 ");
    format!(
        "{}; {}; {}; {}",
        said(&env::var("RUSTC").unwrap_or("rustc".to_owned()), "--version"),
        said("getconf", "GNU_LIBC_VERSION"),
        said(&valgrind(), "--version"),
        if wide { "AVX2" } else { "no AVX2" },
    )
}

fn valgrind() -> String {
    env::var("VALGRIND").unwrap_or("valgrind".to_owned())
}

/// Of what counts are expected, and which.
fn read_expected() -> (String, BTreeMap<String, u64>) {
    let text = fs::read_to_string(EXPECTED).unwrap_or_default();
    let (of, text) = text.split_once('\n').unwrap_or_default();
    let line = |line: &str| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    (of.to_owned(), text.lines().filter_map(line).collect())
}

/// Runs a part once, because what is done once is none of it, and then so often.
fn repeat(mut part: impl FnMut()) {
    part();
    counted(&mut part);
}

#[inline(never)]
fn counted(part: &mut dyn FnMut()) {
    (0..TIMES).for_each(|_| part());
}

/// How many instructions a part takes, run so often.
fn instructions(name: &str) -> u64 {
    let said = Command::new(valgrind())
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--collect-atstart=no")
        .args(COUNTED.map(|function| format!("--toggle-collect={function}")))
        .arg(env::current_exe().unwrap())
        .arg(name)
        .output()
        .expect("valgrind can be run (on Debian and Ubuntu: apt install valgrind)");
    let told = String::from_utf8_lossy(&said.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected :"));
    assert!(said.status.success(), "{told}");
    let count = collected.unwrap().1.trim().parse().unwrap();
    assert!(count > 0, "callgrind does not know the functions of `COUNTED`");
    count
}

/// Whole checks, from their bytes to the bytes of the answer.
fn answering(log: bool, place: usize, token: bool) {
    let (gate, telemetry, check) = set_up(log, place, token);
    let (mut batch, mut turn) = (Batch::default(), 0_u32);
    repeat(|| {
        black_box(envoy::answer(&gate, black_box(&check)));
        turn += 1;
        if turn.is_multiple_of(100)
            && let Some(lines) = telemetry.lines()
        {
            lines.take(&mut batch, Duration::ZERO);
        }
    });
}

fn reading(headers: usize) {
    let check = check(&met(READ), headers, Some(&Issuer::new().token(0, &["r0"], 0))).encode_to_vec();
    repeat(|| {
        black_box(envoy::read(black_box(&check)));
    });
}

fn writing(place: usize) {
    let (gate, _, check) = set_up(false, place, true);
    black_box(envoy::write(&gate, &check, TIMES));
}

/// A verified token that comes back.
fn recalling() {
    struct Known;
    impl Remembered for Known {
        fn bytes(&self) -> usize {
            0
        }
    }
    let (issuer, folder) = (Issuer::new(), tempfile::tempdir().unwrap());
    let config = configured(&issuer, folder.path(), false);
    let verifier =
        Verifier::load(&config.identity, folder.path(), &|_| None, &mut Report::default()).unwrap();
    let (cache, header) = (verifier.new_cache(), format!("Bearer {}", issuer.token(0, &["r0", "r49"], 0)));
    let headers = [("accept", &b"*/*"[..]), ("authorization", header.as_bytes())];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    repeat(|| {
        let known = verifier.recall(&cache, Headers::new(black_box(&headers)), &[], now, |_| Known);
        assert!(known.is_ok());
    });
}

fn deciding() {
    let folder = tempfile::tempdir().unwrap();
    SIZE.write(folder.path());
    let index = load(folder.path()).0.unwrap();
    let subject = Subject { user: "user".to_owned(), roles: vec!["r0".to_owned()], ..Subject::default() };
    let principal = Arc::new(Principal::resolve(&index, subject));
    let Met { method, path } = met(READ);
    repeat(|| {
        let input = Input { method, host: "api.example.com", path: black_box(&path), ..Input::default() };
        let decision = decide(&index, &input, Default::default(), |_| Ok(Arc::clone(&principal)));
        assert!(black_box(decision).reason.is_allowed());
    });
}

fn met(place: usize) -> Met {
    SIZE.request(place * SIZE.services)
}

/// A gate of the real parts, and a check that is asked of it.
fn set_up(log: bool, place: usize, token: bool) -> (Arc<Gate>, Arc<Telemetry>, Vec<u8>) {
    let (issuer, folder) = (Issuer::new(), tempfile::tempdir().unwrap());
    SIZE.write(&folder.path().join("policies"));
    let config = configured(&issuer, folder.path(), log);
    let (gate, telemetry) = gate(&config);
    let token = token.then(|| issuer.token(0, &["r0", "r49"], 0));
    let check = check(&met(place), 16, token.as_deref()).encode_to_vec();
    (gate, telemetry, check)
}

/// Writes the configuration and the keys, and reads them.
fn configured(issuer: &Issuer, folder: &Path, log: bool) -> Config {
    fs::write(folder.join("jwks.json"), issuer.jwks()).unwrap();
    let config = format!(
        "identity:
  issuers:
    - issuer: {}
      audiences: [shop]
      algorithms: [RS256]
      keys: {{ file: jwks.json }}
      roles: roles
upstream_headers: {{ x-user-id: user.id, x-user-roles: user.roles }}
decision_log: {}
",
        checks::ISSUER,
        if log { "{ to: stdout, allow: 1 }" } else { "{ to: none }" }
    );
    fs::write(folder.join("doorward.yaml"), config).unwrap();
    Config::load(&folder.join("doorward.yaml"), &|_: &str| None).0.unwrap()
}

fn gate(config: &Config) -> (Arc<Gate>, Arc<Telemetry>) {
    let mut report = Report::default();
    let headers = upstream_headers(&config.upstream_headers, &Sources::default(), &mut report).unwrap();
    let verifier = Verifier::load(&config.identity, &config.directory, &|_| None, &mut report).unwrap();
    let index = load(&config.policies).0.unwrap();
    let plan = HeaderPlan::new(&headers, &index);
    let telemetry = Arc::new(Telemetry::new(&config.decision_log));
    let meters = telemetry.meters(&index);
    let live = Arc::new(Live::new(Snapshot::new(index, verifier, plan, meters)));
    (Arc::new(Gate::new(live, Arc::new(Denials::new(&config.deny)), Arc::clone(&telemetry))), telemetry)
}
