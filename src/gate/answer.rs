//! What an answer consists of, before it is written in some proxy's words.
//!
//! Made so that nothing between can be expressed: an allow has headers that are
//! safe to send, a denial has a status that no client takes for a success.

use std::borrow::Cow;

use crate::denial::Location;
use crate::engine::HeaderChanges;
use crate::words::Refusal;

/// An answer and what can be said about it to the proxy's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) outcome: Outcome<'a>,
    /// The decision's id.
    pub(crate) id: &'a str,
    pub(crate) described: Described<'a>,
}

/// Names and values, for dynamic metadata.
pub(crate) type Described<'a> = [(&'static str, Option<&'a str>); 8];

/// Allow or deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    Allow(Allow<'a>),
    Deny(Denial),
}

/// What an allow does to the request's headers. No name stands in both lists,
/// and every name and value is safe to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allow<'a>(HeaderChanges<'a>);

/// A header that may not be sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnsafeHeader;

impl<'a> Allow<'a> {
    /// The names and values were checked when they were made; they are checked
    /// once more here, because a proxy may send whatever it is given.
    pub(crate) fn new(changes: HeaderChanges<'a>) -> Result<Self, UnsafeHeader> {
        let HeaderChanges { mut set, mut remove } = changes;
        if !set.iter().all(|(name, value)| is_name(name) && is_value(value)) {
            return Err(UnsafeHeader);
        }
        // Envoys differ in what an empty value does to the client's own.
        let empty = set.extract_if(.., |(_, value)| value.is_empty());
        remove.extend(empty.map(|(name, _)| name));
        // Envoy removes after it sets: a name in both lists would be lost.
        remove.retain(|name| !set.iter().any(|(set, _)| set.eq_ignore_ascii_case(name)));
        if remove.iter().any(|name| name.is_empty()) {
            return Err(UnsafeHeader);
        }
        Ok(Self(HeaderChanges { set, remove }))
    }

    /// What to set, in place of all values there are.
    pub(crate) fn set(&self) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        &self.0.set
    }

    /// What to remove.
    pub(crate) fn remove(&self) -> &[Cow<'a, str>] {
        &self.0.remove
    }
}

/// What the caller of a denied request gets: constant words and names out of
/// the policy; of the request only what a link or a redirect holds, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    refusal: Refusal,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Denial {
    /// A refusal. Headers that are not safe to send are left out.
    pub(crate) fn refuse(refusal: Refusal, mut headers: Vec<(&'static str, String)>, body: String) -> Self {
        headers.retain(|(name, value)| is_name(name) && is_value(value) && !value.is_empty());
        Self { refusal, status: refusal.http(), headers, body }
    }

    /// The way to the login page, for a browser whose request was denied: the
    /// only denial that is no refusal to HTTP.
    pub(crate) fn redirect(location: &Location) -> Self {
        let headers = vec![
            ("location", location.as_str().to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("vary", "accept".to_owned()),
        ];
        Self { status: Location::STATUS, ..Self::refuse(Refusal::Unauthorized, headers, String::new()) }
    }

    /// The HTTP status: one of [`Refusal`]'s, or 302.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The gRPC status; never 0.
    pub(crate) fn grpc(&self) -> u32 {
        self.refusal.grpc()
    }

    /// What to send with it.
    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Its body.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Headers and body.
    pub(crate) fn into_parts(self) -> (Vec<(&'static str, String)>, String) {
        (self.headers, self.body)
    }
}

/// Whether a header may be sent.
#[cfg(test)]
pub(crate) fn is_sendable(name: &str, value: &str) -> bool {
    is_name(name) && is_value(value) && !value.is_empty()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b' '..=b'~')) && value.trim_matches(' ').len() == value.len()
}
