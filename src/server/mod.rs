//! The running process: start-up, sockets, signals, logs.
//!
//! Start-up has one order: read and check everything, then open sockets, then
//! say so. Nothing is bound before the configuration, the policy and the keys
//! are valid, so whoever reaches a socket reaches a server that can decide.
//! This room knows neither the wording of a decision nor that of an answer.

mod listen;
mod logs;
mod run;
mod signals;
mod startup;

use std::path::Path;

use crate::diag::{Format, render};

pub use startup::Findings;

/// Why the server did not run.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration, the policy or a key is not valid. Nothing was bound.
    Invalid(Vec<Findings>),
    /// Everything was valid and something else went wrong.
    Failed(String),
}

/// Runs the server of a configuration file until it is told to stop. `filter`
/// says what is logged, such as `info` or `info,doorward::decision=debug`.
pub fn serve(config: &Path, filter: &str) -> Result<(), ServeError> {
    let filter = logs::filter(filter).map_err(ServeError::Failed)?;
    let ready = startup::load(config).map_err(ServeError::Invalid)?;
    let log = logs::start(filter).map_err(ServeError::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("doorward")
        .build()
        .map_err(|error| ServeError::Failed(format!("can't start the runtime: {error}")))?;
    let ended = runtime.block_on(start(ready));
    log.flush();
    ended.map_err(ServeError::Failed)
}

async fn start(ready: startup::Ready) -> Result<(), String> {
    let startup::Ready { listen, policy, warnings } = ready;
    for Findings { report, sources } in &warnings {
        for line in render(report, sources, Format::Short).lines() {
            tracing::warn!(finding = line, "worth a look");
        }
    }
    // Signals first: one that comes while the socket opens is not lost.
    let signals = signals::Signals::new().map_err(|error| format!("can't listen to signals: {error}"))?;
    let bound = listen::bind(&listen.grpc)?;
    run::run(bound, policy, signals).await
}
