//! An Envoy, the server that it asks, and what a request costs them.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::rules::Rules;
use super::wrk::{Round, round, status};
use crate::support::checks::Issuer;
use crate::support::process::Process;
use crate::table::median;

/// Rounds of each, and how long one takes.
const ROUNDS: usize = 5;
const SECONDS: u32 = 3;

/// An Envoy, and the server that it asks.
pub(super) struct Side {
    pub(super) name: String,
    envoy: Process,
    address: SocketAddr,
    pub(super) server: Option<Process>,
    rounds: Vec<Round>,
}

impl Side {
    /// Starts Envoy with so many workers and the configuration that is made for a port,
    /// and waits until it answers.
    pub(super) fn start(
        name: &str,
        binary: &Path,
        folder: &Path,
        workers: u32,
        server: Option<Process>,
        config: impl FnOnce(u16) -> String,
    ) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = folder.join(format!("envoy-{port}.yaml"));
        fs::write(&file, config(port)).unwrap();
        let log = folder.join(format!("envoy-{port}.log"));
        let child = Command::new(binary)
            .arg("-c")
            .arg(&file)
            .args(["--concurrency", &workers.to_string(), "-l", "warning", "--disable-hot-restart"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let side =
            Self { name: name.to_owned(), envoy: Process::new(child), address, server, rounds: Vec::new() };
        let begun = Instant::now();
        while status(address, "/", &[]).is_none() {
            let said = || fs::read_to_string(&log).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(30), "Envoy does not answer: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        side
    }

    /// It must answer so to who may, to another role and to nobody: a filter that is not
    /// asked would be fast.
    pub(super) fn must_answer(
        &self,
        expected: [u16; 3],
        rules: Rules,
        issuer: &Issuer,
        headers: &[(&str, String)],
    ) {
        let (path, role) = rules.allowed();
        let asked = |role: Option<&str>| {
            let token = role.map(|role| format!("Bearer {}", issuer.token(1, &[role], 0)));
            let others = headers.iter().filter(|(name, _)| *name != "authorization").cloned();
            let headers: Vec<_> = others.chain(token.map(|token| ("authorization", token))).collect();
            status(self.address, &path, &headers)
        };
        let found = [asked(Some(&role)), asked(Some(&rules.refused())), asked(None)];
        assert_eq!(found, expected.map(Some), "{}", self.name);
    }

    /// The median of what the rounds took.
    pub(super) fn of<T: PartialOrd + Copy>(&self, part: fn(&Round) -> T) -> T {
        median(self.rounds.iter().map(part))
    }
}

/// Asks all in turn, each first as often as the others.
pub(super) fn ask(sides: &mut [Side], path: &str, headers: &[(&str, String)]) {
    for turn in 0..=ROUNDS {
        for place in 0..sides.len() {
            let at = (turn + place) % sides.len();
            let side = &mut sides[at];
            let took = round(side.address, path, headers, SECONDS, &side.envoy, side.server.as_ref());
            // The first one warms up.
            if turn > 0 {
                side.rounds.push(took);
            }
        }
    }
}
