//! The collector: one connection, opened when there is something to send, and anew
//! when it was lost or something went wrong that may go better on another.
//!
//! The request is all that is sent, to the configured address alone. Of the answer
//! its status counts, how many spans were refused, and a few words for the log, which
//! hold nothing of the secrets that it was sent with.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::client::Grpc;
use tonic::codegen::Service;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::wire::{ExportTraceServiceRequest, ExportTraceServiceResponse, PartialSuccess};
use crate::config::KeyUrl;
use crate::words::{is_unseen, redact};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// From the name look-up to the end of the TLS handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection on which nothing comes back is given up after both.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);

/// An answer is a few bytes.
const MAX_ANSWER: usize = 64 << 10;

/// How much of what the other side says is told.
const MAX_WORDS: usize = 300;

/// The shortest word of a secret that is looked for by itself, unlike `Bearer`.
const SECRET: usize = 8;

/// Where spans go.
pub(super) struct Collector {
    endpoint: Endpoint,
    connector: Connector,
    channel: Channel,
    timeout: Duration,
    headers: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,
}

/// What of a batch was refused that was taken otherwise.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) spans: usize,
    pub(super) why: String,
}

/// Why a batch was not taken.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) why: String,
    /// Whether it may be taken when it is sent again.
    pub(super) passes: bool,
}

impl Collector {
    /// Must be called within the runtime; connects to nothing yet.
    pub(super) fn new(
        endpoint: &KeyUrl,
        tls: Option<Arc<ClientConfig>>,
        timeout: Duration,
        headers: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,
    ) -> Self {
        let (host, port) = (endpoint.host().to_owned(), endpoint.port());
        let connector = Connector { host, port, tls: tls.map(TlsConnector::from) };
        let endpoint = Endpoint::from(origin(endpoint))
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_ANSWER);
        let channel = endpoint.connect_with_connector_lazy(connector.clone());
        Self { endpoint, connector, channel, timeout, headers }
    }

    /// Sends, and says what was refused. Whatever the other side does, this ends in
    /// time.
    pub(super) async fn export(&mut self, request: ExportTraceServiceRequest) -> Result<Refused, Fault> {
        let late = |_| Err(Fault { why: "no answer in time".to_owned(), passes: true });
        match tokio::time::timeout(self.timeout, self.call(request)).await.unwrap_or_else(late) {
            Ok(refused) => Ok(Refused { why: self.told(&refused.why), ..refused }),
            Err(fault) => {
                if fault.passes {
                    // The connection may be dead without anybody having said so, and
                    // another may lead to one who is less busy.
                    self.channel = self.endpoint.connect_with_connector_lazy(self.connector.clone());
                }
                Err(Fault { why: self.told(&fault.why), ..fault })
            }
        }
    }

    async fn call(&self, request: ExportTraceServiceRequest) -> Result<Refused, Fault> {
        let mut request = Request::new(request);
        request.set_timeout(self.timeout);
        for (name, value) in &self.headers {
            request.metadata_mut().insert(name.clone(), value.clone());
        }
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready().await.map_err(|error| Fault { why: words(&error), passes: true })?;
        let path = PathAndQuery::from_static(EXPORT);
        let answer =
            grpc.unary(request, path, ProstCodec::default()).await.map_err(|status| fault(&status))?;
        let ExportTraceServiceResponse { partial_success } = answer.into_inner();
        Ok(partial_success.map_or_else(
            Refused::default,
            |PartialSuccess { rejected_spans, error_message }| Refused {
                spans: usize::try_from(rejected_spans).unwrap_or(0),
                why: error_message,
            },
        ))
    }

    /// Words of the other side as the log may have them: it knows our secrets, and
    /// may quote them.
    fn told(&self, said: &str) -> String {
        let values = self.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        let is_secret = |word: &&str| word.len() >= SECRET;
        let mut told = said.to_owned();
        for secret in
            values.flat_map(|value| std::iter::once(value).chain(value.split(' ').filter(is_secret)))
        {
            told = told.replace(secret, "[secret]");
        }
        let seen = |c| if is_unseen(c) { char::REPLACEMENT_CHARACTER } else { c };
        redact::tokens(&told).chars().map(seen).take(MAX_WORDS).collect()
    }
}

/// What stands in `:scheme` and `:authority`.
fn origin(endpoint: &KeyUrl) -> Uri {
    let scheme = if endpoint.is_https() { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(endpoint.authority()).path_and_query("/");
    // Never: the parts were read more strictly.
    uri.build().unwrap_or_default()
}

/// What OTLP says of each status.
fn fault(status: &Status) -> Fault {
    let passes = matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    );
    // Of a transport that fails the library makes one of these.
    let transport = status.source().is_some();
    let why = match status.source() {
        Some(source) => words(source),
        None => format!("{:?}: {}", status.code(), status.message()),
    };
    Fault { why, passes: passes || transport }
}

/// An error and what led to it.
fn words(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        said.push_str(": ");
        said.push_str(&error.to_string());
        next = error.source();
    }
    said
}

/// Opens connections to one address, whatever it is asked for.
#[derive(Clone)]
struct Connector {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let opened = open(self.host.clone(), self.port, self.tls.clone());
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "can't connect in time"));
        Box::pin(async move {
            let opened = tokio::time::timeout(CONNECT, opened).await.unwrap_or_else(late);
            opened.map(TokioIo::new)
        })
    }
}

async fn open(host: String, port: u16, tls: Option<TlsConnector>) -> io::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    tcp.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(tcp)) };
    let name = ServerName::try_from(host)
        .map_err(|_| io::Error::other("the host is not a name that a certificate could hold"))?;
    let stream = tls.connect(name, tcp).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other("the other side does not offer HTTP/2, and so no gRPC"));
    }
    Ok(Box::new(stream))
}
