//! Signature algorithms, and where an issuer's keys come from.

use std::path::PathBuf;

use super::remote::{self, Remote};
use super::variables::is_variable_name;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Entry, Fields, Kind, Shape, Text};

/// Which kind of key an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// A shared secret.
    Hmac,
    /// RSA, both paddings.
    Rsa,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// The curve Ed25519.
    Ed25519,
}

macro_rules! algorithms {
    ($($name:ident $family:ident;)*) => {
        /// A signature algorithm. `none` is not one of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Algorithm {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl Algorithm {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in a token's header.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The algorithm of exactly this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }

            /// The kind of key that it needs.
            pub fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }
        }
    };
}

algorithms! {
    RS256 Rsa;
    RS384 Rsa;
    RS512 Rsa;
    PS256 Rsa;
    PS384 Rsa;
    PS512 Rsa;
    ES256 P256;
    ES384 P384;
    EdDSA Ed25519;
    HS256 Hmac;
    HS384 Hmac;
    HS512 Hmac;
}

impl Algorithm {
    /// The fewest bytes that a secret for it may have: as many as its hash.
    /// `None` where no secret is used.
    pub fn min_secret_bytes(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }
}

/// Where keys come from, and the place in `doorward.yaml` that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Where they come from.
    pub source: KeySource,
    /// The place of the file or variable name.
    pub span: Span,
}

/// Where keys come from. Paths are as written, relative to `doorward.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file.
    File(PathBuf),
    /// One public key or certificate in PEM.
    Pem(PathBuf),
    /// The environment variable that holds the secret.
    SecretEnv(String),
    /// A JWKS that is fetched.
    Url(Remote),
    /// A JWKS that is fetched from where the issuer's OpenID configuration
    /// says that it is.
    Discovery(Remote),
}

impl KeySource {
    /// What is fetched, where something is.
    pub fn remote(&self) -> Option<&Remote> {
        match self {
            Self::Url(remote) | Self::Discovery(remote) => Some(remote),
            Self::File(_) | Self::Pem(_) | Self::SecretEnv(_) => None,
        }
    }
}

const SOURCES: [&str; 5] = ["file", "pem", "secret_env", "url", "discovery"];

pub(super) const SHAPE: Shape = Shape {
    what: "`keys`",
    known: &["file", "pem", "secret_env", "url", "discovery", "ca_file", "insecure", "max_stale"],
    later: &[],
};

pub(super) fn keys(entry: &Entry, report: &mut Report) -> Option<Keys> {
    let fields = Fields::read(&entry.value, SHAPE, report)?;
    let present: Vec<&Entry> = SOURCES.iter().filter_map(|key| fields.get(key)).collect();
    let chosen = match present.as_slice() {
        [chosen] => *chosen,
        [] => {
            // Keys of another name have their own findings.
            let known = |entry: &Entry| SHAPE.known.contains(&entry.key.as_str());
            if matches!(&entry.value.kind, Kind::Map(entries) if entries.iter().all(known)) {
                report.push(
                    Diagnostic::at(Code::MissingKey, fields.span, "`keys` names no key")
                        .label("no key")
                        .help("write one of `url: https://..`, `discovery: https://..`, `file: jwks.json`, `pem: key.pem`, `secret_env: NAME`"),
                );
            }
            return None;
        }
        [first, second, ..] => {
            report.push(
                Diagnostic::at(Code::BadIssuer, second.key_span, "`keys` names two sources of keys")
                    .label("second")
                    .related(first.key_span, "first")
                    .help("keep one of them"),
            );
            return None;
        }
    };
    let what = format!("`{}`", chosen.key);
    let text = yaml::text(&chosen.value, &what, report)?;
    let source = match chosen.key.as_str() {
        "file" => KeySource::File(text.value.into()),
        "pem" => KeySource::Pem(text.value.into()),
        "url" => KeySource::Url(remote::read(text, false, &fields, report)?),
        "discovery" => KeySource::Discovery(remote::read(text, true, &fields, report)?),
        _ => KeySource::SecretEnv(variable(text, "`secret_env`", report)?),
    };
    let beside = remote::BESIDE.iter().find_map(|key| fields.get(key));
    if let (None, Some(beside)) = (source.remote(), beside) {
        report.push(
            Diagnostic::at(
                Code::BadIssuer,
                beside.key_span,
                format!("`{}` goes with `url` or `discovery`", beside.key),
            )
            .label("does not fit the keys")
            .related(chosen.key_span, "the keys")
            .help("remove it"),
        );
        return None;
    }
    Some(Keys { source, span: text.span })
}

/// The name of a variable. People put the secret itself here: the message
/// must not repeat it.
pub(super) fn variable(text: Text<'_>, what: &str, report: &mut Report) -> Option<String> {
    if is_variable_name(text.value) {
        return Some(text.value.to_owned());
    }
    report.push(
        Diagnostic::at(Code::BadVariable, text.span, format!("{what} is not the name of a variable"))
            .label("not a name")
            .help("write the name of the environment variable that holds the secret, not the secret"),
    );
    None
}

pub(super) fn algorithms(entry: &Entry, report: &mut Report) -> Option<Vec<Algorithm>> {
    let texts = yaml::texts(&entry.value, "`algorithms`", report);
    let mut algorithms = Vec::new();
    for text in &texts {
        match Algorithm::from_name(text.value) {
            Some(algorithm) if algorithms.contains(&algorithm) => report.push(
                Diagnostic::at(Code::BadAlgorithm, text.span, format!("`{}` stands here twice", text.value))
                    .label("second")
                    .help("keep one of them"),
            ),
            Some(algorithm) => algorithms.push(algorithm),
            None => report.push(unknown(*text)),
        }
    }
    (!algorithms.is_empty() && algorithms.len() == texts.len()).then_some(algorithms)
}

fn unknown(text: Text<'_>) -> Diagnostic {
    let names = Algorithm::ALL.iter().map(|a| a.as_str());
    let all = names.clone().collect::<Vec<_>>().join("`, `");
    let diagnostic = Diagnostic::at(
        Code::BadAlgorithm,
        text.span,
        format!("`{}` is not a signature algorithm that is accepted here", text.value),
    );
    if text.value.eq_ignore_ascii_case("none") {
        return diagnostic
            .label("no signature at all")
            .help("a token without a signature proves nothing: remove it");
    }
    diagnostic.label("not known").suggest(text.value, names, format!("write some of `{all}`"))
}

/// HMAC algorithms go with a secret and with nothing else: a public key must
/// never be taken for a secret.
pub(super) fn check_fit(algorithms: &[Algorithm], keys: &Keys, list: Span, report: &mut Report) -> bool {
    let secret = matches!(keys.source, KeySource::SecretEnv(_));
    let Some(misfit) = algorithms.iter().find(|a| (a.family() == Family::Hmac) != secret) else {
        return true;
    };
    let (message, help) = if secret {
        ("is not verified with a secret", "name keys with `url:`, `file:` or `pem:`, or write `HS256`")
    } else {
        ("is verified with a secret, not with a public key", "use `secret_env:`, or remove the algorithm")
    };
    report.push(
        Diagnostic::at(Code::BadAlgorithm, list, format!("`{}` {message}", misfit.as_str()))
            .label("does not fit the key")
            .related(keys.span, "the key")
            .help(help),
    );
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.as_str()), Some(*algorithm));
            assert_eq!(algorithm.min_secret_bytes().is_some(), algorithm.family() == Family::Hmac);
        }
        for name in ["none", "None", "", "rs256", "RS256 ", "HS1", "ES512", "ES256K", "dir", "EDDSA"] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
