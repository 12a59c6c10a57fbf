//! The policy in force: everything a decision needs, as one value behind one
//! pointer.
//!
//! The only file that names the pointer's crate.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::problem::{Names, Required};
use super::request::Words;
use super::verdict::{Judge, Verdict};
use crate::compile::Index;
use crate::engine::{Decision, HeaderPlan, Principal, Reason, decide};
use crate::identity::Verifier;

/// Policy, keys and managed headers that belong together.
#[derive(Debug)]
pub struct Snapshot {
    index: Index,
    verifier: Verifier,
    headers: HeaderPlan,
}

impl Snapshot {
    /// A snapshot of these.
    pub fn new(index: Index, verifier: Verifier, headers: HeaderPlan) -> Self {
        Self { index, verifier, headers }
    }

    /// The policy.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn judge(&self, words: &Words, clock: impl FnOnce() -> SystemTime) -> Verdict {
        let Self { index, verifier, headers } = self;
        let pairs = words.pairs();
        let input = words.input(&pairs);
        let decision = decide(index, &input, || {
            let now = seconds(clock()).ok_or((Reason::EngineError, "the clock stands before 1970"))?;
            let subject = verifier.authenticate(input.headers, now).map_err(|r| (r.reason, r.detail))?;
            Ok(Arc::new(Principal::resolve(index, subject)))
        });
        let mut verdict = self.in_names(&decision);
        if decision.reason.is_allowed() {
            match headers.render(index, decision.principal.as_deref(), input.headers) {
                Ok(changes) => verdict.changes = changes,
                Err(fault) => {
                    verdict.reason = Reason::ValueUnsafe;
                    verdict.detail = Some(format!("{}: {}", fault.header, fault.why).into());
                }
            }
        }
        verdict
    }

    fn in_names(&self, decision: &Decision) -> Verdict {
        let index = &self.index;
        Verdict {
            detail: decision.detail.map(Into::into),
            service: decision.service.and_then(|id| index.service(id)).map(|s| s.name.clone()),
            route: decision.route.and_then(|id| index.route(id)).map(|r| r.text.clone()),
            place: decision.place(index).cloned(),
            user: decision.principal.as_ref().map(|p| p.subject().user.as_str().into()),
            revision: Some(index.revision().clone()),
            required: decision.required(index).map(|required| {
                let names = required.names.into_iter().map(str::to_owned).collect();
                let names = if required.all { Names::All(names) } else { Names::Any(names) };
                Required::of(decision.reason, names)
            }),
            methods: decision.allow,
            ..Verdict::of(decision.reason)
        }
    }
}

fn seconds(now: SystemTime) -> Option<u64> {
    now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// The snapshot in force. Replacing it is one store; a check that is under
/// way finishes on the one it began with.
#[derive(Debug)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// Puts the first snapshot in force.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// Puts another snapshot in force.
    pub fn replace(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }

    /// The snapshot in force.
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

impl Judge for Arc<Live> {
    fn judge(&self, words: &Words) -> Verdict {
        // INVARIANT: the only load of a check.
        self.0.load().judge(words, SystemTime::now)
    }
}

#[cfg(test)]
mod tests;
