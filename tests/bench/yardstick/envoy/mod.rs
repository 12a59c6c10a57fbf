//! The same through a real Envoy: what a request costs it and the server it asks, beside
//! Envoy's own filters with the same rules, and beside no filter.

mod rules;
mod wrk;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::rules::{Rules, asking, config};
use self::wrk::{Round, round, status};
use crate::always::{self, Threads};
use crate::support::checks::{HEADERS, Issuer};
use crate::support::process::{self, Process};
use crate::table::{Table, median, micros, millis};
use crate::workload;

/// Rounds of each, and how long one takes.
const ROUNDS: usize = 5;
const SECONDS: u32 = 3;

/// Numbers of rules.
const SIZES: [usize; 2] = [10, 1_000];

/// What stands between a request and its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    None,
    AlwaysAllow,
    Doorward,
    Own { remembered: bool },
}

impl Filter {
    const ALL: [Self; 5] = [
        Self::None,
        Self::AlwaysAllow,
        Self::Doorward,
        Self::Own { remembered: true },
        Self::Own { remembered: false },
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AlwaysAllow => "ext_authz: always allow",
            Self::Doorward => "ext_authz: Doorward",
            Self::Own { remembered: true } => "jwt_authn with cache, rbac",
            Self::Own { remembered: false } => "jwt_authn, rbac",
        }
    }
}

/// An Envoy, and the server that it asks.
struct Side {
    filter: Filter,
    envoy: Process,
    address: SocketAddr,
    server: Option<Process>,
    rounds: Vec<Round>,
}

/// Measures all, and prints the table.
pub(crate) fn measure(issuer: &Issuer, binary: &Path) {
    let heads = [
        "rules",
        "filter",
        "Envoy CPU/request µs",
        "server CPU µs",
        "both",
        "requests/s",
        "p50 ms",
        "p99 ms",
    ];
    let mut table = Table::new(&heads);
    for size in SIZES {
        let rules = Rules(size);
        let folder = tempfile::tempdir().unwrap();
        let mut sides = Filter::ALL.map(|filter| Side::start(filter, rules, issuer, folder.path(), binary));
        let (path, role) = rules.allowed();
        let mut headers = usual();
        headers.push(("authorization", format!("Bearer {}", issuer.token(0, &[&role], 0))));
        for side in &sides {
            side.must_decide(rules, issuer, &headers);
        }
        for turn in 0..=ROUNDS {
            for place in 0..sides.len() {
                let side = &mut sides[(turn + place) % Filter::ALL.len()];
                let took = round(side.address, &path, &headers, SECONDS, &side.envoy, side.server.as_ref());
                // The first one warms up.
                if turn > 0 {
                    side.rounds.push(took);
                }
            }
        }
        sides.iter().for_each(|side| side.report(size, &mut table));
    }
    table.print();
}

/// What a browser's request has when it comes to Envoy.
fn usual() -> Vec<(&'static str, String)> {
    let sent =
        HEADERS.iter().filter(|(name, _)| !name.starts_with([':']) && !name.starts_with("x-")).take(10);
    sent.map(|(name, value)| (*name, (*value).to_owned())).collect()
}

impl Side {
    fn start(filter: Filter, rules: Rules, issuer: &Issuer, folder: &Path, binary: &Path) -> Self {
        let jwks = folder.join("jwks.json");
        let (server, asked) = match filter {
            Filter::None | Filter::Own { .. } => (None, "127.0.0.1:1".to_owned()),
            Filter::AlwaysAllow => some(always::start(Threads::One)),
            Filter::Doorward => {
                fs::create_dir_all(folder.join("policies")).unwrap();
                fs::write(folder.join("policies/all.yaml"), rules.policy()).unwrap();
                workload::configure(issuer, 10_000, "{ to: none }", folder);
                some(process::serve(folder, &[]))
            }
        };
        fs::write(&jwks, issuer.jwks()).unwrap();
        let filters = match filter {
            Filter::None => String::new(),
            Filter::AlwaysAllow | Filter::Doorward => asking(),
            Filter::Own { remembered } => rules.filters(jwks.to_str().unwrap(), remembered),
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = folder.join(format!("envoy-{port}.yaml"));
        fs::write(&file, config(&filters, port, &asked)).unwrap();
        let log = File::create(folder.join(format!("envoy-{port}.log"))).unwrap();
        let child = Command::new(binary)
            .arg("-c")
            .arg(&file)
            .args(["--concurrency", "1", "-l", "warning", "--disable-hot-restart"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let side = Self { filter, envoy: Process::new(child), address, server, rounds: Vec::new() };
        let begun = Instant::now();
        while status(address, "/", &[]).is_none() {
            let said = || fs::read_to_string(folder.join(format!("envoy-{port}.log"))).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(30), "Envoy does not answer: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        side
    }

    /// It must let pass who may, and nobody else: a filter that is not asked would be fast.
    fn must_decide(&self, rules: Rules, issuer: &Issuer, headers: &[(&str, String)]) {
        let (path, _) = rules.allowed();
        let asked = |role: Option<&str>| {
            let mut headers: Vec<_> =
                headers.iter().filter(|(name, _)| *name != "authorization").cloned().collect();
            headers.extend(
                role.map(|role| ("authorization", format!("Bearer {}", issuer.token(1, &[role], 0)))),
            );
            status(self.address, &path, &headers)
        };
        let expected = if matches!(self.filter, Filter::None | Filter::AlwaysAllow) {
            [200, 200, 200]
        } else {
            [200, 403, 401]
        };
        let refused = rules.refused();
        let found = [asked(Some(&rules.allowed().1)), asked(Some(&refused)), asked(None)];
        assert_eq!(found, expected.map(Some), "{}", self.filter.name());
    }

    fn report(&self, size: usize, table: &mut Table) {
        let of = |part: fn(&Round) -> Duration| median(self.rounds.iter().map(part));
        let (envoy, server) = (of(|round| round.envoy), of(|round| round.server));
        table.row(vec![
            if self.filter == Filter::None { size.to_string() } else { String::new() },
            self.filter.name().to_owned(),
            micros(envoy),
            if self.server.is_some() { micros(server) } else { String::new() },
            micros(envoy + server),
            format!("{:.0}", median(self.rounds.iter().map(|round| round.per_second))),
            millis(of(|round| round.p50)),
            millis(of(|round| round.p99)),
        ]);
    }
}

fn some((process, address): (Process, String)) -> (Option<Process>, String) {
    (Some(process), address)
}
