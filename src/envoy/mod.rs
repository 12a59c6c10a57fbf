//! The only room that knows Envoy's words: a CheckRequest becomes a request
//! for the engine, a decision becomes a CheckResponse.
//!
//! Every answer is complete and made in one file, `response`. This room opens
//! no socket, reads no file and knows no configuration; it decides nothing.

mod complete;
mod descriptors;
mod id;
mod log;
mod metadata;
mod problem;
mod request;
mod response;
mod service;
mod snapshot;
mod verdict;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use crate::denial::Denials;

pub(crate) use descriptors::DESCRIPTORS;
pub use snapshot::{Live, Snapshot};

/// The name of the gRPC service, for health and reflection.
pub(crate) const SERVICE_NAME: &str = authorization_server::SERVICE_NAME;

/// The longest a check may take where Envoy sets no deadline of its own.
const LIMIT: Duration = Duration::from_secs(1);

/// A check holds a request's headers, which Envoy caps at 60 KiB unless told
/// otherwise; bodies are not asked for. What is larger is not read.
const MAX_CHECK_BYTES: usize = 128 * 1024;

/// The service that answers Envoy by the policy in force, and denied callers
/// with these words.
pub(crate) fn service(
    policy: Arc<Live>,
    denials: Arc<Denials>,
) -> impl Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
+ NamedService
+ Clone
+ Send
+ Sync
+ 'static {
    complete::Complete::new(service::Gate::new(policy, denials, LIMIT), MAX_CHECK_BYTES)
}

/// The answer to one check, message in and message out, without a server
/// around it: for fuzzing and benchmarks.
pub fn answer(policy: &Arc<Live>, denials: &Arc<Denials>, check: &[u8]) -> Vec<u8> {
    service::Gate::new(Arc::clone(policy), Arc::clone(denials), LIMIT).answer_bytes(check)
}
