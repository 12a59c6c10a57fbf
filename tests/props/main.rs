//! What must hold for every request and every policy, tried on thousands of
//! them: the engine against slow models that are plainly right.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod any;
mod headers;
mod large;
mod names;
mod path;
mod router;
mod shuffle;
mod text;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::FileFailurePersistence;

/// So many cases; what failed once is kept beside the test and tried first.
fn cases(cases: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(persistence)), ..ProptestConfig::default() }
}
