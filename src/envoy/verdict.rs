//! What became of a request, in names: all that the answer and the log need,
//! and nothing of Envoy.

use std::borrow::Cow;
use std::sync::Arc;

use super::problem::Required;
use super::request::Words;
use crate::diag::Place;
use crate::engine::{HeaderChanges, Missing, Reason};
use crate::policy::MethodSet;

/// One decision. Everything but the reason is there only as far as the
/// decision got.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) reason: Reason,
    /// For the log alone: what exactly was wrong. Never words of a token.
    pub(super) detail: Option<Cow<'static, str>>,
    pub(super) service: Option<Arc<str>>,
    /// As the policy writes it, such as `GET /events/{id}`.
    pub(super) route: Option<Arc<str>>,
    /// The file and line that decided.
    pub(super) place: Option<Place>,
    pub(super) user: Option<Arc<str>>,
    /// Of the policy that decided.
    pub(super) revision: Option<Arc<str>>,
    pub(super) required: Option<Required>,
    /// What the caller lacks of it.
    pub(super) missing: Missing,
    /// The methods of a path that does not take the request's.
    pub(super) methods: MethodSet,
    /// What an allow does to the request's headers.
    pub(super) changes: HeaderChanges,
}

impl Verdict {
    /// A denial about which nothing is known but its reason and a few words.
    pub(super) fn bare(reason: Reason, detail: &'static str) -> Self {
        Self { detail: Some(detail.into()), ..Self::of(reason) }
    }

    /// A decision about which nothing is known but its reason.
    pub(super) fn of(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            service: None,
            route: None,
            place: None,
            user: None,
            revision: None,
            required: None,
            missing: Missing::default(),
            methods: MethodSet::default(),
            changes: HeaderChanges::default(),
        }
    }
}

/// Whoever decides about requests. The service asks a judge and answers Envoy;
/// that it answers well even when the judge panics, dawdles or talks nonsense
/// is tested with judges that do.
pub(super) trait Judge: Send + Sync + 'static {
    /// Decides about one request. Does not wait.
    fn judge(&self, words: &Words) -> Verdict;
}
