//! Traefik's ForwardAuth and `forward_auth` of Caddy: a request with all
//! headers of the client, and `X-Forwarded-*` put in place of the client's.
//!
//! Both can be told to believe what clients, or proxies before them, say in
//! `X-Forwarded-*` (`trustForwardHeader`, `trusted_proxies`), and then a client
//! chooses what is decided. That can't be seen from here: only where the client
//! sends an `X-Forwarded-For` too does it grow into a list, which is refused.

use super::head::{Head, Own, own};
use crate::gate::Words;

const METHOD: Own = own!("x-forwarded-method");
const URI: Own = own!("x-forwarded-uri");
const HOST: Own = own!("x-forwarded-host");
const SCHEME: Own = own!("x-forwarded-proto");
const SOURCE: Own = own!("x-forwarded-for");

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
