//! Development tokens: signed with a key of one's own, for `doorward token`
//! and for tests. Doorward itself is nobody's issuer.

use std::fmt;

use serde_json::{Map, Value, json};

use super::crypto::PrivateKey;
use super::{base64url, devkey, load, pem};
use crate::config::{Algorithm, Family};

/// Why no token was made: words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintError(String);

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MintError {}

/// Signs tokens. Without `Debug`: it holds a private key or a secret.
pub struct Signer {
    key: PrivateKey,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Signer {
    /// A signer for the private key (PKCS#8) in a PEM text. Without an
    /// algorithm the usual one of the kind of key: `RS256`, `ES256`, `ES384`
    /// or `EdDSA`. Its tokens name the key as [`devkey::DevKey::jwks`] does.
    pub fn from_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, MintError> {
        let pkcs8 = pem::private_key(text)
            .map_err(|why| MintError(format!("the private key file can't be used: {why}")))?;
        let key = PrivateKey::from_pkcs8(&pkcs8).ok_or_else(|| {
            MintError("the private key is not RSA (2048 bits or more), P-256, P-384 or Ed25519".to_owned())
        })?;
        let usual = match key.family() {
            Family::P256 => Algorithm::ES256,
            Family::P384 => Algorithm::ES384,
            Family::Ed25519 => Algorithm::EdDSA,
            Family::Rsa | Family::Hmac => Algorithm::RS256,
        };
        let algorithm = algorithm.unwrap_or(usual);
        if algorithm.family() != key.family() {
            return Err(MintError(format!("`{}` does not go with this kind of key", algorithm.as_str())));
        }
        let key_id = key.public().map(|public| devkey::thumbprint(&public));
        Ok(Self { key, algorithm, key_id })
    }

    /// A signer for a shared secret, which must be long enough for the
    /// algorithm.
    pub fn from_secret(secret: &str, algorithm: Algorithm) -> Result<Self, MintError> {
        if algorithm.family() != Family::Hmac {
            return Err(MintError(format!("`{}` does not go with a secret", algorithm.as_str())));
        }
        if let Some(why) = load::secret_problem(secret, &[algorithm]) {
            return Err(MintError(format!("the secret can't be used: {why}")));
        }
        Ok(Self { key: PrivateKey::Secret(secret.as_bytes().to_vec()), algorithm, key_id: None })
    }

    /// The algorithm that its tokens name.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` that its tokens name.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// A token with exactly these claims.
    pub fn sign(&self, claims: &Map<String, Value>) -> Result<String, MintError> {
        let mut header = json!({ "alg": self.algorithm.as_str(), "typ": "JWT" });
        if let (Some(header), Some(kid)) = (header.as_object_mut(), &self.key_id) {
            header.insert("kid".to_owned(), Value::String(kid.clone()));
        }
        let signed = format!("{}.{}", encode(&header), encode(&Value::Object(claims.clone())));
        let signature = self
            .key
            .sign(self.algorithm, signed.as_bytes())
            .ok_or_else(|| MintError("the key did not sign".to_owned()))?;
        Ok(format!("{signed}.{}", base64url::encode(&signature)))
    }
}

fn encode(value: &Value) -> String {
    base64url::encode(value.to_string().as_bytes())
}

/// What a development token says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// `iss`
    pub issuer: String,
    /// `aud`; one alone is written as a text.
    pub audiences: Vec<String>,
    /// `sub`
    pub user: String,
    /// `roles`; left out when empty.
    pub roles: Vec<String>,
    /// `groups`; left out when empty.
    pub groups: Vec<String>,
    /// Seconds from now to `exp`; negative for a token that has expired.
    pub expires_in: i64,
    /// More claims. They replace those above.
    pub extra: Map<String, Value>,
}

impl Claims {
    /// The claims of a token made at `now` (seconds since 1970).
    pub fn at(&self, now: u64) -> Map<String, Value> {
        let Self { issuer, audiences, user, roles, groups, expires_in, extra } = self;
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        set("iss", json!(issuer));
        set("sub", json!(user));
        match audiences.as_slice() {
            [one] => set("aud", json!(one)),
            several => set("aud", json!(several)),
        }
        set("iat", json!(now));
        set("exp", json!(now.saturating_add_signed(*expires_in)));
        for (name, list) in [("roles", roles), ("groups", groups)] {
            if !list.is_empty() {
                set(name, json!(list));
            }
        }
        claims.extend(extra.clone());
        claims
    }
}
