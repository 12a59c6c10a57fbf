//! Routes and services that no request reaches.

use super::Look;
use crate::compile::index::{Index, ServiceId};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{HostPattern, Policy, RequestPath, Route, Segment, Service};

/// A host that nobody has, for services that name none (RFC 2606).
const NOBODY: &str = "doorward.invalid";

/// How many of the others a warning points at.
const SHOWN: usize = 3;

/// Tells of them.
pub(super) fn inspect(look: Look<'_>, report: &mut Report) {
    let spans: Vec<Span> = look.routes().map(|(_, route, _)| route.span).collect();
    for (_, written, route) in look.routes() {
        let Some(service) = look.index.service(route.service) else { continue };
        let takers = service.trie.takers(&route.template, route.methods);
        if takers.is_empty() {
            continue;
        }
        let message = format!("no request can reach `{}`", written.text);
        let finding = Diagnostic::at(Diag::UnreachableRoute, written.span, message)
            .label("others take all of it")
            .help("remove it, or one of the more specific routes");
        let takers = takers.iter().take(SHOWN).filter_map(|id| spans.get(id.at()));
        report.push(takers.fold(finding, |finding, span| finding.related(*span, "asked before")));
    }
    for (service, (id, _)) in look.policy.services.iter().zip(look.index.services()) {
        elsewhere(look, service, id, report);
    }
}

/// Routes below the path of another service, which answers for it by host and
/// path: only requests for which Envoy names this service get here.
fn elsewhere(look: Look<'_>, service: &Service, id: ServiceId, report: &mut Report) {
    let taken: Vec<(&Route, ServiceId)> = service
        .routes
        .iter()
        .filter_map(|route| Some((route, other_service(look.index, service, id, route)?)))
        .collect();
    let name = |id: ServiceId| look.index.service(id).map_or("", |service| &*service.name);
    let place = |id: ServiceId| look.policy.services.get(id.at()).map(|service| service.name.span);
    let Some((_, first)) = taken.first() else { return };
    let help = "move the routes to that service, or give the services their own `hosts` or `paths`; where Envoy names the service for each request (`context_extensions`), the paths do not matter";
    if taken.len() == service.routes.len() {
        let message = format!(
            "by host and path no request reaches the service `{}`: `{}` and others answer for all of its routes",
            service.name.value,
            name(*first)
        );
        let message = match taken.iter().all(|(_, other)| other == first) {
            true => message.replace(" and others answer", " answers"),
            false => message,
        };
        let finding = Diagnostic::at(Diag::UnreachableService, service.name.span, message)
            .label("never asked by host and path")
            .help(help);
        report.push(match place(*first) {
            Some(span) => finding.related(span, "asked in its place"),
            None => finding,
        });
        return;
    }
    for (route, other) in taken {
        let message =
            format!("by host and path no request reaches `{}`: `{}` answers for it", route.text, name(other));
        let finding = Diagnostic::at(Diag::UnreachableRoute, route.span, message)
            .label("below a path of another service")
            .help(help);
        report.push(match place(other) {
            Some(span) => finding.related(span, "asked in its place"),
            None => finding,
        });
    }
}

/// The service that answers in place of this one for all paths of a route.
fn other_service(index: &Index, service: &Service, id: ServiceId, route: &Route) -> Option<ServiceId> {
    let mut path = String::new();
    for segment in &route.template.segments {
        let Segment::Literal(text) = segment else { break };
        path.push('/');
        path.push_str(text);
    }
    let path = if path.is_empty() { "/" } else { &path };
    let path = RequestPath::parse(path).ok()?;
    let mut other = None;
    let mut taken = |host: &str| {
        let found = index.service_for(host, &path).ok().flatten().filter(|found| *found != id);
        other = other.or(found);
        found.is_some()
    };
    let all = match &*service.hosts {
        [] => taken(NOBODY),
        hosts => hosts.iter().all(|host| match &host.value {
            HostPattern::Exact(name) => taken(name),
            HostPattern::Below(name) => taken(&format!("doorward-nobody.{name}")),
        }),
    };
    other.filter(|_| all)
}

/// Services without `hosts` beside services with them.
pub(super) fn any_other_host(policy: &Policy, report: &mut Report) {
    let Some(named) = policy.services.iter().find_map(|service| service.hosts.first()) else { return };
    for service in policy.services.iter().filter(|service| service.hosts.is_empty()) {
        let message =
            format!("the service `{}` answers for every host that no other names", service.name.value);
        report.push(
            Diagnostic::at(Diag::AnyOtherHost, service.name.span, message)
                .label("for addresses and made-up names, too")
                .related(named.span, "others name theirs")
                .help("add `hosts:` with the names that clients use"),
        );
    }
}
