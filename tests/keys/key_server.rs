//! A key server over HTTPS with a certificate authority of its own. What it
//! answers, and how badly, is up to the test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// What is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer with this status, headers and body.
    Whole(u16, String, Vec<u8>),
    /// A byte from time to time, for ever.
    Drip,
    /// Nothing, and the connection stays.
    Nothing,
    /// Half of what the head promises.
    Half,
}

impl Reply {
    /// A good answer.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::with("", body)
    }

    /// A good answer with more headers.
    pub(crate) fn with(headers: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = format!("content-type: application/json\r\n{headers}");
        Self::Whole(200, headers, body.into())
    }
}

/// A running server. It ends when this is dropped.
pub(crate) struct KeyServer {
    pub(crate) port: u16,
    /// Connections, whatever became of them.
    pub(crate) connections: Arc<AtomicUsize>,
    /// Requests.
    requests: Arc<AtomicUsize>,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    /// The certificate of its authority.
    pub(crate) ca: String,
    task: JoinHandle<()>,
}

impl KeyServer {
    /// A server over HTTPS.
    pub(crate) async fn https() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        Self::start(authority.pem(), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// A server without TLS.
    pub(crate) async fn http() -> Self {
        Self::start(String::new(), None).await
    }

    async fn start(ca: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let replies = Arc::new(Mutex::new(HashMap::new()));
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn({
            let (connections, requests, replies) =
                (Arc::clone(&connections), Arc::clone(&requests), Arc::clone(&replies));
            async move {
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (tls, requests, replies) = (tls.clone(), Arc::clone(&requests), Arc::clone(&replies));
                    tokio::spawn(async move {
                        match tls {
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(tcp).await {
                                    answer(stream, &requests, &replies).await;
                                }
                            }
                            None => answer(tcp, &requests, &replies).await,
                        }
                    });
                }
            }
        });
        Self { port, connections, requests, replies, ca, task }
    }

    /// What is answered from now on at a path.
    pub(crate) fn set(&self, path: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    requests: &AtomicUsize,
    replies: &Mutex<HashMap<String, Reply>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let reply = replies.lock().unwrap().get(&path).cloned();
    requests.fetch_add(1, Ordering::SeqCst);
    match reply.unwrap_or(Reply::Whole(404, String::new(), Vec::new())) {
        Reply::Whole(status, headers, body) => {
            let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
        Reply::Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{\"keys\":").await;
            let _ = stream.shutdown().await;
        }
        Reply::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Reply::Nothing => std::future::pending().await,
    }
}
