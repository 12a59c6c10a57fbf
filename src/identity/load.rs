//! The issuers of a configuration with their keys, or what is wrong with
//! them.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::authority::{Authority, Key, Keys};
use super::feed::Feed;
use super::keyfile::KeyFile;
use super::keyring::Keyring;
use super::material::{self, Dropped, MAX_KEY_BYTES, UnusablePem, UnusableSet};
use super::rules::Rules;
use super::signature::VerifyingKey;
use crate::config::{Algorithm, Environment, Issuer, KeySource, Remote};
use crate::diag::{Code, Diagnostic, Report, Span};

/// What was loaded.
#[derive(Default)]
pub(super) struct Loaded {
    /// By the exact `iss`.
    pub(super) authorities: HashMap<String, Authority>,
    /// Those whose keys are fetched.
    pub(super) feeds: Vec<Feed>,
    /// Those whose keys stand in files.
    pub(super) files: Vec<KeyFile>,
}

/// All issuers by name, if all of them can be used. Every problem of every
/// issuer is reported.
pub(super) fn load(
    issuers: &[Issuer],
    base_dir: &Path,
    env: Environment<'_>,
    report: &mut Report,
) -> Option<Loaded> {
    let mut loaded = Loaded::default();
    let good =
        issuers.iter().filter(|issuer| authority(issuer, base_dir, env, &mut loaded, report).is_some());
    (good.count() == issuers.len()).then_some(loaded)
}

fn authority(
    issuer: &Issuer,
    base_dir: &Path,
    env: Environment<'_>,
    loaded: &mut Loaded,
    report: &mut Report,
) -> Option<()> {
    let of_file = |path: &Path, keys, text: &[u8], loaded: &mut Loaded| {
        let keyring = Arc::new(Keyring::of(keys));
        loaded.files.push(KeyFile::new(issuer, base_dir.join(path), text, Arc::clone(&keyring)));
        keyring
    };
    let keyring = match &issuer.keys.source {
        KeySource::File(path) => {
            let text = read("key", issuer.keys.span, &base_dir.join(path), path, report)?;
            of_file(path, set(issuer, &text, path, report)?, &text, loaded)
        }
        KeySource::Pem(path) => {
            let text = read("key", issuer.keys.span, &base_dir.join(path), path, report)?;
            of_file(path, Keys::Pinned(pinned(issuer, &text, path, report)?), &text, loaded)
        }
        KeySource::SecretEnv(name) => Arc::new(Keyring::of(Keys::Pinned(secret(issuer, name, env, report)?))),
        KeySource::Url(remote) | KeySource::Discovery(remote) => {
            let authorities = trusted(remote, base_dir, report)?;
            let keyring = Arc::new(Keyring::empty());
            loaded.feeds.push(Feed::new(issuer, remote, authorities, Arc::clone(&keyring)));
            keyring
        }
    };
    let authority = Authority {
        algorithms: issuer.algorithms.clone(),
        keys: keyring,
        required: issuer.required,
        rules: Rules::of(issuer),
    };
    loaded.authorities.insert(issuer.issuer.clone(), authority);
    Some(())
}

/// The certificates of a `ca_file`. Whether they are any is found out by who
/// uses them; a file with none at all is a mistake worth telling now.
fn trusted(remote: &Remote, base_dir: &Path, report: &mut Report) -> Option<Option<Vec<u8>>> {
    let Some((path, span)) = &remote.ca_file else { return Some(None) };
    let pem = read("CA", *span, &base_dir.join(path), path, report)?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        let message = format!("the CA file `{}` holds no certificate", path.display());
        report.push(
            Diagnostic::at(Code::BadKey, *span, message)
                .label("this file")
                .help("it must hold `BEGIN CERTIFICATE` blocks"),
        );
        return None;
    }
    Some(Some(pem))
}

/// The keys of a JWKS. One that can't be used is left out and named; none that
/// can be used is an error.
fn set(issuer: &Issuer, text: &[u8], path: &Path, report: &mut Report) -> Option<Keys> {
    let path = path.display();
    match material::set(&issuer.algorithms, text) {
        Ok(usable) => {
            left_out(issuer, &path, usable.dropped, report);
            Some(usable.keys)
        }
        Err(UnusableSet::Whole(why)) => {
            report.push(bad_key(issuer, format!("the JWKS `{path}` can't be used: {why}")).help(
                "save what the issuer publishes at its `jwks_uri`: a JSON object with the public keys in \
                 the list `keys`",
            ));
            None
        }
        Err(UnusableSet::NoKey(dropped)) => {
            left_out(issuer, &path, dropped, report);
            report.push(
                bad_key(issuer, format!("the JWKS `{path}` has no key that can be used"))
                    .help("it must hold a key for one of the issuer's `algorithms`"),
            );
            None
        }
    }
}

fn left_out(issuer: &Issuer, path: impl fmt::Display, dropped: Vec<Dropped>, report: &mut Report) {
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
}

fn pinned(issuer: &Issuer, text: &[u8], path: &Path, report: &mut Report) -> Option<Key> {
    match material::pinned(&issuer.algorithms, text) {
        Ok(key) => Some(key),
        Err(UnusablePem::Whole(why)) => {
            let message = format!("the key file `{}` can't be used: {why}", path.display());
            report.push(bad_key(issuer, message).help(
                "it must hold one `BEGIN PUBLIC KEY` or `BEGIN CERTIFICATE` block; private keys stay with \
                 the issuer",
            ));
            None
        }
        Err(UnusablePem::Misfit(misfit)) => {
            report.push(
                Diagnostic::at(Code::BadAlgorithm, issuer.algorithms_span, misfit.to_string())
                    .label("does not fit the key")
                    .related(issuer.keys.span, "the key")
                    .help("name the algorithms that the issuer signs with"),
            );
            None
        }
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

fn read(kind: &str, span: Span, full: &Path, written: &Path, report: &mut Report) -> Option<Vec<u8>> {
    match bytes(full) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let message = format!("can't read the {kind} file `{}`: {error}", written.display());
            report.push(
                Diagnostic::at(Code::Unreadable, span, message)
                    .label("this file")
                    .help("the path is relative to the directory of `doorward.yaml`"),
            );
            None
        }
    }
}

/// The bytes of a key file.
pub(super) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if read > MAX_KEY_BYTES {
        return Err(io::Error::other("larger than 256 KiB"));
    }
    Ok(bytes)
}

fn bad_key(issuer: &Issuer, message: String) -> Diagnostic {
    Diagnostic::at(Code::BadKey, issuer.keys.span, message).label("these keys")
}
