//! Whom we trust where we are the client: the certificates of a file, or those
//! that the system trusts.
//!
//! The only file that names the crate of the system's certificates.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a connection begins with that trusts the certificates of this PEM text
/// alone, or those that the system trusts, and speaks this protocol.
pub(super) fn client(trusted: Option<&[u8]>, protocol: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match trusted {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                certificate
                    .map_err(|error| error.to_string())
                    .and_then(|c| roots.add(c).map_err(|error| error.to_string()))
                    .map_err(|why| format!("the CA file can't be used: {why}"))?;
            }
        }
        // One that can't be read trusts nobody: the others serve.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("can't set up TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}
