//! When the parts of a check began and ended: noted where the check is traced.

use std::time::Instant;

use crate::words::Reason;

/// From one moment to another.
#[derive(Debug, Clone, Copy)]
pub struct Lasted {
    /// The beginning.
    pub from: Instant,
    /// The end.
    pub to: Instant,
}

impl Lasted {
    /// From then to now.
    pub fn since(from: Instant) -> Self {
        Self { from, to: Instant::now() }
    }
}

/// The parts of one check.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// The policy was asked.
    pub decide: Lasted,
    /// The policy wanted to know who calls.
    pub verify: Option<Verify>,
}

/// The caller was found out.
#[derive(Debug, Clone, Copy)]
pub struct Verify {
    /// When.
    pub lasted: Lasted,
    /// Whether the token was remembered, or why it was refused.
    pub outcome: Result<bool, Reason>,
}
