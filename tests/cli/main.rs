//! The commands, as the real binary runs them.
//!
//! `UPDATE_GOLDEN=1 cargo test --test cli` writes what comes out now into
//! `tests/golden/cli`; the difference is then for the reviewer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod check;
mod diff;
mod docs;
mod envoy;
mod examples;
mod import;
mod init;
mod invariants;
mod lint;
mod matrix;
mod mutate;
mod progress;
mod replay;
mod review;
mod schema;
#[path = "../examples/readme.rs"]
mod readme;
mod suite;
mod support;
mod token;
