//! Section CACHE: what was verified once may be believed again, and nothing
//! else.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::super::cache::{Entry, Remembered, TokenCache};
use super::super::claims;
use super::*;
use crate::config::CacheSize;
use crate::engine::Headers;

/// What is remembered here: the user, and in what number.
struct Known(String, usize);

impl Remembered for Known {
    fn bytes(&self) -> usize {
        self.1
    }
}

fn usual() -> Verifier {
    let set = jwks(&[jwk(&PAIRS.rsa, "rsa"), jwk(&PAIRS.p256, "p256")]);
    load(&issuer(ISSUER, "RS256, ES256", "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap()
}

fn audiences(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

fn recall(
    verifier: &Verifier,
    cache: &TokenCache<Known>,
    token: &str,
    service: &[Box<str>],
    now: u64,
) -> Result<String, Refusal> {
    let value = format!("Bearer {token}");
    let pairs = [("authorization", value.as_bytes())];
    verifier
        .recall(cache, Headers::new(&pairs), service, now, |subject| Known(subject.user, 100))
        .map(|known| known.0.clone())
}

/// Hits and misses so far.
fn counts(verifier: &Verifier) -> (u64, u64) {
    (verifier.counts().hits, verifier.counts().misses)
}

#[test]
fn cache_1_every_byte_of_the_token_counts() {
    let (verifier, token) = (usual(), token(good_claims()));
    let cache = verifier.new_cache();
    assert_eq!(recall(&verifier, &cache, &token, &[], NOW).as_deref(), Ok("alice"));
    assert_eq!(recall(&verifier, &cache, &token, &[], NOW).as_deref(), Ok("alice"));
    assert_eq!(counts(&verifier), (1, 1));
    for (at, old) in token.char_indices() {
        let new = if old == 'A' { 'B' } else { 'A' };
        let changed = format!("{}{new}{}", &token[..at], &token[at + 1..]);
        assert!(recall(&verifier, &cache, &changed, &[], NOW).is_err(), "{at}");
    }
    // The same claims under another signature are another token.
    let header = json!({ "alg": "ES256", "kid": "p256" }).to_string();
    let other = raw(&header, &good_claims().to_string(), &PAIRS.p256, Algorithm::ES256);
    assert!(recall(&verifier, &cache, &other, &[], NOW).is_ok());
    assert_eq!((counts(&verifier), cache.entries()), ((1, 2), 2));
}

#[test]
fn cache_2_the_audience_is_looked_at_for_every_service() {
    let (verifier, token) = (usual(), token(claims_with("aud", json!(["shop", "billing"]))));
    let cache = verifier.new_cache();
    let ask = |service: &[&str]| reason_of_user(recall(&verifier, &cache, &token, &audiences(service), NOW));
    assert_eq!(ask(&["billing"]), Reason::Allowed);
    assert_eq!(ask(&["orders"]), Reason::AudienceMismatch);
    assert_eq!(ask(&[]), Reason::Allowed);
    assert_eq!(ask(&["orders", "shop"]), Reason::Allowed);
    assert_eq!(counts(&verifier), (3, 1), "all but the first from the cache");
}

#[test]
fn cache_3_times_are_looked_at_on_every_hit() {
    let verifier = usual();
    let cache = verifier.new_cache();
    let token = token(claims_with("nbf", json!(NOW)));
    let at = |now: u64| reason_of_user(recall(&verifier, &cache, &token, &[], now));
    assert_eq!(at(NOW), Reason::Allowed);
    assert_eq!(at(NOW + 329), Reason::Allowed);
    // A clock that was set back.
    assert_eq!(at(NOW - 31), Reason::TokenNotYetValid);
    assert_eq!(at(0), Reason::TokenMalformed, "`exp` lies more than ten years ahead");
    assert_eq!(at(NOW + 330), Reason::TokenExpired);
    assert_eq!(cache.entries(), 0, "what has expired makes room");
    assert_eq!(at(NOW + 330), Reason::TokenExpired);
    assert_eq!(at(NOW + 329), Reason::Allowed);
}

#[test]
fn cache_3_and_jwks_5_other_keys_are_another_cache() {
    let (verifier, token) = (usual(), token(good_claims()));
    let cache = verifier.new_cache();
    for misses in 1..4 {
        for _ in 0..3 {
            assert!(recall(&verifier, &cache, &token, &[], NOW).is_ok());
        }
        assert_eq!(counts(&verifier), (2 * misses, misses));
        verifier.authorities[ISSUER].keys.renew();
    }
}

#[test]
fn cache_4_another_snapshot_remembers_nothing() {
    let (verifier, token) = (usual(), token(good_claims()));
    for _ in 0..2 {
        assert!(recall(&verifier, &verifier.new_cache(), &token, &[], NOW).is_ok());
    }
    assert_eq!(counts(&verifier), (0, 2));
}

#[test]
fn cache_5_refusals_are_not_remembered_and_move_nothing() {
    let verifier = usual();
    let cache = verifier.new_cache();
    let good: Vec<String> = (0..20).map(|n| token(claims_with("jti", json!(n)))).collect();
    for token in &good {
        assert!(recall(&verifier, &cache, token, &[], NOW).is_ok());
    }
    for n in 0..5_000 {
        let bad = format!("{}{n}", good[0]);
        assert!(recall(&verifier, &cache, &bad, &[], NOW).is_err());
    }
    assert_eq!(cache.entries(), 20);
    for token in &good {
        assert!(recall(&verifier, &cache, token, &[], NOW).is_ok());
    }
    assert_eq!(counts(&verifier), (20, 20));
}

/// A million tokens of one user: as many as the cache is told, and as many
/// bytes, whichever comes first.
#[test]
fn cache_5_memory_stays_bounded_under_a_million_tokens() {
    let verifier = usual();
    let authority = &verifier.authorities[ISSUER];
    let (_, validity) = claims::subject(object(good_claims()), authority.rules(), &[], NOW).unwrap();
    let bounds = [(1_000, 64 << 20, 10), (1_000_000, 1 << 20, 500), (1_000, 1 << 20, 30_000)];
    for (entries, bytes, each) in bounds {
        let cache = TokenCache::new(CacheSize { entries, bytes });
        for n in 0..1_000_000_u64 / if each > 10_000 { 100 } else { 2 } {
            let Some((digest, None)) = cache.get(&n.to_string()) else { panic!("{n} is there already") };
            let known = Arc::new(Known(String::new(), each));
            cache.insert(digest, Entry::new(Arc::clone(authority), 0, validity.clone(), known));
            assert!(cache.bytes() <= bytes);
        }
        assert!(u64::try_from(cache.entries()).unwrap() <= entries);
        assert!(cache.entries() > 0 && cache.bytes() > 0);
    }
}

#[test]
fn cache_5_one_entry_never_takes_all_the_room() {
    let verifier = usual();
    let authority = &verifier.authorities[ISSUER];
    let (_, validity) = claims::subject(object(good_claims()), authority.rules(), &[], NOW).unwrap();
    let cache = TokenCache::new(CacheSize { entries: 10, bytes: 1 << 20 });
    let (digest, _) = cache.get("a").unwrap();
    let known = Arc::new(Known(String::new(), 2 << 20));
    cache.insert(digest, Entry::new(Arc::clone(authority), 0, validity, known));
    assert_eq!((cache.entries(), cache.bytes()), (0, 0));
}

#[test]
fn cache_1_and_7_keys_are_whole_digests_of_whole_tokens() {
    let verifier = usual();
    let token = token(good_claims());
    let cache: TokenCache<Known> = verifier.new_cache();
    assert_eq!(cache.get(&token).unwrap().0, super::super::crypto::sha256(token.as_bytes()));
}

#[test]
fn a_cache_of_no_entries_is_none() {
    let verifier = usual();
    let none: TokenCache<Known> = TokenCache::new(CacheSize { entries: 0, bytes: 1 << 20 });
    let token = token(good_claims());
    for _ in 0..2 {
        assert!(recall(&verifier, &none, &token, &[], NOW).is_ok());
    }
    assert_eq!(counts(&verifier), (0, 0), "no cache, nothing counted");
}

#[test]
fn what_can_be_printed_of_a_cache_is_its_name() {
    let cache: TokenCache<Known> = usual().new_cache();
    assert_eq!(format!("{cache:?}"), "TokenCache { .. }");
}

fn reason_of_user(result: Result<String, Refusal>) -> Reason {
    result.map_or_else(|refusal| refusal.reason, |_| Reason::Allowed)
}

/// Some tokens, good and bad in different ways.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut tokens = vec!["x".to_owned(), token(claims_with("exp", json!("never")))];
    for (name, value) in [
        ("sub", json!("bob")),
        ("aud", json!("market")),
        ("aud", json!(["market", "x"])),
        ("aud", json!(["x"])),
        ("aud", json!(1)),
        ("nbf", json!(NOW + 100)),
        ("iat", json!(NOW + 200)),
        ("exp", json!(NOW + 100)),
        ("cnf", json!({})),
    ] {
        tokens.push(token(claims_with(name, value)));
    }
    tokens
});

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    /// Whatever was asked before, the cache says what verifying says.
    #[test]
    fn cached_and_uncached_agree(
        asked in prop::collection::vec((0..11_usize, 0..4_usize, 0..500_u64, 0..10_u8), 1..40)
    ) {
        static VERIFIER: LazyLock<Verifier> = LazyLock::new(usual);
        let cache = VERIFIER.new_cache();
        let services = [audiences(&[]), audiences(&["shop"]), audiences(&["market", "x"]), audiences(&["y"])];
        for (token, service, after, change) in asked {
            let (token, service, now) = (&TOKENS[token], &services[service], NOW - 100 + after);
            if change == 0 {
                VERIFIER.authorities[ISSUER].keys.renew();
            }
            let expected = VERIFIER.verify(token, service, now).map(|subject| subject.user);
            prop_assert_eq!(recall(&VERIFIER, &cache, token, service, now), expected);
        }
    }
}
