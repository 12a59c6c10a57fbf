//! `doorward replay` on logs that were written by hand.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::matrix::policy;
use crate::support::{Doorward, Said, doorward, golden};

const POLICY: &str = "
roles:
  viewer: { grants: ['e:read'] }
  editor: { inherits: [viewer], grants: ['e:*'] }
bindings:
  - { group: /staff, roles: [editor] }
services:
  events:
    paths: [/events]
    routes:
      - { route: 'GET /events/{id}', codes: e:read }
      - { route: 'PUT /events/{id}', codes: e:write, when: \"request.query.force == ['1'] || claims.tenant == 'acme'\" }
      - { route: 'DELETE /events/{id}', roles: editor }
      - { route: 'GET /events', access: authenticated }
      - { route: 'GRPC /events.S/Do', access: authenticated }
      - { route: 'GET /events/office', access: anonymous, ip: { allow: [10.0.0.0/8] } }
";

/// A line of a decision log: its request, how it ended, and what else it has.
fn line(second: u32, request: &str, end: &str, more: &str) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    let decision = if end == "allowed" { "allow" } else { "deny" };
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        "{{\"time\":\"2026-03-31T12:00:{second:02}.5Z\",\"decision_id\":\"{second:032x}\",\"decision\":\"{decision}\",\"reason\":\"{end}\",\
         \"status\":200,\"service\":\"events\",\"method\":\"{method}\",\"host\":\"api.test\",\"path\":\"{path}\"{comma}{more},\"duration_us\":9}}\n"
    )
}

fn log() -> String {
    let of = |user: &str, roles: &str| format!("\"kind\":\"http\",\"user\":\"{user}\",\"roles\":[{roles}]");
    let viewer = of("ann", "\"viewer\"");
    [
        line(1, "GET /events/1", "code_missing", &viewer),
        line(3, "GET /events/2", "code_missing", &of("it's bob", "\"viewer\"")),
        // Earlier than the one before: times need no order.
        line(2, "GET /events/3", "code_missing", &viewer),
        line(
            4,
            "DELETE /events/1",
            "allowed",
            &of("eve", "\"editor\"").replace("\"roles\":", "\"roles_bound\":[\"editor\"],\"roles\":"),
        ),
        line(
            5,
            "DELETE /events/1",
            "allowed",
            &of("eve", "\"viewer\"").replace("\"roles\":", "\"unlisted\":[\"groups\"],\"roles\":"),
        ),
        line(6, "PUT /events/1", "allowed", &of("eve", "\"editor\"")),
        line(
            7,
            "PUT /events/1",
            "condition_false",
            &(of("eve", "\"editor\"") + ",\"claims\":{\"tenant\":\"acme\"}"),
        ),
        line(8, "GET /events", "allowed", "\"kind\":\"http\""),
        line(9, "GET /events/office", "allowed", "\"kind\":\"http\",\"source\":\"192.0.2.7\""),
        line(10, "GET [redacted]", "route_unknown", "\"kind\":\"http\""),
        line(11, "POST /events.S/Do", "allowed", "\"user\":\"old\",\"roles\":[\"viewer\"]"),
        line(12, "GET /events/1", "keys_unavailable", "\"kind\":\"http\""),
        line(
            13,
            "GET /events/1",
            "route_unknown",
            "\"kind\":\"http\",\"user\":\"[redacted]\",\"roles\":[\"viewer\"]",
        ),
        line(14, "GET /nowhere", "route_unknown", "\"kind\":\"http\""),
        "\n".to_owned(),
        "not json\n".to_owned(),
        "{\"level\":\"info\",\"msg\":\"started\"}\n".to_owned(),
        "{\"time\":1,\"decision_id\":2}\n".to_owned(),
        line(15, "GET /events/1", "no_such_reason", "\"kind\":\"http\""),
    ]
    .concat()
}

/// Replays a log by the policy of a folder that it is put into.
fn replay(policy_text: &str, log: &str, args: &[&str]) -> Said {
    let folder = policy(policy_text);
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::rename(folder.path().join("policy.yaml"), folder.path().join("policies/policy.yaml")).unwrap();
    fs::write(folder.path().join("decisions.log"), log).unwrap();
    let all = ["replay", "decisions.log", "--policy", "policies"].into_iter().chain(args.iter().copied());
    Doorward::new(all).within(folder.path()).run()
}

#[test]
fn what_changes_is_told_in_every_form() {
    for (name, args) in [
        ("replay", &["--reasons"][..]),
        ("replay-markdown", &["--format", "markdown"]),
        ("replay-json", &["--format", "json", "--reasons"]),
    ] {
        let said = replay(POLICY, &log(), args);
        assert_eq!((said.code, said.err.as_str()), (1, ""));
        golden(name, &said.out);
    }
}

