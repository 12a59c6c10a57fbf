//! The words of one request, whoever brings it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::engine::{Headers, Input};

/// The words of one request, where the proxy's message has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words<'m> {
    pub(crate) method: &'m str,
    pub(crate) host: &'m str,
    pub(crate) path: &'m str,
    pub(crate) service: Option<&'m str>,
    pub(crate) source: Option<IpAddr>,
    /// The URI of the client's certificate, which Envoy verified.
    pub(crate) peer: Option<&'m str>,
    /// Names in lower case, no pseudo headers, in the order of the request.
    pub(crate) headers: Vec<(Cow<'m, str>, &'m [u8])>,
    pub(crate) scheme: &'m str,
    /// The body, where Envoy sends all of it and as bytes.
    pub(crate) body: Option<&'m [u8]>,
}

/// Headers as the engine takes them.
pub(crate) type Pairs<'w> = Vec<(&'w str, &'w [u8])>;

impl Words<'_> {
    /// The headers as the engine takes them.
    pub(crate) fn pairs(&self) -> Pairs<'_> {
        self.headers.iter().map(|(name, value)| (&**name, *value)).collect()
    }

    /// The words as the engine takes them; `pairs` are [`Words::pairs`], `now` is
    /// in seconds since 1970.
    pub(crate) fn input<'a>(&'a self, pairs: &'a [(&'a str, &'a [u8])], now: u64) -> Input<'a> {
        let Self { method, host, path, service, source, peer, headers: _, scheme, body } = *self;
        Input { method, host, path, service, source, peer, headers: Headers::new(pairs), scheme, body, now }
    }

    /// Whether Envoy takes the caller for a gRPC client, in which case it turns
    /// a denial's body into `grpc-message`. Envoy's own test, to the letter:
    /// gRPC-Web is an ordinary HTTP request to it.
    pub(crate) fn wants_grpc(&self) -> bool {
        let mut types = self.headers.iter().filter(|(name, _)| name == "content-type");
        match (types.next(), types.next()) {
            (Some((_, value)), None) => value
                .strip_prefix(b"application/grpc")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+")),
            _ => false,
        }
    }
}

#[cfg(test)]
impl Words<'_> {
    /// The same words, kept for a test to look at.
    pub(crate) fn leaked(&self) -> Words<'static> {
        fn text(text: &str) -> &'static str {
            String::leak(text.to_owned())
        }
        let bytes = |bytes: &[u8]| -> &'static [u8] { bytes.to_vec().leak() };
        let Self { method, host, path, service, source, peer, ref headers, scheme, body } = *self;
        Words {
            method: text(method),
            host: text(host),
            path: text(path),
            service: service.map(text),
            source,
            peer: peer.map(text),
            headers: headers.iter().map(|(name, value)| (text(name).into(), bytes(value))).collect(),
            scheme: text(scheme),
            body: body.map(bytes),
        }
    }
}
