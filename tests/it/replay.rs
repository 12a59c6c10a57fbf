//! `doorward replay` of what a real server and a real Envoy wrote about real requests.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::serve::{Doorward, ask, token};
use crate::support::{Stack, eventually, root};

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
    replay_with(log, policy, &[])
}

fn replay_with(log: &Path, policy: &str, args: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["replay", "--format", "json", "--reasons", "--policy"])
        .arg(folder.path())
        .args(args)
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

/// What would change, a line for each group.
fn changes(told: &Value) -> Vec<String> {
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
    changes
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
    eventually("all lines", || {
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
    assert_eq!(
        changes(&told),
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

/// The access log of the guide, as it stands there but for its file, in place of the one that ships.
fn with_the_access_log(shipped: &str, file: &Path) -> String {
    let guide = fs::read_to_string(root().join("docs/envoy.md")).unwrap();
    let (_, block) = guide.split_once("```yaml envoy-access-log\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let of_the_guide = "/var/log/envoy/access.log";
    assert_eq!(block.matches(of_the_guide).count(), 1, "{block}");
    let block = block.replace(of_the_guide, file.to_str().unwrap());
    let indented: String = block.lines().map(|line| format!("          {line}\n")).collect();
    let (before, rest) = shipped.split_once("          access_log:\n").unwrap();
    // It ends where the next key of the connection manager stands, or an empty line.
    let (_, after) = rest.split_once("\n\n").unwrap();
    format!("{before}{indented}\n{after}")
}

#[test]
fn what_a_real_envoy_writes_with_the_access_log_of_the_guide_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let edit = |shipped: String| with_the_access_log(&shipped, &log);
    let stack = Stack::start_with("tests/it/doorward.yaml", "info", &edit);
    stack.get("/events/health?verbose=1").send().allowed("events");
    stack.get("/events/who").roles(&["viewer"]).send().allowed("events");
    stack.get("/events/things/1").roles(&["viewer", "editor"]).send().allowed("events");
    stack.get("/events/things/2").roles(&["admin"]).send().allowed("events");
    stack.request("DELETE", "/events/things/3").roles(&["viewer"]).send().refused(403, "code_missing");
    stack.get("/events/things/4").send().refused(401, "token_missing");
    stack.get("/events/nowhere").roles(&["admin"]).send().refused(404, "route_unknown");
    // What a caller writes in the names that the log takes is nothing to it.
    let lied = stack.get("/events/things/5").header("x-user-roles", "admin");
    lied.header("x-envoy-original-path", "/events/health").roles(&[]).send().refused(403, "code_missing");
    let lines = eventually("all lines", || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let is_there =
            lines.iter().any(|line| line["path"].as_str().is_some_and(|path| path.contains("things/5")));
        is_there.then_some(lines).ok_or(text)
    });
    let line = |path: &str| {
        lines.iter().find(|line| line["path"] == *path).unwrap_or_else(|| panic!("{path}: {lines:?}"))
    };
    assert_eq!(line("/events/things/1")["roles"], "editor,viewer");
    assert_eq!(line("/events/things/1")["downstream_remote_address"], "127.0.0.1");
    assert_eq!(
        (&line("/events/things/3")["reason"], &line("/events/things/3")["roles"]),
        (&"code_missing".into(), &Value::Null)
    );
    assert_eq!(line("/events/things/5")["roles"], Value::Null);

    let policy = fs::read_to_string(root().join("tests/it/policy/policy.yaml")).unwrap();
    let (code, told) = replay_with(&log, &policy, &["--from", "envoy"]);
    assert_eq!((code, &told["lines"], &told["broken"]), (Some(0), &lines.len().into(), &0.into()), "{told}");
    assert_eq!(changes(&told), [""; 0]);
    let undecided = |told: &Value| -> Vec<String> {
        let because = told["undecided_because"].as_array().unwrap().iter();
        let mut all: Vec<String> = because
            .filter(|group| group["route"] != Value::Null)
            .map(|group| format!("{} {} {}", group["why"], group["route"], group["count"]).replace('"', ""))
            .collect();
        all.sort();
        all
    };
    // What the log does not say is not guessed: the scopes of a token, the roles of who was denied.
    let denied = ["roles DELETE /events/things/{id} 1", "roles GET /events/things/{id} 1"];
    assert_eq!(undecided(&told), [&denied[..], &["scopes GET /events/things/{id} 2"]].concat());

    let without = |policy: &str, text: &str, instead: &str| {
        assert_eq!(policy.matches(text).count(), 1, "{text}");
        policy.replace(text, instead)
    };
    let health = "GET /events/health\n        access: ";
    let changed = without(&policy, &format!("{health}anonymous"), &format!("{health}denied"));
    let changed = without(&changed, "grants: [thing:read]", "grants: [thing:see]");
    let (code, told) = replay_with(&log, &changed, &["--from", "envoy", "--trust-roles"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        changes(&told),
        [
            "would_close GET /events/health allowed route_denied 1",
            "would_close GET /events/things/{id} allowed code_missing 1",
        ],
        "{told}"
    );
    assert_eq!(undecided(&told), denied);
}
