//! Whether a token whose signature holds is good here and now: its times and
//! its audience. Asked when a token is verified and again whenever it comes
//! back, by the same code.

use serde_json::{Map, Value};

use super::Refusal;
use super::rules::Rules;
use crate::engine::Reason;

/// How far ahead, in seconds, `exp` may lie: ten years. What lies beyond is a
/// mistake of the issuer's, such as milliseconds.
pub const MAX_AHEAD: u64 = 10 * 366 * 24 * 60 * 60;

/// The claims that say when and where a token is good, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validity {
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    /// `None`: neither a text nor a list of texts.
    audiences: Option<Box<[Box<str>]>>,
}

impl Validity {
    /// Reads the claims.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, Refusal> {
        Ok(Self {
            exp: seconds(claims, "exp", "`exp` is not a time in whole seconds")?
                .ok_or(Refusal::malformed("`exp` is missing"))?,
            nbf: seconds(claims, "nbf", "`nbf` is not a time in whole seconds")?,
            iat: seconds(claims, "iat", "`iat` is not a time in whole seconds")?,
            audiences: audiences(claims),
        })
    }

    /// Whether the token is good for a service now. The service's audiences
    /// count where it has some, and its issuer's where it has none.
    pub(super) fn check(&self, rules: &Rules, service: &[Box<str>], now: u64) -> Result<(), Refusal> {
        self.time(rules, now)?;
        self.audience(rules.audiences_for(service))
    }

    /// `exp`, in seconds since 1970.
    pub(super) fn expires(&self) -> u64 {
        self.exp
    }

    /// Whether the token is good now.
    pub(super) fn time(&self, rules: &Rules, now: u64) -> Result<(), Refusal> {
        if self.exp > now.saturating_add(MAX_AHEAD) {
            return Err(Refusal::malformed("`exp` lies more than ten years ahead"));
        }
        if let Some(most) = rules.max_lifetime {
            let iat = self.iat.ok_or(Refusal::malformed("`iat` is missing, which `max_lifetime` needs"))?;
            if self.exp.saturating_sub(iat) > most {
                return Err(Refusal::malformed("from `iat` to `exp` is longer than `max_lifetime`"));
            }
        }
        if now >= self.exp.saturating_add(rules.clock_skew) {
            return Err(Refusal::new(Reason::TokenExpired, "`exp` has passed"));
        }
        let ahead = |time: Option<u64>| time.is_some_and(|time| time > now.saturating_add(rules.clock_skew));
        if ahead(self.nbf) {
            return Err(Refusal::new(Reason::TokenNotYetValid, "`nbf` lies ahead"));
        }
        if ahead(self.iat) {
            return Err(Refusal::new(Reason::TokenNotYetValid, "`iat` lies ahead"));
        }
        Ok(())
    }

    /// Whether the token is for one of these.
    pub(super) fn audience(&self, ours: &[Box<str>]) -> Result<(), Refusal> {
        let Some(named) = &self.audiences else {
            return Err(Refusal::malformed("`aud` is neither a text nor a list of texts"));
        };
        if named.iter().any(|audience| ours.contains(audience)) {
            Ok(())
        } else {
            Err(Refusal::new(Reason::AudienceMismatch, "`aud` names none of ours"))
        }
    }

    /// About how many bytes this takes beside itself.
    pub(super) fn bytes(&self) -> usize {
        self.audiences.iter().flatten().map(|audience| size_of::<Box<str>>() + audience.len()).sum()
    }
}

/// A time, where there is one. Whole seconds since 1970; `5.0` is whole,
/// fractions, negative numbers and every other type are not.
fn seconds(claims: &Map<String, Value>, name: &str, wrong: &'static str) -> Result<Option<u64>, Refusal> {
    /// Beyond it, floating point skips whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_f64().filter(|f| value.is_f64() && f.fract() == 0.0 && (0.0..EXACT).contains(f));
    match (value.as_u64(), whole) {
        (Some(seconds), _) => Ok(Some(seconds)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, from 0 to 2^53")]
        (None, Some(whole)) => Ok(Some(whole as u64)),
        (None, None) => Err(Refusal::malformed(wrong)),
    }
}

fn audiences(claims: &Map<String, Value>) -> Option<Box<[Box<str>]>> {
    match claims.get("aud") {
        None => Some(Box::default()),
        Some(Value::String(audience)) => Some([audience.as_str().into()].into()),
        Some(Value::Array(list)) => list.iter().map(|item| item.as_str().map(Into::into)).collect(),
        Some(_) => None,
    }
}
