//! The decision with all that follows from it.

use std::sync::Arc;

use crate::compile::{Index, Service};
use crate::config::OnAnonymous;
use crate::denial::{Answer, Denials, Denied};
use crate::engine::{
    Decision, Explanation, HeaderChanges, HeaderPlan, Input, Missing, Origin, Principal, Reason, explain,
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
    pub changes: Option<HeaderChanges>,
    /// On a denial, what the caller gets.
    pub answer: Option<Answer<'a>>,
}

impl<'a> Court<'a> {
    /// Decides. `id` stands where the id of a decision would.
    pub fn decide(
        &self,
        id: &str,
        input: &Input<'_>,
        origin: Origin,
        identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
    ) -> Outcome<'a> {
        let Self { index, headers, denials, on_anonymous } = *self;
        let (mut decision, mut explanation) = explain(index, input, origin, on_anonymous, identify);
        let mut changes = None;
        if let (Some(plan), true) = (headers, decision.reason.is_allowed()) {
            match plan.changes(None, index, &decision, input) {
                Ok(set_and_removed) => changes = Some(set_and_removed),
                Err(fault) => {
                    decision.reason = Reason::ValueUnsafe;
                    explanation.refuse_value(&fault.header, fault.why);
                }
            }
        }
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
