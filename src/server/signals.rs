//! SIGTERM and SIGINT: the first asks to stop, the second insists. SIGHUP asks
//! other servers to read their files again; it must not end this one.

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
    hup: Signal,
}

impl Signals {
    /// From here on the signals come here and no longer end the process.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }
}

impl Stops for Signals {
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return "SIGINT",
                _ = self.hup.recv() => {
                    tracing::warn!("SIGHUP ignored: restart to take up changed files");
                }
            }
        }
    }
}
