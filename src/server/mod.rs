//! The running process: start-up, sockets, signals, logs.
//!
//! Start-up has one order: read and check everything, then open sockets, then
//! say so. Nothing is bound before the configuration, the policy and the key
//! files are valid. Keys that must be fetched come after that: until they are
//! there, health says so, and tokens of their issuers are answered 503.
//! This room knows neither the wording of a decision nor that of an answer.

mod admin;
mod asking;
mod candidate;
mod checks;
mod commit;
mod connections;
mod decision_log;
mod fares;
mod fetch;
mod figures;
mod grpc;
mod handshakes;
mod http;
mod keys;
mod listen;
mod listing;
mod logs;
#[cfg(feature = "otel")]
mod otlp;
#[cfg(not(feature = "otel"))]
#[path = "no_otlp.rs"]
mod otlp;
mod reload;
mod run;
mod signals;
mod source;
mod standing;
mod startup;
mod tls;
mod trust;
mod watch;
mod web;
mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::admin::Admin;
use self::connections::Tallies;
use self::logs::Log;
use self::standing::Standing;
use crate::config::HttpListener;
use crate::diag::{Format, render};
use decision_log::DecisionLog;

pub use keys::{Clock, KeyTasks, Ready, SystemClock, keep};
pub use reload::Reloads;
pub use startup::{Findings, check_certificates, check_tracing};

/// How long what is left over may take once everything is served.
const LEFTOVERS: Duration = Duration::from_millis(100);

/// Why the server did not run.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration, the policy or a key is not valid. Nothing was bound.
    Invalid(Vec<Findings>),
    /// Everything was valid and something else went wrong.
    Failed(String),
}

/// Runs the server of a configuration file until it is told to stop. `filter`
/// says what the process logs, such as `info` or `info,doorward::server=debug`;
/// what becomes of decisions is the configuration's to say.
pub fn serve(config: &Path, filter: &str) -> Result<(), ServeError> {
    let started = SystemTime::now();
    let filter = logs::filter(filter).map_err(ServeError::Failed)?;
    let ready = startup::load(config).map_err(ServeError::Invalid)?;
    let log = logs::start(filter).map_err(ServeError::Failed)?;
    let lines = ready.telemetry.lines();
    let (writing, written) = decision_log::start(&ready.decision_log, lines).map_err(ServeError::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("doorward")
        .build()
        .map_err(|error| ServeError::Failed(format!("can't start the runtime: {error}")))?;
    let ended = runtime.block_on(start(ready, (writing.log(), written), &log, started));
    // A name look-up that hangs must not keep the process.
    runtime.shutdown_timeout(LEFTOVERS);
    writing.flush();
    log.flush();
    ended.map_err(ServeError::Failed)
}

async fn start(
    ready: startup::Start,
    (decisions, written): (Option<DecisionLog>, decision_log::Ended),
    log: &Log,
    started: SystemTime,
) -> Result<(), String> {
    let startup::Start {
        listen,
        tls,
        http,
        certificates,
        limits,
        shutdown,
        policy,
        gate,
        telemetry,
        admin,
        reloader,
        candidate,
        upkeep,
        decision_log: _,
        tracing: spans,
        warnings,
    } = ready;
    // The texts of all files go with them: once told they are not kept.
    for Findings { report, sources } in warnings {
        for line in render(&report, &sources, Format::Short).lines() {
            tracing::warn!(finding = line, "worth a look");
        }
    }
    // Signals first: one that comes while the socket opens is not lost.
    let (asker, asked) = asking::asking();
    let signals = signals::Signals::new(asker.clone(), decisions)
        .map_err(|error| format!("can't listen to signals: {error}"))?;
    let http = match (&listen.http, http) {
        (Some(HttpListener { listener, .. }), Some((forward, tls))) => {
            Some((listen::bind(listener)?, tls, forward))
        }
        _ => None,
    };
    let startup::Admin { tls: admin_tls, secret, explainer } = admin;
    let admin_port = match &listen.admin {
        Some(admin) => Some((listen::bind(&admin.listener)?, admin_tls)),
        None => None,
    };
    let ports = run::Ports { grpc: (listen::bind(&listen.grpc)?, tls), http, admin: admin_port };
    let (keys, ready) = keep(upkeep, SystemClock::new())?;
    let admin = Arc::new(Admin {
        policy,
        telemetry,
        progress: reloader.progress(),
        asker,
        standing: Arc::new(Standing::starting(ready.readiness())),
        explainer: Arc::new(explainer),
        fares: keys.fares(),
        log: log.clone(),
        tallies: Tallies::default(),
        secret,
        started,
    });
    let spans = otlp::start(spans, admin.telemetry.spans());
    let tasks = run::Tasks {
        keys,
        reload: reload::keep(reloader, candidate, asked)?,
        tls: certificates,
        log: written,
        spans,
    };
    let plan = run::Plan { gate, admin, limits, shutdown };
    run::run(ports, plan, (tasks, ready), signals).await
}
