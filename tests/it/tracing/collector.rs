//! A collector: takes spans as the messages of OpenTelemetry's own project read them, or behaves badly.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Code, Request, Response, Status};

use crate::support::eventually;

/// How it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mood {
    Takes,
    /// Never.
    Hangs,
    /// `UNAVAILABLE`.
    Busy,
    /// `INVALID_ARGUMENT`.
    Refuses,
    /// All spans but one.
    RefusesOne,
    /// Says in its refusal what it was given as `authorization`.
    Echoes,
    /// Ends with more trailers than anybody reads.
    Trailers,
    /// Takes all, and says so at great length.
    Babbles,
}

#[derive(Default)]
struct Seen {
    mood: AtomicU8,
    requests: Mutex<Vec<ExportTraceServiceRequest>>,
    authorization: Mutex<Vec<String>>,
    asked: AtomicU8,
}

/// A running collector; gone when dropped.
pub(super) struct Collector {
    pub(super) address: String,
    seen: Arc<Seen>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Taker(Arc<Seen>);

#[tonic::async_trait]
impl TraceService for Taker {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let seen = &self.0;
        seen.asked.fetch_add(1, Ordering::Relaxed);
        let mood = seen.mood.load(Ordering::Relaxed);
        if mood == Mood::Hangs as u8 {
            tokio::time::sleep(Duration::from_secs(600)).await;
        } else if mood == Mood::Busy as u8 {
            return Err(Status::unavailable("come back later"));
        } else if mood == Mood::Refuses as u8 {
            return Err(Status::invalid_argument("never\nthis \u{9b}\u{202e}"));
        } else if mood == Mood::Echoes as u8 {
            let given = request.metadata().get("authorization").unwrap().to_str().unwrap();
            return Err(Status::unauthenticated(format!("who is `{given}`?")));
        } else if mood == Mood::Trailers as u8 {
            let mut more = MetadataMap::new();
            for _ in 0..64 {
                more.append("x-more", "x".repeat(64 << 10).parse().unwrap());
            }
            return Err(Status::with_metadata(Code::InvalidArgument, "x".repeat(1 << 20), more));
        }
        let words = request.metadata().get_all("authorization").iter();
        seen.authorization.lock().unwrap().extend(words.map(|word| word.to_str().unwrap().to_owned()));
        seen.requests.lock().unwrap().push(request.into_inner());
        let refused = i64::from(mood == Mood::RefusesOne as u8);
        let babbles = mood == Mood::Babbles as u8;
        let partial_success = (refused > 0 || babbles).then(|| ExportTracePartialSuccess {
            rejected_spans: refused,
            error_message: if babbles { "blah".repeat(4 << 20) } else { "one is odd".to_owned() },
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// TLS of a connection, which tonic has to be told nothing about.
struct Secured<S>(S);

impl<S> Connected for Secured<S> {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl<S: AsyncRead + Unpin> AsyncRead for Secured<S> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Collector {
    pub(super) fn start() -> Self {
        Self::at("127.0.0.1:0", None)
    }

    /// At this address, with TLS where there is an acceptor.
    pub(super) fn at(address: &str, tls: Option<TlsAcceptor>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seen = Arc::<Seen>::default();
        let service = TraceServiceServer::new(Taker(Arc::clone(&seen)));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let incoming = TcpListenerStream::new(listener);
        let server = Server::builder().add_service(service);
        match tls {
            None => drop(runtime.spawn(server.serve_with_incoming(incoming))),
            Some(tls) => {
                let secured = incoming.then(move |tcp| {
                    let tls = tls.clone();
                    async move { Ok::<_, std::io::Error>(Secured(tls.accept(tcp?).await?)) }
                });
                drop(runtime.spawn(server.serve_with_incoming(secured)));
            }
        }
        Self { address, seen, _runtime: runtime }
    }

    pub(super) fn is(&self, mood: Mood) {
        self.seen.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> u8 {
        self.seen.asked.load(Ordering::Relaxed)
    }

    /// Every value of `authorization` that came with requests.
    pub(super) fn authorization(&self) -> Vec<String> {
        self.seen.authorization.lock().unwrap().clone()
    }

    /// All that it took, in the order of its coming.
    pub(super) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// All spans of a resource with this name.
    pub(super) fn spans_of(&self, service: &str) -> Vec<Span> {
        let requests = self.requests();
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        let named = resources.filter(|spans| {
            spans.resource.as_ref().is_some_and(|r| text(&r.attributes, "service.name") == service)
        });
        named.flat_map(|spans| spans.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// So many spans of Doorward, once they are there, the earliest end first.
    pub(super) fn spans(&self, count: usize) -> Vec<Span> {
        let mut spans = eventually("spans arrive", || {
            let spans = self.spans_of("doorward");
            if spans.len() >= count { Ok(spans) } else { Err(format!("{} spans", spans.len())) }
        });
        spans.sort_by_key(|span| span.end_time_unix_nano);
        spans
    }

    /// Whether any of these words stands anywhere in what was taken, however it is encoded.
    #[track_caller]
    pub(super) fn holds_none_of(&self, words: &[&str]) {
        for request in self.requests() {
            let (bytes, shown) = (request.encode_to_vec(), format!("{request:?}"));
            for word in words {
                let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found && !shown.contains(word), "`{word}` in {shown}");
            }
        }
    }
}

/// A text among attributes; empty where there is none.
pub(super) fn text(attributes: &[KeyValue], name: &str) -> String {
    let mut named = attributes.iter().filter(|attribute| attribute.key == name);
    let value = named.next().and_then(|attribute| attribute.value.as_ref()?.value.clone());
    assert!(named.next().is_none(), "`{name}` stands twice");
    match value {
        None => String::new(),
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{other:?}"),
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
