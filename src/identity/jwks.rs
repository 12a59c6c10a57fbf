//! A JSON Web Key Set (RFC 7517): the keys in it that may verify signatures,
//! and why each of the others may not.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::public_key::PublicKey;
use super::{base64url, jws};
use crate::config::{Algorithm, Family};
use crate::engine::json;

/// How many keys a set may have.
const MAX_KEYS: usize = 64;

/// Members that only private and shared keys have.
const SECRET: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// What a set holds.
#[derive(Debug)]
pub(super) struct Jwks {
    /// Keys fit for use, no two with the same name.
    pub(super) keys: Vec<Jwk>,
    /// What to call each of the others, and what is wrong with it.
    pub(super) dropped: Vec<(String, &'static str)>,
}

/// A key fit for use.
#[derive(Debug)]
pub(super) struct Jwk {
    /// Its name.
    pub(super) kid: Option<String>,
    /// What to call it in a message.
    pub(super) label: String,
    /// The only algorithm it is meant for, where it says so.
    pub(super) algorithm: Option<Algorithm>,
    /// The key.
    pub(super) key: PublicKey,
}

/// Reads a set; an error is one that forbids its use as a whole.
pub(super) fn parse(text: &[u8]) -> Result<Jwks, &'static str> {
    let set = json::object(text).ok_or("it is not JSON, or a member stands in it twice")?;
    let Some(Value::Array(entries)) = set.get("keys") else {
        return Err("it has no list `keys`");
    };
    if entries.len() > MAX_KEYS {
        return Err("it has more than 64 keys");
    }
    // Whoever publishes these has a problem that must not go unnoticed.
    let secret = |entry: &Value| {
        entry.as_object().is_some_and(|entry| SECRET.iter().any(|name| entry.contains_key(*name)))
    };
    if entries.iter().any(secret) {
        return Err("it holds private or shared keys");
    }
    let mut jwks = Jwks { keys: Vec::new(), dropped: Vec::new() };
    for (number, entry) in entries.iter().enumerate() {
        let label = match entry.get("kid") {
            Some(Value::String(kid)) => format!("key `{}`", kid.chars().take(64).collect::<String>()),
            _ => format!("key number {}", number + 1),
        };
        match entry.as_object().ok_or("it is not an object").and_then(|entry| jwk(entry, &label)) {
            Ok(key) => jwks.keys.push(key),
            Err(why) => jwks.dropped.push((label, why)),
        }
    }
    drop_namesakes(&mut jwks);
    Ok(jwks)
}

/// Of two keys with one name, neither can be told to be the right one.
fn drop_namesakes(jwks: &mut Jwks) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for kid in jwks.keys.iter().filter_map(|key| key.kid.clone()) {
        *count.entry(kid).or_default() += 1;
    }
    let (keys, twins) = std::mem::take(&mut jwks.keys)
        .into_iter()
        .partition(|key| key.kid.as_ref().is_none_or(|kid| count.get(kid) == Some(&1)));
    jwks.keys = keys;
    jwks.dropped.extend(twins.into_iter().map(|key: Jwk| (key.label, "another key has the same `kid`")));
}

fn jwk(entry: &Map<String, Value>, label: &str) -> Result<Jwk, &'static str> {
    let kid = match entry.get("kid") {
        None => None,
        Some(Value::String(kid)) if jws::is_key_id(kid) => Some(kid.clone()),
        Some(_) => return Err("its `kid` is not a short visible text"),
    };
    match entry.get("use") {
        None => {}
        Some(Value::String(purpose)) if purpose == "sig" => {}
        Some(_) => return Err("its `use` is not `sig`"),
    }
    match entry.get("key_ops") {
        None => {}
        Some(Value::Array(operations)) if operations.iter().any(|o| o == "verify") => {}
        Some(_) => return Err("its `key_ops` do not include `verify`"),
    }
    let key = public_key(entry)?;
    let algorithm = match entry.get("alg") {
        None => None,
        Some(Value::String(name)) => {
            Some(Algorithm::from_name(name).ok_or("its `alg` is not a known signature algorithm")?)
        }
        Some(_) => return Err("its `alg` is not a text"),
    };
    if algorithm.is_some_and(|algorithm| algorithm.family() != key.family()) {
        return Err("its `alg` does not fit its kind");
    }
    Ok(Jwk { kid, label: label.to_owned(), algorithm, key })
}

fn public_key(entry: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let text = |name| entry.get(name).and_then(Value::as_str);
    let number =
        |name| text(name).and_then(base64url::decode).ok_or("a part of the key is missing or not base64url");
    match (text("kty"), text("crv")) {
        (Some("RSA"), _) => PublicKey::rsa(&number("n")?, &number("e")?),
        (Some("EC"), Some("P-256")) => point(Family::P256, 32, &number("x")?, &number("y")?),
        (Some("EC"), Some("P-384")) => point(Family::P384, 48, &number("x")?, &number("y")?),
        (Some("OKP"), Some("Ed25519")) => PublicKey::ed25519(&number("x")?),
        (Some("EC" | "OKP"), _) => Err("its curve is not P-256, P-384 or Ed25519"),
        (Some("oct"), _) => Err("it is a shared key"),
        _ => Err("its kind is not RSA, EC or OKP"),
    }
}

fn point(family: Family, length: usize, x: &[u8], y: &[u8]) -> Result<PublicKey, &'static str> {
    if x.len() != length || y.len() != length {
        return Err("a coordinate does not have the length of its curve");
    }
    PublicKey::point(family, &[&[4], x, y].concat())
}
