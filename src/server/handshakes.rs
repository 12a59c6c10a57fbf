//! TLS handshakes under way on one port.
//!
//! They have places of their own: who holds no certificate can begin a handshake
//! and leave it there, and must not take the place of one who does. With too
//! many, the oldest gives way, because who means it is done in a few round trips.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::listen::Stream;

/// The longest that one may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection whose other side has shown what it must.
pub(super) type Secured = TlsStream<Stream>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    Tls(io::Error),
    Late,
    GaveWay,
}

type Over<S> = Result<(Box<Secured>, S), Failure>;

/// Handshakes under way, each with what is to answer on the connection.
pub(super) struct Handshakes<S> {
    all: JoinSet<Over<S>>,
    /// The oldest first.
    order: VecDeque<AbortHandle>,
    most: usize,
}

impl<S: Send + 'static> Handshakes<S> {
    pub(super) fn new(most: usize) -> Self {
        Self { all: JoinSet::new(), order: VecDeque::new(), most }
    }

    /// Begins one more, on this runtime.
    pub(super) fn begin(&mut self, acceptor: TlsAcceptor, io: Stream, service: S, runtime: &Handle) {
        self.order.retain(|handle| !handle.is_finished());
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        let handshake = async move {
            match timeout(PATIENCE, acceptor.accept(io)).await {
                Ok(Ok(io)) => Ok((Box::new(io), service)),
                Ok(Err(error)) => Err(Failure::Tls(error)),
                Err(_) => Err(Failure::Late),
            }
        };
        self.order.push_back(self.all.spawn_on(handshake, runtime));
    }

    /// The next that is over; `None` while none is under way.
    pub(super) async fn next(&mut self) -> Option<Over<S>> {
        // Only what gave way is never finished.
        self.all.join_next().await.map(|over| over.unwrap_or(Err(Failure::GaveWay)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Late => f.write_str("TLS did not begin in time"),
            Self::GaveWay => f.write_str("TLS did not begin before many others did"),
        }
    }
}
