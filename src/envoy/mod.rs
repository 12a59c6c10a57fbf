//! The only room that knows Envoy's words: a CheckRequest becomes a request
//! for the gate, its answer becomes a CheckResponse.
//!
//! Every answer is complete and made in one file, `response`. This room opens
//! no socket, reads no file and knows no configuration; it decides nothing.

mod wire;
mod request;
mod response;
mod service;
mod descriptors;

use std::sync::Arc;
use std::time::Instant;

use hyper::HeaderMap;

use crate::gate::{Answer, Gate};
use crate::telemetry::Carried;

pub(crate) use descriptors::DESCRIPTORS;
pub(crate) use response::Message;
pub(crate) use service::Checks;

/// The name of the gRPC service, for health and reflection.
pub(crate) const SERVICE_NAME: &str = "envoy.service.auth.v3.Authorization";

/// The only method of the service, as HTTP/2 has it.
pub(crate) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The answer to one check, message in and message out, without a server
/// around it: for fuzzing and benchmarks.
pub fn answer(gate: &Arc<Gate>, check: &[u8]) -> Vec<u8> {
    let message = Checks::new(Arc::clone(gate)).answer(check, &HeaderMap::new(), Instant::now());
    message.alone().to_vec()
}

/// Reads a check and does nothing with it, but count its headers: for benchmarks.
pub fn read(check: &[u8]) -> usize {
    request::read(check).map_or(0, |words| words.headers.len())
}

/// Writes the answer to one check so often, and counts its bytes: for benchmarks.
pub fn write(gate: &Gate, check: &[u8], times: u32) -> usize {
    let read = || request::read(check).map_err(request::Malformed::as_str);
    gate.answer(read, Instant::now(), None, Carried::default(), |answer| written(&answer, times))
}

/// Apart, so that it can be counted apart.
#[inline(never)]
fn written(answer: &Answer<'_>, times: u32) -> usize {
    (0..times).map(|_| Message::of(answer).alone().len()).sum()
}

#[cfg(test)]
mod tests;
