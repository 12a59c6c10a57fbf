//! Who calls, as the token or the certificate tells it: before the policy has been asked what
//! that means.

use std::fmt;

use serde_json::{Map, Value};

use crate::policy::SpiffeId;

/// What shows who a caller is. The policy gives roles to users and to peers
/// apart: a token whose user is called like a peer is not that peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    /// A token.
    #[default]
    Token,
    /// The certificate at the other end of the connection.
    Certificate,
}

/// A verified caller: names only, nothing resolved against a policy.
#[derive(Clone, PartialEq, Default)]
pub struct Subject {
    /// What shows it.
    pub proof: Proof,
    /// The user id, or the SPIFFE id of a peer; never empty.
    pub user: String,
    /// The roles that the token gives, by the policy's names.
    pub roles: Vec<String>,
    /// What became of role names of the token that are not the policy's.
    pub read_as: Vec<ReadAs>,
    /// Group names out of the token, as they stand there.
    pub groups: Vec<String>,
    /// Permission codes out of the token, as they stand there.
    pub codes: Vec<String>,
    /// Permission codes that limit what roles and `codes` give; `None` where
    /// the token's scopes are not asked.
    pub scopes: Option<Vec<String>>,
    /// All claims of the token.
    pub claims: Map<String, Value>,
}

/// What became of a role name of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAs {
    /// As it stands in the token.
    pub name: String,
    /// What it gives.
    pub reading: Reading,
}

/// What a role name of a token gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// These roles.
    Roles(Vec<String>),
    /// Nothing, and why.
    Nothing(&'static str),
}

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.escape_debug())?;
        match &self.reading {
            Reading::Roles(roles) => write!(f, ", read as {}", roles.join(", ").escape_debug()),
            Reading::Nothing(why) => write!(f, ", which gives nothing: {why}"),
        }
    }
}

/// The user alone: claims are personal data and have no place in a log.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Subject {
    /// The peer itself: it has a name, and nothing else is known about it.
    pub fn peer(id: SpiffeId<'_>) -> Self {
        Self { proof: Proof::Certificate, user: id.as_str().to_owned(), ..Self::default() }
    }

    /// About how many bytes this takes in memory beside itself.
    pub(super) fn bytes(&self) -> usize {
        let Self { proof: _, user, roles, read_as, groups, codes, scopes, claims } = self;
        let lists = [roles, groups, codes].into_iter().chain(scopes);
        let names: usize = lists.flatten().map(|name| size_of::<String>() + name.len()).sum();
        let read_as: usize = read_as.iter().map(ReadAs::bytes).sum();
        user.len() + names + read_as + members(claims)
    }
}

impl ReadAs {
    fn bytes(&self) -> usize {
        let roles = match &self.reading {
            Reading::Roles(roles) => roles.iter().map(|role| size_of::<String>() + role.len()).sum(),
            Reading::Nothing(_) => 0,
        };
        size_of::<Self>() + self.name.len() + roles
    }
}

/// Of a map: a tree's nodes may be half empty.
fn members(map: &Map<String, Value>) -> usize {
    let entry = 2 * (size_of::<String>() + size_of::<Value>());
    map.iter().map(|(name, value)| entry + name.len() + inside(value)).sum()
}

/// No deeper than the reader of JSON goes.
fn inside(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        // Lists grow by doubling.
        Value::Array(items) => items.iter().map(|item| 2 * size_of::<Value>() + inside(item)).sum(),
        Value::Object(map) => members(map),
    }
}
