//! Envoy's `http_service`: the client's method, path and host are those of
//! Envoy's own request, and no client can change them on the way.
//!
//! Of the client's headers Envoy sends `authorization` and what
//! `allowed_headers` lists. What Doorward must know besides is in two headers
//! that `headers_to_add` sets in place of whatever a client sent.

use std::time::Duration;

use super::head::{Head, Own, own, service};
use crate::gate::Words;

/// `/%METADATA(ROUTE:doorward:service)%`: `/` and the service of the route. With
/// the `/` it is never empty; an empty value would leave a client's own in place.
const SERVICE: Own = own!("x-doorward-service");
/// `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`
const SOURCE: Own = own!("x-doorward-source");
const HOST: Own = own!("host");

/// How long Envoy waits, in milliseconds.
const TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// What Envoy says of itself, not of the client.
const OWN: [&str; 5] = [SERVICE.name, SOURCE.name, TIMEOUT, "x-envoy-internal", "x-forwarded-for"];

pub(super) fn read(head: Head<'_>) -> Result<Words<'_>, &'static str> {
    Ok(Words {
        method: head.method.as_str(),
        host: head.one(HOST)?,
        path: head.target(),
        service: service(head.one(SERVICE)?)?,
        source: Some(head.address(SOURCE)?),
        headers: head.rest(&OWN),
        ..Words::default()
    })
}

/// How long Envoy waits for the answer.
pub(super) fn deadline(head: Head<'_>) -> Option<Duration> {
    let digits = head.only(TIMEOUT)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let millis = digits.iter().fold(0, |sum: u64, digit| sum * 10 + u64::from(digit - b'0'));
    Some(Duration::from_millis(millis))
}

/// Envoy takes 5xx for a fault, not for an answer, and may be told to open the
/// door to faults.
pub(super) fn status(status: u16) -> u16 {
    if status < 500 { status } else { 403 }
}
