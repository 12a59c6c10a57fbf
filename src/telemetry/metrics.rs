//! Decisions in numbers, for Prometheus.
//!
//! Labels are bounded: services, routes and reasons, never anything out of a
//! request. A decision is counted through a handle that its snapshot resolved
//! when it was made, without a look-up.
//!
//! With `histogram` and `figures` the only files that name the crate of the text
//! format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::figures::Figures;
use super::histogram::Histogram;
use super::lines::Lines;
use super::meter::{Meter, Meters, Named};
use super::record::{Direction, Record};
use crate::compile::Index;
use crate::words::Reason;

/// All numbers of decisions, since the start.
#[derive(Debug, Default)]
pub struct Metrics(Arc<Numbers>);

/// By service, route (empty where none was found) and direction.
type Disagreements = BTreeMap<(Arc<str>, Arc<str>, Direction), u64>;

#[derive(Debug)]
struct Numbers {
    /// Of the policy in force, or of one that is about to be.
    named: Mutex<Arc<Named>>,
    /// Decisions that found no service.
    nowhere: Meter,
    seconds: Histogram,
    in_flight: AtomicI64,
    overloaded: AtomicU64,
    /// Whether there is a candidate and it is what its files say; -1 where none
    /// is configured.
    candidate: AtomicI64,
    disagreements: Mutex<Disagreements>,
    /// Of the decision log, where there is one.
    lines: Option<Arc<Lines>>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            named: Mutex::default(),
            nowhere: Meter::default(),
            seconds: Histogram::default(),
            in_flight: AtomicI64::new(0),
            overloaded: AtomicU64::new(0),
            candidate: AtomicI64::new(-1),
            disagreements: Mutex::default(),
            lines: None,
        }
    }
}

impl Metrics {
    /// Numbers that say what became of these lines, too.
    pub(super) fn with(lines: Arc<Lines>) -> Self {
        Self(Arc::new(Numbers { lines: Some(lines), ..Numbers::default() }))
    }

    /// The meters of a policy that is about to come into force: those that the
    /// one before counted with, as far as it has the same routes. Numbers of
    /// routes that are gone go with them.
    pub(super) fn meters(&self, index: &Index) -> Meters {
        let mut named = self.0.named.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Arc::new(Named::of(index, &named));
        *named = Arc::clone(&now);
        Meters::of_policy(now)
    }

    /// A check has begun, unless this many have already; it ends when this is
    /// dropped.
    pub fn begin(&self, most: usize) -> Option<InFlight> {
        let begun = InFlight(Arc::clone(&self.0));
        let before = begun.0.in_flight.fetch_add(1, Ordering::Relaxed);
        usize::try_from(before).is_ok_and(|before| before < most).then_some(begun)
    }

    /// A candidate is configured, and it is or is not what its files say.
    pub fn candidate(&self, in_sync: bool) {
        self.0.candidate.store(in_sync.into(), Ordering::Relaxed);
    }

    /// From here on another pair of policies is compared: what was counted of the
    /// one before is forgotten.
    pub fn new_candidate(&self) {
        self.0.disagreements.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts a decision.
    pub fn decided(&self, record: &Record<'_>) {
        record.meter.unwrap_or(&self.0.nowhere).count(record.reason);
        self.0.seconds.observe(record.took);
        if record.reason == Reason::Overloaded {
            self.0.overloaded.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(candidate) = record.candidate {
            // Named by the policy that allows: it has the route.
            let (service, route) = match candidate.direction {
                Direction::WouldOpen => (candidate.service.as_deref(), candidate.route.as_deref()),
                Direction::WouldClose => (record.service, record.route),
            };
            let text = |name: Option<&str>| name.unwrap_or_default().into();
            let key = (text(service), text(route), candidate.direction);
            let mut counts = self.0.disagreements.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(key).or_default() += 1;
        }
    }

    /// All numbers in the text format of OpenMetrics, with those that others
    /// know.
    pub fn text(&self, others: Figures) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&self.0)));
        registry.register_collector(Box::new(others));
        let mut out = String::new();
        text::encode(&mut out, &registry)?;
        Ok(out)
    }
}

/// A check on its way.
#[derive(Debug)]
pub struct InFlight(Arc<Numbers>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let named = Arc::clone(&self.named.lock().unwrap_or_else(PoisonError::into_inner));
        let mut decisions = encoder.encode_descriptor(
            "doorward_decisions",
            "Decisions by service, route and reason",
            None,
            MetricType::Counter,
        )?;
        let mut counted: Vec<_> = named
            .iter()
            .flat_map(|(names, meter)| meter.counted().map(move |count| (names, count)))
            .collect();
        counted.sort_by_key(|(names, _)| *names);
        counted.extend(self.nowhere.counted().map(|count| (("", ""), count)));
        for ((service, route), (reason, count)) in counted {
            let labels = [("service", service), ("route", route), ("reason", reason.as_str())];
            ConstCounter::new(count).encode(decisions.encode_family(&labels)?)?;
        }
        let candidate = self.candidate.load(Ordering::Relaxed);
        if candidate >= 0 {
            ConstGauge::new(candidate).encode(encoder.encode_descriptor(
                "doorward_candidate_in_sync",
                "Whether there is a candidate policy, as its files say",
                None,
                MetricType::Gauge,
            )?)?;
        }
        let disagreements = self.disagreements.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut family = encoder.encode_descriptor(
            "doorward_candidate_disagreements",
            "Requests that the candidate policy decides otherwise",
            None,
            MetricType::Counter,
        )?;
        for ((service, route, direction), count) in disagreements {
            let labels = [("service", &*service), ("route", &*route), ("direction", direction.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        self.seconds.encode(encoder.encode_descriptor(
            "doorward_check_duration_seconds",
            "From the arrival of a check to its answer",
            None,
            MetricType::Histogram,
        )?)?;
        ConstGauge::new(self.in_flight.load(Ordering::Relaxed)).encode(encoder.encode_descriptor(
            "doorward_checks_in_flight",
            "Checks that have begun and not ended",
            None,
            MetricType::Gauge,
        )?)?;
        ConstCounter::new(self.overloaded.load(Ordering::Relaxed)).encode(encoder.encode_descriptor(
            "doorward_checks_overloaded",
            "Checks answered 503 because there were too many, or too slowly",
            None,
            MetricType::Counter,
        )?)?;
        let lines = |count: fn(&Lines) -> u64| self.lines.as_ref().map_or(0, |lines| count(lines));
        ConstCounter::new(lines(Lines::written)).encode(encoder.encode_descriptor(
            "doorward_decision_log_written",
            "Lines of the decision log that were written",
            None,
            MetricType::Counter,
        )?)?;
        ConstCounter::new(lines(Lines::dropped)).encode(encoder.encode_descriptor(
            "doorward_decision_log_dropped",
            "Lines of the decision log that were dropped because too many waited to be written",
            None,
            MetricType::Counter,
        )?)
    }
}

#[cfg(test)]
mod tests;
