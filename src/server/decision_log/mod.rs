//! The decision log: lines out of `telemetry`, to a file, a socket or a stream.
//!
//! A thread of its own writes them, some milliseconds' worth at a time, and may
//! be stuck for as long as whoever reads is: lines then wait, and are dropped
//! once there is no room. No check ever waits for it. A destination that fails
//! is tried again until it works; what waits is kept.

mod file;
mod sink;
mod socket;
mod stream;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::LogTo;
use crate::telemetry::Lines;
use sink::Sink;
use writer::Writer;

/// How long the end of the process waits for the last lines.
const FLUSH: Duration = Duration::from_secs(1);

/// What the writer is asked to do.
#[derive(Debug, Default)]
struct Orders {
    /// Begin a new file.
    reopen: AtomicBool,
    /// Write what waits, and end.
    stop: AtomicBool,
}

/// How the writer is asked.
#[derive(Debug, Clone)]
pub(super) struct DecisionLog {
    orders: Arc<Orders>,
    lines: Arc<Lines>,
}

/// The thread that writes.
pub(super) struct Writing {
    log: Option<DecisionLog>,
    done: Receiver<()>,
}

/// Tells when that thread ends.
pub(super) struct Ended(Option<oneshot::Receiver<()>>);

/// Starts the thread. Without lines there is none.
pub(super) fn start(to: &LogTo, lines: Option<&Arc<Lines>>) -> Result<(Writing, Ended), String> {
    let (done, is_done) = sync_channel::<()>(1);
    let (Some(lines), Some(sink)) = (lines, sink(to)?) else {
        return Ok((Writing { log: None, done: is_done }, Ended(None)));
    };
    let log = DecisionLog { orders: Arc::default(), lines: Arc::clone(lines) };
    let (end, ended) = oneshot::channel::<()>();
    let writer = Writer::new(sink, log.clone());
    thread::Builder::new()
        .name("doorward-decisions".to_owned())
        .spawn(move || {
            // Both are told by being dropped.
            let _ends = (end, done);
            writer.run();
        })
        .map_err(|error| format!("can't start a thread: {error}"))?;
    Ok((Writing { log: Some(log), done: is_done }, Ended(Some(ended))))
}

fn sink(to: &LogTo) -> Result<Option<Box<dyn Sink>>, String> {
    Ok(match to {
        LogTo::Nowhere => None,
        LogTo::Stdout => Some(Box::new(stream::stdout()?)),
        LogTo::Stderr => Some(Box::new(stream::Stderr)),
        LogTo::File(file) => Some(Box::new(file::GrowingFile::open(file)?)),
        LogTo::Socket(socket) => Some(Box::new(socket::Connection::new(socket.clone()))),
    })
}

impl DecisionLog {
    /// Asks for a new file in place of one that was moved away.
    pub(super) fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::Release);
        self.lines.call();
    }

    fn stop(&self) {
        self.orders.stop.store(true, Ordering::Release);
        self.lines.call();
    }
}

impl Writing {
    /// How to ask for a new file.
    pub(super) fn log(&self) -> Option<DecisionLog> {
        self.log.clone()
    }

    /// Waits until what was told is written, but not for ever.
    pub(super) fn flush(self) {
        if let Some(log) = self.log {
            log.stop();
            // An error: it has ended, which is what is waited for.
            if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(FLUSH) {
                tracing::warn!("the last lines of the decision log were not written in time");
            }
        }
    }
}

impl Ended {
    /// Waits for the thread to end, which it should not: says how it did.
    pub(super) async fn wait(&mut self) -> String {
        match &mut self.0 {
            Some(ended) => {
                ended.await.unwrap_or_default();
                "the thread that writes the decision log ended by itself".to_owned()
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
