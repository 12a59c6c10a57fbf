//! Who would call: somebody that is asserted and not verified.

use serde_json::{Map, Value, json};

use crate::config::Issuer;
use crate::engine::{Reason, Subject};
use crate::identity::{Refusal, imagined_subject};

/// Somebody by name, with what the policy calls by these names.
pub fn named(
    user: &str,
    roles: &[String],
    groups: &[String],
    codes: &[String],
) -> Result<Subject, &'static str> {
    let claims = json!({ "sub": user, "roles": roles, "groups": groups, "codes": codes });
    let claims = claims.as_object().cloned().unwrap_or_default();
    imagined_subject(None, claims).map_err(|_| {
        "not a usable user id: 1 to 256 bytes, no comma, no control or invisible characters, no space at either end"
    })
}

/// Whom a token with these claims would speak for, or the refusal that it would
/// meet; an error where it can't be said whose token it would be.
pub fn claimed(
    claims: Map<String, Value>,
    issuers: &[Issuer],
) -> Result<Result<Subject, Refusal>, &'static str> {
    let named = claims.get("iss").and_then(Value::as_str);
    let issuer: Option<&Issuer> = match (named, issuers) {
        (_, []) => None,
        (None, [only]) => Some(only),
        (None, _) => {
            return Err("several issuers are configured: say with the claim `iss` which one is meant");
        }
        (Some(name), issuers) => match issuers.iter().find(|issuer| issuer.issuer == name) {
            Some(issuer) => Some(issuer),
            None => return Ok(Err(Refusal { reason: Reason::IssuerUnknown, detail: "no such issuer" })),
        },
    };
    Ok(imagined_subject(issuer, claims))
}
