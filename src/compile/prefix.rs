//! Hosts and path prefixes to services.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::index::ServiceId;
use super::tree::{ROOT, Tree};
use super::trie::disguised;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{HostPattern, PathFault, RequestPath, Segment, Service, Template};

/// Which service answers for a host and path.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceTable {
    exact: HashMap<Box<str>, Prefixes>,
    /// By the name behind `*.`.
    below: HashMap<Box<str>, Prefixes>,
    any: Prefixes,
    hosts: Vec<Box<[HostPattern]>>,
}

/// A path that a service answers for, with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim<'t> {
    /// Its segments.
    pub segments: Vec<&'t str>,
    /// Whether their case does not matter.
    pub fold: bool,
    /// The service.
    pub service: ServiceId,
}

/// Services by path prefix: a node a segment, without regard to case.
#[derive(Debug, Clone)]
struct Prefixes(Tree<Claims>);

/// The prefixes that end at a node. Nearly always there is one at most, which
/// stands close by so that it is found without another cache miss.
#[derive(Debug, Clone, Default)]
struct Claims {
    first: Option<Prefix>,
    more: Option<Box<Others>>,
}

/// Further ones, which differ from the first and each other in case.
#[derive(Debug, Clone, Default)]
struct Others(Vec<Prefix>);

#[derive(Debug, Clone)]
struct Prefix {
    /// As it was written, from the first `/`.
    text: Arc<str>,
    /// Whether its case does not matter.
    fold: bool,
    service: ServiceId,
}

impl ServiceTable {
    /// Services that answer for the same host and path are findings.
    pub(super) fn new(services: &[Service], report: &mut Report) -> Self {
        let mut table = Self::default();
        // Where each was claimed first.
        let mut places: HashMap<(ServiceId, Arc<str>), Span> = HashMap::new();
        for (service, id) in services.iter().zip((0..).map(ServiceId)) {
            for (template, span) in claims(service) {
                let prefix =
                    Prefix { text: template.to_string().into(), fold: service.case_insensitive, service: id };
                places.entry((id, Arc::clone(&prefix.text))).or_insert(span);
                let add = |prefixes: &mut Prefixes, report: &mut Report| {
                    if let Some(other) = prefixes.insert(&template, prefix.clone()) {
                        let before = places.get(&(other.service, other.text)).copied();
                        let other = services.get(other.service.at());
                        report.push(conflict(service, &template, span, other, before.unwrap_or(span)));
                    }
                };
                if service.hosts.is_empty() {
                    add(&mut table.any, report);
                }
                for host in &service.hosts {
                    match &host.value {
                        HostPattern::Exact(name) => add(table.exact.entry(name.clone()).or_default(), report),
                        HostPattern::Below(name) => add(table.below.entry(name.clone()).or_default(), report),
                    }
                }
            }
            table.hosts.push(service.hosts.iter().map(|h| h.value.clone()).collect());
        }
        table
    }

    /// Whether the service lists the host, or lists none.
    pub(super) fn answers_for(&self, service: ServiceId, host: &str) -> bool {
        let hosts = self.hosts.get(service.at());
        hosts.is_some_and(|hosts| hosts.is_empty() || hosts.iter().any(|pattern| pattern.matches(host)))
    }

    /// The hosts that a service lists; none for every host.
    pub(super) fn hosts(&self, service: ServiceId) -> &[HostPattern] {
        self.hosts.get(service.at()).map_or(&[], |hosts| hosts)
    }

    /// What services answer for on a host, the most specific pattern of hosts
    /// first, each with its paths: the segments, whether their case matters,
    /// and the service.
    pub(super) fn claims<'t>(&'t self, host: &'t str) -> impl Iterator<Item = Vec<Claim<'t>>> {
        self.of_host(host).map(|prefixes| {
            let tree = &prefixes.0;
            let claim = |at, claim: &'t Prefix| Claim {
                segments: match claim.fold {
                    false => claim.text.split('/').filter(|segment| !segment.is_empty()).collect(),
                    true => tree.path(at),
                },
                fold: claim.fold,
                service: claim.service,
            };
            tree.iter()
                .flat_map(|(at, _, claims)| claims.iter().map(move |prefix| (at, prefix)))
                .map(|(at, prefix)| claim(at, prefix))
                .collect()
        })
    }

    /// Most specific host first.
    fn of_host<'t>(&'t self, host: &'t str) -> impl Iterator<Item = &'t Prefixes> {
        let suffixes = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
        let wildcards = suffixes.filter_map(|suffix| self.below.get(suffix));
        self.exact.get(host).into_iter().chain(wildcards).chain([&self.any])
    }

    /// Most specific host first, then the longest path.
    pub(super) fn find(&self, host: &str, path: &RequestPath<'_>) -> Result<Option<ServiceId>, PathFault> {
        for prefixes in self.of_host(host) {
            if let Some(service) = prefixes.find(path)? {
                return Ok(Some(service));
            }
        }
        Ok(None)
    }
}

