//! What became of a request, in names: all that the answer and the records of
//! it need.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::problem::Required;
use super::words::Words;
use crate::diag::Place;
use crate::engine::{HeaderChanges, Missing, Principal, Reason};
use crate::policy::MethodSet;
use crate::telemetry::{Course, Disagreement, Keep, Meter, Told, Veil};

/// One decision. Everything but the reason is there only as far as the
/// decision got. Names are the policy's own: copies of them would be counted by
/// all threads at once.
#[derive(Debug, Clone)]
pub(crate) struct Verdict<'s> {
    pub(crate) reason: Reason,
    /// For the log alone: what exactly was wrong. Never words of a token.
    pub(crate) detail: Option<Cow<'static, str>>,
    pub(crate) service: Option<&'s str>,
    /// As the policy writes it, such as `GET /events/{id}`.
    pub(crate) route: Option<&'s str>,
    /// The file and line that decided.
    pub(crate) place: Option<&'s Place>,
    pub(crate) caller: Option<Arc<Principal>>,
    /// The roles in force, the primary one first; where they are to be told.
    pub(crate) roles: Vec<&'s str>,
    /// What lines say of the caller with the roles in force, where it was kept.
    pub(crate) told: Option<&'s Told>,
    /// Where to count the decision.
    pub(crate) meter: Option<&'s Meter>,
    /// What of paths is hidden.
    pub(crate) veil: Option<&'s Veil>,
    /// Where the candidate decides otherwise.
    pub(crate) candidate: Option<Disagreement>,
    /// When the policy in force had decided: what the candidate takes is not the
    /// caller's to wait for.
    pub(crate) decided: Option<Instant>,
    /// When its parts began and ended, where that was wanted.
    pub(crate) course: Option<Course>,
    /// When it was decided: seconds since 1970, UTC.
    pub(crate) now: u64,
    /// The same as the clock said it, where it was asked.
    pub(crate) time: Option<SystemTime>,
    /// Of the policy that decided.
    pub(crate) revision: Option<&'s str>,
    pub(crate) required: Option<Required>,
    /// What the caller lacks of it.
    pub(crate) missing: Missing,
    /// The methods of a path that does not take the request's.
    pub(crate) methods: MethodSet,
    /// What an allow does to the request's headers.
    pub(crate) changes: HeaderChanges<'s>,
}

impl Verdict<'_> {
    /// A denial about which nothing is known but its reason and a few words.
    pub(crate) fn bare(reason: Reason, detail: &'static str) -> Self {
        Self { detail: Some(detail.into()), ..Self::of(reason) }
    }

    /// A decision about which nothing is known but its reason.
    pub(crate) fn of(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            service: None,
            route: None,
            place: None,
            caller: None,
            roles: Vec::new(),
            told: None,
            meter: None,
            veil: None,
            candidate: None,
            decided: None,
            course: None,
            now: 0,
            time: None,
            revision: None,
            required: None,
            missing: Missing::default(),
            methods: MethodSet::default(),
            changes: HeaderChanges::default(),
        }
    }

    /// Makes a denial of it.
    pub(crate) fn refuse(&mut self, reason: Reason, detail: impl Into<Cow<'static, str>>) {
        self.reason = reason;
        self.detail = Some(detail.into());
        self.changes = HeaderChanges::default();
    }

    /// The user, once known.
    pub(crate) fn user(&self) -> Option<&str> {
        self.caller.as_ref().map(|caller| caller.subject().user.as_str())
    }
}

/// Whoever decides about requests. The gate asks a judge and answers the proxy;
/// that it answers well even when the judge panics, dawdles or talks nonsense
/// is tested with judges that do.
pub(crate) trait Judge: Send + Sync + 'static {
    /// Decides about one request, of which `pairs` are the headers, and gives what
    /// `then` makes of the verdict. Does not wait. `keep` says when the verdict
    /// must hold what is told at length, `traced` that it must hold its course.
    fn judge<T>(
        &self,
        words: &Words<'_>,
        pairs: &[(&str, &[u8])],
        keep: Keep,
        traced: bool,
        then: impl FnOnce(Verdict<'_>) -> T,
    ) -> T;
}

#[cfg(test)]
impl<F: Fn(&Words<'_>) -> Verdict<'static> + Send + Sync + 'static> Judge for F {
    fn judge<T>(
        &self,
        words: &Words<'_>,
        _: &[(&str, &[u8])],
        _: Keep,
        _: bool,
        then: impl FnOnce(Verdict<'_>) -> T,
    ) -> T {
        then(self(words))
    }
}
