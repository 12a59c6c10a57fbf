//! What must hold for every request and every policy, tried on thousands of
//! them: the engine against slow models that are plainly right.
//!
//! `PROPS=50 cargo test --test props` tries fifty times as many.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod any;
mod conditions;
mod headers;
#[cfg(feature = "server")]
mod import;
mod large;
mod lint;
#[cfg(feature = "server")]
mod lines;
mod matrix;
mod mutate;
mod names;
mod path;
mod peers;
mod points;
mod proofs;
mod proxy;
#[cfg(feature = "server")]
mod replay;
mod router;
mod scopes;
mod shuffle;
mod small;
mod suites;
mod text;
mod tricks;
mod what;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::FileFailurePersistence;

/// So many cases; what failed once is kept beside the test and tried first.
fn cases(cases: u32) -> ProptestConfig {
    let times = std::env::var("PROPS").map_or(1, |times| times.parse().unwrap());
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig {
        cases: cases * times,
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}
