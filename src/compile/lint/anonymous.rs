//! Anonymous routes in whose shadow stricter ones lie.

use super::Look;
use crate::compile::index::{Route, RouteId, Service};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::Segment;

/// How many routes of a shadow a warning points at.
const SHOWN: usize = 3;

/// A broad anonymous route (`/**`, or a final `{name}`) beside stricter routes
/// in its shadow: a method they do not name, or a path they do not spell out,
/// falls to the anonymous one. `spans` tells where each route stands.
pub(in crate::compile) fn broad_anonymous(
    services: &[Service],
    routes: &[Route],
    spans: &[Span],
    report: &mut Report,
) {
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

/// How many nodes are looked at for anonymous routes with a `{name}` before
/// their end: nobody waits longer for a warning.
const MAX_STEPS: usize = 2_000_000;

/// The same for routes whose last segment is a literal and whose path has a
/// `{name}` before it. Only for whoever asks: it may mean much work.
pub(super) fn parameters(look: Look<'_>, report: &mut Report) {
    let spans: Vec<Span> = look.routes().map(|(_, written, _)| written.span).collect();
    let at = |id: RouteId| look.index.route(id).zip(spans.get(id.at()).copied());
    let is_open = |route: &Route| route.rule.is_anonymous() && !is_broad(route);
    let mut tree = None;
    let mut steps = 0;
    for (_, written, broad) in look.routes().filter(|(_, _, route)| is_open(route)) {
        let Some(service) = look.index.service(broad.service) else { continue };
        if broad.template.params().next().is_none() {
            continue;
        }
        let (of, children) = tree
            .take()
            .filter(|(of, _)| *of == broad.service)
            .unwrap_or_else(|| (broad.service, service.trie.children()));
        steps += children.len();
        if steps > MAX_STEPS {
            return;
        }
        let covered = service.trie.covered(&broad.template, &children).into_iter().filter_map(at);
        let shadow: Vec<(&Route, Span)> = covered
            .filter(|(other, _)| !other.rule.is_anonymous() && other.template != broad.template)
            .collect();
        tree = Some((of, children));
        if !shadow.is_empty() {
            report.push(warning(broad, written.span, &shadow));
        }
    }
}
