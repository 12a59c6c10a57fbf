//! Methods: a closed set, compared exactly.

use std::fmt;

/// What a request asks to do. A gRPC call is told apart from other `POST`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST` that is not a gRPC call
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `POST` with a gRPC content type
    Grpc,
    /// `TRACE`: known, never allowed
    Trace,
    /// `CONNECT`: known, never allowed
    Connect,
}

impl Method {
    /// Every method that a route can name.
    pub const ROUTABLE: [Method; 8] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Options,
        Method::Grpc,
    ];

    /// The method of a request, by its exact upper-case name (RFC 9110,
    /// section 9.1: methods are case-sensitive). Never [`Method::Grpc`].
    pub fn of_request(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            _ => return None,
        })
    }

    /// The name on the wire.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post | Self::Grpc => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
        }
    }

    /// The word of a route for it.
    pub fn word(self) -> &'static str {
        if self == Self::Grpc { "GRPC" } else { self.wire_name() }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Get => 1,
            Self::Head => 1 << 1,
            Self::Post => 1 << 2,
            Self::Put => 1 << 3,
            Self::Patch => 1 << 4,
            Self::Delete => 1 << 5,
            Self::Options => 1 << 6,
            Self::Grpc => 1 << 7,
            // INVARIANT: no set ever holds them, so no route ever matches them.
            Self::Trace | Self::Connect => 0,
        }
    }
}

/// The methods that a route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MethodSet(u8);

impl MethodSet {
    /// `ANY`: every method that a route can name.
    pub const ANY: Self = Self(u8::MAX);

    /// What one word of a route's method list stands for: `GET` covers `HEAD`
    /// (RFC 9110, section 9.3.2), `POST` covers gRPC calls, `GRPC` only them.
    pub fn of_word(word: &str) -> Option<Self> {
        let of = |methods: &[Method]| Self(methods.iter().fold(0, |set, m| set | m.bit()));
        Some(match word {
            "ANY" => Self::ANY,
            "GET" => of(&[Method::Get, Method::Head]),
            "POST" => of(&[Method::Post, Method::Grpc]),
            "GRPC" => of(&[Method::Grpc]),
            _ => of(&[Method::of_request(word).filter(|m| m.bit() != 0)?]),
        })
    }

    /// The words that [`MethodSet::of_word`] knows.
    pub const WORDS: [&'static str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GRPC", "ANY"];

    /// The set of one method.
    pub fn only(method: Method) -> Self {
        Self(method.bit())
    }

    /// Whether the method is in the set.
    pub fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no method is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ROUTABLE.into_iter().filter(move |m| self.contains(*m))
    }
}

impl fmt::Display for MethodSet {
    /// The names on the wire, joined by `, `: the form of an `allow` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = "";
        for method in Method::ROUTABLE {
            // POST stands once, for gRPC and other calls alike.
            let post_again = method == Method::Grpc && self.contains(Method::Post);
            if self.contains(method) && !post_again {
                write!(f, "{last}{}", method.wire_name())?;
                last = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meth_1_only_exact_upper_case_names_are_methods() {
        for name in ["get", "Get", "FOO", "", "GET ", "PROPFIND", "GRPC", "ANY"] {
            assert_eq!(Method::of_request(name), None, "{name}");
        }
        for method in Method::ROUTABLE.into_iter().filter(|m| *m != Method::Grpc) {
            assert_eq!(Method::of_request(method.wire_name()), Some(method));
        }
    }

    #[test]
    fn meth_2_get_covers_head_and_post_covers_grpc() {
        let set = |word| MethodSet::of_word(word).unwrap_or_default();
        assert!(set("GET").contains(Method::Head));
        assert!(!set("HEAD").contains(Method::Get));
        assert!(set("POST").contains(Method::Grpc));
        assert!(!set("GRPC").contains(Method::Post));
        assert_eq!(set("ANY").to_string(), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        assert_eq!(set("GRPC").to_string(), "POST");
    }

    #[test]
    fn meth_5_trace_and_connect_are_in_no_set() {
        for method in [Method::Trace, Method::Connect] {
            assert!(!MethodSet::ANY.contains(method));
            assert_eq!(MethodSet::of_word(method.wire_name()), None);
        }
    }
}
