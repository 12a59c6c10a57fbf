//! The server from its first connection to its last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connections::{self, Port, Protocol, Rules, Tally};
use super::decision_log::Ended;
use super::figures::{self, Figures};
use super::grpc;
use super::http;
use super::keys::{KeyTasks, Ready};
use super::listen::Bound;
use super::reload::Reloading;
use super::signals::{INTERRUPT, Stops};
use super::tls::{self, Tls};
use crate::config::{Limits, Shutdown};
use crate::forward::Forward;
use crate::gate::{Gate, Live};
use crate::telemetry::Telemetry;

/// What runs beside the server, and must as long as it does.
pub(super) struct Tasks {
    pub(super) keys: KeyTasks,
    pub(super) reload: Reloading,
    /// What looks after certificates.
    pub(super) tls: Vec<tls::Upkeep>,
    /// What writes the decision log.
    pub(super) log: Ended,
}

/// The open ports.
pub(super) struct Ports {
    pub(super) grpc: (Bound, Option<Arc<Tls>>),
    pub(super) http: Option<(Bound, Option<Arc<Tls>>, Forward)>,
}

/// What is served, and how.
pub(super) struct Plan {
    pub(super) policy: Arc<Live>,
    pub(super) gate: Arc<Gate>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) limits: Limits,
    pub(super) shutdown: Shutdown,
}

/// Serves until told to stop, and until what was begun is finished.
pub(super) async fn run(
    ports: Ports,
    plan: Plan,
    (tasks, mut ready): (Tasks, Ready),
    mut stops: impl Stops,
) -> Result<(), String> {
    let Plan { policy, gate, telemetry, limits, shutdown } = plan;
    let Ports { grpc: (bound, tls), http } = ports;
    let (health, checks) = grpc::services(gate, &limits)?;
    let (address, revision) = (bound.address().to_owned(), policy.current().index().revision().clone());
    let mut figures = Figures::new(policy, telemetry);
    let mut tasks = Running::new(tasks);

    let (stop, stopping) = watch::channel(false);
    let mut servers = JoinSet::new();
    let tally = Arc::new(Tally::default());
    let port =
        Port { name: "grpc", bound, tls, rules: rules(Protocol::Grpc, &limits), tally: Arc::clone(&tally) };
    servers.spawn(connections::serve(port, checks, stopping.clone()));
    let http = http.map(|(bound, tls, forward)| {
        let address = bound.address().to_owned();
        // The head of such a request is the check.
        let header_size = u32::try_from(limits.check_size).unwrap_or(u32::MAX);
        let rules = Rules { header_size, ..rules(Protocol::Http1, &limits) };
        let port = Port { name: "http", bound, tls, rules, tally: Arc::default() };
        servers.spawn(connections::serve(port, http::service(forward), stopping));
        address
    });

    let mut serving = ready.is_ready();
    health.set(serving).await;
    tracing::info!(
        grpc = address,
        http,
        revision = &*revision,
        version = env!("DOORWARD_VERSION"),
        "listening"
    );
    if !serving {
        let issuers = ready.missing().collect::<Vec<_>>().join(" ");
        tracing::info!(issuers, "not ready before the keys of these are there");
    }
    let mut minutes = tokio::time::interval(figures::EVERY);
    let signal = loop {
        tokio::select! {
            _ = minutes.tick() => figures.tell(),
            Some(ended) = servers.join_next() => return Err(describe(ended)),
            why = tasks.ended() => return Err(why),
            signal = stops.next() => break signal,
            () = ready.wait(), if !serving => {
                serving = true;
                health.set(true).await;
                tracing::info!("ready: the keys of all required issuers are there");
            }
        }
    };

    health.set(false).await;
    let second = |signal| Err(format!("stopped at once by a second signal, {signal}"));
    // Whoever interrupts a program at a terminal is not a balancer of load.
    let delay = if signal == INTERRUPT { Duration::ZERO } else { shutdown.delay };
    tracing::info!(signal, delay_s = delay.as_secs(), "stopping: not ready any more");
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        Some(ended) = servers.join_next() => return Err(describe(ended)),
        why = tasks.ended() => return Err(why),
        signal = stops.next() => return second(signal),
    }
    tracing::info!(connections = tally.open(), "no new connections, open ones finish");
    stop.send_replace(true);
    tokio::select! {
        () = all(&mut servers) => {}
        signal = stops.next() => return second(signal),
        () = tokio::time::sleep(shutdown.limit) => {
            tracing::warn!(connections = tally.open(), "connections that did not finish were cut");
        }
    }
    figures.tell();
    tracing::info!("stopped");
    Ok(())
}

fn rules(protocol: Protocol, limits: &Limits) -> Rules {
    let Limits { connections, streams, checks: _, check_size: _, header_size, connection_age } = *limits;
    Rules { protocol, connections, streams, header_size, age: connection_age }
}

async fn all(servers: &mut JoinSet<()>) {
    while servers.join_next().await.is_some() {}
}

fn describe(ended: Result<(), tokio::task::JoinError>) -> String {
    match ended {
        Ok(()) => "a port closed by itself".to_owned(),
        Err(error) => format!("a port failed: {error}"),
    }
}

/// The tasks beside the server, started.
struct Running {
    keys: KeyTasks,
    reload: Reloading,
    tls: JoinSet<()>,
    log: Ended,
}

impl Running {
    fn new(Tasks { keys, reload, tls, log }: Tasks) -> Self {
        Self { keys, reload, tls: tls.into_iter().map(tls::Upkeep::keep).collect(), log }
    }

    /// Waits for one of them to end, which none should: says how it did.
    async fn ended(&mut self) -> String {
        tokio::select! {
            why = self.keys.ended() => why,
            why = self.reload.ended() => why,
            why = self.log.wait() => why,
            Some(_) = self.tls.join_next() => "a task that looks after certificates ended".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
