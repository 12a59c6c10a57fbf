//! The connections of one port, from the first to the last: how many, how they
//! begin, how long they live and how they end. What is said on them in between is
//! a [`Conversation`].

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::handshakes::{Handshakes, Secured};
use super::listen::{Bound, Peer, Stream};
use super::tls::Tls;
use super::workers::Workers;

/// The longest that the first words of HTTP may take.
const GREETING: Duration = Duration::from_secs(5);

/// The most TLS handshakes under way on a port. With more the oldest gives way.
const MAX_HANDSHAKES: usize = 512;

/// A silent connection is asked after this long whether it still lives.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(30);
pub(super) const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);

/// How long connections of proxies may rest: they close theirs sooner. One that is
/// closed here just when it is used again fails a request.
pub(super) const IDLE: Duration = Duration::from_secs(120);

/// How long a connection that is old enough may take to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// Streams that the other side opened and gave up before they were looked at.
pub(super) const MAX_RESET_PENDING: usize = 20;

/// Streams that were given up because of the other side's mistakes.
pub(super) const MAX_RESET_BY_MISTAKE: usize = 1024;

/// What is said on a connection.
pub(super) trait Conversation: Send + 'static {
    /// Talks until the other side has gone, or until `end` comes and what was
    /// begun is finished.
    fn hold<Io>(self, io: Io, rules: Rules, end: End) -> impl Future<Output = Result<(), Failure>> + Send
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
}

/// Why a connection ended badly: mostly the other side's affair.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Comes when a conversation is to end.
#[derive(Debug)]
pub(super) struct End(oneshot::Receiver<()>);

impl End {
    /// Comes when this does.
    pub(super) fn new(told: oneshot::Receiver<()>) -> Self {
        Self(told)
    }

    /// Waits for it.
    pub(super) async fn wait(self) {
        // Nobody is left who could say so.
        let _ = self.0.await;
    }
}

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
    /// Where its connections are served.
    pub(super) workers: Workers,
}

/// Takes connections until told to stop, and until the last of them has ended.
/// Those that are open when this is dropped are cut. `talk` gives what is said on
/// a connection.
pub(super) async fn serve<T: Conversation>(
    port: Port,
    talk: impl Fn(Peer) -> T,
    mut stop: watch::Receiver<bool>,
) {
    let Port { name, bound, tls, rules, tally, workers } = port;
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
                Ok((io, talk)) => (Taken::Secured(io), talk),
                Err(why) => {
                    tally.refuse(name, &why, started);
                    continue;
                }
            },
            io = bound.accept() => {
                let (talk, seat) = (talk(io.peer()), workers.seat());
                let io = match io.moved_to(seat.runtime()) {
                    Ok(io) => io,
                    Err(why) => {
                        tally.refuse(name, &why, started);
                        continue;
                    }
                };
                match &tls {
                    None => (Taken::Plain(io), (talk, seat)),
                    Some(tls) => {
                        let runtime = seat.runtime().clone();
                        handshakes.begin(tls.acceptor(), io, (talk, seat), &runtime);
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
        let (stop, (io, (talk, seat))) = (stop.clone(), taken);
        let runtime = seat.runtime().clone();
        let connection = async move {
            match io {
                Taken::Plain(io) => connection(io, talk, rules, stop).await,
                Taken::Secured(io) => connection(*io, talk, rules, stop).await,
            }
            drop(seat);
        };
        open.spawn_on(connection, &runtime);
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
async fn connection<Io, T>(io: Io, talk: T, rules: Rules, mut stop: watch::Receiver<bool>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: Conversation,
{
    let greeted = Arc::new(AtomicBool::new(false));
    let io = Greeted { io, read: 0, greeted: Arc::clone(&greeted) };
    let (end, ending) = oneshot::channel();
    let mut talk = pin!(talk.hold(io, rules, End::new(ending)));
    let mut silence = pin!(silence(greeted));
    let stopping = tokio::select! {
        ended = &mut talk => return told(ended),
        () = &mut silence => return,
        () = age(rules.age) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    };
    let _ = end.send(());
    tokio::select! {
        ended = talk => told(ended),
        // Whoever has said nothing has begun nothing that could be finished.
        () = silence => {}
        // Whoever stops everything says for how long.
        () = tokio::time::sleep(FAREWELL), if !stopping => {}
    }
}

/// Ends when the other side has not begun to speak in time.
async fn silence(greeted: Arc<AtomicBool>) {
    tokio::time::sleep(GREETING).await;
    if greeted.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

/// How connections end is the other side's affair.
fn told(ended: Result<(), Failure>) {
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended badly");
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
