//! Bindings that are over, and bindings that add nothing.

use std::collections::HashMap;

use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::instant::DAY;
use crate::policy::{Binding, Holder, Policy, RoleName};

/// So long before a binding ends somebody should know.
const SOON: u64 = 14 * DAY;

/// Bindings whose time is over at `now`, or soon after.
pub(in crate::compile) fn expiring(policy: &Policy, now: u64, report: &mut Report) {
    for binding in &policy.bindings {
        let Some(until) = &binding.scope.until else { continue };
        let (end, text) = (until.value.at, &until.value.text);
        let finding = |code, message: String| Diagnostic::at(code, until.span, message);
        if end <= now {
            report.push(
                finding(
                    Diag::BindingExpired,
                    format!("the binding of {} expired, `until: {text}`", holder(binding)),
                )
                .label("over")
                .help("remove the binding, or say until when it counts now"),
            );
        } else if end - now <= SOON {
            report.push(
                finding(
                    Diag::BindingExpires,
                    format!("the binding of {} expires within 14 days, `until: {text}`", holder(binding)),
                )
                .label("soon over")
                .help("if it must go on, say until when; otherwise remove it then"),
            );
        }
    }
}

fn holder(binding: &Binding) -> String {
    match &binding.holder.value {
        Holder::User(name) => format!("the user `{name}`"),
        Holder::Group(name) => format!("the group `{name}`"),
        Holder::Peer(pattern) => format!("the peer `{pattern}`"),
    }
}

/// Bindings of a role to somebody who has it by another one.
pub(super) fn repeated(policy: &Policy, report: &mut Report) {
    let mut given: HashMap<(&Holder, &RoleName), Vec<(&Binding, Span)>> = HashMap::new();
    for binding in &policy.bindings {
        for role in &binding.roles {
            let key = (&binding.holder.value, &role.value);
            given.entry(key).or_default().push((binding, role.span));
        }
    }
    let mut findings: Vec<Diagnostic> = given.values().flat_map(|given| repeats(given)).collect();
    findings.sort_by_key(|finding| finding.span);
    findings.into_iter().for_each(|finding| report.push(finding));
}

/// Of the bindings of one role to one holder, those that add nothing to an
/// earlier one or to one without bounds.
fn repeats(given: &[(&Binding, Span)]) -> Vec<Diagnostic> {
    let everywhere = given.iter().find(|(binding, _)| !binding.scope.is_bound());
    let mut scopes: HashMap<String, Span> = HashMap::new();
    let mut findings = Vec::new();
    for (binding, span) in given {
        let same = match everywhere {
            Some((_, first)) => (first != span).then_some(*first),
            None => {
                let first = *scopes.entry(scope(binding)).or_insert(*span);
                (first != *span).then_some(first)
            }
        };
        if let Some(first) = same {
            let role = binding.roles.iter().find(|role| role.span == *span).map(|role| role.value.as_str());
            let message =
                format!("{} has the role `{}` by another binding", holder(binding), role.unwrap_or("?"));
            findings.push(
                Diagnostic::at(Diag::RepeatedBinding, *span, message)
                    .label("adds nothing")
                    .related(first, "given here")
                    .help("keep one of the two; if one of them should count in some places only, give both `on`"),
            );
        }
    }
    findings
}

/// What a binding is bound by, without the places.
fn scope(binding: &Binding) -> String {
    let scope = &binding.scope;
    let mut on: Vec<String> = scope
        .on
        .iter()
        .map(|on| {
            let mut values: Vec<String> = on.values.iter().map(|value| value.value.to_string()).collect();
            values.sort_unstable();
            format!("{}={values:?}", on.param.value)
        })
        .collect();
    on.sort_unstable();
    let at = |moment: &Option<crate::policy::Located<crate::policy::Moment>>| {
        moment.as_ref().map(|moment| moment.value.at)
    };
    format!("{on:?} {:?} {:?}", at(&scope.from), at(&scope.until))
}
