//! What conditions and header values ask about the caller, and about the path
//! and the service that they ask for.

use std::borrow::Cow;

use super::decision::Decision;
use super::held::Held;
use crate::compile::{Expression, Fact, Facts, Fault, Index, Route, Seen, Service, walk};
use crate::policy::{RequestPath, decode_segment};

/// A caller, alone or on a request.
pub(super) struct CallerFacts<'a> {
    index: &'a Index,
    held: Held<'a>,
    on: Option<On<'a>>,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub(super) service: &'a Service,
    pub(super) route: &'a Route,
    /// None where it was not read again, because nobody asks.
    pub(super) path: Option<&'a RequestPath<'a>>,
}

impl<'a> On<'a> {
    /// Where a request went that was decided.
    pub(super) fn of(
        index: &'a Index,
        decision: &Decision,
        path: Option<&'a RequestPath<'a>>,
    ) -> Option<Self> {
        Some(Self { service: index.service(decision.service?)?, route: index.route(decision.route?)?, path })
    }

    /// The decoded segment of a path parameter.
    fn param(self, name: &str) -> Option<Cow<'a, str>> {
        let (at, _) = self.route.template.params().find(|(_, known)| *known == name)?;
        self.path?.segment(at).map(decode_segment)
    }
}

impl<'a> CallerFacts<'a> {
    pub(super) fn new(index: &'a Index, held: Held<'a>, on: Option<On<'a>>) -> Self {
        Self { index, held, on }
    }
}

/// Whether a condition holds that asks about the caller and the service alone; `None`
/// where it may ask for more.
pub fn holds_for(
    index: &Index,
    held: Held<'_>,
    service: &Service,
    route: &Route,
    condition: &Expression,
) -> Option<Result<bool, Fault>> {
    let of_caller = |fact: &Fact| !fact.is_of_request() && !matches!(fact, Fact::Param(_));
    if !condition.facts().all(of_caller) {
        return None;
    }
    let facts = CallerFacts::new(index, held, Some(On { service, route, path: None }));
    Some(condition.holds(&facts))
}

impl Facts for CallerFacts<'_> {
    fn seen(&self, fact: &Fact) -> Result<Seen<'_>, Fault> {
        let Self { held, on, .. } = self;
        let subject = held.principal().subject();
        let found = match fact {
            Fact::Param(name) => on.and_then(|on| on.param(name)).map(Seen::Text),
            Fact::User => Some(Seen::Text(Cow::Borrowed(&subject.user))),
            Fact::Roles => Some(Seen::Texts(held.role_names().into_iter().map(Cow::Borrowed).collect())),
            Fact::Groups => Some(Seen::Texts(subject.groups.iter().map(Cow::from).collect())),
            Fact::Codes => Some(Seen::Texts(held.codes().map(Cow::Borrowed).collect())),
            Fact::PrimaryRole => held.role_names().first().map(|role| Seen::Text(Cow::Borrowed(role))),
            Fact::Claims(path) => return walk(&subject.claims, path),
            Fact::Service => on.map(|on| Seen::Text(Cow::Borrowed(&on.service.name))),
            // Not about the caller.
            _ => None,
        };
        found.ok_or(Fault::Missing)
    }

    fn lists(&self, fact: &Fact, text: &str) -> Result<bool, Fault> {
        let Self { index, held, .. } = self;
        Ok(match fact {
            Fact::Roles => index.role_named(text).is_some_and(|role| held.is_assigned(role)),
            Fact::Groups => held.principal().subject().groups.iter().any(|group| group == text),
            Fact::Codes => index.code_named(text).is_some_and(|code| held.has_code(code)),
            fact => return self.seen(fact)?.lists(text),
        })
    }
}
