//! The managed headers: what the upstream is told about the user.
//!
//! Their names are fixed when the process starts. Envoy obeys whatever header
//! it is told to set, `:path` and `transfer-encoding` included, so the names
//! that mean something to a proxy are refused here.

use super::claim_path::ClaimPath;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Entry, Kind, Text};

/// How many managed headers there may be.
pub const MAX_HEADERS: usize = 16;

/// A header that Doorward sets or removes on every allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHeader {
    /// Its name: lower case letters, digits and `-`.
    pub name: String,
    /// What its value is made of.
    pub value: HeaderValue,
    /// Where it stands; `None` for a default.
    pub span: Option<Span>,
}

/// What the value of a managed header is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// `user.id`
    UserId,
    /// `user.roles`
    UserRoles,
    /// `user.groups`
    UserGroups,
    /// `user.codes`
    UserCodes,
    /// `user.primary_role`
    UserPrimaryRole,
    /// `claims.<path>`
    Claim(ClaimPath),
}

const EXPRESSIONS: &[(&str, HeaderValue)] = &[
    ("user.id", HeaderValue::UserId),
    ("user.roles", HeaderValue::UserRoles),
    ("user.groups", HeaderValue::UserGroups),
    ("user.codes", HeaderValue::UserCodes),
    ("user.primary_role", HeaderValue::UserPrimaryRole),
];

/// The prefix that needs no listing.
const PREFIX: &str = "x-user-";

const MAX_NAME_BYTES: usize = 64;

/// Headers that steer a proxy or an application, or that other parties set:
/// neither a managed header nor a prefix may touch them. A final `-` means
/// everything that begins so.
const STEERING: &[&str] = &[
    "x-accel-",
    "x-amzn-",
    "x-b3-",
    "x-client-trace-id",
    "x-cloud-trace-context",
    "x-datadog-",
    "x-envoy-",
    "x-forwarded-",
    "x-http-method",
    "x-http-method-",
    "x-method-override",
    "x-middleware-",
    "x-original-",
    "x-real-ip",
    "x-request-id",
    "x-request-start",
    "x-rewrite-url",
    "x-sendfile",
];

/// The prefixes that names of managed headers may have.
pub(super) fn prefixes(entry: Option<&Entry>, report: &mut Report) -> Vec<String> {
    let mut prefixes = vec![PREFIX.to_owned()];
    let Some(entry) = entry else { return prefixes };
    for text in yaml::texts(&entry.value, "`header_prefixes`", report) {
        let help = if !text.value.bytes().all(is_name_byte) {
            "prefixes are lower-case letters, digits and `-`"
        } else if !text.value.starts_with("x-") || text.value.len() < 4 {
            "a prefix begins with `x-` and has at least four characters, such as `x-tenant`"
        } else if STEERING.iter().any(|name| steers(name, text.value) || name.starts_with(text.value)) {
            "it covers headers that steer proxies: choose a prefix of your own, such as `x-tenant`"
        } else {
            prefixes.push(text.value.to_owned());
            continue;
        };
        report.push(
            Diagnostic::at(
                Code::BadHeaderName,
                text.span,
                format!("`{}` can't be a header prefix", text.value),
            )
            .label("not allowed")
            .help(help),
        );
    }
    prefixes
}

/// The managed headers, sorted by name. Left out, the user's id and roles are
/// sent: then, too, a client's own copies must not get through.
pub(super) fn read(entry: Option<&Entry>, prefixes: &[String], report: &mut Report) -> Vec<UpstreamHeader> {
    let Some(entry) = entry else {
        return vec![
            UpstreamHeader { name: "x-user-id".to_owned(), value: HeaderValue::UserId, span: None },
            UpstreamHeader { name: "x-user-roles".to_owned(), value: HeaderValue::UserRoles, span: None },
        ];
    };
    let Kind::Map(entries) = &entry.value.kind else {
        let code = if entry.value.is_null() { Code::EmptyValue } else { Code::WrongType };
        report.push(
            Diagnostic::at(
                code,
                entry.value.span,
                format!("`upstream_headers` must be a mapping, found {}", entry.value.describe()),
            )
            .label("not a mapping")
            .help("write `x-user-id: user.id` and so on below it"),
        );
        return Vec::new();
    };
    if entries.is_empty() {
        report.push(
            Diagnostic::at(Code::EmptyValue, entry.value.span, "`upstream_headers` is empty")
                .label("empty")
                .help("name at least one header, or remove the key for `x-user-id` and `x-user-roles`"),
        );
    }
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
    let named = match name_problem(&entry.key, prefixes) {
        Some(help) => {
            report.push(
                Diagnostic::at(
                    Code::BadHeaderName,
                    entry.key_span,
                    format!("`{}` can't be a managed header", entry.key),
                )
                .label("not allowed")
                .help(help),
            );
            false
        }
        None => true,
    };
    let text = yaml::text(&entry.value, "the value of a managed header", report);
    let value = text.and_then(|text| expression(text, report))?;
    named.then(|| UpstreamHeader { name: entry.key.clone(), value, span: Some(entry.key_span) })
}

