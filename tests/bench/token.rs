//! What a token costs: verified anew, by algorithm; remembered; and a whole
//! check of a remembered token beside an anonymous one.
//!
//! `cargo bench --bench token --no-default-features`. The numbers to compare
//! are those of one run: `check::remembered` must be less than 2 us above
//! `check::anonymous`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fs;
use std::sync::{Arc, LazyLock};

use divan::{Bencher, black_box};
use doorward::compile::{Header, Index, load, upstream_headers};
use doorward::config::{Algorithm, Config};
use doorward::diag::Report;
use doorward::engine::{HeaderPlan, Headers, Held, Input, Prepared, Principal, Subject, decide};
use doorward::identity::devkey::DevKey;
use doorward::identity::mint::{Claims, Signer};
use doorward::identity::{Remembered, TokenCache, Verifier};

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const POLICY: &str = "
roles:
  viewer: { grants: [event:read] }
services:
  events:
    paths: [/events]
    routes:
      - { route: GET /events, access: anonymous }
      - { route: 'GET /events/{id}', roles: viewer, codes: event:read }
";

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

fn main() {
    divan::main();
}

/// A verifier of one issuer, and the `authorization` header of a usual token:
/// some 700 bytes with an RSA signature.
struct Made {
    verifier: Verifier,
    headers: Vec<Header>,
    token: String,
    header: String,
}

fn made(algorithm: Algorithm) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let (signer, keys) = if algorithm == Algorithm::HS256 {
        (Signer::from_secret(SECRET, algorithm).unwrap(), "{ secret_env: SECRET }")
    } else {
        let key = DevKey::generate(algorithm).unwrap();
        fs::write(folder.path().join("jwks.json"), key.jwks()).unwrap();
        (Signer::from_pem(key.private_pem(), Some(algorithm)).unwrap(), "{ file: jwks.json }")
    };
    let path = folder.path().join("doorward.yaml");
    let issuer = format!(
        "identity:\n  issuers:\n    - issuer: https://id.example.com\n      audiences: [shop]\n      \
         algorithms: [{}]\n      keys: {keys}\n      roles: roles\n      groups: groups\n",
        algorithm.as_str()
    );
    fs::write(&path, issuer).unwrap();
    let env = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let (config, sources, mut report) = Config::load(&path, &env);
    let config = config.unwrap();
    let headers = upstream_headers(&config.upstream_headers, &sources, &mut report).unwrap();
    let verifier = Verifier::load(&config.identity, &config.directory, &env, &mut Report::default()).unwrap();
    assert!(!report.has_errors(), "{report:?}");
    let claims = Claims {
        issuer: "https://id.example.com".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "9a1c2c7e-6a0f-4c0e-9b1e-1f2a3b4c5d6e".to_owned(),
        roles: vec!["viewer".to_owned(), "offline_access".to_owned()],
        groups: vec!["/staff/events".to_owned()],
        expires_in: 300,
        ..Claims::default()
    };
    let token = signer.sign(&claims.at(NOW)).unwrap();
    Made { verifier, headers, header: format!("Bearer {token}"), token }
}

#[divan::bench(args = ALGORITHMS.map(Algorithm::as_str))]
fn verify(bencher: Bencher<'_, '_>, name: &str) {
    let made = made(Algorithm::from_name(name).unwrap());
    bencher.bench_local(|| made.verifier.verify(black_box(&made.token), &[], NOW).unwrap());
}

#[divan::bench(args = ALGORITHMS.map(Algorithm::as_str))]
fn remembered(bencher: Bencher<'_, '_>, name: &str) {
    let made = made(Algorithm::from_name(name).unwrap());
    let cache = made.verifier.new_cache::<Caller>();
    let pairs = [("authorization", made.header.as_bytes())];
    bencher.bench_local(|| {
        let headers = Headers::new(black_box(&pairs));
        made.verifier.recall(&cache, headers, &[], NOW, |subject| caller(&ALL, subject)).unwrap()
    });
}

/// The whole of a check but Envoy's messages: decision and headers.
mod check {
    use super::*;

    #[divan::bench]
    fn anonymous(bencher: Bencher<'_, '_>) {
        let all = &*ALL;
        bencher.bench_local(|| assert!(all.check("/events", false)));
    }

    #[divan::bench]
    fn remembered(bencher: Bencher<'_, '_>) {
        let all = &*ALL;
        assert!(all.check("/events/7", false));
        bencher.bench_local(|| assert!(all.check("/events/7", false)));
    }

    #[divan::bench]
    fn verified_anew(bencher: Bencher<'_, '_>) {
        let all = &*ALL;
        bencher.bench_local(|| assert!(all.check("/events/7", true)));
    }
}

struct Caller {
    principal: Arc<Principal>,
    headers: Prepared,
}

impl Remembered for Caller {
    fn bytes(&self) -> usize {
        self.principal.bytes() + self.headers.bytes()
    }
}

struct All {
    index: Index,
    made: Made,
    plan: HeaderPlan,
    cache: TokenCache<Caller>,
}

static ALL: LazyLock<All> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let index = load(folder.path()).0.unwrap();
    let made = made(Algorithm::RS256);
    let cache = made.verifier.new_cache();
    All { plan: HeaderPlan::new(&made.headers, &index), index, made, cache }
});

impl All {
    /// Whether it is allowed.
    fn check(&self, path: &str, anew: bool) -> bool {
        let pairs: [(&str, &[u8]); 8] = [
            ("host", b"api.example.com"),
            ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            ("accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("accept-language", b"en-US,en;q=0.5"),
            ("accept-encoding", b"gzip, deflate, br, zstd"),
            ("authorization", self.made.header.as_bytes()),
            ("cookie", b"theme=dark; session=0123456789abcdef"),
            ("x-request-id", b"6a0f4c0e-9b1e-1f2a-3b4c-5d6e9a1c2c7e"),
        ];
        let headers = Headers::new(black_box(&pairs));
        let input = Input { method: "GET", host: "api.example.com", path, headers, ..Input::default() };
        let mut known: Option<Arc<Caller>> = None;
        let on_anonymous = self.made.verifier.on_anonymous();
        let decision = decide(&self.index, &input, on_anonymous, |service| {
            let verifier = &self.made.verifier;
            let found = if anew {
                verifier
                    .authenticate(headers, &service.audiences, NOW)
                    .map(|subject| Arc::new(caller(self, subject)))
            } else {
                verifier.recall(&self.cache, headers, &service.audiences, NOW, |s| caller(self, s))
            };
            let found = found.map_err(|refusal| (refusal.reason, refusal.detail))?;
            Ok(Arc::clone(&known.insert(found).principal))
        });
        let prepared = known.as_ref().map(|caller| &caller.headers);
        let changes = self.plan.changes(prepared, &self.index, &decision, &input);
        black_box(&changes).is_ok() && black_box(&decision).reason.is_allowed()
    }
}

fn caller(all: &All, subject: Subject) -> Caller {
    let principal = Arc::new(Principal::resolve(&all.index, subject));
    let service = all.index.services().next().unwrap().0;
    let headers = all.plan.prepare(&all.index, service, Held::everywhere(&all.index, &principal));
    Caller { principal, headers }
}
