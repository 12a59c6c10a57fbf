//! Managed headers: their names, and what their values are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::expression::Expression;
use super::index::Index;
use super::texts::Texts;
use crate::config;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources, Span, did_you_mean};
use crate::policy::{Policy, Service};
use crate::words::{HeaderName, MAX_HEADERS};
use crate::yaml::KeptText;

/// How many names of headers all services together may have. Each is removed
/// from every request whose upstream is not told it.
const MAX_NAMES: usize = 64;

/// A header and what its value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: Arc<Expression>,
    /// Where its name stands; `None` where nobody wrote it.
    span: Option<Span>,
}

/// Compiles the headers of a configuration. `None` after an error.
pub fn upstream_headers(
    headers: &[config::UpstreamHeader],
    sources: &Sources,
    report: &mut Report,
) -> Option<Vec<Header>> {
    let compiled = compile(headers.iter().map(|header| header.value.text()));
    let headers: Vec<_> = headers
        .iter()
        .map(|header| {
            let value = compiled.get(header.value.text(), header.value.written(), sources, report)?;
            Some(Header { name: header.name.clone(), value, span: None })
        })
        .collect();
    headers.into_iter().collect()
}

/// The headers of every service, in the order of the services.
pub(super) fn of_services(policy: &Policy, sources: &Sources, report: &mut Report) -> Vec<Vec<Header>> {
    let all = policy.services.iter().flat_map(|service| &service.upstream_headers);
    let compiled = compile(all.map(|header| header.value.text.as_str()));
    let mut of_service = |service: &Service| {
        let header = |header: &crate::policy::UpstreamHeader| {
            let kept = &header.value;
            let value = compiled.get(&kept.text, Some(kept), sources, report)?;
            check_params(service, kept, &value, sources, report);
            Some(Header { name: header.name.value.clone(), value, span: Some(header.name.span) })
        };
        service.upstream_headers.iter().filter_map(header).collect()
    };
    policy.services.iter().map(&mut of_service).collect()
}

/// Whether the headers of all services go together with those of the
/// configuration: a listed prefix each, not too many.
pub fn check_headers(index: &Index, general: &[Header], prefixes: &[String], report: &mut Report) {
    let mut names: BTreeSet<&HeaderName> = general.iter().map(|header| &header.name).collect();
    for (_, service) in index.services() {
        for header in &service.headers {
            let Some(span) = header.span else { continue };
            if let Some(help) = header.name.outside(prefixes) {
                let message = format!("`{}` can't be a managed header", header.name);
                report
                    .push(Diagnostic::at(Diag::BadHeaderName, span, message).label("not allowed").help(help));
            }
            let own = service.headers.iter().map(|header| &header.name);
            let together: BTreeSet<_> = general.iter().map(|header| &header.name).chain(own).collect();
            let is_last = service.headers.last() == Some(header);
            if together.len() > MAX_HEADERS && is_last {
                report.push(too_many(
                    span,
                    &format!("`{}` has more than {MAX_HEADERS} managed headers", service.name),
                ));
            }
            if names.insert(&header.name) && names.len() == MAX_NAMES + 1 {
                report.push(too_many(
                    span,
                    &format!("all services together have more than {MAX_NAMES} managed headers"),
                ));
            }
        }
    }
}

fn too_many(span: Span, message: &str) -> Diagnostic {
    Diagnostic::at(Diag::TooLarge, span, message)
        .label("one too many")
        .help("upstreams that need more should read the token")
}

fn compile<'t>(texts: impl Iterator<Item = &'t str>) -> Texts<'t> {
    Texts::compile(texts, Diag::BadExpression, Expression::header)
}

/// A parameter that no route of the service has would never be there.
fn check_params(
    service: &Service,
    kept: &KeptText,
    value: &Expression,
    sources: &Sources,
    report: &mut Report,
) {
    let params = service.routes.iter().flat_map(|route| route.template.params());
    let known: BTreeSet<&str> = params.map(|(_, name)| name).collect();
    for (name, (from, to)) in value.names().params().filter(|(name, _)| !known.contains(name)) {
        let message = format!("no route of `{}` has a parameter `{name}`", service.name.value);
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(best) => format!("did you mean `path.{best}`?"),
            None => "name a `{parameter}` of a route".to_owned(),
        };
        let place = kept.part(sources, from, to);
        report.push(Diagnostic::at(Diag::BadExpression, place, message).label("never there").help(help));
    }
}
