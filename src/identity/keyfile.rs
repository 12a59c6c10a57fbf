//! A key file that is read again when it changes. The last good keys stay in
//! force whatever becomes of the file.

use std::path::PathBuf;
use std::sync::Arc;

use super::authority::Keys;
use super::feed::Event;
use super::keyring::Keyring;
use super::{crypto, load, material};
use crate::config::{Algorithm, Issuer, KeySource};

/// A file with the keys of an issuer.
pub struct KeyFile {
    issuer: String,
    algorithms: Vec<Algorithm>,
    path: PathBuf,
    /// One key in PEM, not a JWKS.
    pem: bool,
    keyring: Arc<Keyring>,
    seen: Seen,
}

/// What was last found in the place of the file.
#[derive(PartialEq, Eq)]
enum Seen {
    Hash([u8; 32]),
    Error(String),
}

impl KeyFile {
    pub(super) fn new(issuer: &Issuer, path: PathBuf, text: &[u8], keyring: Arc<Keyring>) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            algorithms: issuer.algorithms.clone(),
            path,
            pem: matches!(issuer.keys.source, KeySource::Pem(_)),
            keyring,
            seen: Seen::Hash(crypto::sha256(text)),
        }
    }

    /// Whose keys they are.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads the file and puts its keys in force if they are others than
    /// before. Says so once a change, good or bad. Blocks while it reads.
    pub fn poll(&mut self) -> Option<Event> {
        let read = load::bytes(&self.path);
        let seen = match &read {
            Ok(text) => Seen::Hash(crypto::sha256(text)),
            Err(error) => Seen::Error(error.to_string()),
        };
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        let failed = |why| Some(Event::Failed { why, held: true });
        match read {
            Err(error) => failed(format!("can't read `{}`: {error}", self.path.display())),
            Ok(text) => match self.keys(&text) {
                Ok((keys, dropped)) => {
                    let count = keys.len();
                    self.keyring.replace(keys, u64::MAX);
                    Some(Event::Replaced { keys: count, dropped })
                }
                Err(why) => failed(format!("`{}` can't be used: {why}", self.path.display())),
            },
        }
    }

    fn keys(&self, text: &[u8]) -> Result<(Keys, Vec<String>), String> {
        if self.pem {
            let key = material::pinned(&self.algorithms, text).map_err(|why| why.to_string())?;
            return Ok((Keys::Pinned(key), Vec::new()));
        }
        let usable = material::set(&self.algorithms, text).map_err(|why| why.to_string())?;
        Ok((usable.keys, usable.dropped.iter().map(material::describe).collect()))
    }
}
