//! The answer to checks that can't even be read: too large, not protobuf, not
//! UTF-8, compressed.
//!
//! The gRPC library ends them with a gRPC error before the service is asked,
//! and an Envoy with `failure_mode_allow` lets the request of a failed check
//! pass. So an error on the way out is replaced by a denial.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer, SERVICE_NAME,
};
use prost::Message;
use tonic::codec::{EncodeBody, EncodeBuf, Encoder, SingleMessageCompressionOverride};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::{Code, Status, body::Body};

/// Whoever can answer a check of which nothing is known.
pub(super) trait Unreadable: Authorization {
    /// The answer: a denial.
    fn unreadable(&self) -> CheckResponse;
}

/// The generated service, with every error of a check replaced.
#[derive(Debug)]
pub(super) struct Complete<A> {
    inner: AuthorizationServer<A>,
    gate: Arc<A>,
}

impl<A: Unreadable> Complete<A> {
    /// Answers by the gate; does not read checks of more than `limit` bytes.
    pub(super) fn new(gate: A, limit: usize) -> Self {
        let gate = Arc::new(gate);
        let inner = AuthorizationServer::from_arc(Arc::clone(&gate)).max_decoding_message_size(limit);
        Self { inner, gate }
    }
}

impl<A> Clone for Complete<A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gate: Arc::clone(&self.gate) }
    }
}

impl<A> NamedService for Complete<A> {
    const NAME: &'static str = SERVICE_NAME;
}

impl<A: Unreadable> Service<http::Request<Body>> for Complete<A> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer<A> {
        // Other methods do not exist, and may be told so.
        let is_check = request.uri().path().strip_prefix('/').and_then(|p| p.strip_prefix(SERVICE_NAME))
            == Some("/Check");
        Answer { inner: self.inner.call(request), gate: is_check.then(|| Arc::clone(&self.gate)) }
    }
}

/// An answer on its way.
pub(super) struct Answer<A> {
    inner: BoxFuture<http::Response<Body>, Infallible>,
    gate: Option<Arc<A>>,
}

impl<A: Unreadable> Future for Answer<A> {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(response) = ready!(self.inner.as_mut().poll(cx));
        // An error has its status in the headers; an answer in the trailers.
        let failed = Status::from_header_map(response.headers()).is_some_and(|s| s.code() != Code::Ok);
        Poll::Ready(Ok(match &self.gate {
            Some(gate) if failed => message(gate.unreadable()),
            _ => response,
        }))
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
    use crate::gate::{Gate, Verdict, Words};
    use http_body_util::{BodyExt, Full};
    use std::time::Duration;

    const LIMIT: usize = 1024;
    const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

    /// A gRPC message: a flag for compression, the length, the bytes.
    fn framed(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
        [&[flag], u32::try_from(length).unwrap().to_be_bytes().as_slice(), bytes].concat()
    }

    /// What the peer sees: the messages, and the status in headers or trailers.
    async fn ask(path: &str, body: Vec<u8>) -> (Vec<CheckResponse>, String) {
        let judge = |_: &Words| Verdict::of(Reason::Allowed);
        let gate = Gate::with(judge, Arc::default(), Arc::default(), Duration::from_secs(3600));
        let mut request = http::Request::new(Body::new(Full::from(body)));
        *request.uri_mut() = path.parse().unwrap();
        let response = Complete::new(Checks::new(Arc::new(gate)), LIMIT).call(request).await.unwrap();
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
