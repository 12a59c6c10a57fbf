//! Doorward.
#[cfg(feature = "server")]
pub mod cli;
pub mod config;
pub mod diag;
pub mod engine;
#[cfg(feature = "server")]
pub mod envoy;
pub mod policy;
#[cfg(feature = "server")]
pub mod server;
pub mod yaml;
