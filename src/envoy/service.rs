//! The gRPC service: one check in, one complete answer out, whatever happens.
//!
//! A gRPC error would be a fault to Envoy, and `failure_mode_allow` opens the
//! door to faults. So a check never ends in an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::complete::{Arrived, Checker};
use super::request::Malformed;
use super::response::response;
use crate::gate::{Gate, Judge, Live, Words};
use crate::telemetry::{Carried, InFlight};
use crate::words::Reason;

/// What answers Envoy's checks.
#[derive(Debug)]
pub(super) struct Checks<J = Arc<Live>> {
    gate: Arc<Gate<J>>,
}

impl<J: Judge> Checks<J> {
    pub(super) fn new(gate: Arc<Gate<J>>) -> Self {
        Self { gate }
    }

    /// The answer to one encoded check, however little of it can be read.
    pub(super) fn answer_bytes(&self, check: &[u8]) -> Vec<u8> {
        match CheckRequest::decode(check) {
            Ok(check) => self.answer(check, Instant::now(), None, Carried::default()).encode_to_vec(),
            Err(_) => self.refuse(Reason::RequestMalformed, "the check can't be read").encode_to_vec(),
        }
    }

    /// The answer to one check.
    fn answer(
        &self,
        check: CheckRequest,
        arrived: Instant,
        deadline: Option<Duration>,
        carried: Carried<'_>,
    ) -> CheckResponse {
        let read = || Words::try_from(check).map_err(Malformed::as_str);
        response(self.gate.answer(read, arrived, deadline, carried))
    }
}

impl<J: Judge> Checker for Checks<J> {
    fn admit(&self) -> Option<InFlight> {
        self.gate.admit()
    }

    fn refuse(&self, reason: Reason, why: &'static str) -> CheckResponse {
        response(self.gate.refuse(reason, why, Instant::now()))
    }
}

#[tonic::async_trait]
impl<J: Judge> Authorization for Checks<J> {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").and_then(|t| timeout(t.as_encoded_bytes()));
        let arrived = request.extensions().get().map_or_else(Instant::now, |Arrived(at)| *at);
        let (metadata, _, check) = request.into_parts();
        let carried = if self.gate.tells_traces() { carried(&metadata) } else { Carried::default() };
        Ok(Response::new(self.answer(check, arrived, timeout, carried)))
    }
}

/// Envoy's own span of the check: it stands beside the check, not in it.
fn carried(metadata: &MetadataMap) -> Carried<'_> {
    let only = |name| {
        let mut values = metadata.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).map(MetadataValue::as_encoded_bytes)
    };
    Carried { parent: only("traceparent"), state: only("tracestate") }
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
