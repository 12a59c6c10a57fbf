//! One check on its stream: from its frames to a message, and back.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use h2::RecvStream;
use h2::server::SendResponse;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};

use crate::envoy::Message;

/// What comes before a message in gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// A check of which not everything may be there yet.
pub(super) struct Arriving {
    request: Request<RecvStream>,
    at: Instant,
    got: Got,
    /// The most bytes of the message.
    most: usize,
}

/// What arrived of a message: commonly one frame, which is not copied.
enum Got {
    One(Bytes),
    Several(Vec<u8>),
}

/// How the arrival ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Everything is there.
    Whole,
    /// More than may be.
    TooLarge,
    /// The other side gave it up.
    GivenUp,
}

impl Arriving {
    /// The beginning of one, which came at this time. More than `most` bytes of it
    /// are not read.
    pub(super) fn new(request: Request<RecvStream>, at: Instant, most: usize) -> Self {
        Self { request, at, got: Got::One(Bytes::new()), most }
    }

    /// When it came.
    pub(super) fn arrived(&self) -> Instant {
        self.at
    }

    /// The headers of gRPC.
    pub(super) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Waits for the rest of it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        let body = self.request.body_mut();
        while !body.is_end_stream() {
            let chunk = match ready!(body.poll_data(cx)) {
                None => break,
                Some(Ok(chunk)) => chunk,
                Some(Err(_)) => return Poll::Ready(Read::GivenUp),
            };
            // The other side may send as much again. That it has gone, the next
            // look at the stream tells.
            let _ = body.flow_control().release_capacity(chunk.len());
            let so_far = self.got.bytes().len();
            if so_far + chunk.len() > PREFIX + self.most {
                return Poll::Ready(Read::TooLarge);
            }
            self.got.add(chunk);
        }
        Poll::Ready(Read::Whole)
    }

    /// The message, if what arrived is one, whole and not compressed.
    pub(super) fn message(&self) -> Option<&[u8]> {
        let (prefix, message) = self.got.bytes().split_first_chunk::<PREFIX>()?;
        let [0, length @ ..] = prefix else { return None };
        (usize::try_from(u32::from_be_bytes(*length)).ok()? == message.len()).then_some(message)
    }
}

impl Got {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Several(bytes) => bytes,
        }
    }

    fn add(&mut self, chunk: Bytes) {
        match self {
            Self::One(bytes) if bytes.is_empty() => *bytes = chunk,
            Self::One(bytes) => *self = Self::Several([bytes, chunk.as_ref()].concat()),
            Self::Several(bytes) => bytes.extend_from_slice(&chunk),
        }
    }
}

/// Sends an answer. One that can't be sent is one that nobody waits for.
pub(super) fn answer(mut respond: SendResponse<Bytes>, message: Message) {
    let mut head = Response::new(());
    head.headers_mut().insert(CONTENT_TYPE, GRPC);
    let Ok(mut stream) = respond.send_response(head, false) else { return };
    if stream.send_data(message.framed(), false).is_ok() {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(STATUS, OK);
        let _ = stream.send_trailers(trailers);
    }
}