#[test]
fn the_exit_code_says_what_changes() {
    let opens =
        line(1, "GET /events/1", "code_missing", "\"kind\":\"http\",\"user\":\"a\",\"roles\":[\"viewer\"]");
    let closes = line(2, "DELETE /events/1", "allowed", "\"kind\":\"http\",\"user\":\"a\",\"roles\":[]");
    let same = line(3, "GET /events", "allowed", "\"kind\":\"http\",\"user\":\"a\",\"roles\":[]");
    let open = line(4, "GET /events", "allowed", "\"kind\":\"http\"");
    let both = format!("{opens}{closes}");
    for (log, args, code) in [
        ("", &[][..], 0),
        (same.as_str(), &[], 0),
        (&opens, &[], 1),
        (&closes, &[], 1),
        (&opens, &["--expect", "opened"], 0),
        (&opens, &["--expect", "closed"], 1),
        (&closes, &["--expect", "closed"], 0),
        (&closes, &["--expect", "opened"], 1),
        (&both, &["--expect", "closed"], 1),
        (&both, &["--expect", "any"], 0),
        (&open, &[], 0),
        (&open, &["--deny-undecided"], 1),
        ("no line of any log\n", &[], 2),
    ] {
        let said = replay(POLICY, log, args);
        assert_eq!(said.code, code, "{log} {args:?}\n{}{}", said.out, said.err);
    }
}

