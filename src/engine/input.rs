//! What a decision is made from: the words of one request, borrowed, in no
//! transport's vocabulary.

use std::net::IpAddr;

/// The words of one request, exactly as the client sent them, and what its
/// connection and the clock add to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input<'a> {
    /// The method, such as `GET`; compared exactly.
    pub method: &'a str,
    /// The authority: host and perhaps port.
    pub host: &'a str,
    /// The request target: path and perhaps `?` and query. Never decoded.
    pub path: &'a str,
    /// The service that the proxy's own configuration names, where it does.
    pub service: Option<&'a str>,
    /// The client's address, where there is one.
    pub source: Option<IpAddr>,
    /// Who is at the other end of a connection with mutual TLS: the URI of the
    /// client's certificate, such as `spiffe://cluster/ns/shop/sa/billing`. The
    /// proxy verified the certificate.
    pub peer: Option<&'a str>,
    /// The request headers.
    pub headers: Headers<'a>,
    /// `http` or `https`, as the proxy tells it: over HTTP/2 the client may
    /// choose.
    pub scheme: &'a str,
    /// The bytes of the body; `None` where the proxy sends none, or a part.
    pub body: Option<&'a [u8]>,
    /// When the request is decided: seconds since 1970, UTC.
    pub now: u64,
}

/// Request headers: names in lower case, values as bytes, in the order of the
/// request, repeated where the client repeated them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a>(&'a [(&'a str, &'a [u8])]);

impl<'a> Headers<'a> {
    /// Headers from pairs. Names must be in lower case already.
    pub fn new(pairs: &'a [(&'a str, &'a [u8])]) -> Self {
        Self(pairs)
    }

    /// All values of a header, in order.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// The value of a header that stands once.
    pub fn only(self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether the header is there at all.
    pub fn has(self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| *n == name)
    }

    /// Every header, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.iter().copied()
    }
}
