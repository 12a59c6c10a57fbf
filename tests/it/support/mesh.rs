//! Services with client certificates, and doors of Envoy's that ask for them in different ways.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::stack::{Stack, folder, free_port, root};

/// A stack with further doors, behind TLS.
pub(crate) struct Mesh {
    pub(crate) stack: Stack,
    authority: Authority,
    stranger: Authority,
    doors: Vec<(Door, u16)>,
    _files: TempDir,
}

/// How Envoy asks a client for its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// As the guide says: it must have one, of the one authority, with a SPIFFE id of the trust domain.
    Required,
    /// The same, but for `require_client_certificate`.
    NotRequired,
    /// It may have one; what it has is verified.
    Optional,
    /// It must have one, says the configuration, but not who verifies it.
    Unverified,
    /// It may have one, and one that does not verify is taken all the same.
    Untrusted,
}

/// Names in a certificate, in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum San {
    Uri(&'static str),
    Dns(&'static str),
}

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A way to Envoy: a door, and what certificate to show there.
pub(crate) struct Way {
    address: SocketAddr,
    client: Arc<ClientConfig>,
}

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Mesh {
    /// With the policy of `tests/it`. Shared by many tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Mesh> = OnceLock::new();
        let doors = [Door::Required, Door::NotRequired, Door::Optional, Door::Unverified, Door::Untrusted];
        SHARED.get_or_init(|| Self::start("tests/it/doorward.yaml", &doors, &|shipped| shipped))
    }

    /// With the configuration of this name, these doors, and a change of Envoy's configuration.
    pub(crate) fn start(config: &str, doors: &[Door], edit: &dyn Fn(String) -> String) -> Self {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let files = folder();
        let (certificate, key) = authority.leaf(&[San::Dns("localhost")]);
        for (name, text) in [
            ("server.pem", pem(&certificate)),
            ("server.key", key.serialize_pem()),
            ("cluster.example.pem", authority.0.pem()),
        ] {
            std::fs::write(files.path().join(name), text).unwrap();
        }
        let doors: Vec<_> = doors.iter().map(|door| (*door, free_port())).collect();
        let with_doors = |shipped: String| {
            let edited = edit(shipped);
            let (before, rest) = edited.split_once("  - name: public\n").unwrap();
            let (listener, after) = rest.split_once("\n  clusters:\n").unwrap();
            let more = doors.iter().map(|(door, port)| behind_tls(listener, *door, *port, files.path()));
            let more: String = more.collect();
            format!("{before}  - name: public\n{listener}\n{more}\n  clusters:\n{after}")
        };
        let stack = Stack::start_with(config, "info", &with_doors);
        Self { stack, authority, stranger, doors, _files: files }
    }

    /// To a door, without a certificate.
    pub(crate) fn bare(&self, door: Door) -> Way {
        self.way(door, None)
    }

    /// To a door, with a certificate of the authority that Envoy trusts.
    pub(crate) fn with(&self, door: Door, names: &[San]) -> Way {
        self.way(door, Some(self.authority.leaf(names)))
    }

    /// To a door, with a certificate of another authority.
    pub(crate) fn forged(&self, door: Door, names: &[San]) -> Way {
        self.way(door, Some(self.stranger.leaf(names)))
    }

    fn way(&self, door: Door, identity: Option<(CertificateDer<'static>, KeyPair)>) -> Way {
        let (_, port) = self.doors.iter().find(|(other, _)| *other == door).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let client = match identity {
            None => client.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                client.with_client_auth_cert(vec![certificate], key.into()).unwrap()
            }
        };
        Way { address: SocketAddr::from(([127, 0, 0, 1], *port)), client: Arc::new(client) }
    }
}

impl Way {
    pub(super) fn connect(&self) -> TlsStream {
        let tcp = TcpStream::connect(self.address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.client), name).unwrap(), tcp)
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("the authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.0.der()
    }

    pub(crate) fn leaf(&self, names: &[San]) -> (CertificateDer<'static>, KeyPair) {
        self.leaf_with(names, |_| {})
    }

    /// With a change of what the certificate says.
    pub(crate) fn leaf_with(
        &self,
        names: &[San],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named("somebody");
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name {
                San::Uri(uri) => SanType::URI(text(uri)),
                San::Dns(name) => SanType::DnsName(text(name)),
            })
            .collect();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The shipped listener again, on another port and with the transport socket of the guide, or with
/// what a careless reader makes of it.
fn behind_tls(listener: &str, door: Door, port: u16, files: &Path) -> String {
    let (before, rest) = listener.split_once("port_value: ").unwrap();
    let (_, rest) = rest.split_once(' ').unwrap();
    let listener = format!("{before}port_value: {port} {rest}");
    let guide = std::fs::read_to_string(root().join("docs/envoy.md")).unwrap();
    let (_, block) = guide.split_once("```yaml envoy-tls\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let block = block.replace("/etc/envoy/tls", files.to_str().unwrap());
    let (upto, _) = block.split_once("        match_typed_subject_alt_names:\n").unwrap();
    let socket = match door {
        Door::Required => block.clone(),
        Door::NotRequired => optional(&block),
        Door::Optional => optional(upto),
        Door::Untrusted => format!("{}        trust_chain_verification: ACCEPT_UNTRUSTED\n", optional(upto)),
        Door::Unverified => upto.split_once("      validation_context:\n").unwrap().0.to_owned(),
    };
    let socket: String = socket.lines().map(|line| format!("      {line}\n")).collect();
    let listener = replaced(&listener, "    - filters:\n", &format!("    -\n{socket}      filters:\n"));
    format!("  - name: {door:?}\n{listener}\n")
}

fn optional(socket: &str) -> String {
    replaced(socket, "require_client_certificate: true", "require_client_certificate: false")
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in:\n{text}");
    text.replace(from, to)
}

pub(crate) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
