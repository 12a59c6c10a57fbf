//! The words of one request, whoever brings it.

use std::net::IpAddr;

use crate::engine::{Headers, Input};

/// The words of one request, owned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) service: Option<String>,
    pub(crate) source: Option<IpAddr>,
    /// The URI of the client's certificate, which Envoy verified.
    pub(crate) peer: Option<String>,
    /// Names in lower case, no pseudo headers, in the order of the request.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) scheme: String,
    /// The body, where Envoy sends all of it and as bytes.
    pub(crate) body: Option<Vec<u8>>,
}

impl Words {
    /// The headers as the engine takes them, borrowed.
    pub(crate) fn pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }

    /// The words as the engine takes them; `pairs` are [`Words::pairs`], `now` is
    /// in seconds since 1970.
    pub(crate) fn input<'a>(&'a self, pairs: &'a [(&'a str, &'a [u8])], now: u64) -> Input<'a> {
        Input {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            service: self.service.as_deref(),
            source: self.source,
            peer: self.peer.as_deref(),
            headers: Headers::new(pairs),
            scheme: &self.scheme,
            body: self.body.as_deref(),
            now,
        }
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
