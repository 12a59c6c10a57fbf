//! The real doorward as a child process, behind a real Envoy, before real services.
//!
//! `tests/run` sets up what these tests need. A test whose name begins with a number of a case, such
//! as `path_1_`, is that case of the list of attacks that Doorward is built against.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../examples/readme.rs"]
mod readme;
mod support;

mod address;
mod admin;
mod careless;
mod credential;
mod decision_log;
mod denial;
mod envoy_config;
mod examples;
mod failure;
mod flood;
mod forward_envoy;
mod forward_nginx;
mod forward_port;
mod frames;
mod host;
mod limits;
mod load;
mod method;
mod path;
mod peer;
mod reload;
mod replay;
mod response;
mod restart;
mod serve;
mod soak;
mod spoof;
mod tls;
mod token;
mod tour;
mod tracing;
