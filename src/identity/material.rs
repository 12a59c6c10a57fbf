//! The bytes of a key file or of an answer become the keys of an issuer: those
//! that fit it, and why each of the others does not.

use std::collections::HashMap;
use std::fmt;

use super::authority::{Key, Keys};
use super::public_key::PublicKey;
use super::signature::VerifyingKey;
use super::{jwks, pem};
use crate::config::{Algorithm, Family};

/// The most bytes that keys may have, in a file and in an answer.
pub const MAX_KEY_BYTES: usize = 256 * 1024;

/// What to call a key, and why it is left out.
pub(super) type Dropped = (String, &'static str);

/// A set with at least one usable key.
pub(super) struct Usable {
    pub(super) keys: Keys,
    pub(super) dropped: Vec<Dropped>,
}

/// Why a set can't be used.
#[derive(Debug)]
pub(super) enum UnusableSet {
    /// It is not one, or not one that may be used.
    Whole(&'static str),
    /// Each of its keys was left out.
    NoKey(Vec<Dropped>),
}

/// The keys of a JWKS that fit an issuer with these algorithms.
pub(super) fn set(algorithms: &[Algorithm], text: &[u8]) -> Result<Usable, UnusableSet> {
    let jwks::Jwks { keys, mut dropped } = jwks::parse(text).map_err(UnusableSet::Whole)?;
    let mut named = HashMap::new();
    let mut unnamed = Vec::new();
    for jwk in keys {
        let meant = |a: &Algorithm| jwk.algorithm.map_or(a.family() == jwk.key.family(), |only| only == *a);
        let algorithms: Vec<Algorithm> = algorithms.iter().copied().filter(meant).collect();
        if algorithms.is_empty() {
            dropped.push((jwk.label, "none of the issuer's `algorithms` uses it"));
            continue;
        }
        let key = Key { algorithms, key: VerifyingKey::public(&jwk.key) };
        match jwk.kid {
            Some(kid) => drop(named.insert(kid, key)),
            None => unnamed.push(key),
        }
    }
    if named.is_empty() && unnamed.is_empty() {
        return Err(UnusableSet::NoKey(dropped));
    }
    Ok(Usable { keys: Keys::Set { named, unnamed }, dropped })
}

/// Why a PEM file can't be used.
#[derive(Debug)]
pub(super) enum UnusablePem {
    /// It does not hold one public key.
    Whole(&'static str),
    /// An algorithm of the issuer's does not go with its key.
    Misfit(Misfit),
}

/// An algorithm and the kind of key that it does not go with.
#[derive(Debug)]
pub(super) struct Misfit(Algorithm, &'static str);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not go with {}", self.0.as_str(), self.1)
    }
}

/// The one key of a PEM text, which must fit every algorithm of its issuer.
pub(super) fn pinned(algorithms: &[Algorithm], text: &[u8]) -> Result<Key, UnusablePem> {
    let text = std::str::from_utf8(text).map_err(|_| UnusablePem::Whole("it is not a PEM file"))?;
    let key = pem::public_key(text).map_err(UnusablePem::Whole)?;
    match algorithms.iter().find(|algorithm| algorithm.family() != key.family()) {
        Some(misfit) => Err(UnusablePem::Misfit(Misfit(*misfit, kind(&key)))),
        None => Ok(Key { algorithms: algorithms.to_vec(), key: VerifyingKey::public(&key) }),
    }
}

fn kind(key: &PublicKey) -> &'static str {
    match key.family() {
        Family::Rsa => "an RSA key",
        Family::P256 => "a P-256 key",
        Family::P384 => "a P-384 key",
        Family::Ed25519 => "an Ed25519 key",
        Family::Hmac => "a secret",
    }
}

impl fmt::Display for UnusableSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(why) => f.write_str(why),
            Self::NoKey(dropped) => {
                f.write_str("it has no key that can be used")?;
                dropped.iter().try_for_each(|dropped| write!(f, "; {}", describe(dropped)))
            }
        }
    }
}

impl fmt::Display for UnusablePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(why) => f.write_str(why),
            Self::Misfit(misfit) => misfit.fmt(f),
        }
    }
}

/// A line for the log about a key that is left out. Its name was chosen by
/// others.
pub(super) fn describe((label, why): &Dropped) -> String {
    format!("{} is left out: {why}", label.escape_debug())
}
