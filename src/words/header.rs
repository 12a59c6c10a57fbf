//! Names of the managed headers: what the upstream is told about the caller.
//!
//! Envoy obeys whatever header it is told to set, `:path` and
//! `transfer-encoding` included, so the names that mean something to a proxy
//! are refused, wherever they are written.

use std::fmt;

/// How many headers one request may be given.
pub const MAX_HEADERS: usize = 16;

/// The prefix that needs no listing.
pub const HEADER_PREFIX: &str = "x-user-";

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

/// Whether this can be the name of a header of a request.
pub fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token)
}

/// A name that may be a managed header's: lower-case letters, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderName(Box<str>);

impl HeaderName {
    /// The name, or what to write instead. Whether its prefix is listed is not
    /// looked at.
    pub fn parse(name: &str) -> Result<Self, String> {
        name_fault(name).map_or_else(|| Ok(Self(name.into())), Err)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the name has none of these prefixes: what to do about it.
    pub fn outside(&self, prefixes: &[String]) -> Option<String> {
        if prefixes.iter().any(|prefix| self.0.starts_with(prefix.as_str())) {
            return None;
        }
        Some(format!(
            "begin it with `{HEADER_PREFIX}`, or list its prefix in `header_prefixes` of doorward.yaml"
        ))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a prefix of names, as what to do about it.
pub fn prefix_fault(prefix: &str) -> Option<&'static str> {
    if !prefix.bytes().all(is_name_byte) {
        Some("prefixes are lower-case letters, digits and `-`")
    } else if !prefix.starts_with("x-") || prefix.len() < 4 {
        Some("a prefix begins with `x-` and has at least four characters, such as `x-tenant`")
    } else if STEERING.iter().any(|name| steers(name, prefix) || name.starts_with(prefix)) {
        Some("it covers headers that steer proxies: choose a prefix of your own, such as `x-tenant`")
    } else {
        None
    }
}

/// What is wrong with a name, as what to do about it.
fn name_fault(name: &str) -> Option<String> {
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
    if !name.starts_with("x-") {
        return Some(format!(
            "headers without a prefix of their own steer HTTP: begin it with `{HEADER_PREFIX}`"
        ));
    }
    None
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

fn steers(steering: &str, name: &str) -> bool {
    if steering.ends_with('-') { name.starts_with(steering) } else { name == steering }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str) -> Option<String> {
        let prefixes = ["x-user-".to_owned(), "x-tenant".to_owned()];
        HeaderName::parse(name).map_or_else(Some, |name| name.outside(&prefixes))
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
