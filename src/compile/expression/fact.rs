//! What expressions can ask about a request.

use std::fmt;

/// Something about a request that an expression names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// `request.method`
    Method,
    /// `request.path`: without the query.
    Path,
    /// `request.host`: without port, in lower case.
    Host,
    /// `request.scheme`
    Scheme,
    /// `request.time`: seconds since 1970.
    Time,
    /// `request.query`: all parameters.
    Query,
    /// `request.query.NAME`: the values of one parameter.
    QueryOf(Box<str>),
    /// `request.headers["NAME"]`
    Header(Box<str>),
    /// `request.body`, and members below it.
    Body(Box<[Box<str>]>),
    /// `source.ip`
    Ip,
    /// `source.principal`
    Peer,
    /// `source.networks`: the names of the policy's networks that the address
    /// lies in.
    Networks,
    /// `path.NAME`
    Param(Box<str>),
    /// `user.id`
    User,
    /// `user.roles`: those given, not what they inherit.
    Roles,
    /// `user.groups`
    Groups,
    /// `user.codes`
    Codes,
    /// `user.primary_role`
    PrimaryRole,
    /// `claims`, and members below it.
    Claims(Box<[Box<str>]>),
    /// `service`
    Service,
}

impl Fact {
    /// Whether it is about the request or its connection, rather than about the
    /// caller, the path's parameters or the service.
    pub fn is_of_request(&self) -> bool {
        match self {
            Self::Method
            | Self::Path
            | Self::Host
            | Self::Scheme
            | Self::Time
            | Self::Query
            | Self::QueryOf(_)
            | Self::Header(_)
            | Self::Body(_)
            | Self::Ip
            | Self::Peer
            | Self::Networks => true,
            Self::Param(_)
            | Self::User
            | Self::Roles
            | Self::Groups
            | Self::Codes
            | Self::PrimaryRole
            | Self::Claims(_)
            | Self::Service => false,
        }
    }
}

/// As expressions write it.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |f: &mut fmt::Formatter<'_>, of: &str, name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if starts && name.chars().all(plain) {
                write!(f, "{of}.{name}")
            } else {
                write!(f, "{of}[{name:?}]")
            }
        };
        let path = |f: &mut fmt::Formatter<'_>, root: &str, path: &[Box<str>]| {
            f.write_str(root)?;
            path.iter().try_for_each(|name| member(f, "", name))
        };
        match self {
            Self::Method => f.write_str("request.method"),
            Self::Path => f.write_str("request.path"),
            Self::Host => f.write_str("request.host"),
            Self::Scheme => f.write_str("request.scheme"),
            Self::Time => f.write_str("request.time"),
            Self::Query => f.write_str("request.query"),
            Self::QueryOf(name) => member(f, "request.query", name),
            Self::Header(name) => member(f, "request.headers", name),
            Self::Body(members) => path(f, "request.body", members),
            Self::Ip => f.write_str("source.ip"),
            Self::Peer => f.write_str("source.principal"),
            Self::Networks => f.write_str("source.networks"),
            Self::Param(name) => member(f, "path", name),
            Self::User => f.write_str("user.id"),
            Self::Roles => f.write_str("user.roles"),
            Self::Groups => f.write_str("user.groups"),
            Self::Codes => f.write_str("user.codes"),
            Self::PrimaryRole => f.write_str("user.primary_role"),
            Self::Claims(members) => path(f, "claims", members),
            Self::Service => f.write_str("service"),
        }
    }
}
