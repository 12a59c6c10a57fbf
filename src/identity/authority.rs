//! One issuer: its algorithms, its keys and its rules. Nothing of one issuer
//! is ever used for another.

use std::collections::HashMap;
use std::sync::Arc;

use super::Refusal;
use super::keyring::Keyring;
use super::rules::Rules;
use super::signature::VerifyingKey;
use crate::config::Algorithm;
use crate::engine::Reason;

/// An issuer with its keys.
pub(super) struct Authority {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) keys: Arc<Keyring>,
    /// Whether nothing is ready before its keys were had once.
    pub(super) required: bool,
    pub(super) rules: Rules,
}

/// The keys of an issuer.
pub(super) enum Keys {
    /// The only key, out of a PEM file or a variable. It has no name of its
    /// own, so the token's `kid` is not looked at.
    Pinned(Key),
    /// The keys of a JWKS, by their names.
    Set {
        /// Keys that have a `kid`.
        named: HashMap<String, Key>,
        /// Keys without.
        unnamed: Vec<Key>,
    },
}

impl Keys {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Pinned(_) => 1,
            Self::Set { named, unnamed } => named.len() + unnamed.len(),
        }
    }

    /// The key for a token. A `kid` is only ever an exact name among this
    /// issuer's own keys.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Key, Refusal> {
        let unknown = |detail| Refusal::new(Reason::KeyUnknown, detail);
        match (self, kid) {
            (Self::Pinned(key), _) if key.fits(algorithm) => Ok(key),
            (Self::Pinned(_), _) => Err(unknown("the issuer's key does not fit the algorithm")),
            (Self::Set { named, .. }, Some(kid)) => match named.get(kid) {
                Some(key) if key.fits(algorithm) => Ok(key),
                Some(_) => Err(unknown("the key of this `kid` does not fit the algorithm")),
                None => Err(unknown("the issuer has no key of this `kid`")),
            },
            (Self::Set { named, unnamed }, None) => {
                let mut fitting = named.values().chain(unnamed).filter(|key| key.fits(algorithm));
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => Ok(key),
                    (None, _) => Err(unknown("the issuer has no key for the algorithm")),
                    (Some(_), Some(_)) => Err(unknown("no `kid`, and several keys fit")),
                }
            }
        }
    }
}

/// A key, bound to the algorithms that it may verify.
pub(super) struct Key {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: VerifyingKey,
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether `signature` (base64url) is one of this key's over `signed`.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &str) -> bool {
        self.fits(algorithm) && self.key.verifies(algorithm, signed, signature)
    }
}

impl Authority {
    /// The algorithm of exactly this name, if this issuer may use it.
    pub(super) fn algorithm(&self, name: &str) -> Result<Algorithm, Refusal> {
        Algorithm::from_name(name).filter(|algorithm| self.algorithms.contains(algorithm)).ok_or(
            Refusal::new(Reason::AlgorithmNotAllowed, "the issuer's algorithms do not include the token's"),
        )
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }
}
