//! The only room that knows Envoy's words: a CheckRequest becomes a request
//! for the gate, its answer becomes a CheckResponse.
//!
//! Every answer is complete and made in one file, `response`. This room opens
//! no socket, reads no file and knows no configuration; it decides nothing.

mod complete;
mod descriptors;
mod request;
mod response;
mod service;

use std::convert::Infallible;
use std::sync::Arc;

use envoy_types::pb::envoy::service::auth::v3::authorization_server;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use crate::gate::Gate;

pub(crate) use descriptors::DESCRIPTORS;

/// The name of the gRPC service, for health and reflection.
pub(crate) const SERVICE_NAME: &str = authorization_server::SERVICE_NAME;

/// A check holds a request's headers, which Envoy caps at 60 KiB unless told
/// otherwise; bodies are not asked for. What is larger is not read.
const MAX_CHECK_BYTES: usize = 128 * 1024;

/// The service that answers Envoy's checks.
pub(crate) fn service(
    gate: Arc<Gate>,
) -> impl Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
+ NamedService
+ Clone
+ Send
+ Sync
+ 'static {
    complete::Complete::new(service::Checks::new(gate), MAX_CHECK_BYTES)
}

/// The answer to one check, message in and message out, without a server
/// around it: for fuzzing and benchmarks.
pub fn answer(gate: &Arc<Gate>, check: &[u8]) -> Vec<u8> {
    service::Checks::new(Arc::clone(gate)).answer_bytes(check)
}

#[cfg(test)]
mod tests;
