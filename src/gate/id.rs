//! Decision ids: what ties an answer to its log line.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::words::hex::Digits;

/// The id of one decision: 128 bits, printed as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DecisionId(u128);

impl DecisionId {
    /// Its bits, each as likely 0 as 1.
    pub(super) fn bits(self) -> u128 {
        self.0
    }

    /// As it is told.
    pub(super) fn digits(self) -> Digits {
        Digits::of(self.0)
    }
}

/// Makes ids. A counter run through two keyed hashes whose keys the operating
/// system chose for this process: no two processes give the same ids, and an
/// id tells nobody how many requests came before it. It is a name, not a
/// secret.
#[derive(Debug, Default)]
pub(super) struct Ids {
    keys: [RandomState; 2],
    next: AtomicU64,
}

impl Ids {
    /// The next id.
    pub(super) fn next(&self) -> DecisionId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = &self.keys;
        DecisionId(u128::from(high.hash_one(count)) << 64 | u128::from(low.hash_one(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_differ_within_and_between_processes() {
        let (one, other) = (Ids::default(), Ids::default());
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            for id in [one.next(), other.next()] {
                assert!(seen.insert(id.digits().as_str().to_owned()));
            }
        }
        assert!(seen.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
