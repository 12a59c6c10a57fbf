//! The server from its first connection to its last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admin::{self, Admin};
use super::connections::{self, Port, Protocol, Rules};
use super::decision_log::Ended;
use super::figures::{self, Figures};
use super::grpc;
use super::http;
use super::keys::{KeyTasks, Ready};
use super::listen::Bound;
use super::otlp::Exporting;
use super::reload::{Reloading, Reloads};
use super::signals::{INTERRUPT, Stops};
use super::tls::{self, Tls};
use super::web::Web;
use super::workers::Workers;
use crate::config::{Limits, Shutdown};
use crate::forward::Forward;
use crate::gate::Gate;

/// What runs beside the server, and must as long as it does.
pub(super) struct Tasks {
    pub(super) keys: KeyTasks,
    pub(super) reload: Reloading,
    /// What looks after certificates.
    pub(super) tls: Vec<tls::Upkeep>,
    /// What writes the decision log.
    pub(super) log: Ended,
    /// What sends spans.
    pub(super) spans: Exporting,
}

/// The open ports.
pub(super) struct Ports {
    pub(super) grpc: (Bound, Option<Arc<Tls>>),
    pub(super) http: Option<(Bound, Option<Arc<Tls>>, Forward)>,
    pub(super) admin: Option<(Bound, Option<Arc<Tls>>)>,
}

/// What is served, and how.
pub(super) struct Plan {
    pub(super) gate: Arc<Gate>,
    pub(super) admin: Arc<Admin>,
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
    let Plan { gate, admin, limits, shutdown } = plan;
    let Ports { grpc: (bound, tls), http, admin: admin_port } = ports;
    let (health, checks) = grpc::services(gate, &limits, Arc::clone(&admin.standing))?;
    let address = bound.address().to_owned();
    let admin_address = admin_port.as_ref().map(|(bound, _)| bound.address().to_owned());
    let mut figures = Figures::new(Arc::clone(&admin.policy), Arc::clone(&admin.telemetry));
    let mut tasks = Running::new(tasks);

    let (stop, stopping) = watch::channel(false);
    let mut servers = JoinSet::new();
    let tally = Arc::clone(&admin.tallies.grpc);
    let port = Port {
        name: "grpc",
        bound,
        tls,
        rules: rules(Protocol::Grpc, &limits),
        tally: Arc::clone(&tally),
        workers: Workers::start()?,
    };
    servers.spawn(connections::serve(port, move |_| checks.clone(), stopping.clone()));
    let http = http.map(|(bound, tls, forward)| {
        let (address, service) = (bound.address().to_owned(), http::service(forward));
        // The head of such a request is the check.
        let rules = Rules { header_size: limits.http_head_size, ..rules(Protocol::Http1, &limits) };
        let (tally, workers) = (Arc::clone(&admin.tallies.http), Workers::here());
        let port = Port { name: "http", bound, tls, rules, tally, workers };
        servers.spawn(connections::serve(port, move |_| Web(service.clone()), stopping));
        address
    });

    // Not told to stop: it says to the end that the others do.
    let (_stop_admin, never) = watch::channel(false);
    if let Some((bound, tls)) = admin_port {
        let (tally, workers) = (Arc::clone(&admin.tallies.admin), Workers::here());
        let port = Port { name: "admin", bound, tls, rules: ADMIN, tally, workers };
        let answering = admin::answering(&admin);
        tasks.admin.spawn(connections::serve(port, move |peer| Web(answering(peer)), never));
    }

    let mut serving = ready.is_ready();
    if serving {
        health.serve().await;
    } else {
        health.start().await;
    }
    let Reloads { revision, commit, .. } = admin.progress.now();
    tracing::info!(
        grpc = address,
        http,
        admin = admin_address,
        revision = &*revision,
        commit = commit.as_deref(),
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
                health.serve().await;
                tracing::info!("ready: the keys of all required issuers are there");
            }
        }
    };

    health.stop().await;
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
    let limit = tokio::time::Instant::now() + shutdown.limit;
    tokio::select! {
        () = all(&mut servers) => {}
        signal = stops.next() => return second(signal),
        () = tokio::time::sleep_until(limit) => {
            tracing::warn!(connections = tally.open(), "connections that did not finish were cut");
        }
    }
    let left = limit.saturating_duration_since(tokio::time::Instant::now());
    tokio::select! {
        () = tasks.spans.flush(left) => {}
        signal = stops.next() => return second(signal),
    }
    figures.tell();
    tracing::info!("stopped");
    Ok(())
}

fn rules(protocol: Protocol, limits: &Limits) -> Rules {
    let Limits { connections, streams, header_size, connection_age, .. } = *limits;
    Rules { protocol, connections, streams, header_size, age: connection_age, idle: connections::IDLE }
}

/// The admin port is for a few people and programs that can wait.
const ADMIN: Rules = Rules {
    protocol: Protocol::Http,
    connections: 64,
    streams: 16,
    header_size: 16 << 10,
    age: None,
    idle: Duration::from_secs(20),
};

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
    spans: Exporting,
    admin: JoinSet<()>,
}

impl Running {
    fn new(Tasks { keys, reload, tls, log, spans }: Tasks) -> Self {
        let tls = tls.into_iter().map(tls::Upkeep::keep).collect();
        Self { keys, reload, tls, log, spans, admin: JoinSet::new() }
    }

    /// Waits for one of them to end, which none should: says how it did.
    async fn ended(&mut self) -> String {
        tokio::select! {
            why = self.keys.ended() => why,
            why = self.reload.ended() => why,
            why = self.log.wait() => why,
            why = self.spans.ended() => why,
            Some(_) = self.tls.join_next() => "a task that looks after certificates ended".to_owned(),
            Some(ended) = self.admin.join_next() => describe(ended),
        }
    }
}

#[cfg(test)]
mod tests;
