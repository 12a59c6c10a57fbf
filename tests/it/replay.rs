//! `doorward replay` of what a real server wrote about real requests.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::serve::{Doorward, ask, token};

const POLICY: &str = "
roles:
  viewer: { grants: ['e:read'] }
  editor: { inherits: [viewer], grants: ['e:write'] }
bindings:
  - { user: alice, roles: [editor], on: { id: [mine] } }
services:
  all:
    paths: [/]
    routes:
      - { route: 'ANY /events/{id}', codes: e:read }
      - { route: 'ANY /edit/{id}', codes: e:write }
      - { route: 'ANY /any/**', access: authenticated }
      - { route: ANY /health, access: anonymous }
";

/// What a replay says, and its exit code.
fn replay(log: &Path, policy: &str) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["replay", "--format", "json", "--reasons", "--policy"])
        .arg(folder.path())
        .arg(log)
        .output()
        .unwrap();
    assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    let told: Value = serde_json::from_slice(&said.stdout).unwrap();
    for example in told["changes"].as_array().unwrap().iter().filter_map(|change| change["example"].as_str())
    {
        confirm(example, folder.path(), &told);
    }
    (said.status.code(), told)
}

/// Runs the command of an example: it must say what the replay says.
fn confirm(example: &str, policy: &Path, told: &Value) {
    let binary = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let command = format!("{example} --policies={} --format json", policy.display());
    let said = Command::new("sh").args(["-c", &command]).env("PATH", path).output().unwrap();
    let answer: Value =
        serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{command}: {said:?}"));
    let changes = told["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["example"] == *example).unwrap();
    assert_eq!(answer["reason"], change["now"], "{command}");
}

#[test]
fn the_same_policy_changes_nothing_and_another_exactly_what_it_changes() {
    let more = "decision_log: { to: { file: decisions.log }, allow: 1 }\n";
    let server = Doorward::configured("info", more, POLICY);
    let (viewer, nobody) = (token(&["viewer"]), token(&[]));
    let asked = [
        ("/events/1", viewer.as_str()),
        ("/events/2?q=1", &viewer),
        ("/events/3", &nobody),
        ("/edit/mine", &nobody),
        ("/edit/other", &viewer),
        ("/any/x", &viewer),
        ("/any/x", "no token"),
        ("/health", ""),
        ("/nowhere", &viewer),
        ("/events//1", &viewer),
    ];
    ask(&server.address, &asked);
    let log = server.folder.path().join("decisions.log");
    crate::support::eventually("all lines", || {
        let lines = fs::read_to_string(&log).unwrap_or_default().lines().count();
        (lines == asked.len()).then_some(()).ok_or(format!("{lines} lines"))
    });

    let (code, told) = replay(&log, POLICY);
    assert_eq!((code, &told["lines"], &told["unchanged"]), (Some(0), &10.into(), &10.into()), "{told}");

    // A code more for the viewer, a binding less, and one route closed.
    let changed = POLICY
        .replace("viewer: { grants: ['e:read'] }", "viewer: { grants: ['e:read', 'e:write'] }")
        .replace("on: { id: [mine] }", "on: { id: [theirs] }")
        .replace("'ANY /any/**', access: authenticated", "'ANY /any/**', access: denied");
    let (code, told) = replay(&log, &changed);
    let mut changes: Vec<String> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap_or("-");
            format!(
                "{} {} {} {} {}",
                text("direction"),
                text("route"),
                text("was"),
                text("now"),
                change["count"]
            )
        })
        .collect();
    changes.sort();
    assert_eq!(
        changes,
        [
            "reason ANY /any/** token_malformed route_denied 1",
            "would_close ANY /any/** allowed route_denied 1",
            "would_close ANY /edit/{id} allowed code_missing 1",
            "would_open ANY /edit/{id} code_missing allowed 1",
        ],
        "{told}"
    );
    assert_eq!((code, &told["undecided"]), (Some(1), &0.into()), "{told}");
}
