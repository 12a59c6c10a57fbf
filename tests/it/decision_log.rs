//! The decision log of the real binary: its fields as documented, its files, and
//! destinations that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::serve::{Doorward, ask, json, token};
use crate::support::eventually;

const POLICY: &str = "
roles:
  viewer: {}
services:
  all:
    paths: [/]
    routes:
      - { route: ANY /roles/**, roles: viewer }
      - { route: 'ANY /reset/{secret}', access: authenticated }
      - { route: 'ANY /reset/**', access: denied }
";

fn decisions(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| json(line)).collect()
}

/// The names in the table of fields, and whether the table says that the field is always there.
fn documented() -> BTreeMap<String, bool> {
    let page = fs::read_to_string(crate::support::root().join("docs/decision-log.md")).unwrap();
    let table = page.split("## Fields").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let name = cells.next().unwrap().trim_matches('`').to_owned();
        (name, cells.next().unwrap() == "always")
    })
    .collect()
}

#[test]
fn lines_have_the_fields_that_are_documented_and_no_others() {
    let more =
        "decision_log: { allow: 1, claims: [sub, iss], redact: { parameters: [secret], claims: [iss] } }\n";
    let server = Doorward::configured("info", more, POLICY);
    let viewer = token(&["viewer"]);
    let asked = [
        ("/roles/1?q=hidden", viewer.as_str()),
        ("/reset/hidden", &viewer),
        ("/roles/hidden/..", &viewer),
        ("/reset/hidden/x", &viewer),
    ];
    assert_eq!(ask(&server.address, &asked), [0, 0, 3, 7]);
    let (_, _, told) = server.end();
    let found = decisions(&told);
    assert_eq!(found.len(), 4);

    let documented = documented();
    let always: Vec<&String> =
        documented.iter().filter(|(_, always)| **always).map(|(name, _)| name).collect();
    for line in &found {
        let fields = line.as_object().unwrap();
        assert!(always.iter().all(|name| fields.contains_key(*name)), "{line}");
        let strangers: Vec<_> = fields.keys().filter(|name| !documented.contains_key(*name)).collect();
        assert!(strangers.is_empty(), "{strangers:?} are not documented");
        assert!(!line.to_string().contains("hidden"), "{line}");
    }
    let seen: BTreeSet<&String> = found.iter().flat_map(|line| line.as_object().unwrap().keys()).collect();
    let unseen: Vec<_> = documented.keys().filter(|name| !seen.contains(name)).map(String::as_str).collect();
    // These need a header, a proxy, a certificate, a binding, a crowd of roles, a replay or a candidate: `src/telemetry` has them.
    let elsewhere = [
        "candidate",
        "peer",
        "request_id",
        "roles_bound",
        "roles_left_out",
        "service_named",
        "source",
        "token",
        "trace_id",
        "unlisted",
    ];
    assert_eq!(unseen, elsewhere);

    let [allowed, reset, ambiguous, below] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(allowed["claims"], serde_json::json!({"sub": "alice", "iss": "[redacted]"}));
    assert_eq!((&allowed["user"], &allowed["roles"]), (&"alice".into(), &serde_json::json!(["viewer"])));
    assert_eq!((&allowed["path"], &allowed["place"]), (&"/roles/1".into(), &"all.yaml:8".into()));
    assert_eq!(reset["path"], "/reset/{secret}");
    assert_eq!(ambiguous["path"], "[redacted]", "no route says what of it is secret");
    let shown = "/reset/{secret}/[redacted]";
    assert_eq!(below["path"], shown, "another route decided, and the secret is no less one");
}

#[test]
fn the_page_shows_the_fields_in_their_order() {
    let server = Doorward::configured("info", "decision_log: { allow: 1, claims: [sub] }\n", POLICY);
    ask(&server.address, &[("/roles/1", &token(&["viewer"]))]);
    let (_, _, told) = server.end();
    let page = fs::read_to_string(crate::support::root().join("docs/decision-log.md")).unwrap();
    let mut last = 0;
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        if let Some(at) = told[0].find(&format!("\"{row}\":")) {
            assert!(at > last, "`{row}` stands elsewhere in {}", told[0]);
            last = at;
        }
        if row == "duration_us" {
            break;
        }
    }
}

#[test]
fn a_share_is_chosen_by_the_id() {
    let server = Doorward::configured("info", "decision_log: { allow: 0.5, deny: 0 }\n", POLICY);
    let viewer = token(&["viewer"]);
    let mut asked = vec![("/roles/1", viewer.as_str()); 100];
    asked.push(("/roles/1", "x"));
    ask(&server.address, &asked);
    let (_, _, told) = server.end();
    let found = decisions(&told);
    // Far from none and all: by chance once in 10^12 runs.
    assert!((10..=90).contains(&found.len()), "{} of 100", found.len());
    for line in found {
        assert_eq!(line["decision"], "allow");
        let id = u128::from_str_radix(line["decision_id"].as_str().unwrap(), 16).unwrap();
        assert!((id as u64) < 1 << 63, "{line}");
    }
}

#[test]
fn a_file_is_begun_anew_on_a_signal_and_no_line_is_lost() {
    let more = "decision_log: { to: { file: decisions.log } }\n";
    let server = Doorward::configured("info", more, POLICY);
    let (path, moved) = (server.folder.path().join("decisions.log"), server.folder.path().join("moved"));
    for round in 0..5 {
        ask(&server.address, &[("/roles/1", "x"); 20]);
        if round == 2 {
            fs::rename(&path, &moved).unwrap();
            server.signal("-USR1");
            server.line(|line| line.get("message") == Some(&"the decision log is opened anew".into()));
        }
    }
    let folder = fs::read_dir(server.folder.path()).unwrap().count();
    assert!(folder >= 4);
    let log = |path| fs::read_to_string(path).unwrap_or_default();
    eventually("all lines", || {
        let text = format!("{}{}", log(&moved), log(&path));
        let found = text.lines().map(json).count();
        if found == 100 { Ok(()) } else { Err(format!("{found} lines")) }
    });
    assert!(!log(&path).is_empty() && !log(&moved).is_empty());
}

#[test]
fn dos_8_a_full_disk_changes_no_answer() {
    let server = Doorward::writing_to(
        "decision_log: {}\n",
        POLICY,
        OpenOptions::new().write(true).open("/dev/full").unwrap(),
    );
    for _ in 0..20 {
        assert_eq!(ask(&server.address, &[("/roles/1", "x")]), [16]);
    }
    let told =
        server.line(|line| line["message"].as_str().is_some_and(|m| m.starts_with("the decision log can't")));
    assert!(told["error"].as_str().is_some_and(|error| error.contains("No space")), "{told}");
    assert_eq!(server.stop().0, Some(0), "and the end does not wait for it");
}

#[test]
fn dos_8_a_reader_that_never_reads_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Held open for reading and never read.
    let held = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let server = Doorward::writing_to("decision_log: {}\n", POLICY, held.try_clone().unwrap());
    // A pipe takes 64 KiB, the queue more than all of these.
    let asked = vec![("/roles/1", "x"); 500];
    for _ in 0..10 {
        assert!(ask(&server.address, &asked).iter().all(|code| *code == 16));
    }
    // Somebody comes and reads: everything is there, line by line.
    let reader = BufReader::new(File::open(&fifo).unwrap());
    let lines: Vec<String> = reader.lines().take(5000).map(Result::unwrap).collect();
    let ids: BTreeSet<String> =
        decisions(&lines).iter().map(|line| line["decision_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 5000);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_socket_gets_what_was_told_before_it_was_there() {
    let more = "decision_log: { to: { socket: unix:agent.sock } }\n";
    let server = Doorward::configured("info", more, POLICY);
    ask(&server.address, &[("/roles/1", "x"); 3]);
    let listener = UnixListener::bind(server.folder.path().join("agent.sock")).unwrap();
    let lines = BufReader::new(listener.accept().unwrap().0).lines();
    let found: Vec<String> = lines.take(3).map(Result::unwrap).collect();
    assert!(decisions(&found).iter().all(|line| line["reason"] == "token_malformed"));
}

#[test]
fn standard_error_can_have_both_logs() {
    let server = Doorward::configured("info", "decision_log: { to: stderr }\n", POLICY);
    ask(&server.address, &[("/roles/1", "x")]);
    let line = server.line(|line| line.get("decision_id").is_some());
    assert_eq!(line["reason"], "token_malformed");
    let (_, _, told) = server.end();
    assert!(told.is_empty());
}

#[test]
fn a_file_that_can_not_be_opened_keeps_doorward_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), POLICY).unwrap();
    let config = "listen: { grpc: 127.0.0.1:0 }\ndecision_log: { to: { file: none/decisions.log } }\n";
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["serve", "--config"])
        .arg(folder.path().join("doorward.yaml"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("none/decisions.log") && !said.contains("listening"), "{said}");
}
