//! The head of a proxy's own request, and the words in it.

use std::borrow::Cow;
use std::net::IpAddr;

use hyper::header::HeaderMap;
use hyper::{Method, Request, Uri, Version};

/// Headers of the connection between proxy and Doorward, not of the client's
/// request.
const HOPS: [&str; 7] =
    ["host", "connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding"];

/// The head of a proxy's request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'r> {
    pub(super) method: &'r Method,
    target: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
}

/// A header that the proxy must send once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) name: &'static str,
    /// What is wrong where it does not.
    pub(super) lacking: &'static str,
}

/// An [`Own`] of this name.
macro_rules! own {
    ($name:literal) => {
        $crate::forward::head::Own {
            name: $name,
            lacking: concat!("the proxy must send `", $name, "` once, in visible ascii and not empty"),
        }
    };
}
pub(super) use own;

/// The service that a proxy's configuration names: `/events` is `events`, and
/// `/` leaves it to host and path.
pub(super) fn service(text: &str) -> Result<Option<&str>, &'static str> {
    match text.strip_prefix('/') {
        Some("") => Ok(None),
        Some(name) if !name.contains('/') => Ok(Some(name)),
        _ => Err("the proxy must name the service as `/` and its name, or leave it open as `/`"),
    }
}

impl<'r> Head<'r> {
    pub(super) fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            target: request.uri(),
            version: request.version(),
            headers: request.headers(),
        }
    }

    /// The shape that all proxies have in common.
    pub(super) fn is_plain(self) -> Result<(), &'static str> {
        if self.version != Version::HTTP_11 {
            return Err("the proxy must speak HTTP/1.1 (nginx: `proxy_http_version 1.1`)");
        }
        if self.target.scheme().is_some() || self.target.authority().is_some() {
            return Err("the target of the proxy's request is not a path");
        }
        Ok(())
    }

    /// The target as it was sent, with its query. A fragment is cut off by the
    /// HTTP library.
    pub(super) fn target(self) -> &'r str {
        self.target.path_and_query().map_or("", |target| target.as_str())
    }

    /// The service that the address names which the proxy was given. No client
    /// has a say in it: the query, which Caddy takes over, is not looked at.
    pub(super) fn named_service(self) -> Result<Option<&'r str>, &'static str> {
        if self.method != Method::GET {
            return Err("the proxy must ask by GET");
        }
        service(self.target.path())
    }

    /// The value of a header that the proxy sets.
    pub(super) fn one(self, own: Own) -> Result<&'r str, &'static str> {
        let mut values = self.headers.get_all(own.name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if !value.is_empty() => value.to_str().map_err(|_| own.lacking),
            _ => Err(own.lacking),
        }
    }

    /// The client's address, in a header that the proxy sets.
    pub(super) fn address(self, own: Own) -> Result<IpAddr, &'static str> {
        let ip: IpAddr = self.one(own)?.parse().map_err(|_| "the client's address is not one IP address")?;
        // One client has one address: `::ffff:192.0.2.1` is `192.0.2.1`.
        Ok(ip.to_canonical())
    }

    /// The value of a header that may be missing; none where it stands twice.
    pub(super) fn only(self, name: &str) -> Option<&'r [u8]> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.as_bytes()),
            _ => None,
        }
    }

    /// The client's headers: all but those of the connection and those that
    /// the proxy itself sets.
    pub(super) fn rest(self, own: &[&str]) -> Vec<(Cow<'r, str>, &'r [u8])> {
        let is_clients = |name: &str| !HOPS.contains(&name) && !own.contains(&name);
        let all = self.headers.iter().filter(|(name, _)| is_clients(name.as_str()));
        all.map(|(name, value)| (Cow::Borrowed(name.as_str()), value.as_bytes())).collect()
    }
}
