//! What compiles, and deserves a second look.

use super::index::Route;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{Policy, Segment};

/// How many routes of a shadow a warning points at.
const SHOWN: usize = 3;

/// A broad anonymous route (`/**`, or a final `{name}`) beside stricter routes
/// in its shadow: a method they do not name, or a path they do not spell out,
/// falls to the anonymous one.
pub(super) fn broad_anonymous(policy: &Policy, routes: &[Route], report: &mut Report) {
    let mut compiled = routes.iter();
    for service in &policy.services {
        let pairs: Vec<(&Route, Span)> = compiled
            .by_ref()
            .take(service.routes.len())
            .zip(&service.routes)
            .map(|(c, written)| (c, written.span))
            .collect();
        for (broad, span) in pairs.iter().filter(|(route, _)| is_broad(route)) {
            let shadow: Vec<_> = pairs
                .iter()
                .filter(|(other, _)| !other.rule.is_anonymous() && broad.template.covers(&other.template))
                .filter(|(other, _)| other.template != broad.template)
                .collect();
            if shadow.is_empty() {
                continue;
            }
            let count = match shadow.len() {
                1 => "a stricter route".to_owned(),
                n => format!("{n} stricter routes"),
            };
            let mut diagnostic = Diagnostic::at(
                Diag::BroadAnonymous,
                *span,
                format!("the anonymous `{}` has {count} in its shadow", broad.text),
            )
            .label("lets everyone through to whatever the others do not name")
            .help("name the anonymous paths one by one, or deny the rest of the protected paths with `ANY /path/**` and `access: denied`");
            for (_, span) in shadow.iter().take(SHOWN) {
                diagnostic = diagnostic.related(*span, "stricter");
            }
            report.push(diagnostic);
        }
    }
}

fn is_broad(route: &Route) -> bool {
    let last_is_param = matches!(route.template.segments.last(), Some(Segment::Param(_)));
    route.rule.is_anonymous() && (route.template.rest || last_is_param)
}
