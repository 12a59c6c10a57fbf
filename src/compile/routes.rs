//! Services and their routes.

use std::sync::Arc;

use super::headers::Header;
use super::index::{Route, RouteId, Service, ServiceId};
use super::need::{self, Level, Names};
use super::trie::Trie;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{self, Policy, Segment, Template};

/// Compiles one service after the other.
pub(super) struct Builder<'p> {
    names: Names<'p>,
    /// The defaults of every service.
    defaults: Level,
    services: Vec<Service>,
    routes: Vec<Route>,
    /// Where each route stands, for messages.
    spans: Vec<Span>,
}

impl<'p> Builder<'p> {
    pub(super) fn new(policy: &Policy, names: Names<'p>, report: &mut Report) -> Self {
        let defaults = Level::new(&policy.defaults, names, report);
        let routes = policy.services.iter().map(|service| service.routes.len()).sum();
        Self {
            names,
            defaults,
            services: Vec::with_capacity(policy.services.len()),
            routes: Vec::with_capacity(routes),
            spans: Vec::with_capacity(routes),
        }
    }

    /// The services, their routes, and where each route stands.
    pub(super) fn finish(self) -> (Vec<Service>, Vec<Route>, Vec<Span>) {
        (self.services, self.routes, self.spans)
    }

    pub(super) fn service(&mut self, service: &policy::Service, headers: Vec<Header>, report: &mut Report) {
        let id = ServiceId(u32::try_from(self.services.len()).unwrap_or(u32::MAX));
        let defaults = Level::new(&service.defaults, self.names, report);
        let mut trie = Trie::new(service.case_insensitive);
        for route in &service.routes {
            if !route.grpc_only && !lies_under(service, &route.template) {
                report.push(outside(service, route));
            }
            self.route(id, &defaults, route, &mut trie, report);
        }
        trie.finish();
        self.services.push(Service {
            name: service.name.value.as_str().into(),
            audiences: service.audiences.iter().map(|a| a.value.as_str().into()).collect(),
            cors_preflight: service.cors_preflight,
            encoded_slash: service.encoded_slash,
            path_parameters: service.path_parameters,
            headers: headers.into(),
            owners: service.owners.clone().into(),
            trie,
        });
    }

    fn route(
        &mut self,
        id: ServiceId,
        defaults: &Level,
        route: &policy::Route,
        trie: &mut Trie,
        report: &mut Report,
    ) {
        let own = Level::new(&route.own, self.names, report);
        let levels = [&own, defaults, &self.defaults];
        let rule = need::rule(route, levels, report);
        let ip = need::address_rule(levels);

        let route_id = RouteId(u32::try_from(self.routes.len()).unwrap_or(u32::MAX));
        if let Err(other) = trie.insert(&route.template, route.methods, route_id) {
            report.push(self.conflict(route, other));
        }
        // After an error the route is only a place holder: no index is made.
        let rule = rule.unwrap_or(super::index::Rule::Access(policy::Access::Denied));
        let before = self.routes.last().filter(|before| before.template == route.template);
        let template = before.map_or(&route.template, |before| &before.template);
        let template = Arc::clone(template);
        self.spans.push(route.span);
        self.routes.push(Route {
            text: Arc::clone(&route.text),
            place: self.names.sources.place(route.span),
            service: id,
            methods: route.methods,
            template,
            rule,
            ip,
            websocket: route.websocket,
        });
    }

    fn conflict(&self, route: &policy::Route, other: RouteId) -> Diagnostic {
        let diagnostic = Diagnostic::at(
            Diag::RouteConflict,
            route.span,
            match self.routes.get(other.at()) {
                Some(other) => {
                    let shared = other.methods.intersection(route.methods);
                    format!("`{}` and `{}` both match {shared} of the same paths", other.text, route.text)
                }
                None => format!("`{}` matches the same paths as another route", route.text),
            },
        )
        .label("second route")
        .help("join them, or give each its own methods; `GET` covers `HEAD`, `POST` covers `GRPC`, `ANY` covers all");
        match self.spans.get(other.at()) {
            Some(span) => diagnostic.related(*span, "first route"),
            None => diagnostic,
        }
    }
}

fn lies_under(service: &policy::Service, template: &Template) -> bool {
    let same = |a: &Segment, b: &Segment| match (a, b) {
        (Segment::Literal(a), Segment::Literal(b)) if service.case_insensitive => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    let under = |prefix: &Template| {
        prefix.segments.len() <= template.segments.len()
            && prefix.segments.iter().zip(&template.segments).all(|(a, b)| same(a, b))
    };
    service.paths.iter().any(|path| under(&path.value))
}

fn outside(service: &policy::Service, route: &policy::Route) -> Diagnostic {
    let paths: Vec<_> = service.paths.iter().map(|p| p.value.to_string()).collect();
    let diagnostic = Diagnostic::at(
        Diag::OutsidePaths,
        route.span,
        format!("`{}` does not lie under the paths of the service `{}`", route.text, service.name.value),
    )
    .label("never reached")
    .help(format!(
        "the service answers for `{}`: add a path to `paths`, or move the route",
        paths.join("`, `")
    ));
    match service.paths.first() {
        Some(path) => diagnostic.related(path.span, "the paths of the service"),
        None => diagnostic,
    }
}
