//! What operators are told: numbers for a scrape, and a record of each decision.
//!
//! Telling never holds a check up: counting is adding to an integer, a record
//! that finds its queue full is dropped and counted. Nothing told here decides
//! anything, and nothing of a token is told. This room knows no proxy and opens
//! no socket.

mod histogram;
mod log;
mod metrics;
mod record;

pub use metrics::{InFlight, Meter, Meters, Metrics};
pub use record::{Direction, Disagreement, Keep, Record};

/// Where decisions are told.
#[derive(Debug, Default)]
pub struct Telemetry {
    metrics: Metrics,
}

impl Telemetry {
    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the decision of this id is to be told at length, by how it ends.
    pub fn keep(&self, _id: u128) -> Keep {
        Keep { allow: true, deny: true }
    }

    /// Tells a decision.
    pub fn decided(&self, record: &Record<'_>, keep: Keep) {
        self.metrics.decided(record);
        if keep.keeps(record.reason) {
            log::decision(record);
        }
    }
}