/// What a service answers for: its `paths`, and the `/package.Service` of each
/// gRPC route, which is as good as a name.
fn claims(service: &Service) -> Vec<(Template, Span)> {
    let mut grpc = BTreeMap::new();
    for route in service.routes.iter().filter(|r| r.grpc_only) {
        let first = route.template.segments.first().cloned();
        grpc.entry(Template { segments: first.into_iter().collect(), rest: false }).or_insert(route.span);
    }
    let paths = service.paths.iter().map(|p| (p.value.clone(), p.span));
    let covered = |claim: &Template| {
        service.paths.iter().any(|p| Template { rest: true, ..p.value.clone() }.covers(claim))
    };
    paths.chain(grpc.into_iter().filter(|(claim, _)| !covered(claim))).collect()
}

fn conflict(
    service: &Service,
    path: &Template,
    span: Span,
    other: Option<&Service>,
    before: Span,
) -> Diagnostic {
    let name = &service.name.value;
    let message = match other {
        Some(other) if other.name.value == *name => format!("`{path}` stands twice in the service `{name}`"),
        Some(other) => format!(
            "the services `{}` and `{name}` answer for the same host and the path `{path}`",
            other.name.value
        ),
        None => format!("two services answer for the same host and the path `{path}`"),
    };
    Diagnostic::at(Diag::ServiceConflict, span, message)
        .label("second claim")
        .related(before, "first claim")
        .help("give each its own `hosts` or its own `paths`")
}

impl Default for Prefixes {
    fn default() -> Self {
        Self(Tree::new(true))
    }
}

impl Prefixes {
    /// Adds a prefix; gives back one that matches a path of the same spelling.
    fn insert(&mut self, template: &Template, prefix: Prefix) -> Option<Prefix> {
        let mut at = ROOT;
        for segment in &template.segments {
            if let Segment::Literal(text) = segment {
                (at, _) = self.0.step(at, text);
            }
        }
        let claims = self.0.value_mut(at)?;
        let same = |p: &&Prefix| p.fold || prefix.fold || p.text == prefix.text;
        if let Some(other) = claims.iter().find(same) {
            return Some(other.clone());
        }
        claims.add(prefix);
        None
    }

    fn find(&self, path: &RequestPath<'_>) -> Result<Option<ServiceId>, PathFault> {
        let mut at = ROOT;
        let mut best = None;
        for depth in 0.. {
            let claims = self.0.value(at);
            match claims.and_then(|claims| claims.iter().find(|p| p.fits(path))) {
                Some(prefix) => best = Some(prefix.service),
                // Another service, one with a shorter path, must not answer
                // for another spelling of this one's.
                None if claims.is_some_and(|claims| claims.first.is_some()) => {
                    return Err(PathFault::NearMiss);
                }
                None => {}
            }
            let Some(segment) = path.segment(depth) else { break };
            if let Some(disguised) = disguised(segment) {
                if self.0.child(at, &disguised).is_some() {
                    return Err(PathFault::EncodedLiteral);
                }
                break;
            }
            match self.0.child(at, segment) {
                Some(child) => at = child,
                None => break,
            }
        }
        Ok(best)
    }
}

impl Claims {
    fn iter(&self) -> impl Iterator<Item = &Prefix> {
        self.first.iter().chain(self.more.iter().flat_map(|others| &others.0))
    }

    fn add(&mut self, prefix: Prefix) {
        match &self.first {
            None => self.first = Some(prefix),
            Some(_) => self.more.get_or_insert_default().0.push(prefix),
        }
    }
}

impl Prefix {
    /// Whether a path begins with this, which it does without regard to case.
    fn fits(&self, path: &RequestPath<'_>) -> bool {
        self.fold || path.as_str().starts_with(&*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_as_large_as_a_node_has_room_for() {
        assert_eq!(size_of::<Claims>(), 32);
    }
}
