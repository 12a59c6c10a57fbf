//! A token becomes a [`Subject`], or a refusal with its exact reason.
//!
//! Nothing here is believed because a token says so: the issuer is chosen by
//! its exact name among those configured, the algorithm must be on that
//! issuer's list, the key comes from that issuer's own files or addresses, and
//! only then is the signature looked at, and only after that the claims. The
//! clock is an input. Keys that are fetched come in through a [`Feed`], which
//! says what to fetch and when; no connection is opened here. No token, or part
//! of one, is ever printed, not even by `Debug`.
//! This room knows nothing of policies: a role is a word here. Verified tokens
//! are remembered together with whatever the caller makes of their subjects:
//! what that is, and for which policy it holds, is the caller's to know.

mod authority;
mod base64url;
mod cache;
mod claims;
mod cookie;
mod counts;
mod credential;
mod crypto;
mod der;
pub mod devkey;
pub mod inspect;
mod feed;
mod jwks;
mod jws;
mod keyfile;
mod keyring;
mod load;
mod material;
pub mod mint;
mod names;
mod pem;
mod public_key;
mod refresh;
mod roles;
mod rules;
mod secret;
mod signature;
mod upkeep;
mod validity;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{self, CacheSize, Environment, OnAnonymous, TokenSource};
use crate::diag::Report;
use crate::engine::{Headers, Reason, Subject};
use authority::Authority;
use cache::Entry;
use counts::Counters;
use credential::Token;
use rules::Rules;
use validity::Validity;

pub use cache::{Remembered, TokenCache};
pub use counts::Counts;
pub use credential::MAX_TOKEN_BYTES;
pub use feed::{Answer, Event, Feed, Moment, Step};
pub use keyfile::KeyFile;
pub use material::MAX_KEY_BYTES;
pub use names::CertificateNames;
pub use secret::Secret;
pub use upkeep::{Readiness, Upkeep};
pub use validity::MAX_AHEAD;

/// The bytes of a file with keys or certificates, at most [`MAX_KEY_BYTES`].
pub fn read_key_file(path: &Path) -> io::Result<Vec<u8>> {
    load::bytes(path)
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The exact reason; callers are told [`Reason::public_word`] only.
    pub reason: Reason,
    /// A few fixed words for the log. Never anything out of the token.
    pub detail: &'static str,
}

impl Refusal {
    fn new(reason: Reason, detail: &'static str) -> Self {
        Self { reason, detail }
    }

