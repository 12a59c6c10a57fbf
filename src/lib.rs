//! Doorward.
pub mod config;
pub mod diag;
pub mod engine;
pub mod yaml;
