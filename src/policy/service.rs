//! `services:` - upstreams with routes of their own.

use super::elsewhere::IN_A_SERVICE;
use super::name::{Audience, Located, ServiceName};
use super::route::{Defaults, Route};
use super::template::{Segment, Template};
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::words::{HeaderName, HostPattern};
use crate::yaml::{
    Entry, Fields, KeptText, Kind, Node, Shape, Text, entries, items, key_name, text, texts, word, yes_or_no,
};

/// A service as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Located<ServiceName>,
    /// The hosts it answers for; empty for any.
    pub hosts: Vec<Located<HostPattern>>,
    /// The path prefixes it answers for: literal segments only. Empty only
    /// where every route is a gRPC method.
    pub paths: Vec<Located<Template>>,
    /// Audiences, one of which a token must name, instead of its issuer's;
    /// empty where the issuer's count.
    pub audiences: Vec<Located<Audience>>,
    /// Whether literals match without regard to ASCII case.
    pub case_insensitive: bool,
    /// Whether CORS preflight requests pass anonymously.
    pub cors_preflight: bool,
    /// Whether a `{name}` may hold an encoded slash.
    pub encoded_slash: bool,
    /// Whether a `{name}` may hold `;` parameters.
    pub path_parameters: bool,
    /// What its routes inherit.
    pub defaults: Defaults,
    /// Headers that its upstream is told, beside those of the configuration or
    /// in their place; sorted by name.
    pub upstream_headers: Vec<UpstreamHeader>,
    /// Who must look at what opens it: names of people and teams, as the code
    /// host knows them.
    pub owners: Vec<Box<str>>,
    /// Its routes, in the order of the file.
    pub routes: Vec<Route>,
}

pub(super) const SERVICE: Shape = Shape {
    what: "a service",
    known: &[
        "description",
        "hosts",
        "paths",
        "audiences",
        "case_insensitive",
        "cors_preflight",
        "encoded_slash",
        "path_parameters",
        "defaults",
        "upstream_headers",
        "owners",
        "routes",
    ],
    later: &[],
};

impl Service {
    pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<Self> {
        let name = key_name(entry, "a service name", report).and_then(|t| ServiceName::read(t, report));
        let fields = Fields::read_with(&entry.value, SERVICE, IN_A_SERVICE, report)?;
        if let Some(e) = fields.get("description") {
            text(&e.value, "the description", report);
        }
        let hosts = all(&fields, "hosts", "a host", report, host);
        let paths = all(&fields, "paths", "a path", report, prefix);
        let audiences = all(&fields, "audiences", "an audience", report, |text, report| {
            Audience::read(text, report).map(|audience| audience.value)
        });
        let case_insensitive = match fields.get("case_insensitive") {
            Some(e) => yes_or_no(&e.value, "`case_insensitive`", report),
            None => Some(false),
        };
        let mut option = |key: &str, only: &str| match fields.get(key) {
            None => Some(false),
            Some(e) => one_word(&e.value, key, only, report),
        };
        let cors_preflight = option("cors_preflight", "allow");
        let encoded_slash = option("encoded_slash", "keep");
        let path_parameters = option("path_parameters", "keep");
        let defaults = match fields.get("defaults") {
            Some(e) => Defaults::read(&e.value, report),
            None => Some(Defaults::default()),
        };
        let upstream_headers = match fields.get("upstream_headers") {
            Some(e) => upstream_headers(e, report),
            None => Some(Vec::new()),
        };
        let owners = all(&fields, "owners", "an owner", report, owner);
        let routes: Option<Vec<Route>> = fields
            .require("routes", report)
            .and_then(|e| items(&e.value, "`routes`", report))
            // A route that can't be read is a finding; the others may hold more.
            .map(|nodes| {
                let mut routes = Vec::with_capacity(nodes.len());
                routes.extend(nodes.iter().filter_map(|n| Route::read(n, report)));
                routes
            });
        let only_grpc = routes.as_ref().is_some_and(|routes| routes.iter().all(|r| r.grpc_only));
        if !only_grpc {
            fields.require("paths", report)?;
        }
        if fields.has_unknown() {
            return None;
        }
        Some(Self {
            name: name?,
            hosts: hosts?,
            paths: paths?,
            audiences: audiences?,
            case_insensitive: case_insensitive?,
            cors_preflight: cors_preflight?,
            encoded_slash: encoded_slash?,
            path_parameters: path_parameters?,
            defaults: defaults?,
            upstream_headers: upstream_headers?,
            owners: owners?.into_iter().map(|owner| owner.value).collect(),
            routes: routes?,
        })
    }
}

