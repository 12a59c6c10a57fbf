//! Answers that are no keys: what was had before stays in force.

use doorward::engine::Reason;
use serde_json::json;

use super::key_server::{KeyServer, Reply};
use super::world::{ISSUER, Key, World, at, issuer, jwks};

/// Whether the old keys are still the ones in force after each of these.
async fn keeps_the_old_keys_through(bad: Vec<(&str, Reply)>) {
    let (server, key, new) = (KeyServer::https().await, Key::new(), Key::new());
    let mut world = World::usual(&server, &[&key]).await;
    for (what, reply) in bad {
        server.set("/keys", reply);
        world.next_fetch().await;
        assert_eq!(world.reason(&key.token()), Reason::Allowed, "{what}");
        assert_eq!(world.reason(&new.token()), Reason::KeyUnknown, "{what}");
        assert_eq!(world.generation(), Some(1), "{what}");
    }
    server.set("/keys", Reply::json(jwks(&[&new])));
    world.next_fetch().await;
    assert_eq!(world.reason(&new.token()), Reason::Allowed, "it recovers");
}

#[tokio::test]
async fn jwks_3_huge_broken_and_foreign_answers_keep_the_old_keys() {
    let new = Key::new();
    let many = |count: usize| {
        let keys: Vec<serde_json::Value> = (0..count)
            .map(|n| json!({ "kty": "OKP", "crv": "Ed25519", "x": "", "kid": n.to_string() }))
            .collect();
        json!({ "keys": keys }).to_string()
    };
    let padded = |bytes: usize| format!("{}{}", jwks(&[&new]), " ".repeat(bytes));
    let deep = format!("{{\"keys\":[],\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    keeps_the_old_keys_through(vec![
        ("10 MB", Reply::json(padded(10_000_000))),
        ("256 KiB and a bit", Reply::json(padded(256 * 1024))),
        ("100,000 keys", Reply::json(many(100_000))),
        ("65 keys", Reply::json(many(65))),
        ("deep", Reply::json(deep)),
        ("HTML", Reply::Whole(200, "content-type: text/html\r\n".to_owned(), b"<html>no</html>".to_vec())),
        ("half JSON", Reply::json("{\"keys\":[")),
        ("half an answer", Reply::Half),
        ("no JSON", Reply::json("\u{feff}")),
        ("nothing", Reply::json("")),
        ("a list", Reply::json("[]")),
        ("twice", Reply::json(jwks(&[&new]).replacen('{', "{\"keys\":[],", 1))),
        ("compressed", Reply::with("content-encoding: gzip\r\n", jwks(&[&new]))),
        ("a huge head", Reply::with(&format!("x: {}\r\n", "x".repeat(100_000)), jwks(&[&new]))),
        ("many headers", Reply::with(&"x: x\r\n".repeat(1000), jwks(&[&new]))),
        ("a private key", Reply::json(jwks(&[&new]).replace("\"kty\"", "\"d\":\"AA\",\"kty\""))),
    ])
    .await;
}

#[tokio::test]
async fn jwks_3_a_slow_answer_is_given_up() {
    keeps_the_old_keys_through(vec![("drip", Reply::Drip)]).await;
}

#[tokio::test]
async fn jwks_3_what_the_answer_says_of_its_type_does_not_matter() {
    let (server, key) = (KeyServer::https().await, Key::new());
    server.set(
        "/keys",
        Reply::Whole(200, "content-type: text/html\r\n".to_owned(), jwks(&[&key]).into_bytes()),
    );
    let mut world = World::new(&issuer(ISSUER, &at(&server, "/keys")), &server.ca);
    world.ready.heard().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
}

#[tokio::test]
async fn jwks_4_failures_and_empty_sets_keep_the_old_keys() {
    let status = |status| Reply::Whole(status, String::new(), jwks(&[&Key::new()]).into_bytes());
    let foreign = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r" }] }).to_string();
    keeps_the_old_keys_through(vec![
        ("500", status(500)),
        ("404", status(404)),
        ("204", status(204)),
        ("206", status(206)),
        ("empty", Reply::json("{\"keys\":[]}")),
        ("no key of use", Reply::json(foreign)),
    ])
    .await;
}

#[tokio::test]
async fn jwks_4_keys_that_nobody_confirms_get_too_old() {
    let (server, key) = (KeyServer::https().await, Key::new());
    server.set("/keys", Reply::json(jwks(&[&key])));
    let keys = format!("{}, max_stale: 2h", at(&server, "/keys"));
    let mut world = World::new(&issuer(ISSUER, &keys), &server.ca);
    world.ready.heard().await;
    server.set("/keys", Reply::Whole(503, String::new(), Vec::new()));
    world.next_fetch().await;
    world.time.advance(3599);
    assert_eq!(world.reason(&key.token()), Reason::Allowed, "two hours are not over");
    world.ready.heard().await;
    world.time.advance(1);
    assert_eq!(world.reason(&key.token()), Reason::KeysUnavailable);
    assert_eq!(world.generation(), None, "nothing that was verified before counts");
    // The unchanged answer is enough to go on.
    server.set("/keys", Reply::json(jwks(&[&key])));
    world.next_fetch().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
    assert_eq!(world.generation(), Some(1));
}

#[tokio::test]
async fn jwks_4_before_the_first_keys_nothing_is_allowed() {
    let (server, key) = (KeyServer::https().await, Key::new());
    server.set("/keys", Reply::json("{\"keys\":[]}"));
    let mut world = World::new(&issuer(ISSUER, &at(&server, "/keys")), &server.ca);
    for _ in 0..3 {
        world.ready.heard().await;
        assert!(!world.ready.is_ready());
        assert_eq!(world.reason(&key.token()), Reason::KeysUnavailable);
        world.time.advance(40);
    }
    world.ready.heard().await;
    server.set("/keys", Reply::json(jwks(&[&key])));
    world.next_fetch().await;
    assert!(world.ready.is_ready());
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
}

#[tokio::test]
async fn jwks_6_bad_keys_are_left_out_and_the_others_serve() {
    let (server, key, twin) = (KeyServer::https().await, Key::new(), Key::named("twin"));
    let mut keys = vec![key.jwk(), twin.jwk(), Key::named("twin").jwk()];
    keys.extend([
        json!({ "kty": "XYZ", "kid": "a" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "!", "kid": "b" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43), "kid": "c" }),
        json!("no key"),
        json!(null),
    ]);
    server.set("/keys", Reply::json(json!({ "keys": keys }).to_string()));
    let mut world = World::new(&issuer(ISSUER, &at(&server, "/keys")), &server.ca);
    world.ready.heard().await;
    assert_eq!(world.reason(&key.token()), Reason::Allowed);
    assert_eq!(world.reason(&twin.token()), Reason::KeyUnknown);
}
