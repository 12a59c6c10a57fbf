//! A token becomes a [`Subject`], or a refusal with its exact reason.
//!
//! Nothing here is believed because a token says so: the issuer is chosen by
//! its exact name among those configured, the algorithm must be on that
//! issuer's list, the key comes from that issuer's own files, and only then is
//! the signature looked at, and only after that the claims. The clock is an
//! input. No token, or part of one, is ever printed, not even by `Debug`.
//! This room knows nothing of policies: a role is a word here.

mod authority;
mod base64url;
mod claims;
mod credential;
mod crypto;
mod der;
pub mod devkey;
mod json;
mod jwks;
mod jws;
mod load;
pub mod mint;
mod pem;
mod public_key;
mod signature;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::{self, Environment, TokenSource};
use crate::diag::Report;
use crate::engine::{Headers, Reason, Subject};
use authority::{Authority, Rules};

pub use claims::{CLOCK_SKEW, MAX_AHEAD};
pub use credential::MAX_TOKEN_BYTES;

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
    claims::bearer(claims, &issuer.map_or_else(Rules::usual, Rules::of))
}

/// Everything that is needed to verify a token: the issuers and their keys.
pub struct Verifier {
    tokens: Vec<TokenSource>,
    /// By the exact `iss`.
    authorities: HashMap<String, Authority>,
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
        let authorities = load::authorities(&config.issuers, base_dir, env, report)?;
        Some(Self { tokens: config.tokens.clone(), authorities })
    }

    /// Finds the token in a request and verifies it. `now` is in seconds since
    /// 1970.
    pub fn authenticate(&self, headers: Headers<'_>, now: u64) -> Result<Subject, Refusal> {
        let token = credential::find(&self.tokens, headers)?;
        self.check(token.as_str(), now)
    }

    /// Verifies a token. `now` is in seconds since 1970.
    pub fn verify(&self, token: &str, now: u64) -> Result<Subject, Refusal> {
        credential::check_length(token)?;
        self.check(token, now)
    }

    /// The order is part of the contract: somebody without a signed token
    /// learns nothing about audiences, clocks or subjects.
    fn check(&self, token: &str, now: u64) -> Result<Subject, Refusal> {
        let token = jws::parse(token)?;
        let authority = token.issuer().and_then(|issuer| {
            self.authorities.get(issuer).ok_or(Refusal::new(Reason::IssuerUnknown, "no such issuer"))
        })?;
        let algorithm = authority.algorithm(token.algorithm())?;
        let key = authority.key(algorithm, token.key_id())?;
        if !key.verifies(algorithm, token.signed(), token.signature()) {
            return Err(Refusal::new(Reason::SignatureInvalid, "the signature does not verify"));
        }
        claims::subject(token.into_claims(), authority.rules(), now)
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
