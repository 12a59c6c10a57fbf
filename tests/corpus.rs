//! Replays the committed corpus of the fuzz targets in `tests/fuzz/`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

use doorward::config::Algorithm;
use doorward::identity::mint::{Claims, Signer};

/// Every seed of one target; there must be some.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|e| fs::read(e.unwrap().path()).unwrap()).collect();
    assert!(seeds.len() >= 5, "the corpus of {target} has {} seeds", seeds.len());
    seeds
}

#[test]
fn tokens() {
    seeds("token").iter().for_each(|seed| checks::token(seed));
}

#[test]
fn paths() {
    seeds("path").iter().for_each(|seed| checks::path(seed));
}

#[test]
fn policies() {
    seeds("policy").iter().for_each(|seed| checks::policy(seed));
}

#[test]
fn checks_of_envoy() {
    seeds("check").iter().for_each(|seed| checks::check(seed));
}

/// A browser is among the seeds, so that mutations start on the way to the
/// login page.
#[test]
fn the_browser_is_sent_to_the_login_page() {
    let seed =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/check/browser")).unwrap();
    let expected = "https://login.example.com/?to=https%3A%2F%2Fapi.example.com%2Fevents%2F42%3Fq%3D1";
    assert_eq!(checks::location(&seed).as_deref(), Some(expected));
}

/// A peer that may call is among the seeds, and no other name of its may.
#[test]
fn attr_10_the_good_peer_is_allowed_and_no_byte_of_its_name_may_change() {
    let seed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/check/peer")).unwrap();
    assert!(checks::allows(&seed));
    let id = b"spiffe://cluster.example/ns/shop/sa/till";
    let at = seed.windows(id.len()).position(|part| part == id).unwrap();
    let free = id.windows(4).position(|part| part == b"shop").unwrap();
    for byte in (0..id.len()).filter(|byte| !(free..free + 4).contains(byte)) {
        for other in (0..=127).filter(|other| *other != id[byte]) {
            let mut seed = seed.clone();
            seed[at + byte] = other;
            assert!(!checks::allows(&seed), "{:?}", String::from_utf8_lossy(&seed[at..at + id.len()]));
        }
    }
}

/// A good token is among the seeds, so that mutations start beyond the
/// signature check.
#[test]
fn the_good_token_is_good() {
    let signer = Signer::from_secret(checks::SECRET, Algorithm::HS256).unwrap();
    let claims = Claims {
        issuer: "https://id.example.com".to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice@example.com".to_owned(),
        roles: vec!["viewer".to_owned()],
        expires_in: 3600,
        ..Claims::default()
    };
    let token = signer.sign(&claims.at(checks::NOW)).unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/token/good");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&committed, &token).unwrap();
    }
    assert_eq!(fs::read_to_string(committed).unwrap(), token);
}
