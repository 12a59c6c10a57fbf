//! HTTP on a connection, as far as checks by gRPC are not concerned: the port of
//! HTTP mode and the admin port.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connections::{
    Conversation, End, Failure, KEEPALIVE, KEEPALIVE_ANSWER, MAX_RESET_BY_MISTAKE, MAX_RESET_PENDING,
    Protocol, Rules,
};

/// The most headers of an HTTP/1.1 request. Envoy lets clients have 100, others as
/// many as fit, and adds its own.
const MAX_HEADERS: usize = 256;

/// The head of an HTTP/1.1 request, which `hyper` reads with no less.
const MIN_HEAD: usize = 8 * 1024;

/// Requests that this service answers.
#[derive(Debug, Clone)]
pub(super) struct Web<S>(pub(super) S);

impl<S, B> Conversation for Web<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn hold<Io>(self, io: Io, rules: Rules, end: End) -> Result<(), Failure>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let builder = builder(rules);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(io), self.0));
        tokio::select! {
            ended = &mut connection => return ended,
            () = end.wait() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
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
