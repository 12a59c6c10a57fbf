//! What operators are told: numbers for a scrape, a record of each decision, and
//! spans of those that belong to a trace.
//!
//! Telling never holds a check up: counting is adding to an integer, a record
//! that finds its queue full is dropped and counted. Nothing told here decides
//! anything, and nothing of a token is told. This room knows no proxy, opens no
//! socket and writes to none: whoever takes the [`Lines`] or [`Spans`] does.

mod claims;
mod correlation;
mod course;
mod exposition;
mod figures;
mod histogram;
mod json;
mod line;
mod lines;
mod meter;
mod metrics;
mod recent;
mod record;
mod spans;
mod tracer;
mod token;
mod veil;

use std::sync::Arc;

use crate::compile::Index;
use crate::config::{DecisionLog, LogTo, Redact, Share, Tracing};
use crate::engine::{Headers, Subject};
use line::Style;
use tracer::Tracer;

pub use correlation::TraceId;
pub use course::{Course, Lasted, Verify};
pub use exposition::Exposition;
pub use figures::{Figure, Figures, Value};
pub use line::Told;
pub use lines::{Batch, Lines};
pub use meter::{Meter, Meters};
pub use metrics::{InFlight, Metrics};
pub use recent::{ALLOWS, DENIALS, Recent, Remembered};
pub use record::{Direction, Disagreement, Keep, Record};
pub use spans::{Kind, MOST_SPANS, Span, Spans, Value as SpanValue};
pub use tracer::{Carried, Trace};
pub use veil::Veil;

/// Where decisions are told.
#[derive(Debug, Default)]
pub struct Telemetry {
    metrics: Metrics,
    /// What is told nowhere.
    redact: Redact,
    log: Option<Log>,
    recent: Option<Recent>,
    tracer: Option<Tracer>,
}

/// Decisions as lines.
#[derive(Debug)]
struct Log {
    allow: Share,
    deny: Share,
    style: Arc<Style>,
    lines: Arc<Lines>,
}

impl Telemetry {
    /// Tells what the configuration asks for.
    pub fn new(config: &DecisionLog) -> Self {
        let redact = config.redact.clone();
        if config.to == LogTo::Nowhere {
            return Self { redact, ..Self::default() };
        }
        let (style, lines) = (Arc::new(Style::of(config)), Arc::new(Lines::default()));
        let metrics = Metrics::with(Arc::clone(&lines));
        let log = Log { allow: config.allow, deny: config.deny, style, lines };
        Self { metrics, redact, log: Some(log), recent: None, tracer: None }
    }

    /// The same, which keeps recent decisions in memory.
    #[must_use]
    pub fn remembering(self, recent: Recent) -> Self {
        Self { recent: Some(recent), ..self }
    }

    /// The same, which traces checks as this says.
    #[must_use]
    pub fn tracing(self, config: &Tracing) -> Self {
        Self { tracer: Some(Tracer::new(config)), ..self }
    }

    /// Spans of checks, if any are traced, for whoever sends them.
    pub fn spans(&self) -> Option<&Arc<Spans>> {
        self.tracer.as_ref().map(Tracer::spans)
    }

    /// Whether anything told here has the id of a trace.
    pub fn tells_traces(&self) -> bool {
        self.tracer.is_some() || self.log.is_some()
    }

    /// The decision of this id is traced: it is to be ended with what came of it.
    pub fn trace(&self, carried: Carried<'_>, headers: Headers<'_>, id: u128) -> Option<Trace> {
        self.tracer.as_ref()?.begin(carried, headers, id)
    }

    /// Recent decisions, where they are kept.
    pub fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What decisions of a policy that is about to come into force are told by.
    pub fn meters(&self, index: &Index) -> Meters {
        let style = self.log.as_ref().map(|log| Arc::clone(&log.style));
        self.metrics.meters(index).hiding(&self.redact.parameters, index).styled(style)
    }

    /// The user, as everybody may be told who it is.
    pub fn user<'s>(&self, caller: &'s Subject) -> &'s str {
        claims::user(&self.redact.claims, caller)
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
    /// candidate decides otherwise; its spans where it is traced.
    pub fn decided(&self, record: &Record<'_>, keep: Keep, trace: Option<Trace>) {
        self.metrics.decided(record);
        if let Some(Log { style, lines, .. }) = &self.log
            && (keep.keeps(record.reason) || record.candidate.is_some())
        {
            style.line(record, |line| lines.push(line));
        }
        if let Some(recent) = &self.recent {
            recent.keep(record);
        }
        if let (Some(tracer), Some(trace)) = (&self.tracer, trace) {
            tracer.end(trace, record);
        }
    }
}
