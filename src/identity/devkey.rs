//! Keys for development: a private key for `doorward token`, and the JWKS that
//! `doorward.yaml` names.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::crypto::{self, PrivateKey};
use super::public_key::PublicKey;
use super::{base64url, pem};
use crate::config::{Algorithm, Family};

/// A key pair. Without `Debug`: it holds a private key.
pub struct DevKey {
    key_id: String,
    private_pem: String,
    jwks: String,
}

impl DevKey {
    /// A new key pair for an algorithm; RSA keys have 2048 bits. An error for
    /// algorithms that use a secret, and when the system gives no randomness.
    pub fn generate(algorithm: Algorithm) -> io::Result<Self> {
        if algorithm.family() == Family::Hmac {
            let message = format!("`{}` uses a secret, not a key pair", algorithm.as_str());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let parts = PrivateKey::generate(algorithm.family())
            .and_then(|key| Some((key.public()?, key.to_pkcs8()?)))
            .ok_or_else(|| io::Error::other("the key could not be made"))?;
        let (public, pkcs8) = parts;
        let key_id = thumbprint(&public);
        let jwks = json!({ "keys": [jwk(&public, &key_id, algorithm)] });
        Ok(Self { private_pem: pem::encode_private(&pkcs8), jwks: format!("{jwks:#}\n"), key_id })
    }

    /// The name of the key: its RFC 7638 thumbprint.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The private key, PKCS#8 in PEM.
    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// The public key as a JWKS.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Writes both files: the private key for its owner's eyes only. Neither
    /// may exist already, so that no key in use is lost.
    pub fn write(&self, private: &Path, jwks: &Path) -> io::Result<()> {
        if jwks.try_exists()? {
            let message = format!("`{}` exists already", jwks.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(private)?.write_all(self.private_pem.as_bytes())?;
        fs::write(jwks, &self.jwks)
    }
}

/// A new secret for an HMAC algorithm, in characters that every shell takes.
pub fn secret() -> io::Result<String> {
    let mut bytes = [0; 64];
    if !crypto::random(&mut bytes) {
        return Err(io::Error::other("the system gives no randomness"));
    }
    Ok(base64url::encode(&bytes))
}

/// The name of a key after RFC 7638: the hash of its required members, in
/// alphabetical order and without spaces.
pub(super) fn thumbprint(key: &PublicKey) -> String {
    base64url::encode(&crypto::sha256(members(key).to_string().as_bytes()))
}

fn jwk(key: &PublicKey, key_id: &str, algorithm: Algorithm) -> Value {
    let mut jwk = members(key);
    if let Some(jwk) = jwk.as_object_mut() {
        jwk.insert("kid".to_owned(), json!(key_id));
        jwk.insert("alg".to_owned(), json!(algorithm.as_str()));
        jwk.insert("use".to_owned(), json!("sig"));
    }
    jwk
}

pub(super) fn members(key: &PublicKey) -> Value {
    let b64 = base64url::encode;
    match key {
        PublicKey::Rsa { n, e } => json!({ "e": b64(e), "kty": "RSA", "n": b64(n) }),
        PublicKey::P256(point) => coordinates("P-256", point, 32),
        PublicKey::P384(point) => coordinates("P-384", point, 48),
        PublicKey::Ed25519(point) => json!({ "crv": "Ed25519", "kty": "OKP", "x": b64(point) }),
    }
}

fn coordinates(curve: &str, point: &[u8], length: usize) -> Value {
    let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(length)).unwrap_or_default();
    json!({ "crv": curve, "kty": "EC", "x": base64url::encode(x), "y": base64url::encode(y) })
}
