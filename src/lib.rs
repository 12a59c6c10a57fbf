//! Doorward.
pub mod config;
pub mod diag;
pub mod engine;
pub mod policy;
pub mod yaml;
