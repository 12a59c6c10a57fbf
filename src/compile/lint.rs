//! What compiles, and deserves a second look.

use std::collections::BTreeSet;

use super::index::{Index, Route, RouteId, Service};
use crate::config::{Issuer, Redact};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::instant::DAY;
use crate::policy::{Binding, Holder, Policy, Segment};

/// How many routes of a shadow a warning points at.
const SHOWN: usize = 3;

/// A broad anonymous route (`/**`, or a final `{name}`) beside stricter routes
/// in its shadow: a method they do not name, or a path they do not spell out,
/// falls to the anonymous one. `spans` tells where each route stands.
pub(super) fn broad_anonymous(services: &[Service], routes: &[Route], spans: &[Span], report: &mut Report) {
    let at = |id: RouteId| routes.get(id.at()).zip(spans.get(id.at()).copied());
    let mut tree = None;
    for (broad, span) in routes.iter().zip(spans).filter(|(route, _)| is_broad(route)) {
        let Some(service) = services.get(broad.service.at()) else { continue };
        let (of, children) = tree
            .take()
            .filter(|(of, _)| *of == broad.service)
            .unwrap_or_else(|| (broad.service, service.trie.children()));
        let shadow: Vec<(&Route, Span)> = service
            .trie
            .covered(&broad.template, &children)
            .into_iter()
            .filter_map(at)
            .filter(|(other, _)| !other.rule.is_anonymous() && other.template != broad.template)
            .collect();
        tree = Some((of, children));
        if !shadow.is_empty() {
            report.push(warning(broad, *span, &shadow));
        }
    }
}

fn is_broad(route: &Route) -> bool {
    let last_is_param = matches!(route.template.segments.last(), Some(Segment::Param(_)));
    route.rule.is_anonymous() && (route.template.rest || last_is_param)
}

fn warning(broad: &Route, span: Span, shadow: &[(&Route, Span)]) -> Diagnostic {
    let count = match shadow.len() {
        1 => "a stricter route".to_owned(),
        n => format!("{n} stricter routes"),
    };
    let diagnostic = Diagnostic::at(
        Diag::BroadAnonymous,
        span,
        format!("the anonymous `{}` has {count} in its shadow", broad.text),
    )
    .label("lets everyone through to whatever the others do not name")
    .help("name the anonymous paths one by one, or deny the rest of the protected paths with `ANY /path/**` and `access: denied`");
    let shown = shadow.iter().take(SHOWN);
    shown.fold(diagnostic, |diagnostic, (_, span)| diagnostic.related(*span, "stricter"))
}

/// Roles that the `roles_map` of an issuer gives and the policy does not have.
pub fn mapped_roles(index: &Index, issuers: &[Issuer], report: &mut Report) {
    for target in issuers.iter().flat_map(|issuer| issuer.role_names.map.values().flatten()) {
        if index.role_named(&target.role).is_none() {
            let known = index.roles().map(|(_, role)| &*role.name);
            report.push(
                Diagnostic::at(
                    Diag::UnmappedRole,
                    target.span,
                    format!("the policy has no role `{}`", target.role),
                )
                .label("gives nothing")
                .suggest(
                    &target.role,
                    known,
                    "define it under `roles:` in the policy, or remove it here",
                ),
            );
        }
    }
}

/// Path parameters that are to be hidden and that no route of the policy has.
pub fn redacted_parameters(index: &Index, redact: &Redact, report: &mut Report) {
    if redact.parameters.is_empty() {
        return;
    }
    let known: BTreeSet<&str> =
        index.routes().flat_map(|(_, route)| route.template.params().map(|(_, name)| name)).collect();
    for parameter in &redact.parameters {
        if !known.contains(parameter.name.as_str()) {
            report.push(
                Diagnostic::at(
                    Diag::RedactsNothing,
                    parameter.span,
                    format!("no route has a path parameter `{{{}}}`", parameter.name),
                )
                .label("hides nothing")
                .suggest(
                    &parameter.name,
                    known.iter().copied(),
                    "write the name as the routes have it, or remove it here",
                ),
            );
        }
    }
}

/// So long before a binding ends somebody should know.
const SOON: u64 = 14 * DAY;

/// Bindings whose time is over at `now`, or soon after.
pub(super) fn expiring(policy: &Policy, now: u64, report: &mut Report) {
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
