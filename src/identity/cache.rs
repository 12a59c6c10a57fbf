//! Verified tokens, remembered. The only file that names the cache crate.
//!
//! - The key is the SHA-256 of all bytes of the token. No two tokens share it,
//!   nobody can make two that do, it has one size, and no token stays in
//!   memory on its account. The table hashes it again with a key of its own.
//! - Only what was verified is remembered. A refusal is not, so that a flood
//!   of bad tokens, however many, moves nothing.
//! - An entry is good for the keys it was verified with. Its times and its
//!   audience are looked at on every hit.
//! - What is remembered belongs to one policy and one configuration, because
//!   the cache does: a new snapshot begins with an empty one.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::authority::Authority;
use super::crypto;
use super::validity::Validity;
use crate::config::CacheSize;

/// What can be remembered about a token.
pub trait Remembered {
    /// About how many bytes it takes in memory; rather too many than too few.
    fn bytes(&self) -> usize;
}

/// A bounded store of what is known about verified tokens.
pub struct TokenCache<T>(Option<Cache<Digest, Arc<Entry<T>>, Bytes, RandomState>>);

/// The SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// One verified token.
pub(super) struct Entry<T> {
    pub(super) authority: Arc<Authority>,
    /// Of the authority's keys, before the token was verified.
    pub(super) generation: u64,
    pub(super) validity: Validity,
    pub(super) known: Arc<T>,
    /// In bytes; reckoned once.
    weight: u64,
}

/// What an entry takes beside what it knows: digest, counters, slots of the
/// table.
const OVERHEAD: usize = 160;

impl<T: Remembered> TokenCache<T> {
    /// A cache of at most this size.
    pub(super) fn new(size: CacheSize) -> Self {
        let CacheSize { entries, bytes } = size;
        // Every entry weighs at least its share, so that the weight bounds
        // their number too.
        let Some(share) = bytes.checked_div(entries).map(|share| share.max(1)) else { return Self(None) };
        let expected = usize::try_from(entries.min(MAX_EXPECTED)).unwrap_or_default();
        let room = share.saturating_mul(entries);
        let (hasher, lifecycle) = (RandomState::new(), DefaultLifecycle::default());
        Self(Some(Cache::with(expected, room, Bytes { share }, hasher, lifecycle)))
    }

    /// How many tokens are remembered.
    pub fn entries(&self) -> usize {
        self.0.as_ref().map_or(0, Cache::len)
    }

    /// How much of the room for them is taken, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, Cache::weight)
    }

    pub(super) fn get(&self, token: &str) -> Option<(Digest, Option<Arc<Entry<T>>>)> {
        let cache = self.0.as_ref()?;
        let digest = crypto::sha256(token.as_bytes());
        let entry = cache.get(&digest);
        Some((digest, entry))
    }

    pub(super) fn insert(&self, digest: Digest, entry: Entry<T>) {
        if let Some(cache) = &self.0 {
            cache.insert(digest, Arc::new(entry));
        }
    }

    pub(super) fn remove(&self, digest: &Digest) {
        if let Some(cache) = &self.0 {
            cache.remove(digest);
        }
    }
}

/// Room is made beforehand for this many at most.
const MAX_EXPECTED: u64 = 100_000;

impl<T> fmt::Debug for TokenCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Bytes {
    share: u64,
}

impl<T> Weighter<Digest, Arc<Entry<T>>> for Bytes {
    fn weight(&self, _: &Digest, entry: &Arc<Entry<T>>) -> u64 {
        entry.weight.max(self.share)
    }
}

impl<T: Remembered> Entry<T> {
    pub(super) fn new(authority: Arc<Authority>, generation: u64, validity: Validity, known: Arc<T>) -> Self {
        let bytes = OVERHEAD + size_of::<Self>() + validity.bytes() + known.bytes();
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { authority, generation, validity, known, weight }
    }
}
