//! Keys come and go.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use doorward::engine::Reason;

use super::key_server::{KeyServer, Reply};
use super::world::{ISSUER, Key, World, eventually, issuer, jwks};

#[tokio::test(flavor = "multi_thread")]
async fn jwks_5_keys_rotate_under_load_and_no_good_token_is_refused() {
    let (server, mut key) = (KeyServer::https().await, Key::new());
    let mut world = World::usual(&server, &[&key]).await;
    let current = Arc::new(RwLock::new((0, key.token())));
    let stop = Arc::new(AtomicBool::new(false));
    // What the slowest thread has seen last, and how much was checked.
    let seen: Vec<_> = (0..2).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let checked = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = seen
        .iter()
        .map(|seen| {
            let (verifier, time, current) =
                (Arc::clone(&world.verifier), world.time.clone(), Arc::clone(&current));
            let (stop, seen, checked) = (Arc::clone(&stop), Arc::clone(seen), Arc::clone(&checked));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let (number, token) = current.read().unwrap().clone();
                    let verified = verifier.verify(&token, &[], time.wall());
                    assert!(verified.is_ok(), "token {number}: {:?}", verified.err());
                    seen.store(number, Ordering::SeqCst);
                    checked.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for number in 1..=8 {
        let next = Key::new();
        server.set("/keys", Reply::json(jwks(&[&key, &next])));
        world.next_fetch().await;
        let old = key.token();
        key = next;
        *current.write().unwrap() = (number, key.token());
        assert_eq!(world.reason(&old), Reason::Allowed, "its key is still published");
        let all = || seen.iter().all(|seen| seen.load(Ordering::SeqCst) == number);
        eventually("every thread has the new token", all).await;
        server.set("/keys", Reply::json(jwks(&[&key])));
        world.next_fetch().await;
        assert_eq!(world.reason(&old), Reason::KeyUnknown, "its key is gone");
    }
    stop.store(true, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(checked.load(Ordering::SeqCst) >= 16);
    assert_eq!(world.generation(), Some(17));
}

#[tokio::test]
async fn jwks_5_a_new_kid_is_fetched_when_it_is_first_seen() {
    let (server, old, new) = (KeyServer::https().await, Key::new(), Key::new());
    let mut world = World::usual(&server, &[&old]).await;
    server.set("/keys", Reply::json(jwks(&[&new])));
    world.time.advance(30);
    assert_eq!(world.reason(&new.token()), Reason::KeyUnknown);
    world.ready.heard().await;
    assert_eq!(world.reason(&new.token()), Reason::Allowed);
    assert_eq!(world.reason(&old.token()), Reason::KeyUnknown);
}

#[tokio::test]
async fn jwks_5_another_key_of_the_same_kid_is_another_key() {
    let (server, old, new) = (KeyServer::https().await, Key::named("k"), Key::named("k"));
    let mut world = World::usual(&server, &[&old]).await;
    assert_eq!(world.generation(), Some(1));
    server.set("/keys", Reply::json(jwks(&[&new])));
    world.next_fetch().await;
    assert_eq!(world.reason(&old.token()), Reason::SignatureInvalid);
    assert_eq!(world.reason(&new.token()), Reason::Allowed);
    assert_eq!(world.generation(), Some(2), "what was verified before does not count");
}

#[tokio::test]
async fn key_files_are_read_again_and_the_last_good_keys_stay() {
    let (old, new) = (Key::new(), Key::new());
    let file = [("jwks.json", jwks(&[&old]))].map(|(name, text)| (name, text.leak() as &str));
    let world = World::with_files(&issuer(ISSUER, "file: jwks.json"), &file);
    assert!(world.ready.is_ready());
    let path = world.folder.path().join("jwks.json");
    let looks = async |what: &str, holds: &dyn Fn() -> bool| {
        eventually(what, || {
            world.time.advance(5);
            holds()
        })
        .await;
    };
    assert_eq!(world.reason(&old.token()), Reason::Allowed);
    let mut generation = 1;
    for bad in ["", "{\"keys\":[]}", "<html>", "{"] {
        std::fs::write(&path, bad).unwrap();
        for _ in 0..20 {
            world.time.advance(5);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert_eq!(world.reason(&old.token()), Reason::Allowed, "{bad}");
        assert_eq!(world.generation(), Some(generation));
    }
    // In place, and as Kubernetes does it: another file under the name.
    for (key, gone) in [(&new, &old), (&old, &new)] {
        let temporary = world.folder.path().join("new");
        std::fs::write(&temporary, jwks(&[key])).unwrap();
        std::fs::rename(&temporary, &path).unwrap();
        generation += 1;
        looks("the new file is in force", &|| world.generation() == Some(generation)).await;
        assert_eq!(world.reason(&key.token()), Reason::Allowed);
        assert_eq!(world.reason(&gone.token()), Reason::KeyUnknown);
    }
    std::fs::remove_file(&path).unwrap();
    world.time.advance(5);
    assert_eq!(world.reason(&old.token()), Reason::Allowed);
}
