//! Review at size: 5,000 routes and 200 roles, by the real binary.
//!
//! `cargo bench --bench review`. Two git revisions that differ by 50 changes are compared;
//! the second is linted, and shown as a matrix. Each is timed as a whole process, with the
//! most memory it had; the best of some runs counts, since other work only adds. Ends with
//! an error where one is above its limit.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::policy::{Size, file};
use support::process::{self, Ran};

const ROUTES: usize = 5_000;
const ROLES: usize = 200;
const CHANGES: usize = 50;
const RUNS: usize = 3;

/// The most time, and the most resident memory in kB.
const DIFF: (Duration, u64) = (Duration::from_secs(5), 500_000);
const REST: (Duration, u64) = (Duration::from_secs(2), 500_000);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size::of(ROUTES, ROLES);
    let policies = folder.path().join("policies");
    size.write(&policies);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    commit(folder.path());
    for number in 0..CHANGES {
        change(number, &policies);
    }
    commit(folder.path());
    println!("{ROUTES} routes, {ROLES} roles, {CHANGES} changes; the best of {RUNS} runs of each");

    let (said, told) = measured("diff of two revisions", folder.path(), &["diff", "HEAD~1", "HEAD"], DIFF);
    assert_eq!(said, 2, "something was opened");
    println!("  {}", told.lines().last().unwrap());
    for format in ["json", "markdown", "sarif"] {
        measured(
            &format!("diff, {format}"),
            folder.path(),
            &["diff", "HEAD~1", "HEAD", "--format", format],
            DIFF,
        );
    }
    measured(
        "diff of two directories that are the same",
        folder.path(),
        &["diff", "policies", "policies"],
        DIFF,
    );
    let (_, told) = measured("lint", folder.path(), &["lint", "policies"], REST);
    println!("  {}", told.lines().last().unwrap_or("no findings"));
    for format in ["text", "html", "csv", "markdown", "json"] {
        measured(
            &format!("matrix, {format}"),
            folder.path(),
            &["matrix", "policies", "--format", format],
            REST,
        );
    }
}

/// Runs the binary some times; gives its exit code and what it said.
fn measured(what: &str, folder: &Path, args: &[&str], most: (Duration, u64)) -> (i32, String) {
    let runs =
        (0..RUNS).map(|_| process::run(Command::new(process::doorward()).args(args).current_dir(folder)));
    let Ran { code, out, took, most_resident } = runs.min_by_key(|ran| ran.took).unwrap();
    println!(
        "{what}: {:.2} s, {:.0} MB, {} KB told",
        took.as_secs_f64(),
        most_resident as f64 / 1000.0,
        out.len() / 1000
    );
    assert!(code < 3, "{what} could not run");
    assert!(took < most.0, "too slow: at most {:?}", most.0);
    assert!(most_resident < most.1, "too large: at most {} kB", most.1);
    (code, out)
}

/// One of the changes that people make: in a service of its own, or in a role.
fn change(number: usize, policies: &Path) {
    let service = policies.join(file(number));
    let code = format!("s{number}:c0");
    match number % 5 {
        // Opened: the auditors' route to whoever reads.
        0 => {
            edit(&service, &format!("codes: '{code}:read', roles: auditor"), &format!("codes: '{code}:read'"))
        }
        // Closed: a code less that is enough.
        1 => {
            edit(&service, &format!("{{ any: ['{code}:write', '{code}:own'] }}"), &format!("'{code}:write'"))
        }
        // A condition changed.
        2 => edit(&service, "path.id != 'archive'", "path.id != 'archive' && path.item != '0'"),
        // Opened: no token any more.
        3 => edit(&service, &format!("c0/{{id}}', codes: '{code}:read'"), "c0/{id}', access: anonymous"),
        // A role gets a code.
        _ => {
            let role = number * 3;
            edit(
                &policies.join("roles.yaml"),
                &format!("  r{role}: {{ grants: ["),
                &format!("  r{role}: {{ grants: ['{code}:own', "),
            );
        }
    }
}

/// Replaces what is there, the first time.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "`{from}` in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "-qm", "a policy"]);
}

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git").args(args).current_dir(folder).status().unwrap();
    assert!(done.success(), "git {args:?}");
}
