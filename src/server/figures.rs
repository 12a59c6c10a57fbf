//! Verified tokens in numbers, for the log: what was remembered, what had to
//! be verified, and which claims could not be read. And how many lines of the
//! decision log were lost: who writes them may be stuck, and can't tell.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Live;
use crate::identity::Counts;
use crate::telemetry::Telemetry;

/// How often the numbers are told, where they have changed.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// The numbers that were told last.
#[derive(Debug)]
pub(super) struct Figures {
    policy: Arc<Live>,
    telemetry: Arc<Telemetry>,
    told: Counts,
    /// Of the decision log, lines.
    dropped: u64,
}

impl Figures {
    pub(super) fn new(policy: Arc<Live>, telemetry: Arc<Telemetry>) -> Self {
        Self { policy, telemetry, told: Counts::default(), dropped: 0 }
    }

    /// Tells the numbers since the start, if they have changed.
    pub(super) fn tell(&mut self) {
        let dropped = self.telemetry.lines().map_or(0, |lines| lines.dropped());
        if dropped != self.dropped {
            self.dropped = dropped;
            tracing::warn!(dropped, "lines of the decision log found no room so far");
        }
        let counts = self.policy.current().verifier().counts();
        if counts == self.told {
            return;
        }
        self.told = counts;
        let Counts { hits, misses, unreadable_claims } = counts;
        let hit_rate = percent(hits, hits.saturating_add(misses));
        tracing::info!(hits, misses, hit_rate, unreadable_claims, "verified tokens so far");
    }
}

/// In percent, rounded down; 0 of nothing is 0.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_rate_is_a_whole_number_of_percent() {
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(7, 7), 100);
        assert_eq!(percent(u64::MAX, u64::MAX), 1, "no overflow, whatever the numbers");
    }
}
