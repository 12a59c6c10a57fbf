//! SIGTERM and SIGINT: the first asks to stop, the second insists.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whoever asks the server to stop: signals, or a test.
pub(super) trait Stops {
    /// Waits for the next request to stop; gives its name.
    fn next(&mut self) -> impl Future<Output = &'static str> + Send;
}

/// The signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// From here on the signals come here and no longer end the process.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }
}

impl Stops for Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
