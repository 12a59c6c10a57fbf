//! One issuer: its algorithms, its keys and its rules. Nothing of one issuer
//! is ever used for another.

use std::collections::HashMap;

use super::Refusal;
use super::signature::VerifyingKey;
use crate::config::{Algorithm, ClaimPath, Issuer};
use crate::engine::Reason;

/// An issuer with its keys.
pub(super) struct Authority {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) keys: Keys,
    pub(super) rules: Rules,
}

/// What an issuer's claims must say, and where they say it.
pub(super) struct Rules {
    pub(super) audiences: Vec<String>,
    pub(super) user: ClaimPath,
    pub(super) roles: Vec<ClaimPath>,
    pub(super) groups: Vec<ClaimPath>,
}

impl Rules {
    /// The rules of a configured issuer.
    pub(super) fn of(issuer: &Issuer) -> Self {
        Self {
            audiences: issuer.audiences.clone(),
            user: issuer.user.clone(),
            roles: issuer.roles.clone(),
            groups: issuer.groups.clone(),
        }
    }

    /// Where most tokens say it.
    pub(super) fn usual() -> Self {
        Self {
            audiences: Vec::new(),
            user: ClaimPath::name("sub"),
            roles: vec![ClaimPath::name("roles")],
            groups: vec![ClaimPath::name("groups")],
        }
    }
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

    /// The key for a token. A `kid` is only ever an exact name among this
    /// issuer's own keys.
    pub(super) fn key(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Key, Refusal> {
        let unknown = |detail| Refusal::new(Reason::KeyUnknown, detail);
        match (&self.keys, kid) {
            (Keys::Pinned(key), _) if key.fits(algorithm) => Ok(key),
            (Keys::Pinned(_), _) => Err(unknown("the issuer's key does not fit the algorithm")),
            (Keys::Set { named, .. }, Some(kid)) => match named.get(kid) {
                Some(key) if key.fits(algorithm) => Ok(key),
                Some(_) => Err(unknown("the key of this `kid` does not fit the algorithm")),
                None => Err(unknown("the issuer has no key of this `kid`")),
            },
            (Keys::Set { named, unnamed }, None) => {
                let mut fitting = named.values().chain(unnamed).filter(|key| key.fits(algorithm));
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => Ok(key),
                    (None, _) => Err(unknown("the issuer has no key for the algorithm")),
                    (Some(_), Some(_)) => Err(unknown("no `kid`, and several keys fit")),
                }
            }
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }
}
