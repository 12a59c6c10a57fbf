//! TLS of a listener: `tls`.
//!
//! Whether the files hold certificates and a key is found out by whoever uses
//! them.

use std::path::PathBuf;

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape, Text};

/// TLS of a listener. Paths are as written, relative to `doorward.yaml`, each
/// with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that lead to its authority, in PEM.
    pub certificate: (PathBuf, Span),
    /// The private key, in PEM.
    pub key: (PathBuf, Span),
    /// Given: clients must show a certificate of one of these authorities.
    pub client_ca: Option<(PathBuf, Span)>,
    /// Who these clients may be; empty for anybody with such a certificate.
    pub clients: Vec<ClientName>,
}

/// A name that the certificate of a client must hold, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientName {
    /// A URI, such as a SPIFFE id.
    Uri(String),
    /// A DNS name.
    Dns(String),
}

pub(in crate::config) const SHAPE: Shape =
    Shape { what: "`tls`", known: &["certificate", "key", "client_ca", "clients"], later: &[] };

pub(super) const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["cert", "cert_file", "certificate_file", "certificate_chain", "crt", "chain"],
        meant: "certificate",
        help: "write `certificate:` and the PEM file with the certificate chain",
    },
    Elsewhere {
        words: &["key_file", "private_key", "private_key_file"],
        meant: "key",
        help: "write `key:` and the PEM file with the private key",
    },
    Elsewhere {
        words: &["ca", "ca_file", "ca_cert", "client_ca_file", "trusted_ca", "validation_context", "mtls"],
        meant: "client_ca",
        help: "write `client_ca:` and the PEM file with the authorities of client certificates",
    },
    Elsewhere {
        words: &["sans", "san", "allowed_sans", "client_names", "allowed_clients", "match_subject_alt_names"],
        meant: "clients",
        help: "write `clients:` and the URIs or DNS names that client certificates must hold",
    },
    Elsewhere {
        words: &["min_version", "max_version", "versions", "ciphers", "cipher_suites", "alpn"],
        meant: "",
        help: "remove it: TLS 1.2 and 1.3 are spoken, with their safe ciphers alone",
    },
    Elsewhere {
        words: &["require_client_certificate", "client_auth", "verify_client"],
        meant: "client_ca",
        help: "remove it: with `client_ca:` every client must show a certificate",
    },
];

/// Names in certificates are shorter.
const MAX_NAME_BYTES: usize = 1024;

pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<Tls> {
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let certificate = fields.require("certificate", report).and_then(|entry| path(entry, report));
    let key = fields.require("key", report).and_then(|entry| path(entry, report));
    let client_ca = match fields.get("client_ca") {
        Some(entry) => path(entry, report).map(Some),
        None => Some(None),
    };
    let clients = match fields.get("clients") {
        Some(entry) => clients(entry, report),
        None => Some(Vec::new()),
    };
    if let (Some(entry), None, false) = (fields.get("clients"), fields.get("client_ca"), fields.has_unknown())
    {
        report.push(
            Diagnostic::at(Code::MissingKey, entry.key_span, "`clients` says nothing without `client_ca`")
                .label("of no use")
                .help("add `client_ca:`, the PEM file with the authorities whose certificates are believed"),
        );
    }
    Some(Tls { certificate: certificate?, key: key?, client_ca: client_ca?, clients: clients? })
}

fn path(entry: &Entry, report: &mut Report) -> Option<(PathBuf, Span)> {
    let text = yaml::text(&entry.value, &format!("`{}`", entry.key), report)?;
    Some((text.value.into(), text.span))
}

fn clients(entry: &Entry, report: &mut Report) -> Option<Vec<ClientName>> {
    let texts = yaml::texts(&entry.value, "a client", report);
    let names: Vec<ClientName> = texts.iter().filter_map(|text| client(*text, report)).collect();
    (!names.is_empty() && names.len() == texts.len()).then_some(names)
}

fn client(text: Text<'_>, report: &mut Report) -> Option<ClientName> {
    let name = text.value;
    let help = if name.len() > MAX_NAME_BYTES {
        "names are shorter than that"
    } else if name.contains('*') {
        "names are compared whole: list each of them"
    } else if let Some((scheme, rest)) = name.split_once("://") {
        let fine = scheme.bytes().all(|b| b.is_ascii_lowercase()) && !scheme.is_empty() && !rest.is_empty();
        if fine && rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Some(ClientName::Uri(name.to_owned()));
        }
        "write the URI exactly as it stands in the certificate"
    } else {
        let fine = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.split('.').all(fine) {
            return Some(ClientName::Dns(name.to_owned()));
        }
        "write a URI such as `spiffe://example.org/envoy`, or a DNS name such as `envoy.example.org`"
    };
    let message = format!("`{}` is not the name of a client", name.escape_debug());
    report.push(Diagnostic::at(Code::BadValue, text.span, message).label("not a URI or DNS name").help(help));
    None
}
