//! How much work one expression may make for one request.
//!
//! Counted, not timed: the same request is decided the same way on a slow
//! machine. What is counted is what takes time and memory in the interpreter: the
//! rounds of loops, and the values that are made for it and gone through in
//! each of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::Value;

use super::MAX_ROUNDS;
use super::seen::{Fault, Seen};

/// What one round costs; a value made for the interpreter costs one.
const ROUND: u64 = 50;

/// So many bytes of text are gone through in the time of one value.
const BYTES: usize = 64;

/// What is left for one request. One thread works on it; the interpreter wants
/// it fit for more.
pub(super) struct Budget {
    left: AtomicU64,
    /// The largest value of this request so far, and the longest text in any.
    largest: AtomicU64,
    longest: AtomicU64,
}

impl Budget {
    pub(super) fn new() -> Self {
        let left = AtomicU64::new(u64::from(MAX_ROUNDS) * ROUND);
        Self { left, largest: AtomicU64::new(0), longest: AtomicU64::new(0) }
    }

    /// Pays for one round of a loop.
    pub(super) fn round(&self) -> Result<(), Fault> {
        self.spend(ROUND)
    }

    /// Pays for a fact that is made a value of.
    pub(super) fn value(&self, seen: &Seen<'_>) -> Result<(), Fault> {
        let weight = Weight::of(seen);
        self.largest.fetch_max(weight.whole, Relaxed);
        self.longest.fetch_max(weight.longest, Relaxed);
        self.spend(weight.whole)
    }

    /// Pays for going through what a loop's variable stands for: part of some
    /// value, and so no larger than the largest.
    pub(super) fn whole(&self) -> Result<(), Fault> {
        self.spend(self.largest.load(Relaxed))
    }

    /// Pays for going through a text that a loop's variable stands for.
    pub(super) fn text(&self) -> Result<(), Fault> {
        self.spend(self.longest.load(Relaxed))
    }

    fn spend(&self, units: u64) -> Result<(), Fault> {
        let left = self.left.load(Relaxed).checked_sub(units);
        // What can't be paid for leaves nothing for what could be.
        self.left.store(left.unwrap_or(0), Relaxed);
        left.map(|_| ()).ok_or(Fault::TooLong)
    }
}

#[derive(Default)]
struct Weight {
    whole: u64,
    longest: u64,
}

impl Weight {
    fn of(seen: &Seen<'_>) -> Self {
        let mut weight = Self { whole: 1, longest: 0 };
        match seen {
            Seen::Int(_) => {}
            Seen::Text(text) => weight.text(text),
            Seen::Texts(list) => list.iter().for_each(|text| weight.text(text)),
            Seen::Json(value) => weight.json(value),
            Seen::Members(members) => members.iter().for_each(|(name, value)| weight.member(name, value)),
            Seen::Lists(lists) => lists.iter().for_each(|(name, list)| {
                weight.text(name);
                list.iter().for_each(|text| weight.text(text));
            }),
        }
        weight
    }

    /// No deeper than the reader of JSON goes.
    fn json(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.whole += 1,
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.whole += 1;
                items.iter().for_each(|item| self.json(item));
            }
            Value::Object(members) => {
                self.whole += 1;
                members.iter().for_each(|(name, value)| self.member(name, value));
            }
        }
    }

    fn member(&mut self, name: &str, value: &Value) {
        self.text(name);
        self.json(value);
    }

    fn text(&mut self, text: &str) {
        let units = u64::try_from(text.len() / BYTES).unwrap_or(u64::MAX);
        self.longest = self.longest.max(units);
        self.whole = self.whole.saturating_add(units.saturating_add(1));
    }
}
