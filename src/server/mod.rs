//! The running process: start-up, sockets, signals, logs.
//!
//! Start-up has one order: read and check everything, then open sockets, then
//! say so. Nothing is bound before the configuration, the policy and the key
//! files are valid. Keys that must be fetched come after that: until they are
//! there, health says so, and tokens of their issuers are answered 503.
//! This room knows neither the wording of a decision nor that of an answer.

mod candidate;
mod connections;
mod decision_log;
mod fetch;
mod figures;
mod grpc;
mod http;
mod keys;
mod listen;
mod listing;
mod logs;
mod reload;
mod run;
mod signals;
mod source;
mod startup;
mod tls;
mod watch;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::config::{HttpListener, Listeners};
use crate::diag::{Format, render};
use decision_log::DecisionLog;

pub use keys::{Clock, KeyTasks, Ready, SystemClock, keep};
pub use reload::Reloads;
pub use startup::{Findings, check_certificates};

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
    let filter = logs::filter(filter).map_err(ServeError::Failed)?;
    let ready = startup::load(config).map_err(ServeError::Invalid)?;
    not_built_yet(&ready.listen).map_err(ServeError::Failed)?;
    let log = logs::start(filter).map_err(ServeError::Failed)?;
    let lines = ready.telemetry.lines();
    let (writing, written) = decision_log::start(&ready.decision_log, lines).map_err(ServeError::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("doorward")
        .build()
        .map_err(|error| ServeError::Failed(format!("can't start the runtime: {error}")))?;
    let ended = runtime.block_on(start(ready, writing.log(), written));
    // A name look-up that hangs must not keep the process.
    runtime.shutdown_timeout(LEFTOVERS);
    writing.flush();
    log.flush();
    ended.map_err(ServeError::Failed)
}

/// What can be written into the configuration already.
fn not_built_yet(listen: &Listeners) -> Result<(), String> {
    let Listeners { grpc: _, http: _, admin } = listen;
    let later = [(admin.is_some(), "`listen.admin`")];
    match later.iter().find(|(there, _)| *there) {
        Some((_, what)) => Err(format!("{what} is not built yet: remove it")),
        None => Ok(()),
    }
}

async fn start(
    ready: startup::Start,
    log: Option<DecisionLog>,
    written: decision_log::Ended,
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
        reloader,
        candidate,
        upkeep,
        decision_log: _,
        warnings,
    } = ready;
    for Findings { report, sources } in &warnings {
        for line in render(report, sources, Format::Short).lines() {
            tracing::warn!(finding = line, "worth a look");
        }
    }
    // Signals first: one that comes while the socket opens is not lost.
    let (ask, asked) = mpsc::channel();
    let signals =
        signals::Signals::new(ask, log).map_err(|error| format!("can't listen to signals: {error}"))?;
    let http = match (&listen.http, http) {
        (Some(HttpListener { listener, .. }), Some((forward, tls))) => {
            Some((listen::bind(listener)?, tls, forward))
        }
        _ => None,
    };
    let ports = run::Ports { grpc: (listen::bind(&listen.grpc)?, tls), http };
    let (keys, ready) = keep(upkeep, SystemClock::new())?;
    let tasks = run::Tasks {
        keys,
        reload: reload::keep(reloader, candidate, asked)?,
        tls: certificates,
        log: written,
    };
    let plan = run::Plan { policy, gate, telemetry, limits, shutdown };
    run::run(ports, plan, (tasks, ready), signals).await
}
