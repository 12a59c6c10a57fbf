//! Envoy, doorward and the two services, all real, on ports of their own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Once, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::child::Child;
use super::eventually;
use super::front::Front;
use super::http1::{Request, body_of};
use super::key::{HmacKey, IssuerKey, now};

/// All that runs for one group of tests. Everything is killed when it is dropped or the tests end.
pub(crate) struct Stack {
    // Children first: they are gone before their folder is.
    pub(crate) doorward: Option<Child>,
    /// What stands before doorward: Envoy, or what is tried in its place.
    envoy: Option<Child>,
    front: Front,
    events: Child,
    venues: Child,
    pub(crate) key: IssuerKey,
    pub(crate) other_key: IssuerKey,
    pub(crate) secret: HmacKey,
    config: PathBuf,
    log_level: &'static str,
    ports: Ports,
    /// Whether Envoy wants to be told by the PROXY protocol where a connection comes from.
    pub(super) proxied: bool,
    folder: TempDir,
}

/// What one service says it got.
#[derive(Debug)]
pub(crate) struct Side(pub(crate) Value);

#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) listener: u16,
    pub(super) doorward: u16,
    pub(super) events: u16,
    pub(super) venues: u16,
    pub(super) admin: u16,
}

pub(crate) const ISSUER: &str = "https://id.doorward.example";

