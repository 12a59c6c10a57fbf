//! Keys that are fetched and keys that change, against a real HTTPS server
//! and by a clock that the tests move.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad_answers;
mod binary;
mod key_server;
mod rotation;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::engine::Reason;
use serde_json::json;

use key_server::{KeyServer, Reply};
use world::{ISSUER, Key, World, at, eventually, garbage, issuer, jwks};

/// Long enough for a fetch that should not happen to begin.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jwks_1_ten_thousand_unknown_kids_cause_one_fetch_a_window() {
    let (server, key) = (KeyServer::https().await, Key::new());
    let mut world = World::usual(&server, &[&key]).await;
    let flood = |world: &World| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (verifier, now) = (Arc::clone(&world.verifier), world.time.wall());
                std::thread::spawn(move || {
                    for number in 0..5000 {
                        let refusal = verifier.verify(&garbage(&format!("{thread}-{number}")), &[], now);
                        assert_eq!(refusal.unwrap_err().reason, Reason::KeyUnknown);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    // Whatever the answers are: the same, empty, broken, a failure.
    for (fetches, reply) in [
        (1, Reply::json(jwks(&[&key]))),
        (2, Reply::json("{\"keys\":[]}")),
        (3, Reply::json("{\"keys\"")),
        (4, Reply::Whole(500, String::new(), Vec::new())),
        (5, Reply::json(jwks(&[&key]))),
    ] {
        server.set("/keys", reply);
        flood(&world);
        settle().await;
        assert_eq!(server.requests(), fetches, "within the cooldown");
        world.time.advance(29);
        flood(&world);
        settle().await;
        assert_eq!(server.requests(), fetches, "within the cooldown");
        world.time.advance(1);
        world.ready.heard().await;
        assert_eq!(server.requests(), fetches + 1);
        assert_eq!(world.reason(&key.token()), Reason::Allowed);
    }
    // A wish from before the answer is answered by it: nothing is left over.
    assert_eq!(world.generation(), Some(1));
}

#[tokio::test]
async fn jwks_2_a_redirect_is_not_followed_and_wrong_certificates_are_refused() {
    let (server, elsewhere, key) = (KeyServer::https().await, KeyServer::https().await, Key::new());
    let mut world = World::usual(&server, &[&key]).await;
    elsewhere.set("/keys", Reply::json(jwks(&[&Key::new()])));
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("location: https://localhost:{}/keys\r\n", elsewhere.port);
        server.set("/keys", Reply::Whole(status, headers, jwks(&[&Key::new()]).into_bytes()));
        world.next_fetch().await;
        assert_eq!(world.reason(&key.token()), Reason::Allowed, "{status}");
    }
    assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
    // An authority that is not the configured one, and a name that the
    // certificate does not hold.
    let by_address = at(&elsewhere, "/keys").replace("localhost", "[::1]");
    for keys in [at(&elsewhere, "/keys"), by_address] {
        let mut world = World::new(&issuer(ISSUER, &keys), &server.ca);
        world.ready.heard().await;
        assert_eq!(world.reason(&key.token()), Reason::KeysUnavailable);
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn jwks_7_a_kid_of_one_issuer_is_nothing_at_another() {
    let (server, other) = (KeyServer::https().await, "https://id.example.org");
    let (ours, theirs) = (Key::named("k"), Key::named("k"));
    server.set("/ours", Reply::json(jwks(&[&ours])));
    server.set("/theirs", Reply::json(jwks(&[&theirs])));
    let issuers = issuer(ISSUER, &at(&server, "/ours")) + &issuer(other, &at(&server, "/theirs"));
    let mut world = World::new(&issuers, &server.ca);
    world.ready.wait().await;
    assert_eq!(world.reason(&ours.token_of(ISSUER)), Reason::Allowed);
    assert_eq!(world.reason(&theirs.token_of(other)), Reason::Allowed);
    assert_eq!(world.reason(&ours.token_of(other)), Reason::SignatureInvalid);
    assert_eq!(world.reason(&theirs.token_of(ISSUER)), Reason::SignatureInvalid);
    assert_eq!(world.reason(&ours.token_of("https://id.example.net")), Reason::IssuerUnknown);
}

#[tokio::test]
async fn jwks_9_cache_control_is_kept_between_a_minute_and_an_hour() {
    let (server, key) = (KeyServer::https().await, Key::new());
    let mut world = World::usual(&server, &[&key]).await;
    for (header, least, most) in
        [("max-age=0", 60, 60), ("no-store", 60, 60), ("max-age=1000000000000", 3239, 3600)]
    {
        server.set("/keys", Reply::with(&format!("cache-control: {header}\r\n"), jwks(&[&key])));
        world.next_fetch().await;
        let before = server.requests();
        world.time.advance(least - 1);
        settle().await;
        assert_eq!(server.requests(), before, "{header}: too early");
        world.time.advance(most - least + 1);
        world.ready.heard().await;
        assert_eq!(server.requests(), before + 1, "{header}");
    }
}

#[tokio::test]
async fn jws_3_addresses_and_keys_in_a_token_cause_no_request() {
    let (server, canary, key, evil) =
        (KeyServer::https().await, KeyServer::https().await, Key::new(), Key::new());
    canary.set("/keys", Reply::json(jwks(&[&evil])));
    let world = World::usual(&server, &[&key]).await;
    let url = format!("https://localhost:{}/keys", canary.port);
    for extra in [
        json!({ "jku": url }),
        json!({ "x5u": url }),
        json!({ "jku": url, "x5u": url, "kid": url }),
        json!({ "kid": url }),
        json!({ "jwk": evil.jwk() }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        let mut header = json!({ "alg": "EdDSA", "kid": evil.jwk()["kid"] });
        for (name, value) in extra.as_object().unwrap() {
            header[name] = value.clone();
        }
        assert_ne!(world.reason(&evil.sign(&header, ISSUER)), Reason::Allowed, "{header}");
        assert_ne!(world.reason(&evil.sign(&header, &url)), Reason::Allowed, "{header}");
    }
    world.time.advance(30);
    eventually("the fetch for the unknown names", || server.requests() == 2).await;
    settle().await;
    assert_eq!(canary.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn discovery_leads_to_the_keys_of_the_configured_issuer_alone() {
    let (server, key) = (KeyServer::https().await, Key::new());
    let keys_at = format!("https://localhost:{}/keys", server.port);
    let document =
        |issuer: &str, uri: &str| Reply::json(json!({ "issuer": issuer, "jwks_uri": uri }).to_string());
    server.set("/keys", Reply::json(jwks(&[&key])));
    let configuration = "/realm/.well-known/openid-configuration";
    server.set(configuration, document(ISSUER, &keys_at));
    let keys = at(&server, "/realm").replace("url:", "discovery:");
    let mut world = World::new(&issuer(ISSUER, &keys), &server.ca);
    world.ready.heard().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
    assert_eq!(server.requests(), 2);

    server.set("/keys", Reply::json(jwks(&[&Key::new()])));
    let plain = keys_at.replace("https", "http");
    for bad in [
        document("https://id.example.com/", &keys_at),
        document("https://id.example.org", &keys_at),
        document(ISSUER, &plain),
        document(ISSUER, "https://user@localhost/keys"),
        document(ISSUER, "file:///etc/passwd"),
        document(ISSUER, ""),
        Reply::json(json!({ "jwks_uri": keys_at }).to_string()),
        Reply::json(json!({ "issuer": [ISSUER], "jwks_uri": keys_at }).to_string()),
        Reply::json(format!(
            "{{\"issuer\":\"{ISSUER}\",\"issuer\":\"{ISSUER}\",\"jwks_uri\":\"{keys_at}\"}}"
        )),
        Reply::json("<html></html>"),
        Reply::Whole(404, String::new(), Vec::new()),
    ] {
        server.set(configuration, bad);
        world.next_fetch().await;
        assert_eq!(world.reason(&key.token()), Reason::Allowed);
        assert_eq!(world.generation(), Some(1));
    }
    server.set(configuration, document(ISSUER, &keys_at));
    world.next_fetch().await;
    assert_eq!(world.generation(), Some(2));
    assert_eq!(world.reason(&key.token()), Reason::KeyUnknown);
}

#[tokio::test]
async fn keys_over_http_are_had_from_this_machine() {
    let (server, key) = (KeyServer::http().await, Key::new());
    server.set("/keys?v=1", Reply::json(jwks(&[&key])));
    let keys = format!("url: \"http://127.0.0.1:{}/keys?v=1\"", server.port);
    let mut world = World::new(&issuer(ISSUER, &keys), "");
    world.ready.heard().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
}

#[tokio::test]
async fn an_issuer_that_is_not_required_is_not_waited_for() {
    let (server, key, other) = (KeyServer::https().await, Key::new(), "https://id.example.org");
    server.set("/keys", Reply::json(jwks(&[&key])));
    let optional = issuer(other, &at(&server, "/none")).replace("keys:", "required: false, keys:");
    let mut world = World::new(&(issuer(ISSUER, &at(&server, "/keys")) + &optional), &server.ca);
    world.ready.wait().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
    assert_eq!(world.reason(&key.token_of(other)), Reason::KeysUnavailable);
}