#[test]
fn hostile_lines_are_counted_and_harm_nothing() {
    let fine = line(1, "GET /events", "allowed", "\"kind\":\"http\",\"user\":\"a\",\"roles\":[]");
    let deep = format!("{{\"decision_id\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("{{\"decision_id\":\"{}\"}}\n", "x".repeat(2 << 20));
    let twice = fine.replacen("\"reason\":", "\"reason\":\"denied\",\"reason\":", 1);
    let lies = fine.replacen("\"decision\":\"allow\"", "\"decision\":\"deny\"", 1);
    let escape = line(
        2,
        "DELETE /events/1",
        "allowed",
        "\"kind\":\"http\",\"user\":\"\\u001b[2J\\u202e';reboot;'\",\"roles\":[\"a\\u0000\"]",
    );
    let many = format!("\"kind\":\"http\",\"user\":\"m\",\"roles\":[{}\"viewer\"]", "\"x\",".repeat(20_000));
    let many = line(3, "GET /events/1", "code_missing", &many);
    let log =
        [&fine, &deep, &huge, &twice, &lies, &escape, &many, "\0\n", "\u{feff}{}\n", "[]\n", "\"x\"\n", "{}"]
            .map(str::to_owned)
            .concat();
    let said = replay(POLICY, &log, &[]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!said.out.contains(odd), "{}", said.out);
    assert!(
        said.out.contains("broken lines: 9") && said.out.contains("decisions.log:3: longer than 256 KiB"),
        "{}",
        said.out
    );
    assert!(said.out.contains("1 would open, 1 would close, 1 unchanged, 0 undecided"), "{}", said.out);
}

#[test]
fn millions_of_users_and_paths_are_bounded() {
    let mut log = String::new();
    for number in 0..12_000 {
        let more = format!(
            "\"kind\":\"http\",\"user\":\"u{number}\",\"roles\":[\"viewer\"],\"route\":\"R{number}\""
        );
        log.push_str(&line(1, "GET /events/1", "code_missing", &more));
        log.push_str(
            &line(1, &format!("GET /x{number}"), "role_missing", &more)
                .replace("\"service\":\"events\"", &format!("\"service\":\"s{number}\"")),
        );
    }
    let said = replay(POLICY, &log, &["--reasons"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("over 1000 users"), "{}", said.out);
    assert!(said.out.contains("in too many groups to tell"), "{}", said.out);
    assert!(said.out.lines().count() < 400);
}

#[test]
fn logs_come_from_files_in_order_or_from_standard_input() {
    let folder = policy(POLICY);
    let at = |second| {
        line(
            second,
            "GET /events/1",
            "code_missing",
            "\"kind\":\"http\",\"user\":\"a\",\"roles\":[\"viewer\"]",
        )
    };
    for (name, second) in [("d.log", 9), ("d.log.1", 5), ("d.log.2", 1)] {
        fs::write(folder.path().join(name), at(second)).unwrap();
    }
    let run = |args: &[&str]| Doorward::new(args.iter().copied()).within(folder.path());
    let said = run(&["replay", "d.log", "d.log.1", "d.log.2", "--policy", "."]).run();
    assert!(said.out.contains("2026-03-31T12:00:01Z to 2026-03-31T12:00:09Z"), "{}", said.out);
    assert!(said.out.contains("--at=2026-03-31T12:00:01Z"), "the oldest is first: {}", said.out);
    let said = run(&["replay", "-", "--policy", "."]).run_with_input(&at(7));
    assert_eq!((said.code, said.out.contains("1 would open")), (1, true));

    fs::write(folder.path().join("d.log.3.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    for (args, error) in [
        (
            &["replay", "d.log.3.gz", "--policy", "."][..],
            "is compressed: `gzip -dc d.log.3.gz | doorward replay -",
        ),
        (&["replay", "nowhere.log", "--policy", "."], "can't read the log `nowhere.log`"),
        (&["replay", ".", "--policy", "."], "is a directory"),
        (&["replay", "d.log", "--policy", ".", "--field", "verb=x"], "one of the fields time, method"),
        (
            &["replay", "policy.yaml", "--policy", "."],
            "no line of the log could be read; policy.yaml:2: not a JSON object",
        ),
    ] {
        let said = run(args).run();
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains(error), "{}", said.err);
    }
}

#[test]
fn what_is_hidden_is_undecided() {
    let bindings = POLICY.replace("  - { group:", "  - { user: eve, roles: [editor] }\n  - { group:");
    let caller = |user: &str| format!("\"kind\":\"http\",\"user\":\"{user}\",\"roles\":[\"viewer\"]");
    let envoy = "{\"start_time\":\"2026-03-31T12:00:00Z\",\"authority\":\"api.test\",\"method\":\"GET\",\
                 \"path\":\"/events/1\",\"reason\":\"allowed\",\"user\":\"[redacted]\",\"roles\":\"viewer\"}\n";
    for (log, why) in [
        (line(1, "GET [redacted]", "allowed", &caller("ann")), "the path is hidden or cut"),
        (line(1, "GET /events/{id}", "allowed", &caller("ann")), "the path is hidden or cut"),
        (line(1, "GET /events/[redacted]", "allowed", &caller("ann")), "the path is hidden or cut"),
        (
            line(1, &format!("GET /events/{}", "x".repeat(248)), "allowed", &caller("ann")),
            "the path is hidden or cut",
        ),
        (
            line(1, "GET /events/1", "allowed", &caller("[redacted]")),
            "the user is hidden, and the policy asks",
        ),
        (envoy.to_owned(), "the user is hidden, and the policy asks"),
    ] {
        let said = replay(&bindings, &log, &["--trust-roles"]);
        assert!(said.out.contains("1 undecided") && said.out.contains(why), "{log}{}", said.out);
    }
}

#[test]
fn an_access_log_of_envoy_is_read() {
    let envoy = |more: &str| {
        format!("{{\"start_time\":\"2026-03-31T12:00:00.123Z\",\"authority\":\"api.test\",{more}}}\n")
    };
    let log = [
        // Everything is there.
        envoy("\"method\":\"GET\",\"path\":\"/events/1\",\"reason\":\"code_missing\",\"user\":\"a\",\"roles\":\"viewer,x\",\"route\":null"),
        // The query is there too; the claim would be asked for only without it.
        envoy("\"method\":\"PUT\",\"path\":\"/events/1?force=1\",\"response_code_details\":\"via_upstream\",\"user\":\"a\",\"roles\":\"editor\""),
        envoy("\"method\":\"GET\",\"path\":\"/events/office\",\"response_code_details\":\"via_upstream\",\"downstream_remote_address\":\"[2001:db8::1]:443\""),
        envoy("\"method\":\"GET\",\"path\":\"/events/office\",\"response_code_details\":\"via_upstream\",\"downstream_remote_address\":\"-\""),
        envoy("\"method\":\"GET\",\"path\":\"/events\",\"response_code_details\":\"ext_authz_error\""),
        envoy("\"method\":\"GET\",\"path\":\"/events\",\"response_code\":200"),
        envoy("\"method\":\"GET\",\"method\":\"PUT\",\"path\":\"/events\",\"reason\":\"allowed\""),
    ]
    .concat();
    let said = replay(POLICY, &log, &["--trust-roles"]);
    golden("replay-envoy", &said.transcript());
    let said = replay(POLICY, &log, &[]);
    assert!(said.out.contains("the log does not name the scopes of the token"), "{}", said.out);

    let other = "{\"t\":\"2026-03-31T12:00:00Z\",\"req\":{\"verb\":\"GET\"},\"p\":\"/events/9\",\"authority\":\"h\",\"why\":\"route_unknown\"}\n";
    let fields =
        ["--field", "time=t", "--field", "method=req.verb", "--field", "path=p", "--field", "reason=why"];
    let said = replay(POLICY, other, &fields);
    assert!(said.out.starts_with("1 request replayed") && said.out.contains("1 undecided"), "{}", said.out);
}

#[test]
fn every_example_is_confirmed_by_the_command_it_names() {
    let folder = policy(POLICY);
    fs::write(folder.path().join("d.log"), log()).unwrap();
    let said = Doorward::new(["replay", "d.log", "--policy", ".", "--reasons"]).within(folder.path()).run();
    let binaries = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let (mut confirmed, mut now) = (String::new(), String::new());
    for line in said.out.lines() {
        if let Some((_, end)) = line.split_once(" -> ") {
            now = end.split(' ').next().unwrap().to_owned();
        }
        if let Some(command) = line.trim().strip_prefix("doorward ") {
            let command = format!("doorward {command}");
            let run = std::process::Command::new("sh")
                .args(["-c", &command])
                .current_dir(folder.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            let told = String::from_utf8(run.stdout).unwrap();
            let first = told.lines().next().unwrap_or_default();
            assert!(first.contains(&format!(" {now} ")), "{command}: {told}");
            writeln!(confirmed, "{first}").unwrap();
        }
    }
    assert!(confirmed.lines().count() >= 3, "{confirmed}");
    assert_eq!(doorward(["replay"]).code, 2);
}
