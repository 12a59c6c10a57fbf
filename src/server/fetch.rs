//! Fetching keys: one request, one answer, one connection each time.
//!
//! There is no client here that could follow a redirect, ask a proxy, keep a cookie,
//! repeat a request or unpack an answer: none of that exists to be turned off.
//! Nothing is ever fetched but an address of the configuration, or one that a
//! document from there names.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, HOST, HeaderMap, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::trust;
use crate::config::KeyUrl;
use crate::identity::{Answer, MAX_KEY_BYTES};

/// From the name look-up to the last byte.
const LIMIT: Duration = Duration::from_secs(5);

/// The head of an answer.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;

/// Fetches over connections that trust certain certificates.
pub(super) struct Fetcher {
    tls: TlsConnector,
}

impl Fetcher {
    /// A fetcher that trusts the certificates of this PEM text alone, or those
    /// that the system trusts.
    pub(super) fn new(trusted: Option<&[u8]>) -> Result<Self, String> {
        Ok(Self { tls: TlsConnector::from(trust::client(trusted, b"http/1.1")?) })
    }

    /// Fetches. Whatever the other side does, this ends soon.
    pub(super) async fn get(&self, url: &KeyUrl) -> Result<Answer, String> {
        tokio::time::timeout(LIMIT, self.connect(url))
            .await
            .unwrap_or_else(|_| Err(format!("no whole answer within {} s", LIMIT.as_secs())))
    }

    async fn connect(&self, url: &KeyUrl) -> Result<Answer, String> {
        let tcp = TcpStream::connect((url.host(), url.port()))
            .await
            .map_err(|error| format!("can't connect: {error}"))?;
        if !url.is_https() {
            return ask(tcp, url).await;
        }
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|_| "the host is not a name that a certificate could hold".to_owned())?;
        let tls = self.tls.connect(name, tcp).await.map_err(|error| format!("TLS fails: {error}"))?;
        ask(tls, url).await
    }
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: S, url: &KeyUrl) -> Result<Answer, String> {
    let fail = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(fail)?;
    let request = Request::get(url.target())
        .header(HOST, url.authority())
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<&[u8]>::new())
        .map_err(|_| "the address does not make a request".to_owned())?;
    let mut exchange =
        std::pin::pin!(async { read(sender.send_request(request).await.map_err(fail)?).await });
    tokio::select! {
        answer = &mut exchange => answer,
        // What has arrived before the connection closed is still to be read.
        _ = connection => exchange.await,
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, String> {
    let (head, mut body) = response.into_parts();
    let mut answer = Answer {
        status: head.status.as_u16(),
        cache_control: cache_control(&head.headers),
        body: Vec::new(),
    };
    // Only a good answer has a body that somebody reads.
    if answer.status != 200 {
        return Ok(answer);
    }
    if head.headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err("the answer is compressed, which was not asked for".to_owned());
    }
    let large = || "the answer is larger than 256 KiB".to_owned();
    if body.size_hint().lower() > MAX_KEY_BYTES as u64 {
        return Err(large());
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer breaks off: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        if answer.body.len() + data.len() > MAX_KEY_BYTES {
            return Err(large());
        }
        answer.body.extend_from_slice(&data);
    }
    Ok(answer)
}

/// All values as one. What is not text says nothing.
fn cache_control(headers: &HeaderMap) -> Option<String> {
    let values: Vec<&str> = headers.get_all(CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}
