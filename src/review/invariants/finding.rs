//! Invariants and what breaks them in words.

use super::{Breach, Counterexample, Outcome};
use crate::diag::{Code, Diagnostic, Place};
use crate::policy::Method;
use crate::policy::invariant::{Callers, Invariant, Line, Says};

/// What an invariant says.
pub(super) fn sentence(invariant: &Invariant) -> String {
    let listed = |lines: &[Line]| {
        let lines: Vec<String> = lines.iter().map(|line| format!("`{}`", line.text)).collect();
        lines.join(", ")
    };
    let lines = listed(&invariant.requests);
    let mut sentence = match &invariant.says.value {
        Says::Only(callers) => format!("only {callers} may {lines}"),
        Says::Never(Callers::Anyone) => format!("nobody may {lines}"),
        Says::Never(callers) => format!("{callers} may never {lines}"),
        Says::Always(callers) => format!("{callers} may always {lines}"),
        Says::Public => format!("the anonymous routes are exactly {lines}"),
    };
    if !invariant.except.is_empty() {
        sentence.push_str(&format!(" (except {})", listed(&invariant.except)));
    }
    if let Some(service) = &invariant.service {
        sentence.push_str(&format!(" of `{}`", service.value));
    }
    if invariant.ip.is_some() {
        sentence.push_str(", from the addresses of its `ip`");
    }
    match invariant.conditions {
        Some(true) => sentence.push_str(", where all conditions hold"),
        Some(false) => sentence.push_str(", where no condition holds"),
        None => {}
    }
    sentence
}

impl Outcome {
    /// What is wrong with it, if anything is. Places in the policy are told as
    /// `place` writes them.
    pub fn finding(&self, place: impl Fn(&Place) -> String) -> Option<Diagnostic> {
        let first = self.breaches.first()?;
        let rests = if self.rests_on_conditions() { "can't be proved" } else { "is false" };
        let message = format!("`{}` {rests}: {}", self.name, self.sentence);
        let mut finding = Diagnostic::at(Code::InvariantFalse, self.span, message);
        finding = match (&first, self.counterexamples().count()) {
            (Breach::Request(_), 1) => finding.label("a request breaks it"),
            (Breach::Request(_), more) => finding.label(format!("{more} kinds of requests break it")),
            (Breach::NotPublic { .. }, _) => finding.label("not all of it is public"),
            (Breach::Nothing, _) => finding.label("there are no such requests"),
        };
        for breach in &self.breaches {
            if let Breach::NotPublic { line, span, methods } = breach {
                let methods: Vec<&str> = methods.iter().map(Method::word).collect();
                let label = format!("no anonymous request meets a route `{line}` ({})", methods.join(", "));
                finding = finding.related(*span, label);
            }
        }
        Some(match first {
            Breach::Nothing => finding.help(
                "no service answers for such a path: compare the template with the routes that you mean",
            ),
            Breach::Request(found) if self.rests_on_conditions() => {
                let holds = found.witness.conditions.iter().any(|(_, holds)| *holds);
                finding.help(format!(
                    "it rests on a condition, which is not looked into: write `conditions: {}` to leave such \
                     requests out",
                    if holds { "fail" } else { "hold" },
                ))
            }
            Breach::Request(found) => match found.met.place.as_ref() {
                Some(at) => finding.help(format!("change the route at {}, or the invariant", place(at))),
                None => finding,
            },
            Breach::NotPublic { .. } => finding.help("remove the line, or make the route anonymous"),
        })
    }
}

impl Counterexample {
    /// What becomes of the request, and where that is said.
    pub fn told(&self, place: impl Fn(&Place) -> String) -> String {
        let Self { met, decided, witness, confirmed, .. } = self;
        let mut told = match (&met.route, &met.place) {
            (Some(route), Some(at)) => format!("`{route}` at {}", place(at)),
            _ => format!("no route of `{}`", met.service.as_deref().unwrap_or_default()),
        };
        for (text, holds) in &witness.conditions {
            told.push_str(&format!(", where `{text}` is {holds}"));
        }
        match (confirmed, witness.conditions.is_empty()) {
            (true, _) => format!("{}: {told}", decided.as_str()),
            (false, false) => format!("by {told}"),
            (false, true) => format!("by {told}; tried, it is {}", decided.as_str()),
        }
    }
}
