//! The outside of a token: three parts, a header and a payload that each have
//! one reading. Nothing here is believed yet.

use serde_json::{Map, Value};

use super::{Refusal, base64url};
use crate::engine::json;

/// A token that is well formed. Without `Debug`: it holds what must not be
/// printed.
pub(super) struct Jws<'t> {
    signed: &'t str,
    signature: &'t str,
    algorithm: String,
    typ: Option<String>,
    key_id: Option<String>,
    claims: Map<String, Value>,
}

/// Members of a header that ask for something this verifier does not do, or
/// that bring a key along. They are refused, not ignored: a token that has
/// them was made for another kind of check. Members that merely inform (`x5t`
/// and whatever providers add) are not looked at.
const REFUSED: &[(&str, &str)] = &[
    ("crit", "the header has `crit`"),
    ("b64", "the header has `b64`"),
    ("jwk", "the header brings its own key"),
    ("jku", "the header points to a key"),
    ("x5u", "the header points to a certificate"),
    ("x5c", "the header brings its own certificate"),
    ("zip", "the header says the payload is compressed"),
    ("enc", "the header is one of an encrypted token"),
    ("epk", "the header is one of an encrypted token"),
    ("iv", "the header is one of an encrypted token"),
    ("tag", "the header is one of an encrypted token"),
    ("p2s", "the header is one of an encrypted token"),
    ("p2c", "the header is one of an encrypted token"),
    ("cty", "the header says that a token is nested inside"),
];

const MAX_KEY_ID_BYTES: usize = 256;

/// Takes a token apart.
pub(super) fn parse(token: &str) -> Result<Jws<'_>, Refusal> {
    let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
        signed.split_once('.').map(|(header, payload)| (signed, header, payload, signature))
    });
    let Some((signed, header, payload, signature)) = parts else {
        return Err(Refusal::malformed("the token has fewer than three parts"));
    };
    if payload.contains('.') {
        return Err(Refusal::malformed("the token has more than three parts"));
    }
    let Some(header) = base64url::decode(header).and_then(|bytes| json::object(&bytes)) else {
        return Err(Refusal::malformed("the header is not base64url of a JSON object"));
    };
    let (algorithm, typ, key_id) = read_header(&header)?;
    let Some(claims) = base64url::decode(payload).and_then(|bytes| json::object(&bytes)) else {
        return Err(Refusal::malformed("the payload is not base64url of a JSON object"));
    };
    if signature.is_empty() || base64url::decode(signature).is_none() {
        return Err(Refusal::malformed("the signature is empty or not base64url"));
    }
    Ok(Jws { signed, signature, algorithm, typ, key_id, claims })
}

impl<'t> Jws<'t> {
    /// What was signed, as it stands in the token.
    pub(super) fn signed(&self) -> &'t [u8] {
        self.signed.as_bytes()
    }

    /// The signature, as it stands in the token.
    pub(super) fn signature(&self) -> &'t str {
        self.signature
    }

    /// The algorithm that the token claims.
    pub(super) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// What kind of token it says it is.
    pub(super) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The key that the token asks for.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The issuer that the token names; for choosing whose keys to try.
    pub(super) fn issuer(&self) -> Result<&str, Refusal> {
        match self.claims.get("iss") {
            Some(Value::String(issuer)) if !issuer.is_empty() => Ok(issuer),
            _ => Err(Refusal::malformed("`iss` is not a text")),
        }
    }

    /// The claims. Only for a token whose signature was verified.
    pub(super) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

/// `alg`, `typ` and `kid`.
type Header = (String, Option<String>, Option<String>);

fn read_header(header: &Map<String, Value>) -> Result<Header, Refusal> {
    if let Some((_, detail)) = REFUSED.iter().find(|(name, _)| header.contains_key(*name)) {
        return Err(Refusal::malformed(detail));
    }
    let Some(Value::String(algorithm)) = header.get("alg") else {
        return Err(Refusal::malformed("`alg` is not a text"));
    };
    let typ = match header.get("typ") {
        None => None,
        Some(Value::String(typ)) => Some(typ.clone()),
        Some(_) => return Err(Refusal::malformed("`typ` is not a text")),
    };
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if is_key_id(kid) => Some(kid.clone()),
        Some(_) => return Err(Refusal::malformed("`kid` is not a short visible text")),
    };
    Ok((algorithm.clone(), typ, key_id))
}

/// Whether a text can be the name of a key.
pub(super) fn is_key_id(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= MAX_KEY_ID_BYTES && kid.bytes().all(|b| (0x20..=0x7e).contains(&b))
}