impl Stack {
    /// The policy and configuration of the quickstart, as they are shipped. Shared by many tests.
    pub(crate) fn reference() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("examples/quickstart/doorward.yaml"))
    }

    /// A policy with traps in it: `tests/it/policy`. Shared by many tests.
    pub(crate) fn trapped() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("tests/it/doorward.yaml"))
    }

    /// As [`Stack::trapped`], behind an Envoy that strips and normalises nothing and lets faults pass:
    /// what holds here is Doorward's own doing.
    pub(crate) fn careless() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with("tests/it/doorward.yaml", "info", &careless))
    }

    /// The same policy, with denials that help: `tests/it/helpful.yaml`. Shared by many tests.
    pub(crate) fn helpful() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("tests/it/helpful.yaml"))
    }

    /// The same policy, with denials that tell nothing: `tests/it/silent.yaml`. Shared by many tests.
    pub(crate) fn silent() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("tests/it/silent.yaml"))
    }

    /// One's own, with the configuration file of this name (from the root of the repository).
    pub(crate) fn start(config: &str) -> Self {
        Self::start_logging(config, "info")
    }

    /// As [`Stack::start`], with what doorward is to log.
    pub(crate) fn start_logging(config: &str, log_level: &'static str) -> Self {
        Self::start_with(config, log_level, &|shipped| shipped)
    }

    /// As [`Stack::start_logging`], with a change of the shipped configuration of Envoy.
    pub(crate) fn start_with(config: &str, log_level: &'static str, edit: &dyn Fn(String) -> String) -> Self {
        Self::start_behind(Front::Grpc, config, log_level, edit)
    }

    /// The policy of [`Stack::trapped`] in HTTP mode, behind what is shipped for this proxy.
    pub(crate) fn forward(front: Front) -> Self {
        Self::start_behind(front, "tests/it/forward.yaml", "info", &|shipped| shipped)
    }

    /// As [`Stack::start_with`], behind another proxy.
    pub(crate) fn start_behind(
        front: Front,
        config: &str,
        log_level: &'static str,
        edit: &dyn Fn(String) -> String,
    ) -> Self {
        let stack = Self::begin_behind(front, config, log_level, edit);
        stack.wait_until_ready();
        stack
    }

    /// As [`Stack::start_behind`], where nobody can wait until the proxy asks as it should.
    pub(crate) fn try_behind(front: Front, config: &str, edit: &dyn Fn(String) -> String) -> Self {
        let stack = Self::begin_behind(front, config, "info", edit);
        eventually("the proxy does not answer", || {
            TcpStream::connect(stack.address()).map_err(|error| error.to_string())?;
            TcpStream::connect(stack.doorward_address()).map(drop).map_err(|error| error.to_string())
        });
        stack
    }

    fn begin_behind(
        front: Front,
        config: &str,
        log_level: &'static str,
        edit: &dyn Fn(String) -> String,
    ) -> Self {
        let folder = folder();
        let ports = Ports {
            listener: free_port(),
            doorward: free_port(),
            events: free_port(),
            venues: free_port(),
            admin: free_port(),
        };
        let at = folder.path();
        let mut stack = Self {
            doorward: None,
            envoy: None,
            front,
            events: upstream(at, "events", ports.events),
            venues: upstream(at, "venues", ports.venues),
            key: IssuerKey::new("main"),
            other_key: IssuerKey::new("other"),
            secret: HmacKey(b"a secret that is long enough for HS256, all of it".to_vec()),
            config: root().join(config),
            log_level,
            ports,
            proxied: false,
            folder,
        };
        std::fs::write(stack.path("jwks.json"), stack.key.jwks().to_string()).unwrap();
        std::fs::write(stack.path("other.jwks.json"), stack.other_key.jwks().to_string()).unwrap();
        let config = edit(front.config(ports));
        stack.proxied = config.contains("listener.proxy_protocol");
        std::fs::write(stack.path(front.file()), config).unwrap();
        stack.start_doorward();
        stack.start_envoy();
        stack
    }

    pub(crate) fn start_doorward(&mut self) {
        let address = format!("127.0.0.1:{}", self.ports.doorward);
        let (grpc, http) = match self.front {
            Front::Grpc => (address.as_str(), "127.0.0.1:0"),
            Front::Http | Front::Nginx => ("127.0.0.1:0", address.as_str()),
        };
        let (jwks, other) = (self.path("jwks.json"), self.path("other.jwks.json"));
        let env = [
            ("DOORWARD_GRPC", grpc),
            ("DOORWARD_HTTP", http),
            ("DOORWARD_PROXY", self.front.word()),
            ("DOORWARD_JWKS", jwks.to_str().unwrap()),
            ("OTHER_JWKS", other.to_str().unwrap()),
            ("HMAC_SECRET", std::str::from_utf8(&self.secret.0).unwrap()),
            ("DOORWARD_LOG", self.log_level),
        ];
        let args = ["serve", "--config", self.config.to_str().unwrap()];
        let binary = Path::new(env!("CARGO_BIN_EXE_doorward"));
        self.doorward = None;
        self.doorward = Some(Child::start("doorward", &self.path("doorward.log"), binary, &args, &env));
    }

    pub(crate) fn start_envoy(&mut self) {
        self.envoy = None;
        self.envoy = Some(self.front.start(self.folder.path()));
    }

    pub(crate) fn stop_envoy(&mut self) {
        self.envoy = None;
    }

    /// Ready is when both services listen, and Doorward, asked by Envoy, refuses what no route claims.
    pub(crate) fn wait_until_ready(&self) {
        eventually("the stack is not ready", || {
            for child in self.children() {
                assert!(child.runs(), "it ended: {}", child.last_words());
            }
            let silent = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_err();
            if [self.ports.events, self.ports.venues].iter().any(silent) {
                return Err("a service does not listen".to_owned());
            }
            match Request::try_get(self, self.front.unrouted()) {
                Some(answer) if answer.status < 500 && answer.is_a_problem() => Ok(()),
                other => {
                    let words: Vec<_> = self.children().map(Child::last_words).collect();
                    Err(format!("Envoy answers {other:?}\n{}", words.join("\n")))
                }
            }
        });
    }

    fn children(&self) -> impl Iterator<Item = &Child> {
        [&self.events, &self.venues].into_iter().chain(&self.doorward).chain(&self.envoy)
    }

    /// Where clients speak to Envoy.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.listener))
    }

    /// Where Envoy speaks to doorward.
    pub(crate) fn doorward_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.doorward))
    }

    /// The configuration that Envoy runs with, as its admin page tells it.
    pub(crate) fn config_dump(&self) -> String {
        body_of(SocketAddr::from(([127, 0, 0, 1], self.ports.admin)), "/config_dump")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A request over HTTP/1.1, not sent yet.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(self, method, target)
    }

    pub(crate) fn get(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
    }

    /// The claims of `u-1` with these roles, valid for ten minutes.
    pub(crate) fn claims(&self, roles: &[&str]) -> Value {
        json!({
            "iss": ISSUER, "aud": "shop", "sub": "u-1", "roles": roles, "tenant": "acme",
            "iat": now(), "exp": now() + 600,
        })
    }

    /// Their token.
    pub(crate) fn token(&self, roles: &[&str]) -> String {
        self.key.sign(&self.claims(roles))
    }

    /// Everything that doorward has written.
    pub(crate) fn doorward_log(&self) -> String {
        std::fs::read_to_string(self.path("doorward.log")).unwrap()
    }

    /// Everything that Envoy has written: its access log, before all.
    pub(crate) fn envoy_log(&self) -> String {
        std::fs::read_to_string(self.path("envoy.log")).unwrap()
    }

    /// What the services got that holds this word. They write before they answer.
    pub(crate) fn reached(&self, tag: &str) -> Vec<Value> {
        let output = [self.events.output(), self.venues.output()].concat();
        let lines = output.lines().filter(|line| line.contains(tag));
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned())))
            .collect()
    }
}

