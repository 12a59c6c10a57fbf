//! Cases as files: each folder below `tests/golden/<kind>/` is one case, and
//! its `expected.txt` is what a person reads.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes what comes out now; the
//! difference is then for the reviewer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[cfg(feature = "server")]
mod api;
mod decisions;
mod envoy;
mod findings;
mod folders;
mod lint;
mod matrix;
mod suites;
mod walk;
