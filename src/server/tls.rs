//! TLS of our own ports: certificates, and who clients may be.
//!
//! The last good files stay in use, whatever becomes of them, and a pair is
//! taken only when both belong together. With `fetch` the only files that name
//! the crate of TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    ServerConfig, SignatureScheme,
};

use crate::config::{self, ClientName};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::identity::{CertificateNames, read_key_file};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The certificates of one port, as they are now.
#[derive(Debug)]
pub(super) struct Tls {
    current: Mutex<Arc<ServerConfig>>,
}

/// What keeps them so.
#[derive(Debug)]
pub(super) struct Upkeep {
    files: Files,
    tls: Arc<Tls>,
    seen: Contents,
    /// Whether what was seen last was used, or could not be.
    settled: bool,
    failing: bool,
}

/// What was found of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Taken,
}

/// The files of one port.
#[derive(Debug)]
struct Files {
    certificate: (PathBuf, Span),
    key: (PathBuf, Span),
    client_ca: Option<(PathBuf, Span)>,
    clients: Vec<ClientName>,
    protocols: Vec<Vec<u8>>,
}

/// What stands in them.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl fmt::Debug for Contents {
    /// One of them is a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").finish_non_exhaustive()
    }
}

/// Why files can't be used: which of them, and what is wrong.
struct Unusable {
    code: Code,
    span: Span,
    why: String,
}

/// Reads the files of a port that speaks these protocols, the best first.
pub(super) fn load(
    tls: &config::Tls,
    directory: &Path,
    protocols: &[&str],
    report: &mut Report,
) -> Option<(Arc<Tls>, Upkeep)> {
    let config::Tls { certificate, key, client_ca, clients } = tls;
    let joined = |(path, span): &(PathBuf, Span)| (directory.join(path), *span);
    let files = Files {
        certificate: joined(certificate),
        key: joined(key),
        client_ca: client_ca.as_ref().map(joined),
        clients: clients.clone(),
        protocols: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    let read = files.read().and_then(|seen| Ok((files.server(&seen)?, seen)));
    match read {
        Ok((config, seen)) => {
            let tls = Arc::new(Tls { current: Mutex::new(config) });
            let upkeep = Upkeep { files, tls: Arc::clone(&tls), seen, settled: true, failing: false };
            Some((tls, upkeep))
        }
        Err(Unusable { code, span, why }) => {
            report.push(
                Diagnostic::at(code, span, why)
                    .label("this file")
                    .help("paths are relative to the directory of `doorward.yaml`; the files are PEM"),
            );
            None
        }
    }
}

impl Tls {
    /// What takes connections with the certificates of now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Upkeep {
    /// Looks at the files for ever.
    pub(super) async fn keep(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(back) => self = back,
                // The runtime stops, or looking panicked: whoever waits for
                // this task is told that it ended.
                Err(_) => return,
            }
        }
    }

    /// Takes what changed and has rested since the last look.
    fn look(&mut self) -> Change {
        let read = match self.files.read() {
            Ok(read) => read,
            Err(unusable) => {
                self.fail(&unusable);
                // Whatever comes back is looked at anew.
                self.settled = false;
                return Change::None;
            }
        };
        if read != self.seen {
            (self.seen, self.settled) = (read, false);
            return Change::None;
        }
        if self.settled {
            return Change::None;
        }
        self.settled = true;
        match self.files.server(&self.seen) {
            Ok(config) => {
                *self.tls.current.lock().unwrap_or_else(PoisonError::into_inner) = config;
                self.failing = false;
                tracing::info!(
                    certificate = %self.files.certificate.0.display(),
                    "new connections get the certificate that is there now"
                );
                Change::Taken
            }
            Err(unusable) => {
                self.failing = false;
                self.fail(&unusable);
                Change::None
            }
        }
    }

    /// Told once, until something else is wrong.
    fn fail(&mut self, unusable: &Unusable) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                error = unusable.why,
                "the certificate on disk can't be used: the one before stays in use"
            );
        }
    }
}

impl Files {
    fn read(&self) -> Result<Contents, Unusable> {
        let read = |(path, span): &(PathBuf, Span)| {
            read_key_file(path).map_err(|error| Unusable {
                code: Code::Unreadable,
                span: *span,
                why: format!("can't read `{}`: {error}", path.display()),
            })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_ref().map(read).transpose()?,
        })
    }

    /// What these contents make, if they are whole and belong together.
    fn server(&self, contents: &Contents) -> Result<Arc<ServerConfig>, Unusable> {
        let unusable = |(path, span): &(PathBuf, Span), why: String| Unusable {
            code: Code::BadKey,
            span: *span,
            why: format!("`{}` {why}", path.display()),
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&contents.certificate).map_err(|why| unusable(&self.certificate, why))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            // What it says may quote the file.
            .map_err(|_| unusable(&self.key, "holds no private key".to_owned()))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&self.certificate, format!("can't be used: {error}")))?;
        let builder = match (&self.client_ca, &contents.client_ca) {
            (Some(file), Some(pem)) => {
                let verifier = self.clients(pem, provider).map_err(|why| unusable(file, why))?;
                builder.with_client_cert_verifier(Arc::new(verifier))
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                unusable(&self.key, format!("is not the key of `{}`", self.certificate.0.display()))
            }
            error => unusable(&self.certificate, format!("can't be used: {error}")),
        })?;
        config.alpn_protocols.clone_from(&self.protocols);
        // Connections live long. One that resumes what another began would not
        // be asked again who it is.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn clients(&self, pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Known, String> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(pem)? {
            roots
                .add(authority)
                .map_err(|error| format!("holds an authority that can't be used: {error}"))?;
        }
        let signed = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| format!("can't be used: {error}"))?;
        Ok(Known { signed, clients: self.clients.clone() })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(certificates) if certificates.is_empty() => Err("holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("is not whole".to_owned()),
    }
}

/// Clients whose certificates an authority has signed, and of these the ones
/// that are expected.
#[derive(Debug)]
struct Known {
    signed: Arc<dyn ClientCertVerifier>,
    /// Empty: all of them.
    clients: Vec<ClientName>,
}

/// Why a client with a good certificate is refused.
#[derive(Debug)]
struct Stranger(&'static str);

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Stranger {}

impl Known {
    fn is_expected(&self, certificate: &[u8]) -> Result<(), &'static str> {
        let names = CertificateNames::read(certificate)?;
        let held = |client: &ClientName| match client {
            ClientName::Uri(uri) => names.uris.contains(uri),
            ClientName::Dns(name) => names.dns.contains(name),
        };
        if self.clients.is_empty() || self.clients.iter().any(held) {
            Ok(())
        } else {
            Err("it holds none of the names in `clients`")
        }
    }
}

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.signed.verify_client_cert(end_entity, intermediates, now)?;
        self.is_expected(end_entity).map_err(|why| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Stranger(why)))))
        })?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
