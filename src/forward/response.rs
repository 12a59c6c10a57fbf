//! The only place where an HTTP response to a proxy is made.
//!
//! 200 is said for an allow and for nothing else. A denial has the status that
//! the proxy understands as one, and its own in a header beside it.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::{envoy, nginx};
use crate::config::Proxy;
use crate::gate::{Answer, Outcome};

/// The body of every answer.
pub(crate) type Body = Full<Bytes>;

/// What ties the answer to its log line.
const DECISION: &str = "x-doorward-decision-id";
/// The status of a denial, whatever the proxy can be told.
const STATUS: &str = "x-doorward-status";
/// What Envoy shall take from the request.
const REMOVE: &str = "x-envoy-auth-headers-to-remove";

/// The answer in the words of this proxy.
pub(super) fn response(answer: Answer<'_>, proxy: Proxy) -> Response<Body> {
    let Answer { outcome, id, described: _ } = answer;
    let mut headers = vec![(DECISION.to_owned(), id.to_owned())];
    headers.retain(|(_, id)| !id.is_empty());
    let (status, body) = match outcome {
        Outcome::Allow(allow) => {
            let set = allow.set().iter();
            headers.extend(set.map(|(name, value)| (name.to_string(), value.to_string())));
            // Of the others, each is configured to take what it is not given for
            // nothing: see `docs/http-mode.md`.
            if proxy == Proxy::Envoy && !allow.remove().is_empty() {
                headers.push((REMOVE.to_owned(), allow.remove().join(",")));
            }
            (StatusCode::OK, String::new())
        }
        Outcome::Deny(denial) => {
            let status = denial.status();
            let (told, body) = denial.into_parts();
            headers.extend(told.into_iter().map(|(name, value)| (name.to_owned(), value)));
            headers.push((STATUS.to_owned(), status.to_string()));
            let status = match proxy {
                Proxy::Envoy => envoy::status(status),
                Proxy::Nginx => nginx::status(status),
                Proxy::Traefik | Proxy::Caddy => status,
            };
            (refusal(status), body)
        }
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(response.headers_mut().append(name, value)),
            // An allow without one of its headers is another allow than was
            // decided.
            _ => return bare(),
        }
    }
    response
}

/// The status of a denial, which no proxy takes for leave to pass.
fn refusal(status: u16) -> StatusCode {
    let known = StatusCode::from_u16(status).ok();
    known.filter(|status| status.as_u16() >= 300).unwrap_or(StatusCode::FORBIDDEN)
}

fn bare() -> Response<Body> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}
