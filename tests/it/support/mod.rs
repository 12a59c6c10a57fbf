//! What the tests drive and look with.

mod child;
mod edge;
mod front;
mod h2c;
mod h2raw;
mod http1;
mod key;
mod mesh;
mod slow;
mod stack;
mod stage;

#[path = "../../../examples/quickstart/messages.rs"]
mod messages;

use std::time::{Duration, Instant};

pub(crate) use edge::{Edge, guide};
pub(crate) use front::{Front, envoy_binary, nginx_binary, replaced};
pub(crate) use h2c::{Call, grpc};
pub(crate) use h2raw::Frames;
pub(crate) use http1::{Answer, Request};
pub(crate) use key::{HmacKey, IssuerKey, now};
pub(crate) use mesh::{Authority, Door, Mesh, San, Way, pem};
pub(crate) use slow::SlowWay;
pub(crate) use stack::{Stack, free_port, root};
pub(crate) use stage::Stage;

/// Waits until something holds; the last word on it after half a minute is a failure.
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match check() {
            Ok(value) => return value,
            Err(problem) if Instant::now() > deadline => panic!("{what}: {problem}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
