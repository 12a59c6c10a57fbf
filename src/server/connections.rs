//! The connections of one port, from the first to the last: how many, how they
//! begin, how long they live and how they end.
//!
//! With `fetch` the only file that names the crates of HTTP.

use std::convert::Infallible;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::handshakes::{Handshakes, Secured};
use super::listen::{Bound, Peer, Stream};
use super::tls::Tls;

/// The longest that the first words of HTTP may take.
const GREETING: Duration = Duration::from_secs(5);

/// The most TLS handshakes under way on a port. With more the oldest gives way.
const MAX_HANDSHAKES: usize = 512;

/// A silent connection is asked after this long whether it still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);

/// How long connections of proxies may rest: they close theirs sooner. One that is
/// closed here just when it is used again fails a request.
pub(super) const IDLE: Duration = Duration::from_secs(120);

/// How long a connection that is old enough may take to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// Streams that the other side opened and gave up before they were looked at.
const MAX_RESET_PENDING: usize = 20;

/// Streams that were given up because of the other side's mistakes.
const MAX_RESET_BY_MISTAKE: usize = 1024;

/// The most headers of an HTTP/1.1 request. Envoy lets clients have 100, others as
/// many as fit, and adds its own.
const MAX_HEADERS: usize = 256;

/// The head of an HTTP/1.1 request, which `hyper` reads with no less.
const MIN_HEAD: usize = 8 * 1024;

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/2 alone.
    Grpc,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/1.1, or HTTP/2 where the other side begins with it.
    Http,
}

impl Protocol {
    /// Its names in TLS, the best first.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Grpc => &["h2"],
            Self::Http1 => &["http/1.1"],
            Self::Http => &["h2", "http/1.1"],
        }
    }
}

/// How connections of a port are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) protocol: Protocol,
    /// The most connections.
    pub(super) connections: usize,
    /// The most requests at once on one of them.
    pub(super) streams: u32,
    /// The most bytes of a request's headers.
    pub(super) header_size: u32,
    /// When a connection is asked to end.
    pub(super) age: Option<Duration>,
    /// How long a connection of HTTP/1.1 may rest between two requests, and a
    /// request take to say what it wants.
    pub(super) idle: Duration,
}

/// The numbers of one port.
#[derive(Debug, Default)]
pub(super) struct Tally {
    open: AtomicUsize,
    refused: AtomicU64,
    /// The second in which a refusal was told last, since the start.
    told: AtomicU64,
}

impl Tally {
    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a connection that was not taken. Told once a second at most:
    /// whoever fails may do so very often.
    fn refuse(&self, port: &str, why: &dyn std::fmt::Display, started: Instant) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let now = started.elapsed().as_secs().saturating_add(1);
        if self.told.swap(now, Ordering::Relaxed) != now {
            tracing::warn!(port, why = %why, refused, "a connection was refused");
        }
    }
}

/// The numbers of all ports.
#[derive(Debug, Clone, Default)]
pub(super) struct Tallies {
    /// Of the port for checks.
    pub(super) grpc: Arc<Tally>,
    /// Of the port of HTTP mode.
    pub(super) http: Arc<Tally>,
    /// Of the admin port.
    pub(super) admin: Arc<Tally>,
}

/// A port and what its connections need.
pub(super) struct Port {
    /// What it is called in the log.
    pub(super) name: &'static str,
    pub(super) bound: Bound,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) rules: Rules,
    pub(super) tally: Arc<Tally>,
}

