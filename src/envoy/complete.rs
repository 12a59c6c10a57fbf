//! The answer to checks that nobody decides: too many at once, too late, too
//! large, not protobuf, not UTF-8, compressed.
//!
//! The gRPC library ends them with a gRPC error before the service is asked,
//! and an Envoy with `failure_mode_allow` lets the request of a failed check
//! pass. So an error on the way out is replaced by a denial.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer, SERVICE_NAME,
};
use prost::Message;
use tokio::time::Sleep;
use tonic::codec::{EncodeBody, EncodeBuf, Encoder, SingleMessageCompressionOverride};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::{Code, Status, body::Body};

use crate::telemetry::InFlight;
use crate::words::Reason;

/// Whoever answers checks, also those of which nothing is known.
pub(super) trait Checker: Authorization {
    /// A check has arrived: it is under way as long as this is kept. `None` if
    /// there are too many.
    fn admit(&self) -> Option<InFlight>;

    /// The answer to a check of which nothing is known: a denial.
    fn refuse(&self, reason: Reason, why: &'static str) -> CheckResponse;
}

/// When a check arrived: its time runs from here, however long it waits to be
/// looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived(pub(super) Instant);

/// The longest that the rest of a check may take to follow its beginning.
const REST: Duration = Duration::from_secs(5);

/// How much memory the checks that are waited for may take together, in bytes:
/// each may have sent all but its last byte.
const BEGUN_BYTES: usize = 64 << 20;

/// The generated service, with every error of a check replaced.
#[derive(Debug)]
pub(super) struct Complete<A> {
    inner: AuthorizationServer<A>,
    gate: Arc<A>,
    begun: Begun,
}

/// How many checks are waited for, and may be.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// Held by each of them.
    held: Arc<()>,
    most: usize,
}

impl<A: Checker> Complete<A> {
    /// Answers by the gate; does not read checks of more than `limit` bytes.
    pub(super) fn new(gate: A, limit: usize) -> Self {
        let gate = Arc::new(gate);
        let inner = AuthorizationServer::from_arc(Arc::clone(&gate)).max_decoding_message_size(limit);
        let begun = Begun { held: Arc::default(), most: (BEGUN_BYTES / limit.max(1)).max(1) };
        Self { inner, gate, begun }
    }
}

impl<A> Clone for Complete<A> {
    fn clone(&self) -> Self {
        let Self { inner, gate, begun } = self;
        Self { inner: inner.clone(), gate: Arc::clone(gate), begun: begun.clone() }
    }
}

impl<A> NamedService for Complete<A> {
    const NAME: &'static str = SERVICE_NAME;
}

impl<A: Checker> Service<http::Request<Body>> for Complete<A> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Answer<A> {
        // Other methods do not exist, and may be told so.
        let is_check = request.uri().path().strip_prefix('/').and_then(|p| p.strip_prefix(SERVICE_NAME))
            == Some("/Check");
        if !is_check {
            return Answer::Other(self.inner.call(request));
        }
        let gate = Arc::clone(&self.gate);
        let Some(in_flight) = gate.admit() else { return Answer::Overloaded(gate) };
        request.extensions_mut().insert(Arrived(Instant::now()));
        let inner = self.inner.call(request);
        Answer::Check { inner, gate, begun: self.begun.clone(), stage: Stage::UnderWay(in_flight) }
    }
}

/// An answer on its way.
pub(super) enum Answer<A> {
    Check { inner: BoxFuture<http::Response<Body>, Infallible>, gate: Arc<A>, begun: Begun, stage: Stage },
    Overloaded(Arc<A>),
    Other(BoxFuture<http::Response<Body>, Infallible>),
}

