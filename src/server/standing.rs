//! Whether this process wants requests: the one answer that gRPC health,
//! `/readyz` and the metrics give.

use std::sync::{Mutex, PoisonError};

use crate::identity::Readiness;

/// How the process stands.
pub(super) struct Standing {
    phase: Mutex<Phase>,
    readiness: Readiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Serving,
    Stopping,
}

impl Standing {
    /// A process that starts; `readiness` is what it waits for.
    pub(super) fn starting(readiness: Readiness) -> Self {
        Self { phase: Mutex::new(Phase::Starting), readiness }
    }

    /// Requests are wanted.
    pub(super) fn serve(&self) {
        self.enter(Phase::Serving);
    }

    /// No more requests are wanted, and never will be.
    pub(super) fn stop(&self) {
        self.enter(Phase::Stopping);
    }

    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Why no requests are wanted; nothing where they are.
    pub(super) fn hindrances(&self) -> Vec<String> {
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        match phase {
            Phase::Serving => Vec::new(),
            Phase::Stopping => vec!["stopping".to_owned()],
            Phase::Starting => {
                let missing = self.readiness.missing();
                let mut why: Vec<String> =
                    missing.map(|issuer| format!("the keys of `{issuer}` were never had")).collect();
                if why.is_empty() {
                    why.push("starting".to_owned());
                }
                why
            }
        }
    }
}