/// Takes connections until told to stop, and until the last of them has ended.
/// Those that are open when this is dropped are cut. `service` gives what
/// answers on a connection.
pub(super) async fn serve<S, B>(port: Port, service: impl Fn(Peer) -> S, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Port { name, bound, tls, rules, tally } = port;
    let started = Instant::now();
    let mut open = JoinSet::new();
    let mut handshakes = Handshakes::new(MAX_HANDSHAKES);
    loop {
        let taken = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = open.join_next() => {
                tally.open.store(open.len(), Ordering::Relaxed);
                continue;
            }
            Some(over) = handshakes.next() => match over {
                Ok((io, service)) => (Taken::Secured(io), service),
                Err(why) => {
                    tally.refuse(name, &why, started);
                    continue;
                }
            },
            io = bound.accept() => {
                let service = service(io.peer());
                match &tls {
                    None => (Taken::Plain(io), service),
                    Some(tls) => {
                        handshakes.begin(tls.acceptor(), io, service);
                        continue;
                    }
                }
            }
        };
        // Only now: who can't finish a handshake is in nobody's place.
        if open.len() >= rules.connections {
            tally.refuse(name, &"there are as many as `limits.connections` allows", started);
            continue;
        }
        let stop = stop.clone();
        match taken {
            (Taken::Plain(io), service) => open.spawn(connection(io, service, rules, stop)),
            (Taken::Secured(io), service) => open.spawn(connection(*io, service, rules, stop)),
        };
        tally.open.store(open.len(), Ordering::Relaxed);
    }
    drop((bound, handshakes));
    while open.join_next().await.is_some() {
        tally.open.store(open.len(), Ordering::Relaxed);
    }
}

/// A connection that may be served.
enum Taken {
    Plain(Stream),
    Secured(Box<Secured>),
}

/// One connection to its end.
async fn connection<Io, S, B>(io: Io, service: S, rules: Rules, mut stop: watch::Receiver<bool>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let greeted = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Greeted { io, read: 0, greeted: Arc::clone(&greeted) });
    let builder = builder(rules);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut silent = pin!(tokio::time::sleep(GREETING));
    let mut old = pin!(age(rules.age));
    let mut listened = false;
    let stopping = loop {
        tokio::select! {
            ended = &mut connection => return told(ended),
            () = &mut silent, if !listened => {
                if !greeted.load(Ordering::Relaxed) {
                    return;
                }
                listened = true;
            }
            () = &mut old => break false,
            _ = stop.wait_for(|stop| *stop) => break true,
        }
    };
    connection.as_mut().graceful_shutdown();
    if stopping {
        // Whoever stops everything says for how long.
        told(connection.await);
    } else if let Ok(ended) = timeout(FAREWELL, connection).await {
        told(ended);
    }
}

/// How connections end is the other side's affair.
fn told(ended: Result<(), Box<dyn Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended badly");
    }
}

fn builder(rules: Rules) -> Builder<TokioExecutor> {
    let Rules { protocol, connections: _, streams, header_size, age: _, idle } = rules;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER)
        .max_concurrent_streams(streams)
        .max_header_list_size(header_size)
        .max_pending_accept_reset_streams(MAX_RESET_PENDING)
        .max_local_error_reset_streams(MAX_RESET_BY_MISTAKE);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_headers(MAX_HEADERS)
        .max_buf_size(usize::try_from(header_size).map_or(MIN_HEAD, |size| size.max(MIN_HEAD)));
    match protocol {
        Protocol::Grpc => builder.http2_only(),
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http => builder,
    }
}

/// Waits until a connection is old enough: up to a tenth less by chance, so
/// that those that began together do not end together.
async fn age(age: Option<Duration>) {
    let Some(age) = age else { return std::future::pending().await };
    let chance = u32::try_from(RandomState::new().hash_one(()) % 1000).unwrap_or_default();
    tokio::time::sleep(age - age / 10 * chance / 1000).await;
}

/// A connection that remembers whether the other side has begun to speak: the
/// preface of HTTP/2 and the frame that must follow it, or as much of a request.
/// After that the keepalive finds out who is gone.
struct Greeted<Io> {
    io: Io,
    read: usize,
    greeted: Arc<AtomicBool>,
}

const PREFACE: usize = 24 + 9;

impl<Io: AsyncRead + Unpin> AsyncRead for Greeted<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if self.read < PREFACE {
            self.read += buf.filled().len() - before;
            self.greeted.store(self.read >= PREFACE, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Greeted<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
