//! A connection over which Envoy asks: HTTP/2, as the library beneath the gRPC
//! library has it.
//!
//! A check is answered where it is read, without a task, a router or a layer of
//! its own, and never by a gRPC error. Everything else that gRPC offers here is
//! left to the gRPC library, in `aside`.
//!
//! The only room that names the crate of HTTP/2.

mod arriving;
mod aside;
mod gathering;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use h2::server::{Builder, SendResponse};
use h2::{Ping, PingPong, RecvStream};
use hyper::Request;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::service::Routes;

use super::connections::{
    Conversation, End, Failure, KEEPALIVE, KEEPALIVE_ANSWER, MAX_RESET_BY_MISTAKE, MAX_RESET_PENDING, Rules,
};
use crate::envoy::{CHECK, Checks, Message};
use crate::gate::{Judge, Live};
use crate::telemetry::InFlight;
use crate::words::Reason;
use arriving::{Arriving, answer};
use gathering::Gathering;

/// The longest that the rest of a check may take to follow its beginning.
const REST: Duration = Duration::from_secs(5);

/// How much memory the checks that are waited for may take together, in bytes:
/// each may have sent all but its last byte.
const BEGUN_BYTES: usize = 64 << 20;

/// How much may be on its way to us, on a stream and on a connection: more than
/// what a burst of checks takes, so that nobody waits to be allowed to send.
const WINDOW: u32 = 1 << 20;

/// Who answers.
pub(super) struct Asking<J = Arc<Live>> {
    checks: Checks<J>,
    /// The most bytes of a check.
    size: usize,
    /// How many checks may be waited for.
    begun: Arc<Semaphore>,
    aside: Routes,
}

type Stream = (Request<RecvStream>, SendResponse<Bytes>);

/// A stream that was opened.
struct Opened {
    stream: Stream,
    at: Instant,
    /// None if it is not a check, or one too many.
    admitted: Option<InFlight>,
}

impl<J> Clone for Asking<J> {
    fn clone(&self) -> Self {
        let Self { checks, size, begun, aside } = self;
        Self { checks: checks.clone(), size: *size, begun: Arc::clone(begun), aside: aside.clone() }
    }
}

impl<J: Judge> Asking<J> {
    /// Checks of up to `size` bytes, and services beside them.
    pub(super) fn new(checks: Checks<J>, size: usize, aside: Routes) -> Self {
        let begun = Arc::new(Semaphore::new((BEGUN_BYTES / size.max(1)).max(1)));
        Self { checks, size, begun, aside }
    }

    fn opened(&self, stream: Stream) -> Opened {
        let is_check = stream.0.uri().path() == CHECK;
        let admitted = if is_check { self.checks.admit() } else { None };
        Opened { stream, at: Instant::now(), admitted }
    }

    /// Answers a stream if all of it is there; what waits becomes one of `others`.
    fn take(&self, opened: Opened, cx: &mut Context<'_>, others: &mut JoinSet<()>) {
        let Opened { stream: (request, respond), at, admitted } = opened;
        if request.uri().path() != CHECK {
            others.spawn(aside::serve(self.aside.clone(), request, respond));
            return;
        }
        let refuse = |why| self.checks.refuse(Reason::Overloaded, why);
        if admitted.is_none() {
            let why = "there are as many checks as `limits.checks` allows";
            return answer(respond, refuse(why));
        }
        let mut check = Arriving::new(request, at, self.size);
        if let Poll::Ready(read) = check.poll(cx) {
            return self.decide(&check, read, respond);
        }
        // It takes nobody's place while the rest of it is waited for: whoever does
        // not say what they ask does not keep others from asking.
        drop(admitted);
        let Ok(place) = Arc::clone(&self.begun).try_acquire_owned() else {
            return answer(respond, refuse("there are too many checks of which only a part arrived"));
        };
        let asking = self.clone();
        others.spawn(async move {
            match timeout(REST, std::future::poll_fn(|cx| check.poll(cx))).await {
                Ok(read) => asking.decide(&check, read, respond),
                Err(_) => {
                    let late = "the check did not arrive in time";
                    answer(respond, asking.checks.refuse(Reason::Overloaded, late));
                }
            }
            drop(place);
        });
    }

    fn decide(&self, check: &Arriving, read: arriving::Read, respond: SendResponse<Bytes>) {
        match read {
            arriving::Read::Whole => {
                let Some(message) = check.message() else {
                    return answer(respond, self.unreadable());
                };
                answer(respond, self.checks.answer(message, check.headers(), check.arrived()));
            }
            arriving::Read::TooLarge => answer(respond, self.unreadable()),
            // Nobody waits for an answer.
            arriving::Read::GivenUp => {}
        }
    }

    fn unreadable(&self) -> Message {
        self.checks.refuse(Reason::RequestMalformed, "the check can't be read, or is too large")
    }
}

impl<J: Judge> Conversation for Asking<J> {
    async fn hold<Io>(self, io: Io, rules: Rules, end: End) -> Result<(), Failure>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heard = Arc::new(AtomicBool::new(false));
        let io = Gathering { io, heard: Arc::clone(&heard) };
        let mut connection = builder(rules).handshake::<_, Bytes>(io).await?;
        let mut alive = pin!(alive(connection.ping_pong(), heard));
        let mut end = pin!(end.wait());
        let (mut ending, mut others, mut opened) = (false, JoinSet::new(), Vec::new());
        std::future::poll_fn(|cx| {
            if !ending && end.as_mut().poll(cx).is_ready() {
                ending = true;
                connection.graceful_shutdown();
            }
            if alive.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err("the other side does not answer any more".into()));
            }
            while let Poll::Ready(Some(_)) = others.poll_join_next(cx) {}
            loop {
                // All that was opened is taken before the first is answered, so
                // that the answers go out together.
                loop {
                    match pin!(connection.accept()).poll(cx) {
                        Poll::Ready(Some(stream)) => opened.push(self.opened(stream?)),
                        Poll::Ready(None) => return Poll::Ready(Ok(())),
                        Poll::Pending => break,
                    }
                }
                if opened.is_empty() {
                    return Poll::Pending;
                }
                for opened in opened.drain(..) {
                    self.take(opened, cx, &mut others);
                }
            }
        })
        .await
    }
}

fn builder(rules: Rules) -> Builder {
    let Rules { protocol: _, connections: _, streams, header_size, age: _, idle: _ } = rules;
    let mut builder = Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(streams)
        .max_header_list_size(header_size)
        .max_pending_accept_reset_streams(MAX_RESET_PENDING)
        .max_local_error_reset_streams(Some(MAX_RESET_BY_MISTAKE));
    builder
}

/// Ends when the other side says nothing and does not answer any more. Who says
/// something is not asked: a busy peer may take longer to come to a ping.
async fn alive(pings: Option<PingPong>, heard: Arc<AtomicBool>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(KEEPALIVE).await;
        if heard.swap(false, Ordering::Relaxed) {
            continue;
        }
        if !matches!(timeout(KEEPALIVE_ANSWER, pings.ping(Ping::opaque())).await, Ok(Ok(_))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
