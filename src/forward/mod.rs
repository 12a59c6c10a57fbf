//! HTTP mode: the words of proxies that ask by an HTTP request of their own,
//! for each request of a client. What they ask becomes a request for the gate,
//! its answer becomes an HTTP response.
//!
//! Each proxy has its own file, which says where that proxy writes what the
//! client asked for. Those words are demanded, every one of them, once: a proxy
//! that is not configured to send them would pass on what a client sends by the
//! same name, and then the honest requests, which lack it, fail at once.
//! Nothing is read that another proxy would send. This room opens no socket,
//! decides nothing, and reads no body.

mod head;
mod envoy;
mod forwarded;
mod nginx;
mod response;

use std::sync::Arc;
use std::time::Instant;

use hyper::{Request, Response};

use crate::config::Proxy;
use crate::engine::Reason;
use crate::gate::{Answer, Gate, Judge, Live, Words};
use crate::telemetry::Carried;
use head::Head;

pub(crate) use response::Body;

/// What answers a proxy's requests.
#[derive(Debug)]
pub(crate) struct Forward<J = Arc<Live>> {
    gate: Arc<Gate<J>>,
    proxy: Proxy,
    /// What the names of managed headers begin with.
    prefixes: Vec<String>,
}

impl<J: Judge> Forward<J> {
    /// Answers this proxy by the gate.
    pub(crate) fn new(gate: Arc<Gate<J>>, proxy: Proxy, prefixes: Vec<String>) -> Self {
        Self { gate, proxy, prefixes }
    }

    /// The answer to one request. Its body is not looked at.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let arrived = Instant::now();
        let write = |answer: Answer<'_>| response::response(answer, self.proxy);
        let Some(_in_flight) = self.gate.admit() else {
            let why = "there are as many checks as `limits.checks` allows";
            return self.gate.refuse(Reason::Overloaded, why, arrived, write);
        };
        let head = Head::of(request);
        let deadline = match self.proxy {
            Proxy::Envoy => envoy::deadline(head),
            Proxy::Nginx | Proxy::Traefik | Proxy::Caddy => None,
        };
        // The proxy's own span stands where a client's would: among the headers.
        self.gate.answer(|| self.read(head), arrived, deadline, Carried::default(), write)
    }

    /// The words of the client's request, as the proxy tells them.
    fn read<'r>(&self, head: Head<'r>) -> Result<Words<'r>, &'static str> {
        head.is_plain()?;
        let words = match self.proxy {
            Proxy::Envoy => envoy::read(head),
            Proxy::Nginx => nginx::read(head),
            Proxy::Traefik | Proxy::Caddy => forwarded::read(head),
        }?;
        // Not every proxy can be told what to take from a request, and none
        // says whether it will set what it is given. So the client's own copy
        // is not to be removed but refused.
        let claims = |name: &str| {
            let folded = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            self.prefixes.iter().any(|prefix| folded.starts_with(prefix.as_str()))
        };
        if words.headers.iter().any(|(name, _)| claims(name)) {
            return Err("the client sent a managed header, or one that looks like it");
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests;
