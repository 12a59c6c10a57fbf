//! The admin port of the real program: what it tells, to whom, and what it never tells.

mod exposition;
mod http;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use serde_json::{Value, json};

use self::exposition::{Numbers, read};
use self::http::{Reply, ask as call, ask_unix};
use crate::serve::{Doorward, ask, folder, token};
use crate::support::{eventually, root};

const POLICY: &str = "
roles: { viewer: {} }
services:
  all:
    paths: [/]
    routes:
      - { route: ANY /roles/**, roles: viewer }
      - { route: \"GET /any/{id}\", access: authenticated }
      - { route: GET /open, access: anonymous }
      - { route: GET /shut, access: denied }
";

const SECRET: &str = "not a secret but long enough for one";

fn config(admin: &str, keys: &str) -> String {
    format!(
        "listen: {{ grpc: 127.0.0.1:0, admin: {admin} }}
identity:
  issuers:
    - issuer: https://id.test
      audiences: [shop]
      algorithms: [{keys}
      roles: roles
"
    )
}

const KEYS: &str = "HS256]\n      keys: { secret_env: SECRET }";

fn start() -> Doorward {
    Doorward::prepared("info", folder(&config("127.0.0.1:0", KEYS), POLICY))
}

fn get(server: &Doorward, path: &str) -> Reply {
    call(&server.admin, "GET", path, &[], "")
}

fn policy(server: &Doorward) -> Value {
    get(server, "/policy").json()
}

fn explain(server: &Doorward, question: &Value) -> Reply {
    call(&server.admin, "POST", "/explain", &[], &question.to_string())
}

fn metrics(server: &Doorward) -> Numbers {
    let reply = call(&server.admin, "GET", "/metrics", &[("accept", "application/openmetrics-text")], "");
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    read(&reply.body)
}

/// One number of a scrape of a server that has an admin port; it must be there.
#[track_caller]
pub(crate) fn scraped(server: &Doorward, name: &str, labels: &[(&str, &str)]) -> f64 {
    metrics(server).of(name, labels).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn everything_is_where_the_documentation_says() {
    let server = start();
    assert_eq!((get(&server, "/healthz").status, &*get(&server, "/healthz").body), (200, "ok\n"));
    assert_eq!(get(&server, "/readyz").json(), json!({ "ready": true, "reasons": [] }));
    let plain = get(&server, "/metrics");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(plain.body.contains("# TYPE doorward_log_dropped_total counter\n"), "{}", plain.body);
    for path in ["/", "/debug/pprof", "/metrics/", "/%6detrics"] {
        let reply = get(&server, path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.json()["error"].is_string());
    }
    let reply = call(&server.admin, "DELETE", "/policy", &[], "");
    assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD"));
    let reply = get(&server, "/reload");
    assert_eq!((reply.status, reply.header("allow")), (405, "POST"));
    let reply = call(&server.admin, "HEAD", "/metrics", &[], "");
    assert_eq!((reply.status, &*reply.body), (200, ""));
    for path in ["/healthz", "/policy", "/nothing"] {
        assert_eq!(get(&server, path).header("cache-control"), "no-store");
    }
}

#[test]
fn the_numbers_are_openmetrics_and_all_that_are_documented() {
    let server = start();
    let roleless = token(&[]);
    let asked =
        ["/roles/1", "/any/1", "/any/1", "/open", "/shut", "/none"].map(|path| (path, roleless.as_str()));
    ask(&server.address, &asked);
    let numbers = metrics(&server);
    let count = |route: &str, reason: &str| {
        let labels = [("service", "all"), ("route", route), ("reason", reason)];
        numbers.of("doorward_decisions_total", &labels)
    };
    assert_eq!(count("GET /any/{id}", "allowed"), Some(2.0));
    assert_eq!(count("ANY /roles/**", "role_missing"), Some(1.0));
    assert_eq!(count("", "route_unknown"), Some(1.0));
    assert_eq!(numbers.of("doorward_check_duration_seconds_count", &[]), Some(6.0));
    assert_eq!(numbers.of("doorward_token_cache_misses_total", &[]), Some(1.0));
    assert_eq!(numbers.of("doorward_token_cache_hits_total", &[]), Some(2.0));
    assert_eq!(numbers.of("doorward_keys", &[("issuer", "https://id.test")]), Some(1.0));
    assert_eq!(numbers.of("doorward_keys_failing", &[("issuer", "https://id.test")]), Some(0.0));
    assert_eq!(numbers.of("doorward_ready", &[]), Some(1.0));
    assert_eq!(numbers.of("doorward_connections", &[("listener", "admin")]), Some(1.0));
    let revision = policy(&server)["revision"].as_str().unwrap().to_owned();
    assert_eq!(numbers.of("doorward_policy_info", &[("revision", &revision), ("commit", "")]), Some(1.0));
    let since = numbers.of("process_start_time_seconds", &[]).unwrap();
    assert!(since > 1.7e9 && numbers.of("doorward_policy_loaded_timestamp_seconds", &[]).unwrap() >= since);

    // Those of features that are off and of keys that are fetched have no values here.
    let documented = documented();
    let known = |name: &String| numbers.families.contains(name.strip_suffix("_total").unwrap_or(name));
    let missing: Vec<&String> = documented.iter().filter(|name| !known(name)).collect();
    let optional = [
        "doorward_candidate_in_sync",
        "doorward_decision_log_dropped_total",
        "doorward_decision_log_written_total",
    ];
    assert!(missing.iter().all(|name| optional.contains(&name.as_str())), "{missing:?}");
    let told =
        |family: &&String| documented.contains(*family) || documented.contains(&format!("{family}_total"));
    let secret: Vec<&String> = numbers.families.iter().filter(|family| !told(family)).collect();
    assert!(secret.is_empty(), "not in docs/admin.md: {secret:?}");
}

/// The names in the table of `docs/admin.md`.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/admin.md")).unwrap();
    let names = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let names: BTreeSet<String> = names
        .filter(|n| n.starts_with("doorward_") || n.starts_with("process_"))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 25, "{names:?}");
    names
}

#[test]
fn dos_7_ten_thousand_paths_make_no_new_numbers() {
    let server = start();
    let token = token(&["viewer"]);
    ask(
        &server.address,
        &[("/roles/x", token.as_str()), ("/any/x", &token), ("/none", "t"), ("/any/a%2Fb", &token)],
    );
    let before = metrics(&server).series();
    let paths: Vec<String> = (0..10_000_u64)
        .map(|n| {
            let odd = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match n % 4 {
                0 => format!("/roles/{odd:x}/{n}"),
                1 => format!("/any/{odd:x}"),
                2 => format!("/{odd:x}"),
                _ => format!("/any/{odd:x}%2F{n}"),
            }
        })
        .collect();
    let asked: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), token.as_str())).collect();
    ask(&server.address, &asked);
    let numbers = metrics(&server);
    assert_eq!(numbers.series(), before);
    assert_eq!(numbers.of("doorward_check_duration_seconds_count", &[]), Some(10_004.0));
}

#[test]
fn load_1_the_policy_in_force_is_told_through_good_and_bad_reloads() {
    let server = start();
    let file = server.folder.path().join("policies/all.yaml");
    let reload = || {
        let reply = call(&server.admin, "POST", "/reload", &[], "");
        (reply.status, reply.json()["outcome"].as_str().unwrap().to_owned())
    };
    let state = || {
        let numbers = metrics(&server);
        let number = |name| numbers.of(name, &[]).unwrap();
        let told = policy(&server);
        let revision = told["revision"].as_str().unwrap().to_owned();
        let info = numbers.of("doorward_policy_info", &[("revision", &revision), ("commit", "")]);
        assert_eq!(info, Some(1.0), "both tell the same");
        assert_eq!(told["in_sync"], json!(number("doorward_policy_in_sync") == 1.0));
        (
            number("doorward_policy_generation"),
            number("doorward_policy_reload_failures_total"),
            told["in_sync"] == true,
            revision,
        )
    };
    let (_, _, _, first) = state();
    assert_eq!(state(), (1.0, 0.0, true, first.clone()));
    assert_eq!(reload(), (200, "unchanged".to_owned()));

    fs::write(&file, POLICY.replace("anonymous", "authenticated")).unwrap();
    // Who looks every second may have come first.
    assert_eq!(reload().0, 200);
    let (_, _, _, second) = state();
    assert_ne!(first, second);
    assert_eq!(state(), (2.0, 0.0, true, second.clone()));

    fs::write(&file, POLICY.replace("anonymous", "nobody")).unwrap();
    assert_eq!(reload(), (422, "refused".to_owned()));
    let (generation, failed, in_sync, revision) = state();
    assert_eq!((generation, in_sync, &revision), (2.0, false, &second));
    assert!(failed >= 1.0);
    let findings = policy(&server)["last_error"].clone();
    assert!(findings[0].as_str().unwrap().contains("all.yaml:9:"), "{findings}");

    let one: String = POLICY
        .lines()
        .filter(|l| !l.contains("/any") && !l.contains("/open") && !l.contains("/shut"))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(&file, one).unwrap();
    assert_eq!(reload(), (422, "refused".to_owned()));
    assert!(policy(&server)["last_error"][0].as_str().unwrap().contains("held back"));
    assert_eq!(state().3, second);
    fs::write(&file, POLICY).unwrap();
    assert_eq!(reload().0, 200);
    let (generation, _, in_sync, revision) = state();
    assert_eq!((generation, in_sync, revision), (3.0, true, first));
    assert_eq!(policy(&server).get("last_error"), None);
}

#[test]
fn the_commit_of_a_work_tree_is_told() {
    let folder = folder(&config("127.0.0.1:0", KEYS), POLICY);
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@t.test"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "a policy"]);
    let first = git(&["rev-parse", "HEAD"]);
    let path = folder.path().to_owned();
    let server = Doorward::prepared("info", folder);
    assert_eq!(policy(&server)["commit"], json!(first));
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(&path).args(["-c", "user.name=t", "-c", "user.email=t@t.test"]);
        String::from_utf8(command.args(arguments).output().unwrap().stdout).unwrap().trim().to_owned()
    };
    git(&["commit", "-q", "--allow-empty", "-m", "another"]);
    let second = git(&["rev-parse", "HEAD"]);
    assert_ne!(first, second);
    eventually("the commit of the same files", || match policy(&server)["commit"] == json!(second) {
        true => Ok(()),
        false => Err(policy(&server).to_string()),
    });
    let revision = policy(&server)["revision"].as_str().unwrap().to_owned();
    let labels = [("revision", &*revision), ("commit", &*second)];
    assert_eq!(metrics(&server).of("doorward_policy_info", &labels), Some(1.0));
}

#[test]
fn readyz_waits_for_the_keys_and_says_whose() {
    // A port where nobody listens yet.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let keys = format!("RS256]\n      keys: {{ url: \"http://127.0.0.1:{port}/jwks\", insecure: true }}");
    let server = Doorward::prepared("info", folder(&config("127.0.0.1:0", &keys), POLICY));
    let reply = get(&server, "/readyz");
    assert_eq!(reply.status, 503);
    let reasons = json!(["the keys of `https://id.test` were never had"]);
    assert_eq!(reply.json(), json!({ "ready": false, "reasons": reasons }));
    assert_eq!(get(&server, "/healthz").status, 200);
    let issuer = ("issuer", "https://id.test");
    eventually("a failed fetch", || {
        let numbers = metrics(&server);
        let failures = numbers.of("doorward_key_fetches_total", &[issuer, ("result", "failure")]);
        let failing = numbers.of("doorward_keys_failing", &[issuer]);
        match (failures, failing) {
            (Some(1.0..), Some(1.0)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let numbers = metrics(&server);
    assert_eq!(
        (numbers.of("doorward_keys", &[issuer]), numbers.of("doorward_ready", &[])),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(numbers.of("doorward_keys_last_success_timestamp_seconds", &[issuer]), None);

    let jwks = crate::support::IssuerKey::new("main").jwks().to_string();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", jwks.len());
            let _ = stream.write_all(format!("{head}{jwks}").as_bytes());
        }
    });
    eventually("ready", || match get(&server, "/readyz").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    let numbers = metrics(&server);
    assert_eq!(numbers.of("doorward_ready", &[]), Some(1.0));
    assert_eq!(numbers.of("doorward_keys_failing", &[issuer]), Some(0.0));
    assert_eq!(numbers.of("doorward_key_fetches_total", &[issuer, ("result", "success")]), Some(1.0));
}

#[test]
fn log_6_and_log_5_who_may_not_act_is_refused() {
    let near = start();
    let post = |server: &Doorward, headers: &[(&str, &str)]| {
        call(&server.admin, "POST", "/reload", headers, "").status
    };
    assert_eq!(post(&near, &[]), 200);
    assert_eq!(post(&near, &[("origin", "http://localhost")]), 403);
    assert_eq!(post(&near, &[("host", "rebound.test")]), 403);
    assert_eq!(post(&near, &[("x-forwarded-for", "127.0.0.1")]), 403);
    assert_eq!(post(&near, &[("authorization", "Bearer anything")]), 403);

    let admin = "{ address: 127.0.0.1:0, secret_env: SECRET }";
    let guarded = Doorward::prepared("info", folder(&config(admin, KEYS), POLICY));
    let reply = call(&guarded.admin, "POST", "/reload", &[], "");
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer realm=\"doorward admin\""));
    let right = format!("Bearer {SECRET}");
    assert_eq!(post(&guarded, &[("authorization", &right)]), 200);
    assert_eq!(post(&guarded, &[("authorization", &right), ("host", "doorward.prod.svc")]), 200);
    assert_eq!(post(&guarded, &[("authorization", &right), ("origin", "https://a.test")]), 403);
    assert_eq!(post(&guarded, &[("authorization", "Bearer wrong")]), 401);
    assert_eq!(get(&guarded, "/metrics").status, 200, "numbers are free");
    fs::write(guarded.folder.path().join("policies/all.yaml"), "services: {}").unwrap();
    assert_eq!(post(&guarded, &[("authorization", &right)]), 422);
    assert_eq!(policy(&guarded).get("last_error"), None, "findings are not");
    assert_eq!(policy(&guarded)["in_sync"], json!(false));
}

#[test]
fn a_unix_socket_is_guarded_by_its_mode() {
    let folder = folder(&config("{ address: unix:admin.sock, mode: \"0600\" }", KEYS), POLICY);
    let socket = folder.path().join("admin.sock");
    let server = Doorward::prepared("info", folder);
    assert_eq!(server.admin, format!("unix:{}", socket.display()));
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    assert_eq!(ask_unix(&socket, "POST", "/reload", &[], "").status, 200);
    assert_eq!(ask_unix(&socket, "POST", "/reload", &[("origin", "null")], "").status, 403);
}

#[test]
fn what_is_too_large_or_too_slow_is_ended() {
    let server = start();
    let large = " ".repeat((64 << 10) + 1);
    assert_eq!(call(&server.admin, "POST", "/explain", &[], &large).status, 413);
    let head = "x".repeat(64 << 10);
    assert!(matches!(call(&server.admin, "GET", "/healthz", &[("x-long", &head)], "").status, 0 | 431));
    // A head that never ends, and a body.
    let mut slow = TcpStream::connect(&server.admin).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: 1\r\n").unwrap();
    assert!(slow.read_to_end(&mut Vec::new()).is_ok(), "it is closed");
    let mut slow = TcpStream::connect(&server.admin).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    slow.write_all(b"POST /explain HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{").unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    // Too many connections cost nobody a check.
    let open: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(&server.admin).unwrap()).collect();
    assert_eq!(ask(&server.address, &[("/open", "")]), [0]);
    drop(open);
    eventually("the port is free again", || match get(&server, "/healthz").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn a_decision_is_explained_by_its_id_under_the_policy_in_force() {
    let server = start();
    let token = token(&[]);
    assert_eq!(ask(&server.address, &[("/roles/7?code=hidden-query", token.as_str())]), [7]);
    let decision = server.decision();
    let id = decision["decision_id"].as_str().unwrap();
    let question = json!({ "decision_id": id });
    let reply = explain(&server, &question);
    let told = reply.json();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(
        (&told["reason"], &told["decided"]["reason"]),
        (&json!("role_missing"), &json!("role_missing"))
    );
    assert_eq!(told["decided"]["same_revision"], json!(true));
    assert_eq!(told["decided"]["not_kept"], json!(["credentials"]));
    assert_eq!((&told["request"]["path"], &told["caller"]["user"]), (&json!("/roles/7"), &json!("alice")));
    assert_eq!(told["caller"]["verified"], json!(true));
    for part in token.split('.').chain(["hidden-query", "Bearer"]) {
        assert!(!reply.body.contains(part), "{part} in {}", reply.body);
    }

    let file = server.folder.path().join("policies/all.yaml");
    fs::write(&file, POLICY.replace("roles: viewer", "access: authenticated")).unwrap();
    assert_eq!(call(&server.admin, "POST", "/reload", &[], "").status, 200);
    let told = explain(&server, &question).json();
    assert_eq!((&told["reason"], &told["decided"]["reason"]), (&json!("allowed"), &json!("role_missing")));
    assert_eq!(told["decided"]["same_revision"], json!(false));
    assert_ne!(told["decided"]["revision"], told["policy"]["revision"]);
    assert_eq!(explain(&server, &json!({ "decision_id": "0".repeat(32) })).status, 404);
}

#[test]
fn an_explanation_is_what_check_prints() {
    let server = start();
    let question = json!({ "method": "GET", "url": "https://api.test/roles/7", "claims": { "sub": "ann", "roles": ["viewer"] } });
    let told = explain(&server, &question).json();
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    check.args(["check", "GET", "https://api.test/roles/7", "--format", "json"]);
    check.args(["--claims", r#"{"sub":"ann","roles":["viewer"]}"#, "--source-ip", "127.0.0.1"]);
    check.arg("--config").arg(server.folder.path().join("doorward.yaml"));
    let output = check.env("SECRET", SECRET).output().unwrap();
    let mut printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Nobody said where it comes from.
    printed["request"].as_object_mut().unwrap().remove("source_ip");
    assert_eq!(told, printed);
}

#[test]
fn log_2_no_answer_holds_any_part_of_a_token() {
    let server = start();
    let (good, roleless) = (token(&["viewer"]), token(&[]));
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let asked = [
        ("/roles/1?access_token=hidden-query", good.as_str()),
        ("/roles/1", &roleless),
        ("/roles/1", &forged),
        ("/roles/1", "hidden-nonsense"),
        ("/any/1", &good),
        ("/shut", &good),
    ];
    ask(&server.address, &asked);
    let mut answers: Vec<String> =
        ["/metrics", "/policy", "/readyz", "/healthz"].iter().map(|path| get(&server, path).body).collect();
    for _ in 0..4 {
        let id = server.decision()["decision_id"].clone();
        answers.push(explain(&server, &json!({ "decision_id": id })).body);
    }
    answers.push(
        explain(&server, &json!({ "method": "GET", "path": "/any/1", "headers": { "authorization": good } }))
            .body,
    );
    answers.push(explain(&server, &json!({ "method": "GET", "path": format!("/any/{good}") })).body);
    answers.push(call(&server.admin, "GET", &format!("/{good}"), &[], "").body);
    let secrets = [&good, &roleless, &forged].into_iter().flat_map(|token| token.split('.'));
    let secrets: Vec<&str> = secrets.chain(["hidden-", "Bearer ", SECRET]).collect();
    for answer in answers {
        for secret in &secrets {
            assert!(!answer.contains(secret), "`{secret}` in {answer}");
        }
    }
}
