//! The same through a real Envoy: what a request costs it and the server it asks, beside
//! Envoy's own filters with the same rules, and beside no filter; and what Envoy's settings
//! change about that.

mod rules;
mod settings;
mod side;
mod wrk;

use std::fs;
use std::path::Path;

use self::rules::{Asking, Rules, config};
pub(crate) use self::settings::measure as measure_settings;
use self::side::{Side, ask};
use crate::always::{self, Threads};
use crate::support::checks::{HEADERS, Issuer};
use crate::support::process;
use crate::table::{Table, micros, millis};
use crate::workload;

/// Numbers of rules.
const SIZES: [usize; 2] = [10, 1_000];

/// What stands between a request and its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    None,
    AlwaysAllow,
    Doorward { tokens: usize },
    Own { remembered: bool },
}

impl Filter {
    const ALL: [Self; 6] = [
        Self::None,
        Self::AlwaysAllow,
        Self::Doorward { tokens: 10_000 },
        Self::Doorward { tokens: 0 },
        Self::Own { remembered: true },
        Self::Own { remembered: false },
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AlwaysAllow => "ext_authz: always allow",
            Self::Doorward { tokens: 0 } => "ext_authz: Doorward, no cache",
            Self::Doorward { .. } => "ext_authz: Doorward",
            Self::Own { remembered: true } => "jwt_authn with cache, rbac",
            Self::Own { remembered: false } => "jwt_authn, rbac",
        }
    }

    /// Whom it lets pass: who may, another role, nobody.
    fn answers(self) -> [u16; 3] {
        if matches!(self, Self::None | Self::AlwaysAllow) { [200, 200, 200] } else { [200, 403, 401] }
    }

    fn start(self, rules: Rules, issuer: &Issuer, folder: &Path, binary: &Path) -> Side {
        let jwks = folder.join("jwks.json");
        fs::write(&jwks, issuer.jwks()).unwrap();
        let (server, address) = match self {
            Self::None | Self::Own { .. } => (None, "127.0.0.1:1".to_owned()),
            Self::AlwaysAllow => some(always::start(Threads::One)),
            Self::Doorward { tokens } => {
                write(rules, issuer, tokens, "127.0.0.1:0", folder);
                some(process::serve(folder, &[]))
            }
        };
        let filters = match self {
            Self::None => String::new(),
            Self::AlwaysAllow | Self::Doorward { .. } => Asking::SHIPPED.filter(),
            Self::Own { remembered } => rules.filters(jwks.to_str().unwrap(), remembered),
        };
        let made = |port| config(&filters, &Asking::SHIPPED.cluster(&address), port);
        Side::start(self.name(), binary, folder, 1, server, made)
    }
}

/// Writes policy and configuration of a Doorward that listens there.
fn write(rules: Rules, issuer: &Issuer, tokens: usize, listen: &str, folder: &Path) {
    fs::create_dir_all(folder.join("policies")).unwrap();
    fs::write(folder.join("policies/all.yaml"), rules.policy()).unwrap();
    workload::configure(issuer, tokens, "{ to: none }", listen, folder);
}

/// Measures all, and prints the table.
pub(crate) fn measure(issuer: &Issuer, binary: &Path) {
    let mut table = Table::new(&[
        "rules",
        "filter",
        "Envoy CPU/request µs",
        "server CPU µs",
        "both",
        "requests/s",
        "p50 ms",
        "p99 ms",
    ]);
    for size in SIZES {
        let rules = Rules(size);
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = rules.allowed();
        let headers = usual(rules, issuer);
        let mut sides: Vec<Side> = Filter::ALL
            .iter()
            .map(|filter| {
                let side = filter.start(rules, issuer, folder.path(), binary);
                side.must_answer(filter.answers(), rules, issuer, &headers);
                side
            })
            .collect();
        ask(&mut sides, &path, &headers);
        for (number, side) in sides.iter().enumerate() {
            let (envoy, server) = (side.of(|round| round.envoy), side.of(|round| round.server));
            table.row(vec![
                if number == 0 { size.to_string() } else { String::new() },
                side.name.clone(),
                micros(envoy),
                if side.server.is_some() { micros(server) } else { String::new() },
                micros(envoy + server),
                format!("{:.0}", side.of(|round| round.per_second)),
                millis(side.of(|round| round.p50)),
                millis(side.of(|round| round.p99)),
            ]);
        }
    }
    table.print();
}

/// What a browser's request has when it comes to Envoy, of a caller who may.
fn usual(rules: Rules, issuer: &Issuer) -> Vec<(&'static str, String)> {
    let (_, role) = rules.allowed();
    let token = ("authorization", format!("Bearer {}", issuer.token(0, &[&role], 0)));
    let sent =
        HEADERS.iter().filter(|(name, _)| !name.starts_with([':']) && !name.starts_with("x-")).take(10);
    sent.map(|(name, value)| (*name, (*value).to_owned())).chain([token]).collect()
}

fn some((process, address): (process::Process, String)) -> (Option<process::Process>, String) {
    (Some(process), address)
}
