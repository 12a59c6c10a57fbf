//! `doorward serve` as a child process: its log, its signals, its exit codes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward::config::Algorithm;
use doorward::identity::mint::{Claims, Signer};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "not a secret but long enough for one";

const CONFIG: &str = "
listen: { grpc: 127.0.0.1:0 }
shutdown: { delay: 0s }
identity:
  issuers:
    - issuer: https://id.test
      audiences: [shop]
      algorithms: [HS256]
      keys: { secret_env: SECRET }
      roles: roles
";

pub(crate) const POLICY: &str = "
roles:
  viewer: {}
services:
  all:
    paths: [/]
    routes:
      - { route: ANY /roles/**, roles: viewer }
      - { route: ANY /any/**, access: authenticated }
";

/// A running server; killed when dropped.
pub(crate) struct Doorward {
    pub(crate) child: Child,
    lines: mpsc::Receiver<String>,
    /// What it writes to standard output: the decision log, unless it goes elsewhere.
    decisions: mpsc::Receiver<String>,
    pub(crate) address: String,
    /// Where its admin port is, if it has one.
    pub(crate) admin: String,
    pub(crate) folder: TempDir,
}

impl Doorward {
    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("serve").arg("--config").arg(folder.join("doorward.yaml"));
        command.env("SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(log: &str) -> Self {
        Self::with(log, POLICY)
    }

    pub(crate) fn with(log: &str, policy: &str) -> Self {
        Self::configured(log, "", policy)
    }

    /// With lines beside those of the usual configuration.
    pub(crate) fn configured(log: &str, more: &str, policy: &str) -> Self {
        Self::prepared(log, folder(&format!("{CONFIG}{more}"), policy))
    }

    /// With the configuration in a folder.
    pub(crate) fn prepared(log: &str, folder: TempDir) -> Self {
        let command = Self::command(folder.path());
        Self::run(log, folder, command)
    }

    /// With a standard output that is one's own.
    pub(crate) fn writing_to(more: &str, policy: &str, stdout: fs::File) -> Self {
        let folder = folder(&format!("{CONFIG}{more}"), policy);
        let mut command = Self::command(folder.path());
        command.stdout(stdout);
        Self::run("info", folder, command)
    }

    /// With no more than so many open files.
    pub(crate) fn limited(log: &str, policy: &str, files: u32) -> Self {
        let folder = folder(CONFIG, policy);
        let program = Self::command(folder.path());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
        command.arg(program.get_program()).args(program.get_args());
        command.env("SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::run(log, folder, command)
    }

    fn run(log: &str, folder: TempDir, mut command: Command) -> Self {
        let mut child = command.env("DOORWARD_LOG", log).spawn().unwrap();
        let lines = read(child.stderr.take().unwrap());
        let decisions = child.stdout.take().map_or_else(|| mpsc::channel().1, read);
        let mut server =
            Self { child, lines, decisions, address: String::new(), admin: String::new(), folder };
        let listening = server.line(|line| line.get("message") == Some(&"listening".into()));
        server.address = listening.get("grpc").and_then(Value::as_str).unwrap().to_owned();
        server.admin = listening.get("admin").and_then(Value::as_str).unwrap_or_default().to_owned();
        server
    }

    /// The next line of the log that is meant.
    pub(crate) fn line(&self, mut meant: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let line = json(&self.lines.recv_timeout(Duration::from_secs(30)).expect("no such line"));
            if meant(&line) {
                return line;
            }
        }
    }

    /// The next line on standard output.
    pub(crate) fn decision(&self) -> Value {
        json(&self.decisions.recv_timeout(Duration::from_secs(30)).expect("no decision is told"))
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
    }

    /// Ends it and gives its exit code and all lines that are left.
    pub(crate) fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal("-TERM");
        self.wait()
    }

    /// Ends it and gives its exit code and what is left of its log and of the
    /// decision log.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        self.signal("-TERM");
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect(), self.decisions.iter().collect())
    }

    /// Waits for its end; gives its exit code and all lines that are left.
    pub(crate) fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect())
    }
}

impl Drop for Doorward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, read by a thread.
fn read(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel();
    let from = BufReader::new(from);
    std::thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
    lines
}

pub(crate) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))
}

/// A folder with a configuration and a policy.
pub(crate) fn folder(config: &str, policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/all.yaml"), policy).unwrap();
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    folder
}

pub(crate) fn token(roles: &[&str]) -> String {
    let claims = Claims {
        issuer: "https://id.test".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        expires_in: 600,
        ..Claims::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Signer::from_secret(SECRET, Algorithm::HS256).unwrap().sign(&claims.at(now)).unwrap()
}

/// A check of this path with this token, as a proxy would send it.
pub(crate) fn check(path: &str, token: &str) -> CheckRequest {
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "api.test".to_owned(),
        path: path.to_owned(),
        headers: [("authorization".to_owned(), format!("Bearer {token}"))].into(),
        body: "hidden-body".to_owned(),
        ..HttpRequest::default()
    };
    let request = Some(Request { http: Some(http), ..Request::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

/// The status code of the answers to requests with these paths and tokens.
pub(crate) fn ask(address: &str, requests: &[(&str, &str)]) -> Vec<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = AuthorizationClient::connect(format!("http://{address}")).await.unwrap();
        let mut codes = Vec::new();
        for (path, token) in requests {
            let answer = client.check(check(path, token)).await.unwrap().into_inner();
            codes.push(answer.status.unwrap().code);
        }
        codes
    })
}

#[test]
fn log_1_and_2_a_line_a_decision_and_no_token_at_any_level() {
    let server = Doorward::configured("trace", "decision_log: { allow: 1 }\n", POLICY);
    let (good, roleless) = (token(&["viewer"]), token(&[]));
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let long = format!("/any/{}", "x".repeat(5000));
    let asked = [
        ("/roles/1?access_token=hidden-query", good.as_str()),
        ("/roles/1", roleless.as_str()),
        ("/roles/1", forged.as_str()),
        ("/roles/1", "hidden-nonsense"),
        ("/any/\"}\n{\"level\":\"evil\u{1b}[2J", good.as_str()),
        (long.as_str(), good.as_str()),
    ];
    assert_eq!(ask(&server.address, &asked), [0, 7, 16, 16, 3, 0]);
    let (code, lines, told) = server.end();
    assert_eq!(code, Some(0));

    let decisions: Vec<Value> = told.iter().map(|line| json(line)).collect();
    for line in lines.iter().chain(&told) {
        json(line);
        let mut secrets: Vec<&str> = vec!["hidden-", "Bearer", SECRET];
        secrets.extend([&good, &roleless, &forged].into_iter().flat_map(|token| token.split('.')));
        for secret in secrets {
            assert!(!line.contains(secret), "`{secret}` in {line}");
        }
        assert!(!line.contains('\u{1b}'));
    }
    let words: Vec<_> = decisions.iter().filter_map(|d| d.get("reason")?.as_str()).collect();
    let expected =
        ["allowed", "role_missing", "signature_invalid", "token_malformed", "path_ambiguous", "allowed"];
    assert_eq!(words, expected);
    let field = |at: usize, name: &str| decisions[at].get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(field(0, "path"), "/roles/1");
    assert_eq!(field(0, "user"), "alice");
    assert_eq!(field(1, "place"), "all.yaml:8");
    assert_eq!(field(5, "path").len(), 256);
}

#[test]
fn denials_are_told_and_allows_are_not_unless_the_configuration_says_so() {
    let server = Doorward::start("info");
    assert_eq!(ask(&server.address, &[("/any/1", &token(&[])), ("/roles/1", &token(&[]))]), [0, 7]);
    assert_eq!(server.decision()["reason"], "role_missing");
}

#[test]
fn how_often_a_token_was_remembered_is_told() {
    let server = Doorward::start("info");
    let token = token(&["viewer"]);
    assert_eq!(ask(&server.address, &[("/any/1", token.as_str()); 4]), [0; 4]);
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0));
    let figures = lines.iter().rfind(|line| line.contains("verified tokens so far")).unwrap();
    let figures: Value = serde_json::from_str(figures).unwrap();
    let figure = |name: &str| figures.get(name).and_then(Value::as_u64);
    assert_eq!((figure("hits"), figure("misses"), figure("hit_rate")), (Some(3), Some(1), Some(75)));
}

#[test]
fn who_no_longer_reads_the_log_changes_no_answer() {
    let mut server = Doorward::start("info");
    // The reader ends at the next line, and every line after it has nowhere to go.
    drop(std::mem::replace(&mut server.lines, mpsc::channel().1));
    let roleless = token(&[]);
    for _ in 0..20 {
        assert_eq!(ask(&server.address, &[("/roles/1", roleless.as_str())]), [7]);
    }
    assert_eq!(ask(&server.address, &[("/any/1", roleless.as_str())]), [0]);
}

#[test]
fn a_hangup_ends_nothing() {
    let server = Doorward::start("info");
    let id = server.child.id().to_string();
    assert!(Command::new("kill").arg("-HUP").arg(id).status().unwrap().success());
    server.line(|line| line.get("message").and_then(Value::as_str).is_some_and(|m| m.contains("SIGHUP")));
    assert_eq!(ask(&server.address, &[("/any/1", &token(&[]))]), [0]);
}

#[test]
fn what_is_not_valid_ends_with_2_and_says_where() {
    let broken = |config: &str, policy: &str| {
        let folder = folder(config, policy);
        let mut child = Doorward::command(folder.path()).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (child.wait().unwrap().code(), said)
    };
    for (config, policy, expected) in [
        ("listen: { grpc: nowhere }", POLICY, "nowhere"),
        (CONFIG, "services: {}", "error"),
        (CONFIG, &POLICY.replace("roles: viewer", "roles: veiwer"), "viewer"),
        (&CONFIG.replace("SECRET", "UNSET"), POLICY, "UNSET"),
    ] {
        let (code, said) = broken(config, policy);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected) && !said.contains("listening"), "{said}");
    }
}
