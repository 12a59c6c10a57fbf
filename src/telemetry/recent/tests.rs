#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::engine::Headers;

const JWT: &str = "eyJhbGciOiJub25lIn0.e30.c2ln";

fn keep(recent: &Recent, id: &str, reason: Reason, request: Option<&Input<'_>>) {
    recent.keep(&Record { detail: Some("why"), revision: Some("r1"), request, ..Record::bare(id, reason) });
}

fn id(number: usize) -> String {
    format!("{number:031x}0")
}

#[test]
fn a_denial_is_found_by_its_id_as_it_was() {
    let recent = Recent::new(Vec::new());
    let pairs: [(&str, &[u8]); 3] = [("x-a", b"1"), ("x-a", b"\xff"), ("accept", b"")];
    let request = Input {
        method: "GET",
        host: "api.test",
        path: "/a?q=1",
        service: Some("shop"),
        source: Some("203.0.113.9".parse().unwrap()),
        peer: None,
        headers: Headers::new(&pairs),
        scheme: "https",
        body: Some(b"{}"),
        now: 7,
    };
    keep(&recent, "one", Reason::RoleMissing, Some(&request));
    let found = recent.find("one").unwrap();
    assert_eq!((found.reason, found.status, found.now), (Reason::RoleMissing, 403, 7));
    assert_eq!((&*found.method, &*found.host, &*found.path), ("GET", "api.test", "/a?q=1"));
    assert_eq!((found.service.as_deref(), found.peer, found.source), (Some("shop"), None, request.source));
    let headers: Vec<(&str, &[u8])> = found.headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
    assert_eq!(headers, pairs);
    assert!(found.body && !found.withheld);
    assert_eq!((found.revision.as_deref(), found.detail.as_deref()), (Some("r1"), Some("why")));
    assert!(recent.find("two").is_none());
}

#[test]
fn log_2_credentials_are_not_kept() {
    let recent = Recent::new(vec!["x-session".to_owned()]);
    let bearer = format!("Bearer {JWT}");
    let pairs: [(&str, &[u8]); 6] = [
        ("authorization", bearer.as_bytes()),
        ("cookie", b"access_token=secret-1"),
        ("x-session", b"secret-2"),
        ("proxy-authorization", b"Basic secret-3"),
        ("x-elsewhere", JWT.as_bytes()),
        ("accept", b"*/*"),
    ];
    let request = Input { headers: Headers::new(&pairs), ..Input::default() };
    keep(&recent, "one", Reason::TokenMissing, Some(&request));
    let all = format!("{recent:?}");
    let found = recent.find("one").unwrap();
    assert!(found.withheld);
    assert_eq!(found.headers, [("accept".to_owned(), b"*/*".to_vec())]);
    assert!(!all.contains("secret-"));
    let bytes = recent.denials.lock().unwrap().front().unwrap().words.bytes.clone();
    let kept = String::from_utf8_lossy(&bytes);
    assert!(!kept.contains("eyJ") && !kept.contains("secret-"), "{kept}");
}

#[test]
fn so_many_and_no_more() {
    let recent = Recent::new(Vec::new());
    let request = Input::default();
    for number in 0..DENIALS + 5 {
        keep(&recent, &id(number), Reason::RouteUnknown, Some(&request));
        keep(&recent, &id(number + 10_000), Reason::Allowed, Some(&request));
    }
    let kept = |number| recent.find(&id(number)).is_some();
    assert!(!kept(4) && kept(5) && kept(DENIALS + 4));
    assert!(!kept(10_000 + DENIALS + 4 - ALLOWS) && kept(10_000 + DENIALS + 5 - ALLOWS));
    let long = "x".repeat(LARGEST + 1);
    keep(&recent, "long", Reason::PathAmbiguous, Some(&Input { path: &long, ..Input::default() }));
    assert!(recent.find("long").is_none());
    keep(&recent, "unread", Reason::RequestMalformed, None);
    assert!(recent.find("unread").is_none());
    keep(&recent, "000f", Reason::Allowed, Some(&request));
    assert!(recent.find("000f").is_none(), "one of sixteen allows");
}

#[test]
fn nobody_waits() {
    let recent = Recent::new(Vec::new());
    let held = recent.denials.lock().unwrap();
    keep(&recent, "one", Reason::RouteUnknown, Some(&Input::default()));
    drop(held);
    assert!(recent.find("one").is_none());
}