/// What is wrong with a name, as what to do about it.
fn name_problem(name: &str, prefixes: &[String]) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if STEERING.iter().any(|steering| steers(steering, &lower)) {
        return Some("this header steers proxies or belongs to them: choose a name of your own".to_owned());
    }
    if name.bytes().all(|b| is_name_byte(b) || b.is_ascii_uppercase() || b == b'_') && !name.is_empty() {
        let better = lower.replace('_', "-");
        if better != name {
            return Some(format!("write `{better}`: names are lower-case letters, digits and `-`"));
        }
    }
    if name.is_empty() || !name.bytes().all(is_name_byte) {
        return Some("names are lower-case letters, digits and `-`".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        return Some(format!("names have at most {MAX_NAME_BYTES} bytes"));
    }
    if name.ends_with('-') {
        return Some("names do not end with `-`".to_owned());
    }
    if !prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
        return Some(if name.starts_with("x-") {
            format!("begin it with `{PREFIX}`, or list its prefix in `header_prefixes`")
        } else {
            format!("headers without a prefix of their own steer HTTP: begin it with `{PREFIX}`")
        });
    }
    None
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

fn steers(steering: &str, name: &str) -> bool {
    if steering.ends_with('-') { name.starts_with(steering) } else { name == steering }
}

fn expression(text: Text<'_>, report: &mut Report) -> Option<HeaderValue> {
    if let Some((_, value)) = EXPRESSIONS.iter().find(|(name, _)| *name == text.value) {
        return Some(value.clone());
    }
    if let Some(path) = text.value.strip_prefix("claims").filter(|path| path.starts_with(['.', '['])) {
        let path = path.strip_prefix('.').unwrap_or(path);
        let offset = text.value.len() - path.len();
        return ClaimPath::parse(text, path, offset, report).map(HeaderValue::Claim);
    }
    let known: Vec<&str> = EXPRESSIONS.iter().map(|(name, _)| *name).collect();
    let all = known.join("`, `");
    report.push(
        Diagnostic::at(
            Code::BadExpression,
            text.span,
            format!("`{}` is not an expression of this version", text.value),
        )
        .label("not known")
        .suggest(
            text.value,
            known,
            format!("write `{all}` or `claims.NAME`; other expressions come with a later version"),
        ),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str) -> Option<String> {
        name_problem(name, &["x-user-".to_owned(), "x-tenant".to_owned()])
    }

    #[test]
    fn names_under_a_prefix_pass() {
        for name in ["x-user-id", "x-user-2", "x-tenant", "x-tenant-id"] {
            assert_eq!(problem(name), None, "{name}");
        }
    }

    #[test]
    fn rsp_9_and_10_names_that_steer_or_are_no_tokens_are_refused() {
        for name in [
            "",
            ":path",
            ":method",
            ":authority",
            "host",
            "connection",
            "transfer-encoding",
            "content-length",
            "upgrade",
            "authorization",
            "cookie",
            "x-envoy-original-path",
            "X-Envoy-Retry-On",
            "x-forwarded-for",
            "x-request-id",
            "x-real-ip",
            "x-http-method-override",
            "x-user-",
            "x-user-id ",
            "x-user-\u{e9}",
            "x-user-a:b",
            "x-other",
        ] {
            assert!(problem(name).is_some(), "{name}");
        }
    }

    #[test]
    fn hdr_6_names_that_gateways_fold_together_are_refused() {
        for name in ["x_user_id", "X-User-Id", "x-user_id"] {
            assert!(problem(name).is_some_and(|help| help.contains("`x-user-id`")), "{name}");
        }
        assert!(problem("x.user.id").is_some());
    }
}
