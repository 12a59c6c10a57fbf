//! Keys that sign whatever a test wants signed: nothing is checked, that is what is tested.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA key of an issuer, with its `kid`.
pub(crate) struct IssuerKey {
    pair: KeyPair,
    pub(crate) kid: &'static str,
}

/// A shared secret.
pub(crate) struct HmacKey(pub(crate) Vec<u8>);

impl IssuerKey {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { pair: KeyPair::generate(KeySize::Rsa2048).unwrap(), kid }
    }

    /// The public half, as a JWKS.
    pub(crate) fn jwks(&self) -> Value {
        let der = self.public_der();
        // PKCS #1 of a 2048-bit key: headers and lengths are the same for every key with e = 65537.
        let (modulus, exponent) = (encode(&der[9..265]), encode(&der[267..270]));
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": modulus, "e": exponent,
        }] })
    }

    /// The public half as a PEM file would hold it, but for the armour: DER bytes.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// A token with the usual header.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_raw(
            &json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid }).to_string(),
            &claims.to_string(),
        )
    }

    /// A token with any two texts as header and payload.
    pub(crate) fn sign_raw(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", encode(&signature))
    }
}

impl HmacKey {
    /// A token signed with HS256.
    pub(crate) fn sign_raw(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), input.as_bytes());
        format!("{input}.{}", encode(tag.as_ref()))
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
