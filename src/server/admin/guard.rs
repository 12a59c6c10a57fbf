//! Who may do more than look at numbers.
//!
//! Without a secret: programs on the same machine, told by the address of the
//! connection and never by a header, or whoever may open the Unix socket. With
//! one: who knows it, and nobody else, since a proxy on the same machine makes
//! everybody look near. A page in somebody's browser never may: browsers say
//! `Origin`, and a name that leads to this machine by a trick in the DNS is not
//! one of this machine's names.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, FORWARDED, HOST, HeaderMap, HeaderName, ORIGIN, VIA};
use hyper::http::request::Parts;

use super::reply::Reply;
use crate::identity::Secret;
use crate::server::listen::Peer;

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The secret is missing or wrong.
    Secret,
    /// No secret could help.
    Forbidden(&'static str),
}

impl Refused {
    /// What they are told.
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Secret => {
                Reply::error(401, "this takes `authorization: Bearer` and the secret of `listen.admin`")
            }
            Self::Forbidden(why) => Reply::error(403, why),
        }
    }
}

/// What proxies add: who sends it is not the one who asks.
const PROXIED: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-envoy-external-address"),
];

/// Whether the sender of a request may act.
pub(super) fn check(peer: Peer, head: &Parts, secret: Option<&Secret>) -> Result<(), Refused> {
    let headers = &head.headers;
    if headers.contains_key(ORIGIN) {
        return Err(Refused::Forbidden("this is not for web pages: a browser sent `origin`"));
    }
    match (peer, secret) {
        (_, Some(secret)) => {
            bearer(headers).filter(|shown| secret.is(shown)).map(|_| ()).ok_or(Refused::Secret)
        }
        (_, None) if headers.contains_key(AUTHORIZATION) => {
            Err(Refused::Forbidden("no secret is configured: name its variable in `listen.admin.secret_env`"))
        }
        (Peer::Unix, None) => Ok(()),
        (Peer::Ip(address), None) if address.to_canonical().is_loopback() => local(head),
        _ => Err(Refused::Forbidden(
            "this is for the same machine, or takes a secret: `listen.admin.secret_env`",
        )),
    }
}

/// Whether a request of a connection from this machine comes from this machine.
fn local(head: &Parts) -> Result<(), Refused> {
    if PROXIED.iter().any(|name| head.headers.contains_key(name)) {
        return Err(Refused::Forbidden(
            "this came by a proxy, which makes everybody look near: configure `listen.admin.secret_env`",
        ));
    }
    if !is_near(head) {
        return Err(Refused::Forbidden("`host` is not this machine's: ask `localhost` or `127.0.0.1`"));
    }
    Ok(())
}

/// What follows `Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, rest) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
}

/// Whether the host that is asked for is always the machine of who asks.
fn is_near(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next(), head.uri.authority()) {
        (Some(host), None, None) => host.to_str().ok(),
        // HTTP/2 has it in the target.
        (None, None, Some(authority)) => Some(authority.as_str()),
        _ => None,
    };
    let Some(named) = named else { return false };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let host = match named.rsplit_once(':') {
        Some((host, port)) if digits(port) => host,
        _ => named,
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use hyper::Request;

    use super::*;

    const SECRET: &str = "correct horse battery staple";

    fn asks(peer: Peer, headers: &[(&str, &str)], secret: bool) -> Result<(), Refused> {
        let builder =
            headers.iter().fold(Request::post("/reload"), |r, (name, value)| r.header(*name, *value));
        let head = builder.body(()).unwrap().into_parts().0;
        check(peer, &head, secret.then(|| Secret::new(SECRET).unwrap()).as_ref())
    }

    fn ip(text: &str) -> Peer {
        Peer::Ip(text.parse().unwrap())
    }

    fn is_forbidden(asked: Result<(), Refused>) -> bool {
        matches!(asked, Err(Refused::Forbidden(_)))
    }

    const NEAR: (&str, &str) = ("host", "localhost:9193");

    #[test]
    fn log_6_without_a_secret_only_the_same_machine_may() {
        for near in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(asks(ip(near), &[NEAR], false), Ok(()), "{near}");
        }
        assert_eq!(asks(Peer::Unix, &[("host", "whatever")], false), Ok(()));
        for far in ["10.0.0.1", "192.168.0.1", "0.0.0.0", "::", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(is_forbidden(asks(ip(far), &[NEAR], false)), "{far}");
        }
    }

    #[test]
    fn log_6_no_header_makes_somebody_near() {
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("x-real-ip", "127.0.0.1"),
            ("x-envoy-external-address", "127.0.0.1"),
        ] {
            assert!(is_forbidden(asks(ip("10.0.0.1"), &[NEAR, (name, value)], false)), "{name}");
        }
        // And a proxy on this machine brings others.
        for name in ["x-forwarded-for", "x-forwarded-proto", "forwarded", "via"] {
            assert!(is_forbidden(asks(ip("127.0.0.1"), &[NEAR, (name, "x")], false)), "{name}");
        }
    }

    #[test]
    fn a_page_in_a_browser_never_may() {
        for peer in [Peer::Unix, ip("127.0.0.1")] {
            for origin in ["https://evil.test", "http://localhost:9193", "null"] {
                let authorization = format!("Bearer {SECRET}");
                let headers = [NEAR, ("origin", origin), ("authorization", &authorization)];
                assert!(is_forbidden(asks(peer, &headers, true)), "{origin}");
                assert!(is_forbidden(asks(peer, &headers[..2], false)), "{origin}");
            }
        }
        for host in
            ["evil.test", "evil.test:9193", "localhost.evil.test", "127.0.0.1.evil.test", "", "10.0.0.1"]
        {
            assert!(is_forbidden(asks(ip("127.0.0.1"), &[("host", host)], false)), "{host}");
        }
        assert!(is_forbidden(asks(ip("127.0.0.1"), &[], false)), "no host");
        assert!(is_forbidden(asks(ip("127.0.0.1"), &[NEAR, NEAR], false)), "two");
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:9193", "127.1.2.3", "[::1]:9193", "[::1]"] {
            assert_eq!(asks(ip("127.0.0.1"), &[("host", host)], false), Ok(()), "{host}");
        }
    }

    #[test]
    fn log_5_with_a_secret_everybody_needs_it() {
        let right = format!("Bearer {SECRET}");
        for peer in [ip("127.0.0.1"), ip("10.0.0.1"), Peer::Unix] {
            let host = ("host", "doorward.prod.svc:9193");
            assert_eq!(asks(peer, &[host, ("authorization", &right)], true), Ok(()));
            for wrong in [
                format!("Bearer {SECRET} "),
                format!("Bearer {}", SECRET.trim_end_matches('e')),
                format!("Bearer {SECRET}x"),
                format!("Basic {SECRET}"),
                SECRET.to_owned(),
                "Bearer ".to_owned(),
                String::new(),
            ] {
                let asked = asks(peer, &[NEAR, ("authorization", &wrong)], true);
                assert_eq!(asked, Err(Refused::Secret), "{wrong}");
            }
            let twice = [NEAR, ("authorization", &*right), ("authorization", &*right)];
            assert_eq!(asks(peer, &twice, true), Err(Refused::Secret));
        }
        assert_eq!(asks(ip("127.0.0.1"), &[NEAR], true), Err(Refused::Secret));
        assert_eq!(asks(Peer::Unix, &[NEAR], true), Err(Refused::Secret));
        assert!(is_forbidden(asks(ip("127.0.0.1"), &[NEAR, ("authorization", &right)], false)));
    }
}