/// How far a check has come.
pub(super) enum Stage {
    /// It counts among those that are decided at once.
    UnderWay(#[expect(dead_code, reason = "counted while it is kept")] InFlight),
    /// The rest of it is waited for, and it takes nobody's place: whoever does
    /// not say what they ask does not keep others from asking.
    Begun(Pin<Box<Sleep>>),
}

impl<A: Checker> Future for Answer<A> {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let refused = match &mut *self {
            Self::Other(inner) => return inner.as_mut().poll(cx),
            Self::Overloaded(gate) => {
                gate.refuse(Reason::Overloaded, "there are as many checks as `limits.checks` allows")
            }
            Self::Check { inner, gate, begun, stage } => match inner.as_mut().poll(cx) {
                // An error has its status in the headers; an answer in the
                // trailers.
                Poll::Ready(Ok(response))
                    if Status::from_header_map(response.headers()).is_some_and(|s| s.code() != Code::Ok) =>
                {
                    gate.refuse(Reason::RequestMalformed, "the check can't be read, or is too large")
                }
                Poll::Ready(answer) => return Poll::Ready(answer),
                // Each holds the count once, and so does each copy of the service.
                Poll::Pending if Arc::strong_count(&begun.held) > begun.most => {
                    gate.refuse(Reason::Overloaded, "there are too many checks of which only a part arrived")
                }
                Poll::Pending => {
                    if let Stage::UnderWay(_) = stage {
                        *stage = Stage::Begun(Box::pin(tokio::time::sleep(REST)));
                    }
                    if let Stage::Begun(late) = stage {
                        ready!(late.as_mut().poll(cx));
                    }
                    gate.refuse(Reason::Overloaded, "the check did not arrive in time")
                }
            },
        };
        Poll::Ready(Ok(message(refused)))
    }
}

/// A gRPC answer of one message.
fn message(response: CheckResponse) -> http::Response<Body> {
    let source = tokio_stream::once(Ok(response));
    let off = SingleMessageCompressionOverride::Disable;
    let mut answer = http::Response::new(Body::new(EncodeBody::new_server(Plain, source, None, off, None)));
    let grpc = http::HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    answer
}

struct Plain;

impl Encoder for Plain {
    type Item = CheckResponse;
    type Error = Status;

