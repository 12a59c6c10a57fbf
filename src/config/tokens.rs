//! Where a token may stand: `identity.tokens`.

use std::collections::HashMap;

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Fields, Node, Shape, Text};

/// Where a token may stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// A header of this name, in lower case.
    Header {
        /// Its name.
        name: String,
        /// What stands before the token.
        scheme: Scheme,
    },
    /// A cookie of exactly this name.
    Cookie(String),
}

/// What stands before the token in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `Bearer` and a space.
    Bearer,
    /// Nothing: the value is the token.
    None,
}

impl TokenSource {
    /// `authorization: Bearer <token>`.
    pub(super) fn authorization() -> Self {
        Self::Header { name: AUTHORIZATION.to_owned(), scheme: Scheme::Bearer }
    }
}

const AUTHORIZATION: &str = "authorization";

pub(super) const SHAPE: Shape =
    Shape { what: "a token source", known: &["header", "scheme", "cookie"], later: &[] };

/// How many places a token may have.
const MAX_SOURCES: usize = 8;

const MAX_NAME_BYTES: usize = 64;

/// Headers that hold something else, or that a proxy makes up.
const TAKEN: &[(&str, &str)] = &[
    ("cookie", "write `cookie: NAME` with the name of the cookie"),
    ("set-cookie", "write `cookie: NAME` with the name of the cookie"),
    ("proxy-authorization", "it is for proxies, which remove it"),
    ("host", "it says which host is asked"),
    ("connection", "it steers the connection"),
];

/// All places; at least one, unless there are findings.
pub(super) fn read(node: &Node, report: &mut Report) -> Vec<TokenSource> {
    let nodes = yaml::items(node, "`tokens`", report).unwrap_or_default();
    if let Some(extra) = nodes.get(MAX_SOURCES) {
        report.push(
            Diagnostic::at(Code::TooLarge, extra.span, format!("more than {MAX_SOURCES} places for tokens"))
                .label("one too many"),
        );
    }
    let read: Vec<(TokenSource, Span)> = nodes.iter().filter_map(|node| source(node, report)).collect();
    let mut seen: HashMap<(bool, &str), Span> = HashMap::new();
    for (source, span) in &read {
        let (what, key) = match source {
            TokenSource::Header { name, .. } => ("header", (true, name.as_str())),
            TokenSource::Cookie(name) => ("cookie", (false, name.as_str())),
        };
        if let Some(first) = seen.insert(key, *span) {
            report.push(
                Diagnostic::at(Code::BadValue, *span, format!("the {what} `{}` stands here twice", key.1))
                    .label("second")
                    .related(first, "first")
                    .help("keep one of them"),
            );
        }
    }
    read.into_iter().map(|(source, _)| source).collect()
}

fn source(node: &Node, report: &mut Report) -> Option<(TokenSource, Span)> {
    let fields = Fields::read(node, SHAPE, report)?;
    match (fields.get("header"), fields.get("cookie")) {
        (Some(header), None) => {
            let name = yaml::text(&header.value, "the name of a header", report);
            let name = name.filter(|name| is_header(*name, report));
            let scheme = match fields.get("scheme") {
                Some(entry) => yaml::text(&entry.value, "`scheme`", report).and_then(|t| scheme(t, report)),
                None if name.is_some_and(|name| name.value == AUTHORIZATION) => Some(Scheme::Bearer),
                None => Some(Scheme::None),
            };
            let (name, scheme) = (name?, scheme?);
            Some((TokenSource::Header { name: name.value.to_owned(), scheme }, name.span))
        }
        (None, Some(cookie)) => {
            if let Some(scheme) = fields.get("scheme") {
                report.push(
                    Diagnostic::at(Code::BadValue, scheme.key_span, "a cookie has no `scheme`")
                        .label("of no use here")
                        .help("remove it: the cookie's value is the token"),
                );
            }
            let name = yaml::text(&cookie.value, "the name of a cookie", report)?;
            is_cookie(name, report).then(|| (TokenSource::Cookie(name.value.to_owned()), name.span))
        }
        (Some(_), Some(cookie)) => {
            report.push(
                Diagnostic::at(Code::BadValue, cookie.key_span, "a token source is a header or a cookie")
                    .label("second")
                    .help("make it an item of its own: `- cookie: NAME`"),
            );
            None
        }
        (None, None) => {
            // A key of another name has its own finding.
            if matches!(&node.kind, yaml::Kind::Map(entries) if entries.iter().all(|e| e.key == "scheme")) {
                fields.require("header", report);
            }
            None
        }
    }
}

fn scheme(text: Text<'_>, report: &mut Report) -> Option<Scheme> {
    match text.value {
        "Bearer" => Some(Scheme::Bearer),
        "none" => Some(Scheme::None),
        other => {
            report.push(
                Diagnostic::at(Code::BadValue, text.span, format!("`{other}` is not a scheme"))
                    .label("not known")
                    .suggest(other, ["Bearer", "none"], "write `Bearer` or `none`"),
            );
            None
        }
    }
}

fn is_header(name: Text<'_>, report: &mut Report) -> bool {
    let taken = TAKEN.iter().find(|(taken, _)| *taken == name.value).map(|(_, why)| *why);
    let help = if let Some(why) = taken {
        why
    } else if name.value.starts_with("x-envoy-") || name.value.starts_with("x-forwarded-") {
        "it belongs to proxies"
    } else if !name.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        "write it with lower-case letters, digits and `-`"
    } else if name.value.len() > MAX_NAME_BYTES {
        "names have at most 64 bytes"
    } else {
        return true;
    };
    bad_name(name, "a header for tokens", help, report)
}

/// A token of RFC 6265, which is one of RFC 9110.
fn is_cookie(name: Text<'_>, report: &mut Report) -> bool {
    let help = if !name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)) {
        "names of cookies are letters, digits and the likes of `-`, `_` and `.`"
    } else if name.value.len() > MAX_NAME_BYTES {
        "names have at most 64 bytes"
    } else {
        return true;
    };
    bad_name(name, "the name of a cookie", help, report)
}

fn bad_name(name: Text<'_>, what: &str, help: &'static str, report: &mut Report) -> bool {
    let shown = name.value.escape_debug();
    report.push(
        Diagnostic::at(Code::BadValue, name.span, format!("`{shown}` can't be {what}"))
            .label("not allowed")
            .help(help),
    );
    false
}
