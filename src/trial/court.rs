//! The decision with all that follows from it.

use std::sync::Arc;

use crate::compile::{Index, Service};
use crate::config::OnAnonymous;
use crate::denial::{Answer, Denials, Denied};
use crate::engine::{
    Decision, Explanation, HeaderChanges, HeaderPlan, Input, Missing, Observer, Origin, Principal, Reason,
    UnsafeValue, decide_observed, explain,
};

/// What is decided by.
#[derive(Debug, Clone, Copy)]
pub struct Court<'a> {
    /// The policy.
    pub index: &'a Index,
    /// What the upstream is told, where a configuration says so.
    pub headers: Option<&'a HeaderPlan>,
    /// What denied callers are told.
    pub denials: &'a Denials,
    /// What becomes of a token on a route that everyone may call.
    pub on_anonymous: OnAnonymous,
}

/// A decision with all that follows from it.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The decision.
    pub decision: Decision,
    /// How it came about.
    pub explanation: Explanation,
    /// On an allow, what becomes of the request's headers.
    pub changes: Option<HeaderChanges<'static>>,
    /// On a denial, what the caller gets.
    pub answer: Option<Answer<'a>>,
}

/// A decision and what it does to the request, no more.
#[derive(Debug)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// On an allow, what becomes of the request's headers.
    pub changes: Option<HeaderChanges<'static>>,
}

impl<'a> Court<'a> {
    /// Decides, and does not say why: for many requests.
    pub fn judge(
        &self,
        input: &Input<'_>,
        identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
        observer: &mut impl Observer,
    ) -> Verdict {
        let mut decision = decide_observed(self.index, input, self.on_anonymous, identify, observer);
        let changes = self.changes(&mut decision, input).unwrap_or_default();
        Verdict { decision, changes }
    }

    /// On an allow, what becomes of the request's headers. A value that may not
    /// become one turns it into a denial.
    fn changes(
        &self,
        decision: &mut Decision,
        input: &Input<'_>,
    ) -> Result<Option<HeaderChanges<'static>>, UnsafeValue> {
        let Some(plan) = self.headers.filter(|_| decision.reason.is_allowed()) else { return Ok(None) };
        plan.changes(None, self.index, decision, input)
            .map(|changes| Some(changes.into_owned()))
            .inspect_err(|_| decision.reason = Reason::ValueUnsafe)
    }

    /// Decides. `id` stands where the id of a decision would.
    pub fn decide(
        &self,
        id: &str,
        input: &Input<'_>,
        origin: Origin,
        identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
    ) -> Outcome<'a> {
        let Self { index, denials, on_anonymous, .. } = *self;
        let (mut decision, mut explanation) = explain(index, input, origin, on_anonymous, identify);
        let changes = self.changes(&mut decision, input).unwrap_or_else(|fault| {
            explanation.refuse_value(&fault.header, fault.why);
            None
        });
        let missing = Missing::of(index, &decision);
        let answer = (!decision.reason.is_allowed()).then(|| {
            denials.answer(Denied {
                reason: decision.reason,
                id,
                request: Some(input),
                service: decision.service_name(index),
                route: decision.route_text(index),
                user: decision.principal.as_ref().map(|principal| principal.subject().user.as_str()),
                missing: &missing,
                methods: decision.allow,
            })
        });
        if let Some(answer) = &answer {
            explanation.status = answer.status();
        }
        Outcome { decision, explanation, changes, answer }
    }
}
