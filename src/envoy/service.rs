//! One check in, one complete answer out, whatever happens.
//!
//! A gRPC error would be a fault to Envoy, and `failure_mode_allow` opens the
//! door to faults. So a check never ends in an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::request::{Malformed, read};
use super::response::Message;
use crate::gate::{Gate, Judge, Live};
use crate::telemetry::{Carried, InFlight};
use crate::words::Reason;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// What answers Envoy's checks.
#[derive(Debug)]
pub(crate) struct Checks<J = Arc<Live>> {
    gate: Arc<Gate<J>>,
}

impl<J> Clone for Checks<J> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate) }
    }
}

impl<J: Judge> Checks<J> {
    /// Answers by this gate.
    pub(crate) fn new(gate: Arc<Gate<J>>) -> Self {
        Self { gate }
    }

    /// A check has arrived: it is under way as long as this is kept. `None` if
    /// there are too many.
    pub(crate) fn admit(&self) -> Option<InFlight> {
        self.gate.admit()
    }

    /// The answer to an encoded check that arrived at `arrived` with these gRPC
    /// headers, however little of it can be read.
    pub(crate) fn answer(&self, check: &[u8], headers: &HeaderMap, arrived: Instant) -> Message {
        let carried = if self.gate.tells_traces() { carried(headers) } else { Carried::default() };
        let deadline = headers.get(TIMEOUT).and_then(|t| timeout(t.as_bytes()));
        let read = || read(check).map_err(Malformed::as_str);
        self.gate.answer(read, arrived, deadline, carried, |answer| Message::of(&answer))
    }

    /// The answer to a check of which nothing is known: a denial.
    pub(crate) fn refuse(&self, reason: Reason, why: &'static str) -> Message {
        self.gate.refuse(reason, why, Instant::now(), |answer| Message::of(&answer))
    }
}

/// Envoy's own span of the check: it stands beside the check, not in it.
fn carried(headers: &HeaderMap) -> Carried<'_> {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
    };
    Carried { parent: only(TRACE_PARENT), state: only(TRACE_STATE) }
}

/// A `grpc-timeout`: up to eight digits and a unit. One that is not well
/// formed is no deadline.
fn timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |sum: u64, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
