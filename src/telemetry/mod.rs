//! What operators are told: numbers for a scrape, and a record of each decision.
//!
//! Telling never holds a check up: counting is adding to an integer, a record
//! that finds its queue full is dropped and counted. Nothing told here decides
//! anything, and nothing of a token is told. This room knows no proxy, opens no
//! socket and writes to none: whoever takes the [`Lines`] does.

mod claims;
mod correlation;
mod exposition;
mod figures;
mod histogram;
mod json;
mod line;
mod lines;
mod metrics;
mod recent;
mod record;

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{DecisionLog, LogTo, Share};
use line::Style;

pub use exposition::Exposition;
pub use figures::{Figure, Figures, Value};
pub use lines::{Batch, Lines};
pub use metrics::{InFlight, Meter, Meters, Metrics};
pub use recent::{ALLOWS, DENIALS, Recent, Remembered};
pub use record::{Direction, Disagreement, Keep, Record};

/// Where decisions are told.
#[derive(Debug, Default)]
pub struct Telemetry {
    metrics: Metrics,
    log: Option<Log>,
    recent: Option<Recent>,
}

/// Decisions as lines.
#[derive(Debug)]
struct Log {
    allow: Share,
    deny: Share,
    style: Style,
    lines: Arc<Lines>,
}

impl Telemetry {
    /// Tells what the configuration asks for.
    pub fn new(config: &DecisionLog) -> Self {
        if config.to == LogTo::Nowhere {
            return Self::default();
        }
        let (style, lines) = (Style::of(config), Arc::new(Lines::default()));
        let metrics = Metrics::with(Arc::clone(&lines));
        let log = Log { allow: config.allow, deny: config.deny, style, lines };
        Self { metrics, log: Some(log), recent: None }
    }

    /// The same, which keeps recent decisions in memory.
    #[must_use]
    pub fn remembering(self, recent: Recent) -> Self {
        Self { recent: Some(recent), ..self }
    }

    /// Recent decisions, where they are kept.
    pub fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The lines of the decision log, if there is one, for whoever writes them.
    pub fn lines(&self) -> Option<&Arc<Lines>> {
        self.log.as_ref().map(|log| &log.lines)
    }

    /// Whether the decision of this id is to be told at length, by how it ends.
    pub fn keep(&self, id: u128) -> Keep {
        match &self.log {
            Some(Log { allow, deny, .. }) => Keep { allow: allow.has(id), deny: deny.has(id), fault: true },
            None => Keep::NOTHING,
        }
    }

    /// Tells a decision: at length where it is to be kept, and where the
    /// candidate decides otherwise.
    pub fn decided(&self, record: &Record<'_>, keep: Keep) {
        self.metrics.decided(record);
        if let Some(Log { style, lines, .. }) = &self.log
            && (keep.keeps(record.reason) || record.candidate.is_some())
        {
            lines.push(&style.line(record, SystemTime::now()));
        }
        if let Some(recent) = &self.recent {
            recent.keep(record);
        }
    }
}
