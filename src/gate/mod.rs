//! The gate: the words of one request in, one complete answer out, whatever
//! happens.
//!
//! Between the engine, which is pure, and the rooms that speak to proxies. Holds
//! the policy in force, asks it, says what an answer consists of, and tells
//! `telemetry` about every decision. This room knows no proxy's protocol, opens
//! no socket and reads no file.

mod words;
mod id;
mod verdict;
mod candidate;
mod snapshot;
mod answer;
mod problem;
mod service;

pub(crate) use answer::{Allow, Answer, Denial, Described, Outcome};
pub use service::Gate;
pub use snapshot::{Live, Snapshot};
pub(crate) use verdict::Judge;
pub(crate) use words::Words;
#[cfg(test)]
pub(crate) use {answer::is_sendable, problem::denial, verdict::Verdict};
