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

/// The service that answers Envoy's checks. What is larger than `check_size` is
/// not read.
pub(crate) fn service(
    gate: Arc<Gate>,
    check_size: usize,
) -> impl Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
+ NamedService
+ Clone
+ Send
+ Sync
+ 'static {
    complete::Complete::new(service::Checks::new(gate), check_size)
}

/// The answer to one check, message in and message out, without a server
/// around it: for fuzzing and benchmarks.
pub fn answer(gate: &Arc<Gate>, check: &[u8]) -> Vec<u8> {
    service::Checks::new(Arc::clone(gate)).answer_bytes(check)
}

#[cfg(test)]
mod tests;
