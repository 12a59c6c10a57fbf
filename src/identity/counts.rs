//! Numbers for whoever watches. They decide nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened since the configuration was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tokens that were remembered.
    pub hits: u64,
    /// Good tokens that had to be verified, where there is a cache.
    pub misses: u64,
    /// Claims of good tokens that should list names and did not.
    pub unreadable_claims: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    unreadable_claims: AtomicU64,
}

impl Counters {
    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unreadable(&self, claims: u64) {
        if claims > 0 {
            self.unreadable_claims.fetch_add(claims, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            unreadable_claims: self.unreadable_claims.load(Ordering::Relaxed),
        }
    }
}
