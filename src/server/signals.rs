//! SIGTERM and SIGINT: the first asks to stop, the second insists. SIGHUP asks
//! for the policy to be read again, SIGUSR1 for a new file of the decision log.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::asking::Asker;
use super::decision_log::DecisionLog;

/// What a terminal sends.
pub(super) const INTERRUPT: &str = "SIGINT";

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
    usr1: Signal,
    reload: Asker,
    log: Option<DecisionLog>,
}

impl Signals {
    /// From here on the signals come here and no longer end the process; a
    /// hangup is passed on to `reload`, the first user's signal to `log`.
    pub(super) fn new(reload: Asker, log: Option<DecisionLog>) -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            reload,
            log,
        })
    }
}

impl Stops for Signals {
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return INTERRUPT,
                _ = self.usr1.recv() => match &self.log {
                    Some(log) => log.reopen(),
                    None => tracing::info!("SIGUSR1: there is no decision log to open anew"),
                },
                _ = self.hup.recv() => {
                    tracing::info!("SIGHUP: the policy is read again");
                    self.reload.ask();
                }
            }
        }
    }
}
