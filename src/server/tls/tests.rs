//! Files that change, and who is let in.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use tempfile::TempDir;

use super::*;
use crate::diag::Sources;

struct Authority(Issuer<'static, KeyPair>, Certificate);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self(Issuer::new(params, key), certificate)
    }

    /// A certificate for a client, and its key.
    fn issue(&self, names: &[SanType]) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(Ia5String::try_from(text).unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(text).unwrap())
}

fn span() -> Span {
    Span { file: Sources::default().add("doorward.yaml", ""), start: 0, end: 0 }
}

/// A folder with a pair, and what keeps it.
fn pair() -> (TempDir, Arc<Tls>, Upkeep) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder);
    let (tls, upkeep) = load(&config(Vec::new()), folder.path(), &["h2"], &mut Report::default()).unwrap();
    (folder, tls, upkeep)
}

fn config(clients: Vec<ClientName>) -> config::Tls {
    let client_ca = (!clients.is_empty()).then(|| ("ca.crt".into(), span()));
    config::Tls {
        certificate: ("tls.crt".into(), span()),
        key: ("tls.key".into(), span()),
        client_ca,
        clients,
    }
}

/// Writes a new pair.
fn write(folder: &TempDir) {
    let (certificate, key) = Authority::new().issue(&[dns("doorward.example")]);
    fs::write(folder.path().join("tls.crt"), certificate.pem()).unwrap();
    fs::write(folder.path().join("tls.key"), key.serialize_pem()).unwrap();
}

fn in_use(tls: &Tls) -> Arc<ServerConfig> {
    Arc::clone(tls.acceptor().config())
}

#[test]
fn a_new_pair_is_taken_once_it_rests() {
    let (folder, tls, mut upkeep) = pair();
    let first = in_use(&tls);
    assert_eq!(upkeep.look(), Change::None);
    write(&folder);
    assert_eq!(upkeep.look(), Change::None, "it may still be written");
    assert!(Arc::ptr_eq(&first, &in_use(&tls)));
    assert_eq!(upkeep.look(), Change::Taken);
    assert!(!Arc::ptr_eq(&first, &in_use(&tls)));
    assert_eq!(upkeep.look(), Change::None);
}

#[test]
fn half_a_pair_broken_and_lost_files_are_not_taken() {
    let (folder, tls, mut upkeep) = pair();
    let first = in_use(&tls);
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let mut rests = || {
        for _ in 0..3 {
            assert_eq!(upkeep.look(), Change::None);
        }
        assert!(Arc::ptr_eq(&first, &in_use(&tls)));
    };
    let old_key = fs::read(&key).unwrap();
    write(&folder);
    let new_key = fs::read(&key).unwrap();
    fs::write(&key, old_key).unwrap();
    rests();
    for text in ["", "-----BEGIN CERTIFICATE-----\nMIIB"] {
        fs::write(&certificate, text).unwrap();
        rests();
    }
    fs::remove_file(&certificate).unwrap();
    rests();
    write(&folder);
    fs::write(&key, new_key.get(..new_key.len() / 2).unwrap()).unwrap();
    rests();
    write(&folder);
    assert_eq!((upkeep.look(), upkeep.look()), (Change::None, Change::Taken));
}

#[test]
fn files_that_can_not_be_used_are_findings_at_their_place() {
    let (folder, ..) = pair();
    let found = |config: config::Tls| {
        let mut report = Report::default();
        assert!(load(&config, folder.path(), &["h2"], &mut report).is_none());
        let finding = report.diagnostics().first().unwrap().clone();
        (finding.code, finding.message)
    };
    let swapped = |certificate: &str, key: &str| {
        let usual = config(Vec::new());
        config::Tls { certificate: (certificate.into(), span()), key: (key.into(), span()), ..usual }
    };
    let (code, message) = found(swapped("none.crt", "tls.key"));
    assert_eq!(code, Code::Unreadable);
    assert!(message.contains("none.crt"), "{message}");
    let (code, message) = found(swapped("tls.key", "tls.key"));
    assert_eq!(code, Code::BadKey);
    assert!(message.ends_with("holds no certificate"), "{message}");
    assert!(found(swapped("tls.crt", "tls.crt")).1.ends_with("holds no private key"));
    let (_, other) = Authority::new().issue(&[]);
    fs::write(folder.path().join("other.key"), other.serialize_pem()).unwrap();
    assert!(found(swapped("tls.crt", "other.key")).1.contains("is not the key of"));
    fs::write(folder.path().join("ca.crt"), "nothing").unwrap();
    let pinned = config(vec![ClientName::Dns("a".to_owned())]);
    assert!(found(pinned).1.ends_with("holds no certificate"));
}

/// Whether a client is let in whose certificate holds these names.
fn is_let_in(clients: &[ClientName], names: &[SanType]) -> bool {
    let authority = Authority::new();
    let (folder, ..) = pair();
    fs::write(folder.path().join("ca.crt"), authority.1.pem()).unwrap();
    let tls = config::Tls { client_ca: Some(("ca.crt".into(), span())), ..config(clients.to_vec()) };
    let (_, upkeep) = load(&tls, folder.path(), &["h2"], &mut Report::default()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pem = upkeep.seen.client_ca.unwrap();
    let known = upkeep.files.clients(&pem, provider).unwrap();
    let (certificate, _) = authority.issue(names);
    let (stranger, _) = Authority::new().issue(names);
    assert!(known.verify_client_cert(stranger.der(), &[], UnixTime::now()).is_err(), "of another authority");
    known.verify_client_cert(certificate.der(), &[], UnixTime::now()).is_ok()
}

#[test]
fn attr_12_only_clients_with_a_pinned_name_are_let_in() {
    let envoy = ClientName::Uri("spiffe://example.org/envoy".to_owned());
    let name = ClientName::Dns("envoy.example.org".to_owned());
    let pinned = [envoy.clone(), name.clone()];
    assert!(is_let_in(&pinned, &[uri("spiffe://example.org/envoy")]));
    assert!(is_let_in(&pinned, &[dns("other.example.org"), dns("envoy.example.org")]), "all names count");
    assert!(is_let_in(&pinned, &[uri("https://a/"), uri("spiffe://example.org/envoy")]));
    for strange in [
        &[][..],
        &[uri("spiffe://example.org/envoy2")],
        &[uri("spiffe://example.org/Envoy")],
        &[uri("envoy.example.org")],
        &[dns("spiffe://example.org/envoy")],
        &[dns("*.example.org")],
        &[dns("envoy.example.org.")],
    ] {
        assert!(!is_let_in(&pinned, strange), "{strange:?}");
    }
    assert!(is_let_in(&[], &[dns("anybody")]));
    assert!(is_let_in(&[], &[]));
}

#[test]
fn attr_10_a_certificate_with_two_readings_is_refused_even_with_a_pinned_name() {
    let pinned = [ClientName::Uri("spiffe://example.org/envoy".to_owned())];
    let envoy = || uri("spiffe://example.org/envoy");
    assert!(!is_let_in(&pinned, &[envoy(), uri("spiffe://example.org/other")]));
    assert!(!is_let_in(&pinned, &[envoy(), dns("a.example\0.org")]));
    assert!(!is_let_in(&pinned, &[envoy(), uri("spiffe://example.org/envoy\0/x")]));
    assert!(!is_let_in(&[], &[envoy(), envoy()]));
}
