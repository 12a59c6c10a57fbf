//! Whether a signature holds. The only file that names the JWT crate, of which
//! nothing but this is used: what a token says is read and judged by our own
//! rules.

use jsonwebtoken::{Algorithm as Name, DecodingKey, crypto};

use super::public_key::PublicKey;
use crate::config::{Algorithm, Family};

/// A key ready for use. Without `Debug`: it may be a secret.
pub(super) struct VerifyingKey {
    family: Family,
    key: DecodingKey,
}

impl VerifyingKey {
    /// A public key.
    pub(super) fn public(key: &PublicKey) -> Self {
        let family = key.family();
        let key = match key {
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            PublicKey::P256(point) | PublicKey::P384(point) => DecodingKey::from_ec_der(point),
            PublicKey::Ed25519(point) => DecodingKey::from_ed_der(point),
        };
        Self { family, key }
    }

    /// A shared secret.
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self { family: Family::Hmac, key: DecodingKey::from_secret(secret) }
    }

    /// Whether `signature` (base64url) is one of this key's over `signed`. A
    /// key never verifies for an algorithm of another family.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &str) -> bool {
        // An error of the library is no verdict in the token's favour.
        self.family == algorithm.family()
            && matches!(crypto::verify(signature, signed, &self.key, name(algorithm)), Ok(true))
    }
}

fn name(algorithm: Algorithm) -> Name {
    match algorithm {
        Algorithm::RS256 => Name::RS256,
        Algorithm::RS384 => Name::RS384,
        Algorithm::RS512 => Name::RS512,
        Algorithm::PS256 => Name::PS256,
        Algorithm::PS384 => Name::PS384,
        Algorithm::PS512 => Name::PS512,
        Algorithm::ES256 => Name::ES256,
        Algorithm::ES384 => Name::ES384,
        Algorithm::EdDSA => Name::EdDSA,
        Algorithm::HS256 => Name::HS256,
        Algorithm::HS384 => Name::HS384,
        Algorithm::HS512 => Name::HS512,
    }
}