    fn encode(&mut self, item: CheckResponse, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::super::request::tests::check;
    use super::super::service::Checks;
    use super::*;
    use crate::engine::Reason;
    use crate::gate::{Gate, Judge, Verdict, Words};
    use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
    use http_body_util::{BodyExt, Full, StreamBody};
    use hyper::body::{Bytes, Frame};

    const LIMIT: usize = 1024;
    const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

    /// A gRPC message: a flag for compression, the length, the bytes.
    fn framed(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
        [&[flag], u32::try_from(length).unwrap().to_be_bytes().as_slice(), bytes].concat()
    }

    /// What the peer sees: the messages, and the status in headers or trailers.
    async fn ask(path: &str, body: Vec<u8>) -> (Vec<CheckResponse>, String) {
        let mut request = http::Request::new(Body::new(Full::from(body)));
        *request.uri_mut() = path.parse().unwrap();
        read(gate(usize::MAX).call(request).await.unwrap()).await
    }

    fn gate(checks: usize) -> Complete<Checks<impl Judge>> {
        let judge = |_: &Words| Verdict::of(Reason::Allowed);
        let gate = Gate::with(judge, Arc::default(), Arc::default(), Duration::from_secs(3600));
        Complete::new(Checks::new(Arc::new(gate.at_most(checks))), LIMIT)
    }

    async fn read(response: http::Response<Body>) -> (Vec<CheckResponse>, String) {
        let in_headers = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await.unwrap();
        let status = in_headers.or_else(|| body.trailers()?.get("grpc-status").cloned()).unwrap();
        let (mut bytes, mut messages) = (body.to_bytes(), Vec::new());
        while let Some((head, rest)) = bytes.split_at_checked(5) {
            let length = usize::try_from(u32::from_be_bytes(head[1..].try_into().unwrap())).unwrap();
            messages.push(CheckResponse::decode(&rest[..length]).unwrap());
            bytes = bytes.slice(5 + length..);
        }
        (messages, status.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn rsp_20_a_check_gets_one_message() {
        let body = check("GET", "/", &[]).encode_to_vec();
        let (messages, status) = ask(CHECK, framed(0, body.len(), &body)).await;
        assert_eq!((messages.len(), status.as_str()), (1, "0"));
        assert_eq!(messages[0].status.as_ref().unwrap().code, 0);
    }

    /// A check of which nothing arrives.
    fn silent() -> http::Request<Body> {
        let nothing = tokio_stream::pending::<Result<Frame<Bytes>, Status>>();
        let mut request = http::Request::new(Body::new(StreamBody::new(nothing)));
        *request.uri_mut() = CHECK.parse().unwrap();
        request
    }

    #[tokio::test]
    async fn fail_3_one_check_too_many_is_denied_with_503_and_no_error() {
        let mut gate = gate(1);
        let mut first = gate.call(silent());
        let (messages, status) = read(gate.call(silent()).await.unwrap()).await;
        assert_eq!((messages.len(), status.as_str()), (1, "0"));
        assert_eq!(http_status(&messages[0]), 503);
        let waits = |check| tokio::time::timeout(Duration::from_millis(1), check);
        assert!(waits(&mut first).await.is_err(), "the rest of it is waited for");
        assert!(waits(&mut gate.call(silent())).await.is_err(), "and it is in nobody's way");
    }

    #[tokio::test]
    async fn dos_1_checks_that_are_waited_for_are_bounded_too() {
        let mut gate = gate(1);
        let mut waiting = Vec::new();
        let refused = loop {
            let mut check = Box::pin(gate.call(silent()));
            let answer = std::future::poll_fn(|cx| Poll::Ready(check.as_mut().poll(cx))).await;
            match answer {
                Poll::Pending => waiting.push(check),
                Poll::Ready(answer) => break answer.unwrap(),
            }
        };
        let most = BEGUN_BYTES / LIMIT;
        assert!((most - 10..=most).contains(&waiting.len()), "{}", waiting.len());
        assert_eq!(http_status(&read(refused).await.0[0]), 503);
    }

    fn http_status(response: &CheckResponse) -> i32 {
        let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else { return 0 };
        denied.status.as_ref().unwrap().code
    }

    #[tokio::test(start_paused = true)]
    async fn fail_3_a_check_that_does_not_arrive_is_denied_and_no_error() {
        let (messages, status) = read(gate(1).call(silent()).await.unwrap()).await;
        assert_eq!((messages.len(), status.as_str()), (1, "0"));
        assert_eq!(http_status(&messages[0]), 503);
    }

    #[tokio::test]
    async fn attr_5_dos_2_what_can_not_be_read_is_denied_and_no_error() {
        let good = check("GET", "/", &[]).encode_to_vec();
        let mut not_utf8 = check("GET", "/QQQQ", &[]).encode_to_vec();
        let at = not_utf8.windows(4).position(|w| w == b"QQQQ").unwrap();
        not_utf8[at] = 0xff;
        let large = check("GET", &"/".repeat(LIMIT), &[]).encode_to_vec();
        for (what, body) in [
            ("nothing", Vec::new()),
            ("garbage", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("not protobuf", framed(0, 3, b"\xff\xff\xff")),
            ("cut short", framed(0, good.len(), &good[..good.len() / 2])),
            ("compressed", framed(1, good.len(), &good)),
            ("not utf-8", framed(0, not_utf8.len(), &not_utf8)),
            ("too large", framed(0, large.len(), &large)),
            ("said to be huge", framed(0, 1 << 31, &good)),
        ] {
            let (messages, status) = ask(CHECK, body).await;
            assert_eq!((messages.len(), status.as_str()), (1, "0"), "{what}");
            assert_ne!(messages[0].status.as_ref().unwrap().code, 0, "{what}");
            assert!(messages[0].http_response.is_some(), "{what}");
        }
    }

    #[tokio::test]
    async fn attr_13_other_methods_do_not_exist() {
        let body = check("GET", "/", &[]).encode_to_vec();
        for path in [
            "/envoy.service.auth.v3.Authorization/Other",
            "/other",
            "/",
            "/envoy.service.auth.v3.Authorization/check",
        ] {
            let (messages, status) = ask(path, framed(0, body.len(), &body)).await;
            assert_eq!((messages.len(), status.as_str()), (0, "12"), "{path}");
        }
    }
}
