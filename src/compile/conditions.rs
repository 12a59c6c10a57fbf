//! `when:` - the conditions of a policy, each text compiled once.

use std::sync::Arc;

use super::expression::{Expression, Names as Named};
use super::need::Names;
use super::texts::Texts;
use crate::diag::{Code as Diag, Diagnostic, Place, Report, Span, did_you_mean};
use crate::policy::{Code, Defaults, Located, Policy, Route};
use crate::yaml::KeptText;

/// A condition and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it says.
    pub expression: Arc<Expression>,
    /// Where its key stands: on the route, or in some `defaults`.
    pub place: Place,
    /// Where each path parameter that it names stands.
    params: Arc<[(Box<str>, Span)]>,
}

/// Every condition of a policy.
pub(super) struct Conditions<'p>(Texts<'p>);

impl<'p> Conditions<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        let texts = levels(policy).filter_map(|d| d.when.as_ref()).map(|w| w.value.text.as_str());
        Self(Texts::compile(texts, Diag::BadCondition, Expression::condition))
    }

    /// The codes that conditions look for in `user.codes`.
    pub(super) fn codes(&self) -> impl Iterator<Item = Code> {
        self.0.expressions().flat_map(|expression| expression.names().codes()).filter_map(Code::parse)
    }

    /// A condition; `None` after a mistake, which the report tells.
    pub(super) fn condition(
        &self,
        written: &Located<KeptText>,
        names: Names<'_>,
        report: &mut Report,
    ) -> Option<Condition> {
        let text = &written.value;
        let place = |from, to| text.part(names.sources, from, to);
        let expression = self.0.get(&text.text, Some(text), names.sources, report)?;
        let unknown = unknown_names(expression.names(), names, place);
        let fine = unknown.is_empty();
        unknown.into_iter().for_each(|finding| report.push(finding));
        let params = expression.names().params().map(|(name, (from, to))| (name.into(), place(from, to)));
        let params = params.collect();
        fine.then(|| Condition { expression, place: names.sources.place(written.span), params })
    }
}

impl Condition {
    /// Whether the route has every parameter that the condition names.
    pub(super) fn check_params(&self, route: &Route, report: &mut Report) -> Option<()> {
        let known: Vec<&str> = route.template.params().map(|(_, name)| name).collect();
        let mut fine = Some(());
        for (name, span) in self.params.iter().filter(|(name, _)| !known.contains(&&**name)) {
            fine = None;
            let message = format!("`{}` has no parameter `{name}`", route.text);
            let finding = Diagnostic::at(Diag::BadCondition, *span, message).label("not in the path");
            let help = match (did_you_mean(name, known.iter().copied()), known.as_slice()) {
                (Some(best), _) => format!("did you mean `path.{best}`?"),
                (None, []) if route.own.when.is_none() => {
                    "the condition is inherited: give the route a `when` of its own, or `inherit: false`"
                        .to_owned()
                }
                (None, []) => "the path has no `{name}` segments".to_owned(),
                (None, known) => format!("its parameters are `{}`", known.join("`, `")),
            };
            let finding = finding.help(help);
            report.push(if route.own.when.is_none() {
                finding.related(route.span, "for this route")
            } else {
                finding
            });
        }
        fine
    }
}

/// What a condition names by its text and the policy does not have: it could
/// never be found.
fn unknown_names(
    names_of: &Named,
    names: Names<'_>,
    place: impl Fn(usize, usize) -> Span,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let finding = |code, what: &str, name: &str, (from, to), known: Vec<&str>| {
        Diagnostic::at(code, place(from, to), format!("no {what} is called `{name}`"))
            .label("not defined")
            .suggest(name, known, format!("define it under `{what}s:`, in any file of the directory"))
    };
    for (role, at) in names_of.roles().filter(|(role, _)| !names.roles.role_ids.contains_key(*role)) {
        let known = names.roles.role_ids.keys().map(|name| &**name).collect();
        findings.push(finding(Diag::UnknownRole, "role", role, at, known));
    }
    for (network, at) in names_of.networks().filter(|(network, _)| !names.networks.has(network)) {
        findings.push(finding(
            Diag::UnknownNetwork,
            "network",
            network,
            at,
            names.networks.names().collect(),
        ));
    }
    findings
}

/// Everything that can hold a condition.
fn levels(policy: &Policy) -> impl Iterator<Item = &Defaults> {
    let of_services =
        policy.services.iter().flat_map(|s| s.routes.iter().map(|r| &r.own).chain([&s.defaults]));
    of_services.chain([&policy.defaults])
}
