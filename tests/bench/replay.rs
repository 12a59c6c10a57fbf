//! How fast a log is decided again: a million lines as a server writes them, by the real
//! binary, on one core.
//!
//! `cargo bench --bench replay`. The lines come from the code that writes the decision
//! log, for requests of many users to the reference policy. Ends with an error if a
//! million lines take 20 s or more.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::compile::{Index, load};
use doorward::config::{Config, OnAnonymous};
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use doorward::telemetry::{Batch, Keep, Record, Telemetry};

const LINES: usize = 1_000_000;
const MOST: Duration = Duration::from_secs(20);

const METHODS: [&str; 4] = ["GET", "GET", "PUT", "DELETE"];
const ROLES: [&[&str]; 5] = [&["viewer"], &["organizer"], &["manager"], &["admin", "auditor"], &[]];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("decisions.log");
    write_log(&load(Path::new("policies")).0.unwrap(), folder.path(), &log);
    let size = fs::metadata(&log).unwrap().len();
    let changed = changed_policy(folder.path());
    for (name, policy) in [("the same policy", Path::new("policies")), ("a changed policy", &changed)] {
        let started = Instant::now();
        let said = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["replay", "--policy"])
            .args([policy, log.as_path()])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let took = started.elapsed();
        let told = String::from_utf8(said.stdout).unwrap();
        println!("{}", told.lines().next().unwrap());
        let rate = LINES as f64 / took.as_secs_f64();
        println!(
            "{LINES} lines, {} MB, by {name}: {:.2} s, {rate:.0} lines/s",
            size / 1_000_000,
            took.as_secs_f64()
        );
        assert!(took < MOST, "too slow");
    }
}

/// A log of requests by 50,000 users.
fn write_log(index: &Index, folder: &Path, log: &Path) {
    let config = folder.join("doorward.yaml");
    fs::write(&config, "decision_log: { allow: 1, replay: true }").unwrap();
    let telemetry = Telemetry::new(&Config::load(&config, &|_| None).0.unwrap().decision_log);
    let mut out = BufWriter::new(File::create(log).unwrap());
    let mut batch = Batch::default();
    for number in 0..LINES {
        let user = format!("user-{}@example.com", (number * 7919) % 50_000);
        let path = match number % 5 {
            0 => "/events".to_owned(),
            1 => "/events/health".to_owned(),
            2 => format!("/venues/v-{}/seats/a/{}", number % 977, number % 31),
            _ => format!("/events/e-{}", number % 10_007),
        };
        let input = Input {
            method: METHODS[number / 5 % METHODS.len()],
            host: "api.example.com",
            path: &path,
            source: "203.0.113.7".parse().ok(),
            now: 1_900_000_000,
            ..Input::default()
        };
        let roles = ROLES[number % ROLES.len()];
        let decision = decide(index, &input, OnAnonymous::default(), |_| {
            if number % 50 == 0 {
                return Err((Reason::TokenExpired, ""));
            }
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            Ok(Arc::new(Principal::resolve(index, Subject { user, roles, ..Subject::default() })))
        });
        let roles = decision.held(index).map(|held| held.role_names()).unwrap_or_default();
        let id = format!("{number:032x}");
        let record = Record {
            detail: decision.detail,
            service: decision.service_name(index),
            route: decision.route_text(index),
            place: decision.place(index),
            revision: Some(index.revision()),
            caller: decision.principal.as_ref().map(|principal| principal.subject()),
            principal: decision.principal.as_ref(),
            roles: &roles,
            request: Some(&input),
            took: Duration::from_micros(23),
            ..Record::bare(&id, decision.reason)
        };
        telemetry.decided(&record, Keep::ALL, None);
        if number % 1000 == 999 {
            telemetry.lines().unwrap().take(&mut batch, Duration::ZERO);
            out.write_all(batch.bytes()).unwrap();
        }
    }
    out.flush().unwrap();
}

/// The reference policy, in which viewers read no events and managers delete them.
fn changed_policy(folder: &Path) -> std::path::PathBuf {
    let to = folder.join("changed");
    fs::create_dir_all(to.join("services")).unwrap();
    for file in
        ["bindings.yaml", "networks.yaml", "roles.yaml", "services/events.yaml", "services/venues.yaml"]
    {
        let text = fs::read_to_string(Path::new("policies").join(file)).unwrap();
        let text = text
            .replace("grants: [event:read, venue:read]", "grants: [venue:read]")
            .replace("roles: admin", "roles: { any: [admin, manager] }")
            .replace("grants: [\"venue:*\"]", "grants: [\"venue:*\", event:delete]");
        fs::write(to.join(file), text).unwrap();
    }
    to
}
