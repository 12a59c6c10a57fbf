//! What a verifier needs done so that its keys are there and stay good.

use std::sync::Arc;

use super::feed::Feed;
use super::keyfile::KeyFile;
use super::keyring::Keyring;

/// What must be done for a verifier's keys, off the path of requests.
pub struct Upkeep {
    /// The issuers whose keys must be fetched.
    pub feeds: Vec<Feed>,
    /// The files with keys, to be looked at from time to time.
    pub files: Vec<KeyFile>,
    /// Whether there is enough to begin with.
    pub readiness: Readiness,
}

/// Whether the keys of every issuer that is required were had once.
#[derive(Clone)]
pub struct Readiness {
    required: Vec<(String, Arc<Keyring>)>,
}

impl Readiness {
    pub(super) fn of(mut required: Vec<(String, Arc<Keyring>)>) -> Self {
        required.sort_by(|a, b| a.0.cmp(&b.0));
        Self { required }
    }

    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.missing().next().is_none()
    }

    /// The required issuers that never had keys.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.required.iter().filter(|(_, keys)| !keys.was_filled()).map(|(issuer, _)| issuer.as_str())
    }
}
