//! Whether what becomes of a test depends on the time. A test that does, and
//! does not say when it is meant, would begin to fail by itself one day.

use std::collections::BTreeSet;

use super::{Case, Miss, Session};
use crate::compile::{Fact, Miss as ScopeMiss, Occasion, Rule, Scope};
use crate::engine::{Reason, Silent};
use crate::policy::RequestPath;
use crate::policy::instant::utc;
use crate::trial::Verdict;

/// What it depends on, in words, if it does.
pub(super) fn dependence(session: &Session<'_>, case: &Case, verdict: &Verdict, now: u64) -> Option<Miss> {
    condition(session, verdict).or_else(|| binding(session, case, verdict, now))
}

/// A condition that was asked, and itself asks for the time.
fn condition(session: &Session<'_>, verdict: &Verdict) -> Option<Miss> {
    let decision = &verdict.decision;
    let asked = matches!(decision.reason, Reason::Allowed | Reason::ConditionFalse | Reason::ConditionError);
    let route = session.court.index.route(decision.route?).filter(|_| asked)?;
    let Rule::Needs { when: Some(when), .. } = &route.rule else { return None };
    let asks = when.expression.facts().any(|fact| *fact == Fact::Time);
    asks.then(|| Miss::Time {
        why: "its condition asks for `request.time`".to_owned(),
        place: when.place.clone(),
    })
}

/// A binding of the caller whose time comes or ends, with another result then.
fn binding(session: &Session<'_>, case: &Case, verdict: &Verdict, now: u64) -> Option<Miss> {
    let decision = &verdict.decision;
    let principal = decision.principal.as_ref()?;
    let route = session.court.index.route(decision.route?)?;
    let path = RequestPath::parse(&case.asked.path).ok()?;
    let occasion = Occasion { template: &route.template, path: &path, now };
    // Those that nothing but the time keeps from counting here.
    let here = |scope: &Scope| {
        scope.misses(occasion).all(|miss| matches!(miss, ScopeMiss::NotYet | ScopeMiss::Over))
    };
    let bounds = principal.scoped().flat_map(|scoped| scoped.bounds());
    let windows: Vec<_> = bounds
        .filter_map(|bound| {
            let scope = bound.scope.as_ref().filter(|scope| here(scope))?;
            let ends = [&scope.window.from, &scope.window.until].into_iter().flatten();
            Some(ends.map(|moment| moment.at).map(move |at| (at, &bound.place)))
        })
        .flatten()
        .collect();
    // What is over does not come back.
    let moments: BTreeSet<u64> = windows.iter().map(|(at, _)| *at).filter(|at| *at > now).collect();
    let other = moments.into_iter().find(|moment| {
        let then = session.run_at(case, *moment, &mut Silent);
        then.decision.reason != decision.reason
            || case.headers(then.changes.as_ref()).ne(case.headers(verdict.changes.as_ref()))
    })?;
    let (_, place) = windows.iter().find(|(at, _)| other == *at)?;
    let why = format!("a binding makes it another at {}", utc(other));
    Some(Miss::Time { why, place: (*place).clone() })
}
