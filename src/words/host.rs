//! Hosts: compared without case, port and final dot.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// What a service's `hosts` may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Exactly this host, in lower case.
    Exact(Box<str>),
    /// `*.example.com`, stored as `example.com`: every host below it, at any
    /// depth, not itself.
    Below(Box<str>),
}

impl HostPattern {
    /// Reads a host or `*.` and a host; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') {
            return Err("`*` stands only at the front, as `*.`");
        }
        let host = normalize(name).ok_or("not a host name or address")?;
        if port_of(name).is_some() {
            return Err("a host has no port here: ports are not compared");
        }
        if below && (!host.contains('.') || host.starts_with('[')) {
            return Err("`*.` needs a name with a dot behind it");
        }
        let host = host.into_owned().into_boxed_str();
        Ok(if below { Self::Below(host) } else { Self::Exact(host) })
    }

    /// Whether a normalised host is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *host,
            Self::Below(name) => host
                .strip_suffix(&**name)
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|l| !l.is_empty()),
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Below(host) => write!(f, "*.{host}"),
        }
    }
}

/// A request's authority as a host: port and one final dot cut off, in lower
/// case. `None` when it is not a host at all (RFC 9110, section 7.2).
pub fn normalize(authority: &str) -> Option<Cow<'_, str>> {
    let host = match port_of(authority) {
        Some((host, port)) => {
            let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
            digits.then_some(host)?
        }
        None => authority,
    };
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(Cow::Owned(format!("[{address}]")));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return None;
    }
    Some(if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

/// Host and port text, where a colon stands behind the host.
fn port_of(authority: &str) -> Option<(&str, &str)> {
    let after_bracket = authority.rfind(']').unwrap_or(0);
    let colon = authority.rfind(':').filter(|at| *at > after_bracket || after_bracket == 0)?;
    Some((authority.get(..colon)?, authority.get(colon + 1..)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn host_1_case_port_and_final_dot_do_not_matter() {
        for host in ["api.test", "API.Test", "api.test.", "api.test:443", "API.TEST.:8443"] {
            assert_eq!(normalize(host).unwrap(), "api.test", "{host}");
        }
        assert_eq!(normalize("[::1]:80").unwrap(), "[::1]");
        assert_eq!(normalize("[0:0::1]").unwrap(), "[::1]");
        assert_eq!(normalize("127.0.0.1:80").unwrap(), "127.0.0.1");
    }

    #[test]
    fn what_is_not_a_host() {
        for host in [
            "",
            ".",
            "a..b",
            "a.test,b.test",
            "a b",
            "a.test:",
            "a.test:x",
            "a.test:123456",
            "u@a.test",
            "a/b",
            "é.test",
            "::1",
            "[::1",
            "[x]",
            "a.test..",
        ] {
            assert_eq!(normalize(host), None, "{host}");
        }
    }

    #[test]
    fn patterns() {
        let below = HostPattern::parse("*.Example.com").unwrap();
        assert!(below.matches("a.example.com") && below.matches("a.b.example.com"));
        assert!(!below.matches("example.com") && !below.matches("evilexample.com"));
        assert!(!below.matches(".example.com"));
        for bad in ["*", "*.com:80", "*.*.com", "a.*.com", "*.com", "", "a:80", "http://a"] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
