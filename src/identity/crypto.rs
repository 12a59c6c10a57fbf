//! Keys and hashes. The only file of this room that names the cryptography
//! crate.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use aws_lc_rs::{constant_time, digest, hmac, rand};

use super::der;
use super::public_key::PublicKey;
use crate::config::{Algorithm, Family};

/// Whether these components are a key that signatures can be verified with.
pub(super) fn is_rsa_key(n: &[u8], e: &[u8]) -> bool {
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_ok()
}

/// Whether an uncompressed point lies on its curve.
pub(super) fn is_on_curve(family: Family, point: &[u8]) -> bool {
    match family {
        Family::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok(),
        Family::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).is_ok(),
        Family::Hmac | Family::Rsa | Family::Ed25519 => false,
    }
}

/// The SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Whether two hashes are the same, in a time that does not depend on them.
pub(super) fn are_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Random bytes from the system.
pub(super) fn random(bytes: &mut [u8]) -> bool {
    rand::fill(bytes).is_ok()
}

/// A key that signs. Without `Debug`: it is a secret.
pub(super) enum PrivateKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl PrivateKey {
    /// A new key pair of a kind; `None` for secrets, and when the system has
    /// no randomness to give.
    pub(super) fn generate(family: Family) -> Option<Self> {
        match family {
            Family::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).ok().map(Self::Rsa),
            Family::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().map(Self::P256),
            Family::P384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).ok().map(Self::P384),
            Family::Ed25519 => Ed25519KeyPair::generate().ok().map(Self::Ed25519),
            Family::Hmac => None,
        }
    }

    /// The key pair in a PKCS#8 document.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der)
            .map(Self::Rsa)
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::P256))
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).map(Self::P384))
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519))
            .ok()
    }

    /// The PKCS#8 document of a key pair.
    pub(super) fn to_pkcs8(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => pair.as_der().ok().map(|der| der.as_ref().to_vec()),
            Self::P256(pair) | Self::P384(pair) => pair.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
            Self::Secret(_) => None,
        }
    }

    /// What kind of key this is.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Rsa(_) => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
            Self::Secret(_) => Family::Hmac,
        }
    }

    /// The public half.
    pub(super) fn public(&self) -> Option<PublicKey> {
        match self {
            Self::Rsa(pair) => {
                let (n, e) = der::rsa_public_key(pair.public_key().as_ref())?;
                PublicKey::rsa(n, e).ok()
            }
            Self::P256(pair) => PublicKey::point(Family::P256, pair.public_key().as_ref()).ok(),
            Self::P384(pair) => PublicKey::point(Family::P384, pair.public_key().as_ref()).ok(),
            Self::Ed25519(pair) => PublicKey::ed25519(pair.public_key().as_ref()).ok(),
            Self::Secret(_) => None,
        }
    }

    /// Signs; `None` where the key does not fit the algorithm.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        if algorithm.family() != self.family() {
            return None;
        }
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm)?, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(pair) | Self::P384(pair) => {
                Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Self::Secret(secret) => {
                let key = hmac::Key::new(hmac_algorithm(algorithm)?, secret);
                Some(hmac::sign(&key, message).as_ref().to_vec())
            }
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_SHA512),
        _ => None,
    }
}

fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}
