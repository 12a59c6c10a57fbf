//! What Envoy's settings change about what asking costs: each differs from the shipped
//! ones in one thing.

use std::path::Path;

use super::rules::{Asking, Rules, config};
use super::side::{Side, ask};
use super::{some, usual, write};
use crate::support::checks::Issuer;
use crate::support::process;
use crate::table::{Table, micros, millis};

const RULES: Rules = Rules(1_000);

/// What is tried.
struct Setting {
    name: &'static str,
    asking: Asking,
    /// Asks over a Unix socket.
    unix: bool,
    workers: u32,
}

const SHIPPED: Setting =
    Setting { name: "as shipped: TCP", asking: Asking::SHIPPED, unix: false, workers: 1 };

/// What Doorward looks at, and no more. It can't see look-alikes of managed headers then.
const ALLOWED: &str = "allowed_headers: { patterns: [{ exact: authorization }, { exact: content-type }, \
                       { exact: upgrade }, { exact: origin }, { exact: x-request-id }] }";

const SETTINGS: [Setting; 9] = [
    SHIPPED,
    Setting { name: "Unix socket", unix: true, ..SHIPPED },
    Setting {
        name: "encode_raw_headers: false",
        asking: Asking { raw: false, ..Asking::SHIPPED },
        ..SHIPPED
    },
    Setting { name: "allowed_headers: five", asking: Asking { more: ALLOWED, ..Asking::SHIPPED }, ..SHIPPED },
    Setting {
        name: "max_concurrent_streams: 8 (4 connections)",
        asking: Asking { http2: "max_concurrent_streams: 8", ..Asking::SHIPPED },
        ..SHIPPED
    },
    Setting {
        name: "max_concurrent_streams: 1 (32 connections)",
        asking: Asking { http2: "max_concurrent_streams: 1", ..Asking::SHIPPED },
        ..SHIPPED
    },
    Setting {
        name: "charge_cluster_response_stats: false",
        asking: Asking { more: "charge_cluster_response_stats: false", ..Asking::SHIPPED },
        ..SHIPPED
    },
    Setting { name: "two workers, TCP", workers: 2, ..SHIPPED },
    Setting { name: "two workers, Unix socket", unix: true, workers: 2, ..SHIPPED },
];

/// Measures all, and prints the table.
pub(crate) fn measure(issuer: &Issuer, binary: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = RULES.allowed();
    let headers = usual(RULES, issuer);
    let mut sides: Vec<Side> = SETTINGS
        .iter()
        .enumerate()
        .map(|(number, setting)| {
            // Servers of their own: what one connection leaves behind is not another's.
            let folder = folder.path().join(number.to_string());
            std::fs::create_dir(&folder).unwrap();
            let listen = match setting.unix {
                true => format!("unix:{}/doorward.sock", folder.display()),
                false => "127.0.0.1:0".to_owned(),
            };
            write(RULES, issuer, 10_000, &listen, &folder);
            let (server, address) = some(process::serve(&folder, &[]));
            let made = |port| config(&setting.asking.filter(), &setting.asking.cluster(&address), port);
            let side = Side::start(setting.name, binary, &folder, setting.workers, server, made);
            side.must_answer([200, 403, 401], RULES, issuer, &headers);
            side
        })
        .collect();
    ask(&mut sides, &path, &headers);
    let both = |side: &Side| side.of(|round| round.envoy + round.server);
    let shipped = both(&sides[0]).as_secs_f64();
    let mut table = Table::new(&[
        "setting",
        "Envoy CPU/request µs",
        "Doorward CPU µs",
        "both",
        "ratio",
        "requests/s",
        "p50 ms",
        "p99 ms",
    ]);
    for side in &sides {
        table.row(vec![
            side.name.clone(),
            micros(side.of(|round| round.envoy)),
            micros(side.of(|round| round.server)),
            micros(both(side)),
            format!("{:.2}", both(side).as_secs_f64() / shipped),
            format!("{:.0}", side.of(|round| round.per_second)),
            millis(side.of(|round| round.p50)),
            millis(side.of(|round| round.p99)),
        ]);
    }
    table.print();
}
