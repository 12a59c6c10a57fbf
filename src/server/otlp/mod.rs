//! Spans out of `telemetry`, to a collector that takes OTLP over gRPC.
//!
//! One task sends them, a batch after the other, and no check waits for it: a
//! collector that is slow, gone or mad costs the spans that find no room meanwhile.
//! What can't be sent is tried again a few times, then dropped and counted. There
//! is one connection, and no more in memory than what may wait and one batch.

mod collector;
mod plan;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::telemetry::{Span, Spans};
use collector::{Collector, Refused};
use wire::Resource;

pub(super) use plan::{Plan, prepare};

/// How often it is looked whether spans wait.
const EVERY: Duration = Duration::from_millis(200);

/// The most spans of one request.
const BATCH: usize = 512;

/// How often one batch is sent before it is given up, and how long to wait after
/// the first time; twice as long after each other.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// How long the end of the process waits for the last spans at most, and at least
/// even where nothing is left of its time.
const FLUSH: Duration = Duration::from_secs(5);
const LEAST: Duration = Duration::from_millis(500);

/// The task that sends.
pub(super) struct Exporting(Option<Running>);

struct Running {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    spans: Arc<Spans>,
}

/// Starts the task, where there is something to send. Must be called within the
/// runtime.
pub(super) fn start(plan: Option<Plan>, spans: Option<&Arc<Spans>>) -> Exporting {
    let (Some(plan), Some(spans)) = (plan, spans) else { return Exporting(None) };
    let Plan { endpoint, tls, timeout, headers, resource } = plan;
    tracing::info!(collector = endpoint.as_str(), "spans of traced checks go to a collector");
    let (stop, stopping) = watch::channel(false);
    let collector = Collector::new(&endpoint, tls, timeout, headers);
    let sender = Sender { collector, resource, spans: Arc::clone(spans), stopping, failing: false };
    Exporting(Some(Running { task: tokio::spawn(sender.run()), stop, spans: Arc::clone(spans) }))
}

impl Exporting {
    /// Waits for the task to end, which it should not: says how it did.
    pub(super) async fn ended(&mut self) -> String {
        match &mut self.0 {
            Some(running) => match (&mut running.task).await {
                Ok(()) => "the task that sends spans ended by itself".to_owned(),
                Err(error) => format!("the task that sends spans failed: {error}"),
            },
            None => std::future::pending().await,
        }
    }

    /// Sends what waits and ends, with so much time left to the process.
    pub(super) async fn flush(self, left: Duration) {
        let Some(Running { mut task, stop, spans }) = self.0 else { return };
        stop.send_replace(true);
        if timeout(left.clamp(LEAST, FLUSH), &mut task).await.is_err() {
            task.abort();
            tracing::warn!(waiting = spans.waiting(), "the last spans could not be sent in time");
        }
    }
}

/// Sends batch after batch.
struct Sender {
    collector: Collector,
    resource: Resource,
    spans: Arc<Spans>,
    stopping: watch::Receiver<bool>,
    /// Whether some of the last batch was lost.
    failing: bool,
}

impl Sender {
    async fn run(mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = self.is_stopping();
            loop {
                let batch = self.spans.take(BATCH);
                if batch.is_empty() {
                    break;
                }
                self.send(batch).await;
            }
            if last {
                return;
            }
            tokio::select! {
                _ = ticks.tick() => {}
                _ = self.stopping.changed() => {}
            }
        }
    }

    async fn send(&mut self, batch: Vec<Span>) {
        let count = batch.len();
        let request = wire::request(&self.resource, batch);
        let mut tries = 1;
        let fault = loop {
            match self.collector.export(request.clone()).await {
                Ok(refused) => return self.sent(count, &refused),
                Err(fault) if fault.passes && tries < TRIES && !self.is_stopping() => {
                    tokio::select! {
                        () = sleep(PAUSE * (1 << (tries - 1))) => {}
                        // The last chance is now.
                        _ = self.stopping.changed() => {}
                    }
                    tries += 1;
                }
                Err(fault) => break fault,
            }
        };
        self.lost(count, &fault.why);
    }

    /// The collector took a batch, but for what it refused of it.
    fn sent(&mut self, count: usize, refused: &Refused) {
        let lost = refused.spans.min(count);
        self.spans.were_exported(count - lost);
        if lost > 0 {
            self.lost(lost, &refused.why);
        } else if std::mem::take(&mut self.failing) {
            tracing::info!("the collector takes spans again");
        }
    }

    /// Told once: how many were lost the metrics tell.
    fn lost(&mut self, count: usize, why: &str) {
        self.spans.have_failed(count);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = why, spans = count, "the collector does not take spans, which are lost");
        }
    }

    fn is_stopping(&self) -> bool {
        // Whoever dropped the other end wants nothing any more.
        *self.stopping.borrow() || self.stopping.has_changed().is_err()
    }
}
