//! The claims of a token whose signature holds: whether it is for us, now, and
//! for whom it speaks. Every claim that is looked at has one type; another
//! type is a refusal, never "not there".

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Refusal;
use super::rules::Rules;
use super::validity::Validity;
use crate::config::{ClaimPath, ListClaim};
use crate::engine::{Proof, Subject};
use crate::words::is_unseen;

/// The longest subject or user id.
const MAX_ID_BYTES: usize = 256;

/// Who calls, out of claims.
pub(super) struct Named {
    pub(super) subject: Subject,
    /// How many of the claims that list names held something else, and so
    /// gave nothing.
    pub(super) unreadable: u64,
}

/// Checks all claims and names the subject. The service's audiences count
/// where it has some.
pub(super) fn subject(
    claims: Map<String, Value>,
    rules: &Rules,
    service: &[Box<str>],
    now: u64,
) -> Result<(Named, Validity), Refusal> {
    unbound(&claims)?;
    let validity = Validity::read(&claims)?;
    validity.check(rules, service, now)?;
    required(&claims, rules)?;
    sub(&claims)?;
    Ok((bearer(claims, rules)?, validity))
}

/// Refuses a token that is bound to a key of the sender's, whose proof nobody
/// here could check.
pub(super) fn unbound(claims: &Map<String, Value>) -> Result<(), Refusal> {
    if claims.contains_key("cnf") {
        return Err(Refusal::malformed("`cnf` binds the token to its sender, which is not checked here"));
    }
    Ok(())
}

/// Refuses a token that lacks a claim which its issuer must give.
pub(super) fn required(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Refusal> {
    let there = |path: &ClaimPath| path.find(claims).is_some_and(|value| !value.is_null());
    if rules.required.iter().all(there) {
        Ok(())
    } else {
        Err(Refusal::malformed("a claim of the issuer's `required_claims` is missing"))
    }
}

/// Refuses a token that speaks for nobody.
pub(super) fn sub(claims: &Map<String, Value>) -> Result<(), Refusal> {
    let sub = claims.get("sub").ok_or(Refusal::malformed("`sub` is missing"))?;
    identifier(sub, "`sub` is not a usable text").map(drop)
}

/// For whom the claims speak, whether or not they are for us and now.
pub(super) fn bearer(claims: Map<String, Value>, rules: &Rules) -> Result<Named, Refusal> {
    // The first claim that is there: a bad one is not passed over.
    let user = rules.user.iter().find_map(|path| path.find(&claims));
    let user = user.ok_or(Refusal::malformed("the user's claim is missing"))?;
    let user = identifier(user, "the user's claim is not a usable text")?;
    // An upstream that reads a header as a list would see several users.
    if user.contains(',') {
        return Err(Refusal::malformed("the user's claim holds a comma"));
    }
    let mut unreadable = 0;
    let mut names = |lists: &[ListClaim]| names(lists, &claims, &mut unreadable);
    let (roles, read_as) = rules.role_names.read(names(&rules.roles));
    let subject = Subject {
        proof: Proof::Token,
        user: user.to_owned(),
        roles,
        read_as,
        groups: names(&rules.groups),
        codes: names(&rules.codes),
        // A token without the claim has no scopes, which is not "no limit".
        scopes: rules.scopes.as_ref().map(|scopes| names(std::slice::from_ref(scopes))),
        claims: Map::new(),
    };
    Ok(Named { subject: Subject { claims, ..subject }, unreadable })
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

/// The names that claims list, without repeats. What holds anything but a
/// list of texts (or, where so configured, one text of them) gives nothing at
/// all, and is counted. Names are kept byte for byte: no pattern, no trimming,
/// no folding.
fn names(lists: &[ListClaim], claims: &Map<String, Value>, unreadable: &mut u64) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for list in lists {
        let Some(value) = list.path.find(claims) else { continue };
        match texts(value, list.spaced) {
            Some(texts) => out.extend(texts.into_iter().filter(|t| seen.insert(*t)).map(str::to_owned)),
            None => *unreadable += 1,
        }
    }
    out
}

fn texts(value: &Value, spaced: bool) -> Option<Vec<&str>> {
    match value {
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        Value::String(text) if spaced && text.is_empty() => Some(Vec::new()),
        // Single spaces, as RFC 6749 writes scopes: nothing else is guessed.
        Value::String(text) if spaced => {
            let texts: Vec<&str> = text.split(' ').collect();
            let whole = |text: &&str| !text.is_empty() && !text.chars().any(is_unseen);
            texts.iter().all(whole).then_some(texts)
        }
        _ => None,
    }
}
