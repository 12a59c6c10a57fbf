//! Services with client certificates, and doors of Envoy's that ask for them in different ways.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::stack::{Stack, free_port};

/// The shipped configuration, with the policy of `tests/it`, behind TLS.
pub(crate) struct Mesh {
    pub(crate) stack: Stack,
    authority: Authority,
    stranger: Authority,
    doors: [(Door, u16); 4],
}

/// How Envoy asks a client for its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// As the guide says: it must have one, of the one authority, with a SPIFFE id of the trust domain.
    Required,
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
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A way to Envoy: a door, and what certificate to show there.
pub(crate) struct Way {
    address: SocketAddr,
    client: Arc<ClientConfig>,
}

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Mesh {
    /// Shared by many tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Mesh> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let doors = [Door::Required, Door::Optional, Door::Unverified, Door::Untrusted];
        let doors = doors.map(|door| (door, free_port()));
        let edit = |shipped: String| {
            let (before, rest) = shipped.split_once("  - name: public\n").unwrap();
            let (listener, after) = rest.split_once("\n  clusters:\n").unwrap();
            let more = doors.map(|(door, port)| behind_tls(listener, door, port, &authority));
            format!("{before}  - name: public\n{listener}\n{}\n  clusters:\n{after}", more.concat())
        };
        let stack = Stack::start_with("tests/it/doorward.yaml", "info", &edit);
        Self { stack, authority, stranger, doors }
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
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("the authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn leaf(&self, names: &[San]) -> (CertificateDer<'static>, KeyPair) {
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
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key)
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The shipped listener again, on another port and with TLS.
fn behind_tls(listener: &str, door: Door, port: u16, authority: &Authority) -> String {
    let (before, rest) = listener.split_once("port_value: ").unwrap();
    let (_, rest) = rest.split_once(' ').unwrap();
    let listener = format!("{before}port_value: {port} {rest}");
    let from = "    - filters:\n";
    assert_eq!(listener.matches(from).count(), 1, "`{from}` stands once in the listener");
    let socket = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": matches!(door, Door::Required | Door::Unverified),
            "common_tls_context": common(door, authority),
        },
    });
    let tls = listener.replace(from, &format!("    - transport_socket: {socket}\n      filters:\n"));
    format!("  - name: {door:?}\n{tls}\n")
}

fn common(door: Door, authority: &Authority) -> Value {
    let (certificate, key) = authority.leaf(&[San::Dns("localhost")]);
    let pem = rcgen_pem(&certificate);
    let own = json!([{
        "certificate_chain": { "inline_string": pem },
        "private_key": { "inline_string": key.serialize_pem() },
    }]);
    let trusted = json!({ "inline_string": authority.pem() });
    let validation = match door {
        Door::Required => json!({
            "trusted_ca": trusted,
            "match_typed_subject_alt_names":
                [{ "san_type": "URI", "matcher": { "prefix": "spiffe://cluster.test/" } }],
        }),
        Door::Optional => json!({ "trusted_ca": trusted }),
        Door::Untrusted => json!({ "trusted_ca": trusted, "trust_chain_verification": "ACCEPT_UNTRUSTED" }),
        Door::Unverified => return json!({ "tls_certificates": own }),
    };
    json!({ "tls_certificates": own, "validation_context": validation })
}

fn rcgen_pem(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
