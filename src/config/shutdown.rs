//! How the process goes once it is told to: `shutdown`.

use std::time::Duration;

use super::units;
use crate::diag::Report;
use crate::yaml::{Elsewhere, Entry, Fields, Shape};

/// How the process goes once it is told to by SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// How long everything is still served while health says that it is not,
    /// so that whoever balances load looks elsewhere.
    pub delay: Duration,
    /// How long what was begun may take after that.
    pub limit: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        // Together less than the 30 s that Kubernetes gives.
        Self { delay: Duration::from_secs(5), limit: Duration::from_secs(20) }
    }
}

pub(super) const SHAPE: Shape = Shape { what: "`shutdown`", known: &["delay", "limit"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["drain", "drain_time", "wait", "pre_stop", "prestop", "lame_duck"],
        meant: "delay",
        help: "write `delay:` and how long everything is served while health already says no",
    },
    Elsewhere {
        words: &["timeout", "grace", "grace_period", "deadline", "max"],
        meant: "limit",
        help: "write `limit:` and how long open connections may take to finish",
    },
];

/// Reads `shutdown`.
pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Shutdown> {
    let usual = Shutdown::default();
    let Some(entry) = entry else { return Some(usual) };
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let delay = match fields.get("delay") {
        Some(entry) => units::seconds(&entry.value, "`shutdown.delay`", 0..=600, report),
        None => Some(usual.delay.as_secs()),
    };
    let limit = match fields.get("limit") {
        Some(entry) => units::seconds(&entry.value, "`shutdown.limit`", 1..=600, report),
        None => Some(usual.limit.as_secs()),
    };
    Some(Shutdown { delay: Duration::from_secs(delay?), limit: Duration::from_secs(limit?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for entry in ELSEWHERE {
            assert!(SHAPE.known.contains(&entry.meant), "{}", entry.meant);
            assert!(entry.words.iter().all(|word| !SHAPE.known.contains(word)), "{:?}", entry.words);
        }
    }
}