/// A header that a service's upstream is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHeader {
    /// Its name.
    pub name: Located<HeaderName>,
    /// What its value is, in CEL.
    pub value: KeptText,
}

fn upstream_headers(entry: &Entry, report: &mut Report) -> Option<Vec<UpstreamHeader>> {
    let help = "write `x-user-tenant: claims.tenant` and so on below it";
    let written = entries(entry, "names to values", help, report)?;
    let header = |entry: &Entry| {
        let name = HeaderName::parse(&entry.key).map_err(|help| {
            let message = format!("`{}` can't be a managed header", entry.key);
            report.push(
                Diagnostic::at(Diag::BadHeaderName, entry.key_span, message).label("not allowed").help(help),
            );
        });
        let value = KeptText::read(&entry.value, "the value of a managed header", report);
        Some(UpstreamHeader { name: Located { value: name.ok()?, span: entry.key_span }, value: value? })
    };
    let headers: Vec<_> = written.iter().map(header).collect();
    let mut headers = headers.into_iter().collect::<Option<Vec<_>>>()?;
    headers.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    Some(headers)
}

/// Every item of a list, or nothing if one of them can't be read: a shorter
/// list of hosts or paths would mean something else.
fn all<T>(
    fields: &Fields<'_>,
    key: &str,
    what: &str,
    report: &mut Report,
    one: fn(Text<'_>, &mut Report) -> Option<T>,
) -> Option<Vec<Located<T>>> {
    let Some(entry) = fields.get(key) else { return Some(Vec::new()) };
    let written = match &entry.value.kind {
        Kind::List(list) => list.len(),
        _ => 1,
    };
    let read: Vec<_> = texts(&entry.value, what, report)
        .into_iter()
        .filter_map(|t| one(t, report).map(|value| Located { value, span: t.span }))
        .collect();
    (read.len() == written && written > 0).then_some(read)
}

fn host(text: Text<'_>, report: &mut Report) -> Option<HostPattern> {
    match HostPattern::parse(text.value) {
        Ok(host) => Some(host),
        Err(why) => {
            let shown = text.value.escape_debug();
            report.push(
                Diagnostic::at(Diag::BadHost, text.span, format!("`{shown}`: {why}"))
                    .label("not a host")
                    .help("write `api.example.com` or `*.example.com`"),
            );
            None
        }
    }
}

/// A name of a person or a team that can stand in a comment as it is.
fn owner(text: Text<'_>, report: &mut Report) -> Option<Box<str>> {
    let usual = |c: char| c.is_ascii_alphanumeric() || "@/._+-".contains(c);
    if !text.value.is_empty() && text.value.len() <= 256 && text.value.chars().all(usual) {
        return Some(text.value.into());
    }
    let message = format!("`{}` is not the name of an owner", text.value.escape_debug());
    report.push(Diagnostic::at(Diag::BadName, text.span, message).label("not a name").help(
        "write a team, a user or an address as your code host knows them: `@shop/events`, `ann@example.com`",
    ));
    None
}

fn prefix(text: Text<'_>, report: &mut Report) -> Option<Template> {
    let fault = match Template::parse(text.value) {
        Ok(t) if !t.rest && t.segments.iter().all(|s| matches!(s, Segment::Literal(_))) => return Some(t),
        Ok(_) => Diagnostic::at(Diag::BadTemplate, text.span, "a service's path is a plain prefix")
            .help("leave out `{name}` and `/**`: everything below the path is meant"),
        Err(fault) => {
            Diagnostic::at(fault.code(), text.part(fault.bytes.start, fault.bytes.end), fault.message)
                .help(fault.help)
        }
    };
    report.push(fault.label("here"));
    None
}

fn one_word(node: &Node, key: &str, only: &str, report: &mut Report) -> Option<bool> {
    let word = word(node, &format!("`{key}`"), &format!("`{only}`"), report)?;
    let fine = word.value == only;
    if !fine {
        report.push(
            Diagnostic::at(Diag::BadValue, word.span, format!("`{key}` can only be `{only}`"))
                .label("not known")
                .help(format!("write `{key}: {only}`, or remove the key")),
        );
    }
    fine.then_some(true)
}
