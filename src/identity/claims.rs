//! The claims of a token whose signature holds: whether it is for us, now, and
//! for whom it speaks. Every claim that is looked at has one type; another
//! type is a refusal, never "not there".

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Refusal;
use super::authority::Rules;
use crate::config::ClaimPath;
use crate::engine::{Reason, Subject};

/// How far, in seconds, the issuer's clock may be from ours.
pub const CLOCK_SKEW: u64 = 30;

/// How far ahead, in seconds, `exp` may lie: ten years. What lies beyond is a
/// mistake of the issuer's, such as milliseconds.
pub const MAX_AHEAD: u64 = 10 * 366 * 24 * 60 * 60;

/// The longest subject or user id.
const MAX_ID_BYTES: usize = 256;

/// Checks all claims and names the subject.
pub(super) fn subject(claims: Map<String, Value>, rules: &Rules, now: u64) -> Result<Subject, Refusal> {
    // Bound to a key of the sender's, whose proof nobody here could check.
    if claims.contains_key("cnf") {
        return Err(Refusal::malformed("`cnf` binds the token to its sender, which is not checked here"));
    }
    time(&claims, now)?;
    audience(&claims, rules)?;
    let sub = claims.get("sub").ok_or(Refusal::malformed("`sub` is missing"))?;
    identifier(sub, "`sub` is not a usable text")?;
    bearer(claims, rules)
}

/// For whom the claims speak, whether or not they are for us and now.
pub(super) fn bearer(claims: Map<String, Value>, rules: &Rules) -> Result<Subject, Refusal> {
    let user = rules.user.find(&claims).ok_or(Refusal::malformed("the user's claim is missing"))?;
    let user = identifier(user, "the user's claim is not a usable text")?;
    // An upstream that reads a header as a list would see several users.
    if user.contains(',') {
        return Err(Refusal::malformed("the user's claim holds a comma"));
    }
    Ok(Subject {
        user: user.to_owned(),
        roles: names(&rules.roles, &claims),
        groups: names(&rules.groups, &claims),
        claims,
    })
}

fn time(claims: &Map<String, Value>, now: u64) -> Result<(), Refusal> {
    let exp = seconds(claims, "exp", "`exp` is not a time in whole seconds")?
        .ok_or(Refusal::malformed("`exp` is missing"))?;
    let nbf = seconds(claims, "nbf", "`nbf` is not a time in whole seconds")?;
    let iat = seconds(claims, "iat", "`iat` is not a time in whole seconds")?;
    if exp > now.saturating_add(MAX_AHEAD) {
        return Err(Refusal::malformed("`exp` lies more than ten years ahead"));
    }
    if now >= exp.saturating_add(CLOCK_SKEW) {
        return Err(Refusal::new(Reason::TokenExpired, "`exp` has passed"));
    }
    let ahead = |time: Option<u64>| time.is_some_and(|time| time > now.saturating_add(CLOCK_SKEW));
    if ahead(nbf) {
        return Err(Refusal::new(Reason::TokenNotYetValid, "`nbf` lies ahead"));
    }
    if ahead(iat) {
        return Err(Refusal::new(Reason::TokenNotYetValid, "`iat` lies ahead"));
    }
    Ok(())
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

fn audience(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Refusal> {
    let wrong = Refusal::malformed("`aud` is neither a text nor a list of texts");
    let ours = |audience: &str| rules.audiences.iter().any(|a| a == audience);
    let found = match claims.get("aud") {
        None => false,
        Some(Value::String(audience)) => ours(audience),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or(wrong)?.into_iter().any(ours)
        }
        Some(_) => return Err(wrong),
    };
    if found { Ok(()) } else { Err(Refusal::new(Reason::AudienceMismatch, "`aud` names none of ours")) }
}

/// A text that names somebody: not empty, not endless, and nothing in it that
/// does not show.
fn identifier<'v>(value: &'v Value, wrong: &'static str) -> Result<&'v str, Refusal> {
    let usable = |text: &&str| {
        !text.is_empty()
            && text.len() <= MAX_ID_BYTES
            && !text.starts_with(' ')
            && !text.ends_with(' ')
            && !text.chars().any(is_unseen)
    };
    value.as_str().filter(usable).ok_or(Refusal::malformed(wrong))
}

/// Control characters, white space other than the plain space, characters
/// without width, and those that turn the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The names that claims list, without repeats. Only a list of texts gives
/// any; what holds anything else gives nothing at all. Names are kept byte for
/// byte: no pattern, no trimming, no folding.
fn names(paths: &[ClaimPath], claims: &Map<String, Value>) -> Vec<String> {
    let mut seen = HashSet::new();
    let lists = paths.iter().filter_map(|path| path.find(claims)?.as_array());
    lists
        .filter_map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
        .flatten()
        .filter(|name| seen.insert(*name))
        .map(str::to_owned)
        .collect()
}
