//! The managed headers: what the upstream is told about the user.
//!
//! Names are fixed when the process starts. What the values say is CEL, which
//! is not read here.

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::words::{HEADER_PREFIX, HeaderName, MAX_HEADERS, header_prefix_fault};
use crate::yaml::{self, Entry, KeptText};

/// A header that Doorward sets or removes on every allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHeader {
    /// Its name.
    pub name: HeaderName,
    /// What its value is, in CEL.
    pub value: HeaderValue,
}

/// The text of a header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// One that nobody wrote.
    Default(&'static str),
    /// Written in the configuration.
    Written(KeptText),
}

impl HeaderValue {
    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Default(text) => text,
            Self::Written(kept) => &kept.text,
        }
    }

    /// The same with its place, where somebody wrote it.
    pub fn written(&self) -> Option<&KeptText> {
        match self {
            Self::Default(_) => None,
            Self::Written(kept) => Some(kept),
        }
    }
}

/// What is sent where `upstream_headers` is left out.
const DEFAULTS: [(&str, &str); 2] = [("x-user-id", "user.id"), ("x-user-roles", "user.roles")];

/// The prefixes that names of managed headers may have.
pub(super) fn prefixes(entry: Option<&Entry>, report: &mut Report) -> Vec<String> {
    let mut prefixes = vec![HEADER_PREFIX.to_owned()];
    let Some(entry) = entry else { return prefixes };
    for text in yaml::texts(&entry.value, "`header_prefixes`", report) {
        match header_prefix_fault(text.value) {
            None => prefixes.push(text.value.to_owned()),
            Some(help) => {
                let message = format!("`{}` can't be a header prefix", text.value);
                report.push(bad_name(text.span, message, help));
            }
        }
    }
    prefixes
}

/// The managed headers, sorted by name. Left out, the user's id and roles are
/// sent: then, too, a client's own copies must not get through.
pub(super) fn read(entry: Option<&Entry>, prefixes: &[String], report: &mut Report) -> Vec<UpstreamHeader> {
    let Some(entry) = entry else {
        let default = |(name, value)| {
            Some(UpstreamHeader { name: HeaderName::parse(name).ok()?, value: HeaderValue::Default(value) })
        };
        return DEFAULTS.into_iter().filter_map(default).collect();
    };
    let help = "write `x-user-id: user.id` and so on below it";
    let Some(entries) = yaml::entries(entry, "names to values", help, report) else { return Vec::new() };
    if let Some(extra) = entries.get(MAX_HEADERS) {
        report.push(
            Diagnostic::at(
                Code::TooLarge,
                extra.key_span,
                format!("more than {MAX_HEADERS} managed headers"),
            )
            .label("one too many")
            .help("upstreams that need more should read the token"),
        );
    }
    let mut headers: Vec<UpstreamHeader> =
        entries.iter().filter_map(|entry| header(entry, prefixes, report)).collect();
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    headers
}

fn header(entry: &Entry, prefixes: &[String], report: &mut Report) -> Option<UpstreamHeader> {
    let name = HeaderName::parse(&entry.key).and_then(|name| match name.outside(prefixes) {
        None => Ok(name),
        Some(help) => Err(help),
    });
    let name = name.map_err(|help| {
        let message = format!("`{}` can't be a managed header", entry.key);
        report.push(bad_name(entry.key_span, message, &help));
    });
    let value = KeptText::read(&entry.value, "the value of a managed header", report);
    Some(UpstreamHeader { name: name.ok()?, value: HeaderValue::Written(value?) })
}

fn bad_name(span: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::at(Code::BadHeaderName, span, message).label("not allowed").help(help)
}