impl Side {
    /// A word of it: `method`, `path`, `service`, `host`.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or("")
    }

    /// All values of a header that it got.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        pairs(&self.0["headers"]).filter(|(n, _)| *n == name).map(|(_, value)| value).collect()
    }

    /// The names of all headers and trailers that it got.
    pub(crate) fn names(&self) -> Vec<&str> {
        pairs(&self.0["headers"]).chain(pairs(&self.0["trailers"])).map(|(name, _)| name).collect()
    }

    /// All trailers that it got.
    pub(crate) fn trailers(&self) -> Vec<(&str, &str)> {
        pairs(&self.0["trailers"]).collect()
    }

    /// It must have been told of no user at all, in no spelling.
    #[track_caller]
    pub(crate) fn told_of_nobody(&self) {
        let fold = |name: &&str| name.replace(['_', '.'], "-").starts_with("x-user");
        assert!(!self.names().iter().any(fold), "{self:?}");
    }

    /// It must not have been told this, in no spelling.
    #[track_caller]
    pub(crate) fn not_told(&self, name: &str) {
        assert!(!self.names().iter().any(|other| other.replace(['_', '.'], "-") == name), "{self:?}");
    }

    /// It must have been told exactly this, once, and in no other spelling.
    #[track_caller]
    pub(crate) fn told(&self, name: &str, value: &str) {
        assert_eq!(self.header(name), [value], "{self:?}");
        let same = |other: &&&str| other.replace(['_', '.'], "-") == name;
        assert_eq!(self.names().iter().filter(same).count(), 1, "{self:?}");
    }
}

fn pairs(list: &Value) -> impl Iterator<Item = (&str, &str)> {
    list.as_array().into_iter().flatten().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder below `target/tmp`. Statics are never dropped, so those of the shared stacks stay, with
/// their logs, until the next test process sweeps away what belongs to none that still runs.
pub(super) fn folder() -> TempDir {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix("it-").and_then(|rest| rest.split('-').next());
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    });
    tempfile::Builder::new().prefix(&format!("it-{}-", process::id())).tempdir_in(place).unwrap()
}

/// Everything that Envoy does for Doorward, undone.
fn careless(shipped: String) -> String {
    let undone = [
        ("normalize_path: true", "normalize_path: false", 1),
        ("merge_slashes: true", "merge_slashes: false", 1),
        ("action: REJECT_REQUEST # [hard] %2F", "action: KEEP_UNCHANGED # %2F", 1),
        ("headers_with_underscores_action: REJECT_REQUEST", "headers_with_underscores_action: ALLOW", 1),
        ("x[^a-z0-9]user[^a-z0-9].*", "nothing-.*", 2),
        ("- { remove: x-", "- { remove: nothing-", 10),
        ("failure_mode_allow: false", "failure_mode_allow: true", 1),
        ("validate_mutations: true", "validate_mutations: false", 1),
        ("disallow_is_error: true", "disallow_is_error: false", 1),
        ("codec_type: AUTO", "codec_type: AUTO\n          upgrade_configs: [{ upgrade_type: websocket }]", 1),
        ("max_concurrent_streams: 100", "allow_connect: true", 1),
        ("route: { cluster: venues }", "route: { cluster: venues, prefix_rewrite: /internal }", 1),
    ];
    undone.iter().fold(shipped, |text, (from, to, times)| {
        assert_eq!(text.matches(from).count(), *times, "`{from}` in envoy.yaml");
        text.replace(from, to)
    })
}

fn upstream(folder: &Path, service: &'static str, port: u16) -> Child {
    let binary = Path::new(env!("CARGO_BIN_EXE_doorward")).with_file_name("examples").join("upstream");
    assert!(binary.exists(), "build the examples first: cargo build --examples");
    let listen = format!("127.0.0.1:{port}");
    let log = folder.join(format!("{service}.log"));
    Child::start(service, &log, &binary, &["--service", service, "--listen", &listen], &[])
}

/// A port that nobody listens on, below those that systems hand out to outgoing connections, and not
/// one that was given before.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(process::id() % 500).unwrap() * 20;
    for _ in 0..1000 {
        let port = 12000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
