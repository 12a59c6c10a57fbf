//! Issuers with their keys, a verifier that trusts them, and a clock that
//! tests move.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward::config::{Algorithm, Config};
use doorward::engine::Reason;
use doorward::identity::devkey::DevKey;
use doorward::identity::{Moment, Verifier};
use doorward::server::{Clock, KeyTasks, Ready, keep};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::key_server::{KeyServer, Reply};

pub(crate) const ISSUER: &str = "https://id.example.com";

/// Any moment, in seconds since 1970.
const START: u64 = 1_900_000_000;

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// A clock that tests move.
#[derive(Clone)]
pub(crate) struct Time(Arc<watch::Sender<Moment>>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Moment { steady: Duration::ZERO, wall: START })))
    }

    /// Moves both clocks.
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.send_modify(|moment| {
            moment.steady += Duration::from_secs(seconds);
            moment.wall += seconds;
        });
    }

    pub(crate) fn wall(&self) -> u64 {
        self.0.borrow().wall
    }
}

impl Clock for Time {
    fn now(&self) -> Moment {
        *self.0.borrow()
    }

    fn until(&self, steady: Duration) -> impl Future<Output = ()> + Send {
        let mut moments = self.0.subscribe();
        async move { drop(moments.wait_for(|moment| moment.steady >= steady).await) }
    }
}

/// A key pair of an issuer's.
pub(crate) struct Key {
    pair: Ed25519KeyPair,
    jwk: Value,
}

impl Key {
    pub(crate) fn new() -> Self {
        let key = DevKey::generate(Algorithm::EdDSA).unwrap();
        let body: String = key.private_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let pair = Ed25519KeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        let set: Value = serde_json::from_str(key.jwks()).unwrap();
        Self { pair, jwk: set["keys"][0].clone() }
    }

    pub(crate) fn named(kid: &str) -> Self {
        let mut key = Self::new();
        key.jwk["kid"] = json!(kid);
        key
    }

    pub(crate) fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// A good token of an issuer.
    pub(crate) fn token_of(&self, issuer: &str) -> String {
        self.sign(&json!({ "alg": "EdDSA", "kid": self.jwk["kid"] }), issuer)
    }

    /// A good token of the usual issuer.
    pub(crate) fn token(&self) -> String {
        self.token_of(ISSUER)
    }

    /// A token with any header. It lives for years.
    pub(crate) fn sign(&self, header: &Value, issuer: &str) -> String {
        let claims = json!({ "iss": issuer, "aud": "shop", "sub": "alice", "exp": START + 200_000_000 });
        let b64 = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", b64(header), b64(&claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token that names a key and has no good signature.
pub(crate) fn garbage(kid: &str) -> String {
    let b64 = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = b64(json!({ "alg": "EdDSA", "kid": kid }));
    format!("{header}.{}.{}", b64(json!({ "iss": ISSUER })), URL_SAFE_NO_PAD.encode([7; 64]))
}

pub(crate) fn jwks(keys: &[&Key]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

/// The YAML of an issuer.
pub(crate) fn issuer(name: &str, keys: &str) -> String {
    format!("    - {{ issuer: \"{name}\", audiences: [shop], algorithms: [EdDSA], keys: {{ {keys} }} }}\n")
}

/// A verifier whose keys are kept, by a clock that stands still.
pub(crate) struct World {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) time: Time,
    pub(crate) ready: Ready,
    pub(crate) folder: TempDir,
    _tasks: KeyTasks,
}

impl World {
    /// With these issuers, and a file `ca.pem`.
    pub(crate) fn new(issuers: &str, ca: &str) -> Self {
        Self::with_files(issuers, &[("ca.pem", ca)])
    }

    pub(crate) fn with_files(issuers: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut verifier = load(folder.path(), issuers);
        let time = Time::new();
        let (tasks, ready) = keep(verifier.take_upkeep(), time.clone()).unwrap();
        Self { verifier: Arc::new(verifier), time, ready, folder, _tasks: tasks }
    }

    /// One issuer whose keys are at `/keys` of a server that has these.
    pub(crate) async fn usual(server: &KeyServer, keys: &[&Key]) -> Self {
        server.set("/keys", Reply::json(jwks(keys)));
        let mut world = Self::new(&issuer(ISSUER, &at(server, "/keys")), &server.ca);
        world.ready.heard().await;
        assert!(world.ready.is_ready());
        world
    }

    /// What becomes of a token now.
    pub(crate) fn reason(&self, token: &str) -> Reason {
        let verified = self.verifier.verify(token, &[], self.time.wall());
        verified.map_or_else(|refusal| refusal.reason, |_| Reason::Allowed)
    }

    /// The number of the usual issuer's key set.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.verifier.generation(ISSUER, self.time.wall())
    }

    /// Moves the clock as far as the next fetch can be, and waits until it is
    /// over.
    pub(crate) async fn next_fetch(&mut self) {
        self.time.advance(3601);
        self.ready.heard().await;
    }
}

/// `url:` of a path on a server, with its authority.
pub(crate) fn at(server: &KeyServer, path: &str) -> String {
    format!("url: \"https://localhost:{}{path}\", ca_file: ca.pem", server.port)
}

fn load(folder: &Path, issuers: &str) -> Verifier {
    let path = folder.join("doorward.yaml");
    std::fs::write(&path, format!("identity:\n  issuers:\n{issuers}")).unwrap();
    let (config, _, mut report) = Config::load(&path, &|_| None);
    let config = config.unwrap_or_else(|| panic!("{report:?}"));
    Verifier::load(&config.identity, &config.directory, &|_| None, &mut report)
        .unwrap_or_else(|| panic!("{report:?}"))
}
