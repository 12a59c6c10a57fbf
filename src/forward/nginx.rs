//! `auth_request` of nginx: a subrequest with all headers of the client, and
//! with those that `proxy_set_header` puts in place of the client's.

use super::head::{Head, Own, own};
use crate::gate::Words;

/// `$request_method`
const METHOD: Own = own!("x-original-method");
/// `$request_uri`: as the client wrote it. nginx sends it on like that, too,
/// where `proxy_pass` has no path.
const URI: Own = own!("x-original-uri");
/// `$host`
const HOST: Own = own!("x-original-host");
/// `$scheme`
const SCHEME: Own = own!("x-original-scheme");
/// `$remote_addr`
const SOURCE: Own = own!("x-real-ip");

const OWN: [&str; 5] = [METHOD.name, URI.name, HOST.name, SCHEME.name, SOURCE.name];

pub(super) fn read(head: Head<'_>) -> Result<Words<'_>, &'static str> {
    Ok(Words {
        service: head.named_service()?,
        method: head.one(METHOD)?,
        path: head.one(URI)?,
        host: head.one(HOST)?,
        scheme: head.one(SCHEME)?,
        source: Some(head.address(SOURCE)?),
        headers: head.rest(&OWN),
        ..Words::default()
    })
}

/// nginx knows 2xx, 401 and 403; everything else is a fault to it, and the
/// client gets a 500. Only a 401 brings a header to the client by itself, and
/// the way to the login page is for the same callers.
pub(super) fn status(status: u16) -> u16 {
    match status {
        200 | 401 => status,
        302 => 401,
        _ => 403,
    }
}
