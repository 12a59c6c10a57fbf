//! Who calls, as the token tells it: before the policy has been asked what
//! that means.

use std::fmt;

use serde_json::{Map, Value};

/// A verified caller: names only, nothing resolved against a policy.
#[derive(Clone, PartialEq, Default)]
pub struct Subject {
    /// The user id; never empty.
    pub user: String,
    /// Role names out of the token, as they stand there.
    pub roles: Vec<String>,
    /// Group names out of the token, as they stand there.
    pub groups: Vec<String>,
    /// All claims of the token.
    pub claims: Map<String, Value>,
}

/// The user alone: claims are personal data and have no place in a log.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("user", &self.user).finish_non_exhaustive()
    }
}
