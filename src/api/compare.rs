//! The routes of a service beside the operations of its API.

use std::collections::{BTreeMap, HashMap};

use super::openapi::shape;
use super::{Api, Operation};
use crate::compile::{Index, ServiceId};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::policy::{Access, Method, MethodSet, RequestPath, Route, Segment, Service, Template};

/// A service of a policy.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// As it was written.
    pub service: &'a Service,
    /// As it was compiled.
    pub index: &'a Index,
    /// Its id there.
    pub id: ServiceId,
    /// Where a place of the written policy is now.
    pub place: &'a dyn Fn(Span) -> Span,
}

/// Tells of all differences between a service and the descriptions of its API.
pub fn compare(apis: &[Api], against: Against<'_>, report: &mut Report) {
    let operations = || apis.iter().flat_map(|api| asked_for(api, against));
    let routes = Routes::of(against);
    let mut by_shape: HashMap<String, Vec<&Operation>> = HashMap::new();
    // Routes that are asked for operations which they do not name.
    let mut broad: BTreeMap<usize, Vec<&Operation>> = BTreeMap::new();
    let mut named: BTreeMap<usize, Vec<&Operation>> = BTreeMap::new();
    for operation in operations() {
        by_shape.entry(routes.key(&operation.template)).or_default().push(operation);
        let here = routes.of_shape(&operation.template);
        match here.iter().find(|(_, route)| route.methods.contains(operation.method)) {
            Some((number, _)) => named.entry(*number).or_default().push(operation),
            None => match routes.answering(operation) {
                Some(number) => broad.entry(number).or_default().push(operation),
                None => missing(operation, here, against, report),
            },
        }
    }
    let (http, grpc): (Vec<_>, Vec<_>) = operations().partition(|o| o.method != Method::Grpc);
    for (number, route) in against.service.routes.iter().enumerate() {
        parameters(route, named.get(&number).map_or(&[], Vec::as_slice), against, report);
        if let Some(operations) = broad.get(&number) {
            report.push(answers(route, operations, against));
            continue;
        }
        // What no description speaks of can't be one too many.
        let told = if route.grpc_only { !grpc.is_empty() } else { !http.is_empty() };
        if told && !denies(route) {
            let same = by_shape.get(&routes.key(&route.template)).map_or(&[][..], |operations| operations);
            extra(route, same, against, report);
        }
    }
}

/// The operations of a description that may come to a service: one without
/// `paths` takes gRPC alone, so nobody calls its methods by HTTP/JSON.
fn asked_for<'a>(api: &'a Api, against: Against<'a>) -> impl Iterator<Item = &'a Operation> {
    let grpc_alone =
        against.service.paths.is_empty() && api.operations.iter().any(|o| o.method == Method::Grpc);
    api.operations.iter().filter(move |o| !grpc_alone || o.method == Method::Grpc)
}

/// The routes of a service by the shape of their paths, each with its number.
struct Routes<'a> {
    against: Against<'a>,
    by_shape: HashMap<String, Vec<(usize, &'a Route)>>,
}

impl<'a> Routes<'a> {
    fn of(against: Against<'a>) -> Self {
        let mut routes = Self { against, by_shape: HashMap::new() };
        for (number, route) in against.service.routes.iter().enumerate() {
            routes.by_shape.entry(routes.key(&route.template)).or_default().push((number, route));
        }
        routes
    }

    fn key(&self, template: &Template) -> String {
        let shape = shape(template);
        if self.against.service.case_insensitive { shape.to_ascii_lowercase() } else { shape }
    }

