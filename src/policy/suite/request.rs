//! The requests of tests: a line with method and URL, and what goes with it.

use super::super::method::Method;
use super::super::name::{Located, ServiceName};
use super::super::scope::Moment;
use super::Datum;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::words::{Target, is_header_name, normalize_host};
use crate::yaml::{Entry, Fields, Kind, Node, Text, entries, key_name, text, texts};

/// A method and a URL, both exactly as a client sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The method, or `GRPC`.
    pub method: Box<str>,
    /// The host of a whole URL.
    pub authority: Option<Box<str>>,
    /// Path and query.
    pub path: Box<str>,
    /// Whether the URL is one of plain `http`.
    pub plain: bool,
    /// As it was written.
    pub text: Box<str>,
}

/// What the requests of a test have beside method and URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// The service, as Envoy's configuration names it.
    pub service: Option<Box<str>>,
    /// The host that is asked, where it is not that of the URL.
    pub host: Option<Located<Box<str>>>,
    /// Headers: names in lower case, and values.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body, sent whole.
    pub body: Option<Body>,
    /// When, in seconds since 1970.
    pub at: Option<u64>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// As it stands.
    Text(Box<str>),
    /// This, as JSON.
    Json(Datum),
}

/// How a request is written.
const HELP: &str =
    "write the method and the URL or path, `GET /events/e-1` or `GET https://api.example.com/events`";

impl Line {
    /// Reads the value of `request:`.
    pub(super) fn of(node: &Node, report: &mut Report) -> Option<Located<Self>> {
        if let Kind::Map(_) | Kind::List(_) = node.kind {
            let message = format!("the request must be one text, found {}", node.describe());
            let help = format!("{HELP}; `headers`, `body` and `host` stand beside `request`");
            report.push(Diagnostic::at(Diag::WrongType, node.span, message).label("not text").help(help));
            return None;
        }
        Self::read(text(node, "the request", report)?, report)
    }

    /// Reads one.
    pub(super) fn read(text: Text<'_>, report: &mut Report) -> Option<Located<Self>> {
        let shown = text.value.escape_debug();
        let finding = |message: String| Diagnostic::at(Diag::BadTest, text.span, message);
        let Some((method, url)) = text.value.split_once(' ') else {
            report.push(finding(format!("`{shown}` is not a method and a URL")).label("one word").help(HELP));
            return None;
        };
        if let Some(finding) = wrong_method(method, text) {
            report.push(finding);
            return None;
        }
        if url.starts_with(' ') {
            let two = text.part(method.len(), method.len() + 2);
            report.push(
                Diagnostic::at(Diag::BadTest, two, "one space stands between the method and the URL")
                    .label("more than one")
                    .help(HELP),
            );
            return None;
        }
        let target = match Target::parse(url) {
            Ok(target) => target,
            Err(why) => {
                let url = text.part(method.len() + 1, text.value.len());
                report.push(Diagnostic::at(Diag::BadTest, url, why).label("not a URL").help(HELP));
                return None;
            }
        };
        if let Some(name) = parameter(&target.path) {
            let message = format!("`{name}` is a parameter of a template, a request has a value there");
            report
                .push(finding(message).label("which one?").help("write a value in its place, such as `e-1`"));
            return None;
        }
        let value = Self {
            method: method.into(),
            authority: target.authority.map(Into::into),
            path: target.path.into(),
            plain: target.plain,
            text: text.value.into(),
        };
        Some(Located { value, span: text.span })
    }

    /// A URL names its host itself.
    pub(super) fn one_host(&self, span: Span, host: &Located<Box<str>>, report: &mut Report) {
        if let Some(authority) = &self.authority {
            let message = format!("the URL names the host `{}`", authority.escape_debug());
            report.push(
                Diagnostic::at(Diag::BadTest, span, format!("{message}, and so does `host`"))
                    .label("one of the two")
                    .related(host.span, "the other")
                    .help("write the path alone, or leave out `host`"),
            );
        }
    }
}

fn wrong_method(method: &str, text: Text<'_>) -> Option<Diagnostic> {
    let capitals = method.to_ascii_uppercase();
    let span = text.part(0, method.len());
    let finding = |message| Diagnostic::at(Diag::BadTest, span, message);
    if method.contains(',') || capitals == "ANY" {
        return Some(
            finding(format!("a request has one method, not `{}`", method.escape_debug()))
                .label("which one?")
                .help("write a row or a test for each"),
        );
    }
    let known = Method::of_request(&capitals).is_some() || capitals == "GRPC";
    (known && capitals != method).then(|| {
        finding(format!("methods are compared exactly: `{method}` is none"))
            .label("not a method")
            .help(format!("write `{capitals}`"))
    })
}

