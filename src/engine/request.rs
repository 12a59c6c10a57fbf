//! Steps 1 and 2: the one reading of a request, or a refusal.

use std::borrow::Cow;

use super::input::{Headers, Input};
use crate::policy::{Method, PathFault, RequestPath, decode_segment, normalize_host};
use crate::words::Reason;

/// A request that can be read in one way only.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) host: Cow<'a, str>,
    pub(super) path: RequestPath<'a>,
    /// The method that a CORS preflight announces.
    pub(super) preflight: Option<Method>,
    pub(super) upgrade: Upgrade,
}

/// What else than HTTP the request wants to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    None,
    WebSocket,
    Other,
}

/// A refusal: the reason, and a few words for the log and for `explain`.
pub type Refusal = (Reason, &'static str);

/// Headers by which some frameworks let a client change the method.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-method-override", "x-http-method"];

impl<'a> Request<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, Refusal> {
        let malformed = |detail| (Reason::RequestMalformed, detail);
        let mut method = Method::of_request(input.method).ok_or(malformed("the method is not known"))?;
        let host = normalize_host(input.host).ok_or(malformed("the host is not valid"))?;
        if !input.path.starts_with('/') {
            return Err(malformed(PathFault::NotAbsolute.as_str()));
        }
        if overrides_method(input) {
            return Err(malformed("a method override names another method"));
        }
        let path = RequestPath::parse(input.path).map_err(ambiguous)?;
        if method == Method::Post && is_grpc(input.headers).map_err(malformed)? {
            if path.has_trailing_slash() {
                return Err(ambiguous(PathFault::GrpcTrailingSlash));
            }
            method = Method::Grpc;
        }
        let preflight = match method {
            Method::Options => preflight(input.headers).map_err(malformed)?,
            _ => None,
        };
        Ok(Self { method, host, path, preflight, upgrade: upgrade(input.headers) })
    }
}

pub(super) fn ambiguous(fault: PathFault) -> Refusal {
    (Reason::PathAmbiguous, fault.as_str())
}

/// What else than a plain request a request is, in words: `grpc`, `websocket` or
/// `upgrade`, `preflight METHOD`. [`Input`]s with the same words are decided alike.
pub fn kinds(input: &Input<'_>) -> impl Iterator<Item = &'static str> {
    let method = Method::of_request(input.method);
    let grpc = method == Some(Method::Post) && is_grpc(input.headers) == Ok(true);
    let preflight = match method {
        Some(Method::Options) => preflight(input.headers).ok().flatten(),
        _ => None,
    };
    let upgrade = match upgrade(input.headers) {
        Upgrade::None => None,
        Upgrade::WebSocket => Some("websocket"),
        Upgrade::Other => Some("upgrade"),
    };
    let announced = preflight.into_iter().flat_map(|method| ["preflight", method.wire_name()]);
    grpc.then_some("grpc").into_iter().chain(upgrade).chain(announced)
}

fn overrides_method(input: &Input<'_>) -> bool {
    let other = |value: &[u8]| !value.eq_ignore_ascii_case(input.method.as_bytes());
    let by_header = input.headers.iter().any(|(name, value)| is_override(name) && other(value));
    // No search for the plain word first: its letters may be escaped too.
    let query = input.path.split_once('?').map_or("", |(_, query)| query);
    let by_query = query
        .split(['&', ';'])
        .filter_map(|pair| pair.split_once('='))
        .any(|(key, value)| decode_segment(key) == "_method" && other(decode_segment(value).as_bytes()));
    by_header || by_query
}

/// One of the names, in any spelling that CGI-like upstreams read as the same.
fn is_override(name: &str) -> bool {
    let same = |known: &str| {
        known.len() == name.len()
            && known
                .bytes()
                .zip(name.bytes())
                .all(|(k, n)| k == n || (k == b'-' && !n.is_ascii_alphanumeric()))
    };
    METHOD_OVERRIDES.iter().any(|known| same(known))
}

/// `application/grpc` and `application/grpc+proto`; not gRPC-Web, which is
/// plain `POST` until a filter translates it.
fn is_grpc(headers: Headers<'_>) -> Result<bool, &'static str> {
    let mut types = headers.all("content-type");
    let Some(first) = types.next() else { return Ok(false) };
    if types.next().is_some() {
        return Err("more than one content type");
    }
    let essence = first.split(|b| *b == b';').next().unwrap_or(first).trim_ascii();
    let grpc = b"application/grpc";
    Ok(essence.split_at_checked(grpc.len()).is_some_and(|(kind, suffix)| {
        kind.eq_ignore_ascii_case(grpc) && (suffix.is_empty() || suffix.starts_with(b"+"))
    }))
}

/// The Fetch standard's CORS preflight: `OPTIONS` with both headers.
fn preflight(headers: Headers<'_>) -> Result<Option<Method>, &'static str> {
    let mut announced = headers.all("access-control-request-method");
    let Some(method) = announced.next().filter(|_| headers.has("origin")) else { return Ok(None) };
    if announced.next().is_some() {
        return Err("a preflight that announces two methods");
    }
    let method = std::str::from_utf8(method).ok().and_then(Method::of_request);
    method.map(Some).ok_or("a preflight that announces an unknown method")
}

fn upgrade(headers: Headers<'_>) -> Upgrade {
    let mut wanted = headers.all("upgrade");
    let token =
        |value: &[u8]| value.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
    match (wanted.next(), wanted.next()) {
        (None, _) if headers.all("connection").any(token) => Upgrade::Other,
        (None, _) => Upgrade::None,
        (Some(one), None) if one.trim_ascii().eq_ignore_ascii_case(b"websocket") => Upgrade::WebSocket,
        _ => Upgrade::Other,
    }
}
