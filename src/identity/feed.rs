//! The keys of an issuer as they come in from afar: what to ask for and when,
//! and what becomes of the answer. Asking itself, the clock and the waiting
//! belong to others; this file opens no connection.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::keyring::Keyring;
use super::refresh::{Outcome, Refresh, max_age};
use super::{crypto, material};
use crate::config::{Algorithm, Issuer, KeySource, KeyUrl, Remote};
use crate::engine::json;

/// A moment on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time that never goes back, since any beginning.
    pub steady: Duration,
    /// Seconds since 1970.
    pub wall: u64,
}

/// What to do for a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing until the steady clock shows this, or until keys are wanted.
    Wait(Duration),
    /// Fetch this and hand the answer to [`Feed::answered`].
    Get(KeyUrl),
}

/// An answer over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The values of `cache-control`, joined with commas.
    pub cache_control: Option<String>,
    /// The body, at most [`super::MAX_KEY_BYTES`].
    pub body: Vec<u8>,
}

/// What happened to the keys of an issuer. For the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Other keys are in force.
    Replaced {
        /// How many.
        keys: usize,
        /// A line for each key that is left out.
        dropped: Vec<String>,
    },
    /// The keys in force are still the right ones.
    Confirmed,
    /// No keys were had; those that were had before stay in force until they
    /// are too old.
    Failed {
        /// Why not.
        why: String,
        /// Whether there are any.
        held: bool,
    },
}

/// The remote keys of one issuer.
pub struct Feed {
    issuer: String,
    algorithms: Vec<Algorithm>,
    url: KeyUrl,
    /// The address is that of the issuer's configuration, not of its keys.
    discovery: bool,
    authorities: Option<Vec<u8>>,
    max_stale: u64,
    keyring: Arc<Keyring>,
    refresh: Refresh,
    asking: Asking,
    /// The hash of the answer whose keys are in force.
    in_force: Option<[u8; 32]>,
}

/// What was asked for last.
enum Asking {
    Nothing,
    /// Where the keys are.
    Configuration,
    /// The keys. The address is there until it is asked.
    Keys(Option<KeyUrl>),
}

impl Feed {
    pub(super) fn new(
        issuer: &Issuer,
        remote: &Remote,
        authorities: Option<Vec<u8>>,
        keyring: Arc<Keyring>,
    ) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            algorithms: issuer.algorithms.clone(),
            url: remote.url.clone(),
            discovery: matches!(issuer.keys.source, KeySource::Discovery(_)),
            authorities,
            max_stale: remote.max_stale,
            keyring,
            refresh: Refresh::new(),
            asking: Asking::Nothing,
            in_force: None,
        }
    }

    /// Whose keys they are.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The certificates to trust, in PEM; the system's where there are none.
    pub fn trusted(&self) -> Option<&[u8]> {
        self.authorities.as_deref()
    }

    /// Sets what is called when a request wants other keys. It is called by
    /// whoever answers the request, and must return at once.
    pub fn on_want(&self, call: impl Fn() + Send + Sync + 'static) {
        self.keyring.on_want(Box::new(call));
    }

    /// What to do now.
    pub fn step(&mut self, now: Moment) -> Step {
        if let Asking::Keys(url) = &mut self.asking
            && let Some(url) = url.take()
        {
            return Step::Get(url);
        }
        match self.refresh.due(self.keyring.is_wanted()) {
            // Whoever asks for a step has the answer or knows that none comes.
            None => Step::Wait(Duration::MAX),
            Some(due) if due > now.steady => Step::Wait(due),
            Some(_) => {
                self.refresh.begin(now.steady);
                self.keyring.settle();
                self.asking = if self.discovery { Asking::Configuration } else { Asking::Keys(None) };
                Step::Get(self.url.clone())
            }
        }
    }

    /// Takes the answer to the last [`Step::Get`], or why there is none. Of a
    /// configuration nothing is told: the keys that it leads to come next.
    pub fn answered(&mut self, answer: Result<Answer, String>, now: Moment) -> Option<Event> {
        let answer = answer.and_then(usable);
        match std::mem::replace(&mut self.asking, Asking::Nothing) {
            Asking::Nothing => None,
            Asking::Configuration => match answer.and_then(|answer| self.keys_address(&answer.body)) {
                Ok(url) => {
                    self.asking = Asking::Keys(Some(url));
                    None
                }
                Err(why) => Some(self.failed(why, now)),
            },
            Asking::Keys(_) => {
                let result = answer.and_then(|answer| {
                    let fresh = answer.cache_control.as_deref().and_then(max_age);
                    self.take(&answer.body, now).map(|event| (event, fresh))
                });
                Some(match result {
                    Ok((event, fresh)) => {
                        self.keyring.settle();
                        self.refresh.end(now.steady, Outcome::Keys(fresh), chance());
                        event
                    }
                    Err(why) => self.failed(why, now),
                })
            }
        }
    }

    fn failed(&mut self, why: String, now: Moment) -> Event {
        self.refresh.end(now.steady, Outcome::Nothing, chance());
        Event::Failed { why, held: self.keyring.load().keys(now.wall).is_ok() }
    }

    /// Puts the keys of an answer in force. A set without a usable key does
    /// not take the place of a good one.
    fn take(&mut self, body: &[u8], now: Moment) -> Result<Event, String> {
        let until = now.wall.saturating_add(self.max_stale);
        let hash = crypto::sha256(body);
        if self.in_force.as_ref() == Some(&hash) {
            self.keyring.confirm(until);
            return Ok(Event::Confirmed);
        }
        let usable = material::set(&self.algorithms, body)
            .map_err(|why| format!("the answer is not a key set that can be used: {why}"))?;
        let keys = usable.keys.len();
        self.keyring.replace(usable.keys, until);
        self.in_force = Some(hash);
        Ok(Event::Replaced { keys, dropped: usable.dropped.iter().map(material::describe).collect() })
    }

    /// Where the issuer's configuration says that its keys are.
    fn keys_address(&self, body: &[u8]) -> Result<KeyUrl, String> {
        let document = json::object(body)
            .ok_or("the configuration is not JSON, or a member stands in it twice".to_owned())?;
        if document.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err("the configuration is another issuer's".to_owned());
        }
        let uri = document.get("jwks_uri").and_then(Value::as_str).unwrap_or_default();
        self.url.names(uri).map_err(|why| format!("the `jwks_uri` of the configuration can't be used: {why}"))
    }
}

fn usable(answer: Answer) -> Result<Answer, String> {
    match answer.status {
        200 if answer.body.len() > material::MAX_KEY_BYTES => {
            Err("the answer is larger than 256 KiB".to_owned())
        }
        200 => Ok(answer),
        300..400 => Err(format!("the answer is {}: redirects are not followed", answer.status)),
        status => Err(format!("the answer is {status}")),
    }
}

/// Spreads the fetches of many processes. Without randomness they come
/// together, and no harm is done.
fn chance() -> u8 {
    let mut byte = [0];
    let [chance] = if crypto::random(&mut byte) { byte } else { [0] };
    chance
}
