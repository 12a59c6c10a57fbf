//! The issuers of a configuration with their keys, or what is wrong with
//! them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::authority::{Authority, Key, Keys};
use super::public_key::PublicKey;
use super::rules::Rules;
use super::signature::VerifyingKey;
use super::{jwks, pem};
use crate::config::{Algorithm, Environment, Family, Issuer, KeySource};
use crate::diag::{Code, Diagnostic, Report};

/// The most bytes that a key file may have.
const MAX_KEY_FILE_BYTES: u64 = 256 * 1024;

/// All issuers by name, if all of them can be used. Every problem of every
/// issuer is reported.
pub(super) fn authorities(
    issuers: &[Issuer],
    base_dir: &Path,
    env: Environment<'_>,
    report: &mut Report,
) -> Option<HashMap<String, Authority>> {
    let loaded: Vec<_> = issuers.iter().map(|issuer| authority(issuer, base_dir, env, report)).collect();
    loaded.into_iter().collect()
}

fn authority(
    issuer: &Issuer,
    base_dir: &Path,
    env: Environment<'_>,
    report: &mut Report,
) -> Option<(String, Authority)> {
    let keys = match &issuer.keys.source {
        KeySource::File(path) => {
            let text = read(issuer, &base_dir.join(path), path, report)?;
            set(issuer, &text, path, report)?
        }
        KeySource::Pem(path) => {
            let text = read(issuer, &base_dir.join(path), path, report)?;
            Keys::Pinned(pinned(issuer, &text, path, report)?)
        }
        KeySource::SecretEnv(name) => Keys::Pinned(secret(issuer, name, env, report)?),
    };
    let authority = Authority {
        algorithms: issuer.algorithms.clone(),
        keys,
        generation: AtomicU64::default(),
        rules: Rules::of(issuer),
    };
    Some((issuer.issuer.clone(), authority))
}

/// The keys of a JWKS. One that can't be used is left out and named; none that
/// can be used is an error.
fn set(issuer: &Issuer, text: &[u8], path: &Path, report: &mut Report) -> Option<Keys> {
    let path = path.display();
    let jwks = match jwks::parse(text) {
        Ok(jwks) => jwks,
        Err(why) => {
            report.push(bad_key(issuer, format!("the JWKS `{path}` can't be used: {why}")).help(
                "save what the issuer publishes at its `jwks_uri`: a JSON object with the public keys in \
                 the list `keys`",
            ));
            return None;
        }
    };
    let mut dropped = jwks.dropped;
    let mut named = HashMap::new();
    let mut unnamed = Vec::new();
    for jwk in jwks.keys {
        let meant = |a: &Algorithm| jwk.algorithm.map_or(a.family() == jwk.key.family(), |only| only == *a);
        let algorithms: Vec<Algorithm> = issuer.algorithms.iter().copied().filter(meant).collect();
        if algorithms.is_empty() {
            dropped.push((jwk.label, "none of the issuer's `algorithms` uses it"));
            continue;
        }
        let key = Key { algorithms, key: VerifyingKey::public(&jwk.key) };
        match jwk.kid {
            Some(kid) => drop(named.insert(kid, key)),
            None => unnamed.push(key),
        }
    }
    for (label, why) in dropped {
        report.push(
            Diagnostic::at(
                Code::KeyDropped,
                issuer.keys.span,
                format!("{label} of `{path}` is left out: {why}"),
            )
            .label("of this file"),
        );
    }
    if named.is_empty() && unnamed.is_empty() {
        report.push(
            bad_key(issuer, format!("the JWKS `{path}` has no key that can be used"))
                .help("it must hold a key for one of the issuer's `algorithms`"),
        );
        return None;
    }
    Some(Keys::Set { named, unnamed })
}

fn pinned(issuer: &Issuer, text: &[u8], path: &Path, report: &mut Report) -> Option<Key> {
    let path = path.display();
    let key = std::str::from_utf8(text).map_err(|_| "it is not a PEM file").and_then(pem::public_key);
    let key = match key {
        Ok(key) => key,
        Err(why) => {
            report.push(bad_key(issuer, format!("the key file `{path}` can't be used: {why}")).help(
                "it must hold one `BEGIN PUBLIC KEY` or `BEGIN CERTIFICATE` block; private keys stay with \
                 the issuer",
            ));
            return None;
        }
    };
    let misfit = issuer.algorithms.iter().find(|algorithm| algorithm.family() != key.family());
    if let Some(misfit) = misfit {
        report.push(
            Diagnostic::at(
                Code::BadAlgorithm,
                issuer.algorithms_span,
                format!("`{}` does not go with {}", misfit.as_str(), kind(&key)),
            )
            .label("does not fit the key")
            .related(issuer.keys.span, "the key")
            .help("name the algorithms that the issuer signs with"),
        );
        return None;
    }
    Some(Key { algorithms: issuer.algorithms.clone(), key: VerifyingKey::public(&key) })
}

fn kind(key: &PublicKey) -> &'static str {
    match key.family() {
        Family::Rsa => "an RSA key",
        Family::P256 => "a P-256 key",
        Family::P384 => "a P-384 key",
        Family::Ed25519 => "an Ed25519 key",
        Family::Hmac => "a secret",
    }
}

/// The secret in a variable. The bytes of the variable are the secret; nothing
/// of it is ever part of a message.
fn secret(issuer: &Issuer, name: &str, env: Environment<'_>, report: &mut Report) -> Option<Key> {
    let Some(secret) = env(name) else {
        report.push(
            Diagnostic::at(
                Code::BadVariable,
                issuer.keys.span,
                format!("the environment variable `{name}` is not set"),
            )
            .label("not set")
            .help("set it to the secret that the issuer signs with"),
        );
        return None;
    };
    if let Some(why) = secret_problem(&secret, &issuer.algorithms) {
        report.push(
            bad_key(issuer, format!("the secret in `{name}` can't be used: {why}"))
                .help("for a new one: `openssl rand -base64 64 | tr -d '\\n'`"),
        );
        return None;
    }
    Some(Key { algorithms: issuer.algorithms.clone(), key: VerifyingKey::secret(secret.as_bytes()) })
}

/// What is wrong with a secret, if anything.
pub(super) fn secret_problem(secret: &str, algorithms: &[Algorithm]) -> Option<String> {
    if secret.trim() != secret {
        return Some("it begins or ends with white space".to_owned());
    }
    // Everybody knows a public key.
    if secret.contains("-----BEGIN") || secret.contains("\"kty\"") {
        return Some("it is a key, not a secret".to_owned());
    }
    let (algorithm, needed) =
        algorithms.iter().filter_map(|a| Some((a, a.min_secret_bytes()?))).max_by_key(|(_, bytes)| *bytes)?;
    (secret.len() < needed)
        .then(|| format!("it has {} bytes, and `{}` needs {needed}", secret.len(), algorithm.as_str()))
}

fn read(issuer: &Issuer, full: &Path, written: &Path, report: &mut Report) -> Option<Vec<u8>> {
    match bytes(full) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let message = format!("can't read the key file `{}`: {error}", written.display());
            report.push(
                Diagnostic::at(Code::Unreadable, issuer.keys.span, message)
                    .label("this file")
                    .help("the path is relative to the directory of `doorward.yaml`"),
            );
            None
        }
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_KEY_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_KEY_FILE_BYTES {
        return Err(io::Error::other("larger than 256 KiB"));
    }
    Ok(bytes)
}

fn bad_key(issuer: &Issuer, message: String) -> Diagnostic {
    Diagnostic::at(Code::BadKey, issuer.keys.span, message).label("these keys")
}
