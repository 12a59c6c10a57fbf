//! What must hold of tokens. The numbers in test names are those of the list
//! of known attacks that each test answers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod algorithms;
mod cache;
mod claims;
mod credential;
mod hostile;
mod inspect;
mod jws;
mod keys;
mod made;
mod profile;
mod sources;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use super::crypto::PrivateKey;
use super::{Refusal, Verifier, base64url, devkey};
use crate::config::{Algorithm, Config, Family};
use crate::diag::{Code, Report};
use crate::engine::{Reason, Subject};

const NOW: u64 = 1_800_000_000;
/// The default.
const CLOCK_SKEW: u64 = 30;
const ISSUER: &str = "https://id.example.com";
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One key of each kind, made once: RSA takes its time.
struct Pairs {
    rsa: PrivateKey,
    other_rsa: PrivateKey,
    p256: PrivateKey,
    p384: PrivateKey,
    ed25519: PrivateKey,
    secret: PrivateKey,
}

static PAIRS: LazyLock<Pairs> = LazyLock::new(|| Pairs {
    rsa: PrivateKey::generate(Family::Rsa).unwrap(),
    other_rsa: PrivateKey::generate(Family::Rsa).unwrap(),
    p256: PrivateKey::generate(Family::P256).unwrap(),
    p384: PrivateKey::generate(Family::P384).unwrap(),
    ed25519: PrivateKey::generate(Family::Ed25519).unwrap(),
    secret: PrivateKey::Secret(SECRET.as_bytes().to_vec()),
});

fn pair(family: Family) -> &'static PrivateKey {
    match family {
        Family::Rsa => &PAIRS.rsa,
        Family::P256 => &PAIRS.p256,
        Family::P384 => &PAIRS.p384,
        Family::Ed25519 => &PAIRS.ed25519,
        Family::Hmac => &PAIRS.secret,
    }
}

/// The public half as a JWK of this name that says nothing of its use.
fn jwk(key: &PrivateKey, kid: &str) -> Value {
    let mut jwk = devkey::members(&key.public().unwrap());
    jwk["kid"] = json!(kid);
    jwk
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Loads a configuration with these issuers and files. The folder is gone when
/// this returns: a verifier needs no files.
fn load(issuers: &str, files: &[(&str, &str)]) -> (Option<Verifier>, Report) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, format!("identity:\n  issuers:\n{issuers}")).unwrap();
    let env = |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "SHORT" => Some("0123456789abcdef0123456789abcde".to_owned()),
        "SPACED" => Some(format!("{SECRET}\n")),
        "PUBLIC" => Some(std::fs::read_to_string("tests/keys/rsa.pub").unwrap().trim().to_owned()),
        _ => None,
    };
    let (config, sources, mut report) = Config::load(&path, &env);
    let config = config.unwrap_or_else(|| panic!("{report:?}"));
    let verifier = Verifier::load(&config.identity, &config.directory, &env, &mut report);
    report.sort(&sources);
    assert_eq!(verifier.is_none(), report.has_errors(), "{report:?}");
    (verifier, report)
}

fn codes(report: &Report) -> Vec<Code> {
    report.diagnostics().iter().map(|d| d.code).collect()
}

/// The line of an issuer's keys that begins an issuer, for `load`.
fn issuer(name: &str, algorithms: &str, keys: &str) -> String {
    format!(
        "    - issuer: {name}\n      audiences: [shop, market]\n      algorithms: [{algorithms}]\n      \
         keys: {{ {keys} }}\n      roles: [roles, realm_access.roles]\n      groups: groups\n"
    )
}

/// A verifier of one issuer with the RSA key `rsa` and the P-256 key `p256`.
static USUAL: LazyLock<Verifier> = LazyLock::new(|| {
    let set = jwks(&[jwk(&PAIRS.rsa, "rsa"), jwk(&PAIRS.p256, "p256")]);
    load(&issuer(ISSUER, "RS256, ES256", "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap()
});

/// Claims that the usual verifier accepts.
fn good_claims() -> Value {
    json!({ "iss": ISSUER, "aud": "shop", "sub": "alice", "iat": NOW, "exp": NOW + 300 })
}

/// The good claims with one of them replaced, or removed by `None`.
fn claims_with(name: &str, value: impl Into<Option<Value>>) -> Value {
    let mut claims = good_claims();
    let claims_map = claims.as_object_mut().unwrap();
    match value.into() {
        Some(value) => drop(claims_map.insert(name.to_owned(), value)),
        None => drop(claims_map.remove(name)),
    }
    claims
}

/// A token out of two texts, whatever they hold, signed.
fn raw(header: &str, payload: &str, key: &PrivateKey, algorithm: Algorithm) -> String {
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let signature = key.sign(algorithm, signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

/// A token of the usual issuer, signed with its RSA key.
fn rs256(header: Value, claims: Value) -> String {
    raw(&header.to_string(), &claims.to_string(), &PAIRS.rsa, Algorithm::RS256)
}

/// A token with the usual header.
fn token(claims: Value) -> String {
    rs256(json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" }), claims)
}

fn verify(token: &str) -> Result<Subject, Refusal> {
    USUAL.verify(token, &[], NOW)
}

fn reason(token: &str) -> Reason {
    reason_of(verify(token))
}

fn reason_of(result: Result<Subject, Refusal>) -> Reason {
    result.map_or_else(|refusal| refusal.reason, |_| Reason::Allowed)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}
