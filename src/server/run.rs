//! The gRPC server from its first connection to its last: checks, health,
//! reflection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_stream::Stream;
use tonic::transport::Server;
use tonic::transport::server::{Connected, Router};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::figures::{self, Figures};
use super::keys::{KeyTasks, Ready};
use super::listen::Bound;
use super::reload::Reloading;
use super::signals::Stops;
use crate::envoy;
use crate::gate::{Gate, Live};

/// How many checks Envoy may have open on one connection. Envoy's own limit
/// for a whole cluster is 1024 unless it is raised.
const MAX_STREAMS: u32 = 1024;

/// The headers of a check are a few hundred bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Health and reflection requests hold one name.
const MAX_ASIDE_BYTES: usize = 16 * 1024;

/// A silent connection is asked after this long whether it still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);

/// A request that takes this long to arrive never will.
const REQUEST: Duration = Duration::from_secs(10);

/// How long open connections may take to finish after a request to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What runs beside the server, and must as long as it does.
pub(super) struct Tasks {
    pub(super) keys: KeyTasks,
    pub(super) reload: Reloading,
}

impl Tasks {
    /// Waits for one of them to end, which none should: says how it did.
    async fn ended(&mut self) -> String {
        tokio::select! {
            why = self.keys.ended() => why,
            why = self.reload.ended() => why,
        }
    }
}

/// Serves until told to stop, and until what was begun is finished.
pub(super) async fn run(
    bound: Bound,
    policy: Arc<Live>,
    gate: Arc<Gate>,
    tasks: (Tasks, Ready),
    stops: impl Stops,
) -> Result<(), String> {
    let (health, router) = router(gate)?;
    let (address, revision) = (bound.address(), policy.current().index().revision().clone());
    let listening = move || {
        tracing::info!(
            grpc = address,
            revision = &*revision,
            version = env!("DOORWARD_VERSION"),
            "listening"
        );
    };
    let figures = Figures::new(policy);
    match bound {
        Bound::Tcp(incoming, _) => serve(router, incoming, listening, &health, tasks, figures, stops).await,
        Bound::Unix(incoming, _, _file) => {
            serve(router, incoming, listening, &health, tasks, figures, stops).await
        }
    }
}

fn router(gate: Arc<Gate>) -> Result<(HealthReporter, Router), String> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(envoy::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let fail = |error| format!("can't start reflection: {error}");
    let router = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
        .timeout(REQUEST)
        .add_service(envoy::service(gate))
        .add_service(health_service.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1alpha().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES));
    Ok((health, router))
}

async fn serve<I, C>(
    router: Router,
    incoming: I,
    listening: impl FnOnce(),
    health: &HealthReporter,
    (mut tasks, mut ready): (Tasks, Ready),
    mut figures: Figures,
    mut stops: impl Stops,
) -> Result<(), String>
where
    I: Stream<Item = std::io::Result<C>>,
    C: Connected + tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let mut server = std::pin::pin!(router.serve_with_incoming_shutdown(incoming, stopped));
    let mut serving = ready.is_ready();
    set_health(health, if serving { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
    listening();
    if !serving {
        let issuers = ready.missing().collect::<Vec<_>>().join(" ");
        tracing::info!(issuers, "not ready before the keys of these are there");
    }
    let mut minutes = tokio::time::interval(figures::EVERY);
    let signal = loop {
        tokio::select! {
            _ = minutes.tick() => figures.tell(),
            ended = &mut server => return Err(format!("the server ended by itself: {}", describe(ended))),
            why = tasks.ended() => return Err(why),
            signal = stops.next() => break signal,
            () = ready.wait(), if !serving => {
                serving = true;
                set_health(health, ServingStatus::Serving).await;
                tracing::info!("ready: the keys of all required issuers are there");
            }
        }
    };
    tracing::info!(signal, "stopping: no new connections, open ones finish");
    set_health(health, ServingStatus::NotServing).await;
    drop(stop);
    tokio::select! {
        ended = &mut server => ended.map_err(|error| format!("the server ended badly: {error}"))?,
        signal = stops.next() => return Err(format!("stopped at once by a second signal, {signal}")),
        () = tokio::time::sleep(DRAIN) => tracing::warn!("connections that did not finish were cut"),
    }
    figures.tell();
    tracing::info!("stopped");
    Ok(())
}

fn describe(ended: Result<(), tonic::transport::Error>) -> String {
    ended.map_or_else(|error| error.to_string(), |()| "its socket closed".to_owned())
}

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    for name in ["", envoy::SERVICE_NAME] {
        health.set_service_status(name, status).await;
    }
}

#[cfg(test)]
mod tests;