    fn of_shape(&self, template: &Template) -> &[(usize, &'a Route)] {
        self.by_shape.get(&self.key(template)).map_or(&[], |routes| routes)
    }

    /// The route that answers for an operation now.
    fn answering(&self, operation: &Operation) -> Option<usize> {
        let path = witness(&operation.template);
        let path = RequestPath::parse(&path).ok()?;
        let service = self.against.index.service(self.against.id)?;
        let found = service.trie.find(operation.method, &path).ok()??;
        let found = self.against.index.route(found.route)?;
        let same = self.of_shape(&found.template);
        same.iter().find(|(_, route)| route.methods == found.methods).map(|(number, _)| *number)
    }
}

/// How many operations a finding points at.
const SHOWN: usize = 3;

/// A route that answers for operations that it does not name.
fn answers(route: &Route, operations: &[&Operation], against: Against<'_>) -> Diagnostic {
    let verb = if denies(route) { "refuses" } else { "answers for" };
    let message = match operations {
        [one] => format!("`{}` {verb} `{}` of the API, which no route names", route.text, one.written),
        several => {
            format!("`{}` {verb} {} operations of the API that no route names", route.text, several.len())
        }
    };
    let first = operations.first().map(|o| format!("{} {}", word(o.method), o.template)).unwrap_or_default();
    let finding = Diagnostic::at(Code::ApiMissing, (against.place)(route.span), message)
        .label("broader than the API")
        .help(format!("write a route for each: `- route: {first}`"));
    operations.iter().take(SHOWN).fold(finding, |finding, o| finding.related(o.at, &o.written))
}

/// A route that denies everything needs no operation.
fn denies(route: &Route) -> bool {
    route.access.as_ref().is_some_and(|access| access.value == Access::Denied)
}

/// A route has one name for a segment, where an API may have several: as `GET`
/// covers `HEAD`, one route can stand for two operations that do not agree. It
/// is right if any of them calls the segments as it does.
fn parameters(route: &Route, operations: &[&Operation], against: Against<'_>, report: &mut Report) {
    let renamed = |operation: &Operation| {
        let pairs = operation.template.params().zip(route.template.params());
        let mut names = pairs.map(|((_, theirs), (_, mine))| (theirs.to_owned(), mine.to_owned()));
        names.find(|(theirs, mine)| theirs != mine)
    };
    if operations.iter().any(|operation| renamed(operation).is_none()) {
        return;
    }
    for operation in operations {
        if let Some((theirs, mine)) = renamed(operation) {
            report.push(renamed_parameter(operation, route, (&theirs, &mine), against));
        }
    }
}

fn renamed_parameter(
    operation: &Operation,
    route: &Route,
    (theirs, mine): (&str, &str),
    against: Against<'_>,
) -> Diagnostic {
    let message = format!("`{{{mine}}}` of `{}` is `{{{theirs}}}` in the API", route.text);
    Diagnostic::at(Code::ApiParameter, (against.place)(route.span), message)
        .label("another name")
        .related(operation.at, &operation.written)
        .help(format!("write `{{{theirs}}}`, also in conditions and bindings that name it"))
}

/// An operation that no route names and none answers for.
fn missing(operation: &Operation, here: &[(usize, &Route)], against: Against<'_>, report: &mut Report) {
    let written = &operation.written;
    let (code, message) = match here {
        [] => (Code::ApiMissing, format!("no route names `{written}` of the API")),
        [(_, route), ..] => (
            Code::ApiMethod,
            format!("`{}` has `{}` in the policy, but not `{written}`", route.template, words(here)),
        ),
    };
    let (word, name) = (word(operation.method), &against.service.name);
    let finding = Diagnostic::at(code, operation.at, message)
        .label("denied")
        .help(format!("add `- route: {word} {}` to the service `{}`", operation.template, name.value));
    report.push(match here {
        [] => finding.related((against.place)(name.span), "not in this service"),
        here => here.iter().take(SHOWN).fold(finding, |finding, (_, route)| {
            finding.related((against.place)(route.span), "the same path")
        }),
    });
}

/// A path that the template matches and that nobody has spelled out.
fn witness(template: &Template) -> String {
    let mut path = String::new();
    for segment in &template.segments {
        path.push('/');
        path.push_str(match segment {
            Segment::Literal(text) => text,
            Segment::Param(_) => "doorward-any-value",
        });
    }
    if template.rest {
        path.push_str("/doorward-any-value");
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// A route, or methods of one, that the API does not have.
fn extra(route: &Route, same: &[&Operation], against: Against<'_>, report: &mut Report) {
    let place = (against.place)(route.span);
    if same.is_empty() {
        report.push(
            Diagnostic::at(Code::ApiExtra, place, format!("the API has no operation for `{}`", route.text))
                .label("not in the API")
                .help(
                    "remove the route, or describe it; if it is only there to refuse, write `access: denied`",
                ),
        );
        return;
    }
    // `ANY` says that the upstream may choose.
    if route.methods == MethodSet::ANY {
        return;
    }
    let has = |method: Method| same.iter().any(|operation| operation.method == method);
    let more: Vec<&str> = route
        .methods
        .iter()
        // `GET` brings `HEAD`, `POST` brings gRPC.
        .filter(|method| match method {
            Method::Head => !has(Method::Head) && !route.methods.contains(Method::Get),
            Method::Grpc => !has(Method::Grpc) && !route.methods.contains(Method::Post),
            method => !has(*method),
        })
        .map(word)
        .collect();
    if !more.is_empty() {
        let message = format!("the API has no `{}` for `{}`", more.join("`, `"), route.template);
        let finding = Diagnostic::at(Code::ApiMethod, place, message)
            .label("more than the API has")
            .help("remove the methods, or describe them");
        report.push(same.iter().take(SHOWN).fold(finding, |finding, o| finding.related(o.at, &o.written)));
    }
}

/// The methods of routes as they are written.
fn words(routes: &[(usize, &Route)]) -> String {
    let words: Vec<&str> = routes.iter().filter_map(|(_, route)| route.text.split(' ').next()).collect();
    words.join(",")
}

/// A method as a route names it.
pub(super) fn word(method: Method) -> &'static str {
    match method {
        Method::Grpc => "GRPC",
        other => other.wire_name(),
    }
}