    fn malformed(detail: &'static str) -> Self {
        Self::new(Reason::TokenMalformed, detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

/// Whom a token of this issuer with these claims would speak for, if there
/// were one. Where no issuer is configured, `sub`, `roles` and `groups` say it.
/// For questions that a person asks offline; a request is answered by a
/// [`Verifier`] alone.
pub fn imagined_subject(
    issuer: Option<&config::Issuer>,
    claims: Map<String, Value>,
) -> Result<Subject, Refusal> {
    claims::bearer(claims, &issuer.map_or_else(Rules::usual, Rules::of)).map(|named| named.subject)
}

/// Everything that is needed to verify a token: the issuers and their keys.
pub struct Verifier {
    tokens: Vec<TokenSource>,
    on_anonymous: OnAnonymous,
    cache: CacheSize,
    /// By the exact `iss`.
    authorities: HashMap<String, Arc<Authority>>,
    counters: Counters,
    feeds: Vec<Feed>,
    files: Vec<KeyFile>,
}

/// A verified token.
struct Verified {
    subject: Subject,
    authority: Arc<Authority>,
    generation: u64,
    validity: Validity,
}

impl Verifier {
    /// Reads the keys of all issuers. Every key that can't be used is a
    /// finding; there is a verifier only when none of them is an error.
    pub fn load(
        config: &config::Identity,
        base_dir: &Path,
        env: Environment<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let load::Loaded { authorities, feeds, files } = load::load(&config.issuers, base_dir, env, report)?;
        Some(Self {
            tokens: config.tokens.clone(),
            on_anonymous: config.on_anonymous,
            cache: config.cache,
            authorities: authorities.into_iter().map(|(name, a)| (name, Arc::new(a))).collect(),
            counters: Counters::default(),
            feeds,
            files,
        })
    }

    /// What must be done so that there are keys and stay good ones. The first
    /// to ask gets it.
    pub fn take_upkeep(&mut self) -> Upkeep {
        let required = self.authorities.iter().filter(|(_, authority)| authority.required);
        Upkeep {
            feeds: std::mem::take(&mut self.feeds),
            files: std::mem::take(&mut self.files),
            readiness: Readiness::of(required.map(|(name, a)| (name.clone(), Arc::clone(&a.keys))).collect()),
        }
    }

    /// The number of an issuer's key set: it grows with every set that takes
    /// the place of another. `None` for an unknown issuer, and while its keys
    /// are not to be had at `now`: nothing that was verified with them counts
    /// then.
    pub fn generation(&self, issuer: &str, now: u64) -> Option<u64> {
        self.authorities.get(issuer)?.keys.load().generation(now)
    }

    /// How many keys each issuer has that count at `now`, by its name.
    pub fn keys(&self, now: u64) -> BTreeMap<&str, usize> {
        let count = |authority: &Authority| authority.keys.load().keys(now).map_or(0, authority::Keys::len);
        self.authorities.iter().map(|(name, authority)| (name.as_str(), count(authority))).collect()
    }

    /// What becomes of a token on a route that everyone may call.
    pub fn on_anonymous(&self) -> OnAnonymous {
        self.on_anonymous
    }

    /// An empty cache of the configured size.
    pub fn new_cache<T: Remembered>(&self) -> TokenCache<T> {
        TokenCache::new(self.cache)
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Finds the token in a request and verifies it for a service, whose
    /// audiences count where it has some. `now` is in seconds since 1970.
    pub fn authenticate(
        &self,
        headers: Headers<'_>,
        audiences: &[Box<str>],
        now: u64,
    ) -> Result<Subject, Refusal> {
        let token = credential::find(&self.tokens, headers)?;
        self.check(token, audiences, now).map(|verified| verified.subject)
    }

    /// As [`Verifier::authenticate`], but for what it gives: what `make` makes
    /// of the subject, now or when the token was verified the first time.
    pub fn recall<T: Remembered>(
        &self,
        cache: &TokenCache<T>,
        headers: Headers<'_>,
        audiences: &[Box<str>],
        now: u64,
        make: impl FnOnce(Subject) -> T,
    ) -> Result<Arc<T>, Refusal> {
        let token = credential::find(&self.tokens, headers)?;
        let found = cache.get(token.as_str());
        if let Some((digest, Some(entry))) = &found {
            // INVARIANT: nothing that may have changed since is taken from the
            // entry: neither the keys, nor the time, nor who asks.
            if entry.authority.keys.load().generation(now) == Some(entry.generation) {
                self.counters.hit();
                let valid = entry.validity.check(entry.authority.rules(), audiences, now);
                if valid.as_ref().is_err_and(|refusal| refusal.reason == Reason::TokenExpired) {
                    cache.remove(digest);
                }
                return valid.map(|()| Arc::clone(&entry.known));
            }
            cache.remove(digest);
        }
        let Verified { subject, authority, generation, validity } = self.check(token, audiences, now)?;
        let known = Arc::new(make(subject));
        if let Some((digest, _)) = found {
            // Refusals are not counted: they are nothing a cache could save.
            self.counters.miss();
            cache.insert(digest, Entry::new(authority, generation, validity, Arc::clone(&known)));
        }
        Ok(known)
    }

    /// Verifies a token for a service, whose audiences count where it has
    /// some. `now` is in seconds since 1970.
    pub fn verify(&self, token: &str, audiences: &[Box<str>], now: u64) -> Result<Subject, Refusal> {
        let token = credential::token(token.as_bytes())?;
        self.check(token, audiences, now).map(|verified| verified.subject)
    }

    /// The order is part of the contract: somebody without a signed token
    /// learns nothing about audiences, clocks or subjects.
    fn check(&self, token: Token<'_>, audiences: &[Box<str>], now: u64) -> Result<Verified, Refusal> {
        let token = jws::parse(token.as_str())?;
        let authority = token.issuer().and_then(|issuer| {
            self.authorities.get(issuer).ok_or(Refusal::new(Reason::IssuerUnknown, "no such issuer"))
        })?;
        let rules = authority.rules();
        rules.check_type(token.typ())?;
        let algorithm = authority.algorithm(token.algorithm())?;
        // INVARIANT: the only look at the keys of a check. What is remembered of
        // the token is good for these keys and no others.
        let held = authority.keys.load();
        let key = held.keys(now).and_then(|keys| keys.find(algorithm, token.key_id()));
        let key = key.inspect_err(|_| authority.keys.want())?;
        if !key.verifies(algorithm, token.signed(), token.signature()) {
            return Err(Refusal::new(Reason::SignatureInvalid, "the signature does not verify"));
        }
        let (named, validity) = claims::subject(token.into_claims(), rules, audiences, now)?;
        self.counters.unreadable(named.unreadable);
        Ok(Verified {
            subject: named.subject,
            authority: Arc::clone(authority),
            generation: held.number(),
            validity,
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut issuers: Vec<&String> = self.authorities.keys().collect();
        issuers.sort();
        f.debug_struct("Verifier").field("issuers", &issuers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
