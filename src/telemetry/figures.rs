//! Numbers that others know, gathered for one scrape: who tells a number need
//! not know how it is written.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Numbers for one scrape.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds all numbers of one name, which no other may have.
    pub fn add(&mut self, figure: Figure) {
        self.0.push(figure);
    }
}

/// All numbers of one name.
#[derive(Debug)]
pub struct Figure {
    name: &'static str,
    help: &'static str,
    grows: bool,
    values: Vec<(Vec<(&'static str, String)>, Value)>,
}

impl Figure {
    /// What only grows. `name` is written without its `_total`.
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, grows: true, values: Vec::new() }
    }

    /// What goes up and down.
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, grows: false, values: Vec::new() }
    }

    /// The one number of this name.
    #[must_use]
    pub fn is(self, value: impl Into<Value>) -> Self {
        self.of(&[], value)
    }

    /// The number with these labels. No two numbers have the same.
    #[must_use]
    pub fn of(mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) -> Self {
        let labels = labels.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        self.values.push((labels, value.into()));
        self
    }

    fn encode(&self, value: Value, encoder: MetricEncoder<'_>) -> fmt::Result {
        match (self.grows, value) {
            (true, Value::Whole(number)) => ConstCounter::new(number).encode(encoder),
            (true, Value::Real(number)) => ConstCounter::new(number).encode(encoder),
            // A gauge of the crate has signs.
            (false, Value::Whole(number)) => {
                ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX)).encode(encoder)
            }
            (false, Value::Real(number)) => ConstGauge::new(number).encode(encoder),
        }
    }
}

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// One that counts.
    Whole(u64),
    /// One that measures.
    Real(f64),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for figure in &self.0 {
            let kind = if figure.grows { MetricType::Counter } else { MetricType::Gauge };
            let mut told = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
            match figure.values.as_slice() {
                [(labels, value)] if labels.is_empty() => figure.encode(*value, told)?,
                values => {
                    for (labels, value) in values {
                        figure.encode(*value, told.encode_family(labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}
