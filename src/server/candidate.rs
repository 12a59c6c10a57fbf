//! The candidate: a policy that is decided beside the one in force and never
//! enforced. Read at the start and again whenever its files change.
//!
//! Whatever is wrong with it, the policy in force is not touched: a candidate
//! with mistakes is none.

use std::sync::Arc;
use std::time::Duration;

use super::source::Found;
use super::startup::Findings;
use super::watch::{Sight, Watch};
use crate::diag::{Format, render};
use crate::gate::{Live, Snapshot};
use crate::telemetry::Telemetry;

/// What keeps the candidate as its files are.
pub(super) struct Candidate {
    watch: Watch,
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    retired: Option<Arc<Snapshot>>,
    last_error: Option<String>,
}

impl Candidate {
    /// Nothing is read before the first look.
    pub(super) fn new(watch: Watch, live: Arc<Live>, telemetry: Arc<Telemetry>) -> Self {
        telemetry.metrics().candidate(false);
        Self { watch, live, telemetry, retired: None, last_error: None }
    }

    /// Reads the candidate if its files have changed, or somebody asked for it.
    /// Gives the time to wait before the next look.
    pub(super) fn look(&mut self, asked: bool) -> Duration {
        self.retired = None;
        let (sight, pause) = self.watch.look(asked);
        if let Some(sight) = sight {
            self.judge(sight);
        }
        pause
    }

    fn judge(&mut self, sight: Sight) {
        let Sight { found, quietly, torn, took: _ } = sight;
        if torn {
            // Seen again at the next look.
            return;
        }
        let Some(Found { commit: _, index, findings }) = found else {
            return self.refuse("the compiler panicked, which is a mistake in Doorward".to_owned(), quietly);
        };
        let Findings { report, sources } = &findings;
        let findings = render(report, sources, Format::Short);
        let Some(index) = index else { return self.refuse(findings, quietly) };
        self.last_error = None;
        self.telemetry.metrics().candidate(true);
        let current = self.live.current();
        if current.candidate().is_some_and(|candidate| candidate.revision() == index.revision()) {
            return;
        }
        for line in findings.lines() {
            tracing::warn!(finding = line, "worth a look in the candidate");
        }
        let revision = Arc::clone(index.revision());
        self.live.replace(current.beside(Some(index)));
        self.retired = Some(current);
        self.telemetry.metrics().new_candidate();
        tracing::info!(revision = &*revision, "candidate loaded: it is decided and not enforced");
    }

    /// The one before, if any, is not what its files say: it goes.
    fn refuse(&mut self, why: String, quietly: bool) {
        self.telemetry.metrics().candidate(false);
        if quietly && self.last_error.as_deref() == Some(&why) {
            return;
        }
        for line in why.lines() {
            tracing::error!(finding = line, "candidate not loaded");
        }
        tracing::error!("candidate not loaded: nothing is decided beside the policy in force");
        self.last_error = Some(why);
        let current = self.live.current();
        if current.candidate().is_some() {
            self.live.replace(current.beside(None));
            self.retired = Some(current);
        }
    }
}

#[cfg(test)]
mod tests;