/// A segment that stands for any value in a route.
fn parameter(path: &str) -> Option<&str> {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.split('/').find(|segment| segment.len() > 2 && segment.starts_with('{') && segment.ends_with('}'))
}

impl Setting {
    pub(super) fn read(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        let service = fields.get("service").map(|entry| {
            let name = text(&entry.value, "the service", report)?;
            ServiceName::read(name, report).map(|name| name.value.as_str().into())
        });
        let host = fields.get("host").map(|entry| host(text(&entry.value, "the host", report)?, report));
        let headers = fields.get("headers").map(|entry| headers(entry, report));
        let body = fields.get("body").map(|entry| match &entry.value.kind {
            Kind::Map(_) | Kind::List(_) => Datum::read(&entry.value, "a value", report).map(Body::Json),
            Kind::Scalar { text, plain: false } => Some(Body::Text(text.as_str().into())),
            _ => text(&entry.value, "the body", report).map(|text| Body::Text(text.value.into())),
        });
        let at = fields.get("at").map(|entry| Moment::instant(&entry.value, "at", report));
        Some(Self {
            service: said(service)?,
            host: said(host)?,
            headers: said(headers)?.unwrap_or_default(),
            body: said(body)?,
            at: said(at)?,
        })
    }
}

/// What is said and could not be read must not look absent.
pub(in crate::policy) fn said<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    read.map_or(Some(None), |read| read.map(Some))
}

fn host(text: Text<'_>, report: &mut Report) -> Option<Located<Box<str>>> {
    if normalize_host(text.value).is_none() {
        let message = format!("`{}` is not a host", text.value.escape_debug());
        report.push(
            Diagnostic::at(Diag::BadHost, text.span, message)
                .label("not a host")
                .help("write the host that is asked, `api.example.com`, perhaps with a port"),
        );
        return None;
    }
    Some(Located { value: text.value.into(), span: text.span })
}

fn headers(entry: &Entry, report: &mut Report) -> Option<Vec<(Box<str>, Box<str>)>> {
    let written = entries(entry, "names to values", "write `x-request-kind: batch` below it", report)?;
    let mut headers = Vec::new();
    let mut fine = true;
    for entry in written {
        let name = key_name(entry, "a header", report).and_then(|name| header_name(name, report));
        let name = name.filter(|name| is_plain(name, report));
        let values = texts(&entry.value, "the value of a header", report);
        fine &=
            !values.is_empty() && !matches!(&entry.value.kind, Kind::List(all) if all.len() != values.len());
        for value in values {
            if value.value.contains(|c: char| c.is_control() && c != '\t') {
                fine = false;
                report.push(
                    Diagnostic::at(Diag::BadCharacter, value.span, "a header can't hold a control character")
                        .label("here")
                        .help("leave it out: no request arrives with one"),
                );
            }
            headers.extend(name.as_ref().map(|name| (name.value.clone(), value.value.into())));
        }
        fine &= name.is_some();
    }
    fine.then_some(headers)
}

/// Headers that are said in another way.
fn is_plain(name: &Located<Box<str>>, report: &mut Report) -> bool {
    let help = match &*name.value {
        "host" => "write `host:` beside `request`, or a whole URL",
        "authorization" => "say who calls with `as`: tokens expire, and have no place in a repository",
        _ => return true,
    };
    let message = format!("the header `{}` is not given here", name.value);
    report.push(Diagnostic::at(Diag::BadTest, name.span, message).label("not here").help(help));
    false
}

/// The name of a header, in lower case.
pub(super) fn header_name(text: Text<'_>, report: &mut Report) -> Option<Located<Box<str>>> {
    let lower = text.value.to_ascii_lowercase();
    let fault = if !is_header_name(text.value) {
        Some("letters, digits and `-`")
    } else if lower != text.value {
        Some("lower case: capitals make no difference")
    } else {
        None
    };
    if let Some(help) = fault {
        let message = format!("`{}` is not the name of a header", text.value.escape_debug());
        report.push(
            Diagnostic::at(Diag::BadHeaderName, text.span, message)
                .label("not a name")
                .help(format!("names of headers are written in {help}")),
        );
        return None;
    }
    Some(Located { value: lower.into(), span: text.span })
}
