//! The check port behind TLS: who is let in, and certificates that change.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::http::Request;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::serve::{Doorward, folder};
use crate::support::{Authority, Edge, San, eventually, guide, pem};

const MTLS: &str = "
listen:
  grpc:
    address: 127.0.0.1:0
    tls:
      certificate: tls.crt
      key: tls.key
      client_ca: ca.crt
      clients: [spiffe://example.org/envoy, envoy.example.org]
shutdown: { delay: 0s }
";

const POLICY: &str = "
services:
  all:
    paths: [/]
    routes:
      - { route: ANY /open/**, access: anonymous }
      - { route: ANY /shut/**, access: denied }
";

const ENVOY: &[San] = &[San::Uri("spiffe://example.org/envoy")];

type Identity = (CertificateDer<'static>, KeyPair);

struct Guarded {
    doorward: Doorward,
    authority: Authority,
}

impl Guarded {
    fn start() -> Self {
        Self::limited("")
    }

    fn limited(limits: &str) -> Self {
        let (authority, folder) = (Authority::new(), folder(&format!("{MTLS}{limits}"), POLICY));
        fs::write(folder.path().join("ca.crt"), pem(authority.certificate())).unwrap();
        write_pair(&folder, &authority);
        Self { doorward: Doorward::prepared("info", folder), authority }
    }

    /// A certificate for a client, of the authority that is trusted.
    fn identity(&self, names: &[San]) -> Identity {
        client(&self.authority, names)
    }

    async fn connect(&self, identity: Option<Identity>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                config.with_client_auth_cert(vec![certificate], key.into()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(&self.doorward.address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
    }

    /// Whether a check over a connection with this certificate is answered.
    async fn answers(&self, identity: Option<Identity>) -> bool {
        match self.connect(identity).await {
            Ok(stream) => answers(stream).await,
            Err(_) => false,
        }
    }
}

fn client(authority: &Authority, names: &[San]) -> Identity {
    authority
        .leaf_with(names, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
}

/// A new certificate for the server, and its key.
fn write_pair(folder: &TempDir, authority: &Authority) -> CertificateDer<'static> {
    let (certificate, key) = authority.leaf(&[San::Dns("localhost")]);
    put(folder.path(), "tls.crt", &pem(&certificate));
    put(folder.path(), "tls.key", &key.serialize_pem());
    certificate
}

fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("new"), text).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

/// A connection for checks.
struct Checks(h2::client::SendRequest<axum::body::Bytes>);

impl Checks {
    async fn new<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: Io) -> Option<Self> {
        let (client, connection) = h2::client::handshake(io).await.ok()?;
        tokio::spawn(connection);
        Some(Self(client))
    }

    /// The answer to a check of which nothing is known; `None` if there is none.
    async fn ask(&self) -> Option<CheckResponse> {
        let mut client = self.0.clone().ready().await.ok()?;
        let request = Request::post("http://localhost/envoy.service.auth.v3.Authorization/Check")
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let (response, mut sender) = client.send_request(request, false).ok()?;
        let message = CheckRequest::default().encode_to_vec();
        assert!(message.is_empty());
        sender.send_data(vec![0; 5].into(), true).ok()?;
        let mut body = response.await.ok()?.into_body();
        let mut bytes = Vec::new();
        while let Some(part) = body.data().await {
            bytes.extend_from_slice(&part.ok()?);
        }
        CheckResponse::decode(bytes.get(5..)?).ok()
    }
}

/// Whether a check over this connection is answered.
async fn answers<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: Io) -> bool {
    let Some(checks) = Checks::new(io).await else { return false };
    checks.ask().await.is_some_and(|answer| answer.status.is_some_and(|status| status.code != 0))
}

#[tokio::test]
async fn attr_12_only_expected_clients_are_let_in() {
    let guarded = Guarded::start();
    let all = &[San::Dns("other.example.org"), San::Dns("envoy.example.org"), San::Uri("https://a/b")];
    for names in [ENVOY, all] {
        assert!(guarded.answers(Some(guarded.identity(names))).await);
    }
    assert!(!guarded.answers(None).await, "no certificate");
    let stranger = client(&Authority::new(), ENVOY);
    assert!(!guarded.answers(Some(stranger)).await, "of another authority");
    let expired = guarded.authority.leaf_with(ENVOY, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    });
    assert!(!guarded.answers(Some(expired)).await, "expired");
    let server = guarded.authority.leaf_with(ENVOY, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(!guarded.answers(Some(server)).await, "a server's");
    for names in [
        &[San::Uri("spiffe://example.org/other")][..],
        &[San::Uri("spiffe://example.org/envoy"), San::Uri("spiffe://example.org/other")],
        &[San::Uri("spiffe://example.org/envoy"), San::Dns("a\0b")],
        &[San::Dns("spiffe://example.org/envoy")],
        &[],
    ] {
        assert!(!guarded.answers(Some(guarded.identity(names))).await, "{names:?}");
    }
    assert!(guarded.answers(Some(guarded.identity(ENVOY))).await);
    guarded.doorward.line(|line| line["message"] == "a connection was refused");
}

#[tokio::test]
async fn dos_1_plain_text_on_the_tls_port_and_tls_on_the_plain_port_disturb_nobody() {
    let guarded = Guarded::start();
    for words in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut tcp = TcpStream::connect(&guarded.doorward.address).await.unwrap();
        tcp.write_all(words.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer).await;
        assert!(!answer.windows(4).any(|word| word == b"HTTP"), "{answer:?}");
    }
    assert!(guarded.answers(Some(guarded.identity(ENVOY))).await);

    let plain = Doorward::with("info", POLICY);
    let wrong = Guarded { doorward: plain, authority: Authority::new() };
    assert!(wrong.connect(None).await.is_err());
    let tcp = TcpStream::connect(&wrong.doorward.address).await.unwrap();
    assert!(answers(tcp).await);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let guarded = Guarded::start();
    let shown = async || {
        let stream = guarded.connect(Some(guarded.identity(ENVOY))).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let first = shown().await;
    let old = guarded.connect(Some(guarded.identity(ENVOY))).await.unwrap();
    let old = Checks::new(old).await.unwrap();
    assert!(old.ask().await.is_some());

    // Half a pair: the certificate is new, the key is not.
    let folder = &guarded.doorward.folder;
    let (certificate, key) = guarded.authority.leaf(&[San::Dns("localhost")]);
    put(folder.path(), "tls.crt", &pem(&certificate));
    guarded.doorward.line(|line| line["level"] == "ERROR" && line.to_string().contains("is not the key of"));
    assert_eq!(shown().await, first);

    put(folder.path(), "tls.key", &key.serialize_pem());
    guarded.doorward.line(|line| line.to_string().contains("new connections get the certificate"));
    assert_eq!(shown().await, certificate);
    assert!(old.ask().await.is_some(), "an open connection goes on");

    // A client authority that is taken away lets nobody of its own in any more.
    put(folder.path(), "ca.crt", &pem(Authority::new().certificate()));
    guarded.doorward.line(|line| line.to_string().contains("new connections get the certificate"));
    assert!(!guarded.answers(Some(guarded.identity(ENVOY))).await);
    assert!(old.ask().await.is_some());
}

#[test]
fn a_real_envoy_asks_over_mtls_as_the_guide_says() {
    let guarded = Guarded::start();
    let folder = guarded.doorward.folder.path();
    let (certificate, key) = guarded.identity(ENVOY);
    // The certificate of the server is for `localhost`.
    let cluster = guide("UpstreamTlsContext").replace("doorward.example.org", "localhost");
    let cluster = cluster.replace("/etc/envoy/tls", folder.join("envoy").to_str().unwrap());
    fs::create_dir(folder.join("envoy")).unwrap();
    put(&folder.join("envoy"), "tls.crt", &pem(&certificate));
    put(&folder.join("envoy"), "tls.key", &key.serialize_pem());
    put(&folder.join("envoy"), "ca.crt", &pem(guarded.authority.certificate()));
    let edge = Edge::start(&[&guarded.doorward.address], &cluster);
    edge.until("/open/1", 200);
    assert_eq!(edge.get("/shut/1"), Some(403));

    // With a certificate of somebody else Envoy gets no answer, and lets nobody through.
    let (certificate, key) = guarded.identity(&[San::Uri("spiffe://example.org/other")]);
    put(&folder.join("envoy"), "tls.crt", &pem(&certificate));
    put(&folder.join("envoy"), "tls.key", &key.serialize_pem());
    let edge = Edge::start(&[&guarded.doorward.address], &cluster);
    eventually("Envoy tried", || match edge.get("/open/1") {
        Some(503) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(edge.get("/open/1"), Some(503));
}

#[tokio::test]
async fn dos_1_who_leaves_handshakes_unfinished_takes_nobody_s_place() {
    let guarded = Guarded::limited("limits: { connections: 4 }\n");
    // More than there are places for connections, and for handshakes.
    let mut stuck = Vec::new();
    for round in 0..6 {
        for _ in 0..150 {
            let mut tcp = TcpStream::connect(&guarded.doorward.address).await.unwrap();
            // The beginning of a first message that never ends.
            let _ = tcp.write_all(&[22, 3, 1, 2, 0, 1]).await;
            stuck.push(tcp);
        }
        let envoy = guarded.identity(ENVOY);
        assert!(guarded.answers(Some(envoy)).await, "round {round}");
    }
}
