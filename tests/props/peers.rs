//! Peers and patterns of them against a model that compares segment by segment.

use std::sync::Arc;

use doorward::config::OnAnonymous;
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use doorward::policy::SpiffeId;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::index_of;
use crate::cases;

// ---- the model

fn is_segment(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text != "." && text != ".." && text.chars().all(fine)
}

/// The trust domain and the segments of a SPIFFE id.
fn id(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.strip_prefix("spiffe://")?.split('/').collect();
    let (domain, path) = parts.split_first()?;
    let domain_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let fine = !domain.is_empty()
        && domain.len() <= 255
        && domain.chars().all(domain_fine)
        && !path.is_empty()
        && path.iter().all(|segment| is_segment(segment))
        && text.len() <= 2048;
    fine.then_some(parts)
}

fn matches(pattern: &[&str], id: &[&str]) -> bool {
    match (pattern, id) {
        ([], []) => true,
        (["*"], [_, ..]) => true,
        ([p, pattern @ ..], [s, id @ ..]) => (*p == "*" || p == s) && matches(pattern, id),
        _ => false,
    }
}

fn fits(pattern: &str, peer: &str) -> bool {
    let pattern: Vec<&str> = pattern.strip_prefix("spiffe://").unwrap().split('/').collect();
    id(peer).is_some_and(|id| matches(&pattern, &id))
}

// ---- what is tried

fn pattern() -> impl Strategy<Value = String> {
    let segments = proptest::collection::vec(select(vec!["a", "b", "ab", "*", "*"]), 1..5);
    (select(vec!["c", "d"]), segments)
        .prop_map(|(domain, path)| format!("spiffe://{domain}/{}", path.join("/")))
}

/// Ids that patterns are about, and everything else.
fn peer() -> impl Strategy<Value = String> {
    let segment =
        select(vec!["a", "b", "ab", "c", "A", "*", "", ".", "..", "%61", "a b", "a\0", "\u{430}", "a?"]);
    let plain = proptest::collection::vec(select(vec!["a", "b", "ab", "c"]), 1..6);
    let odd = proptest::collection::vec(segment, 0..5);
    let domain = select(vec!["c", "d", "C", "", "*", "c:1", "u@c", "c."]);
    let scheme = select(vec!["spiffe://", "spiffe:/", "SPIFFE://", "https://", "spiffe:///", " spiffe://"]);
    prop_oneof![
        6 => (select(vec!["c", "d"]), plain).prop_map(|(domain, path)| format!("spiffe://{domain}/{}", path.join("/"))),
        2 => (domain, odd.clone()).prop_map(|(domain, path)| format!("spiffe://{domain}/{}", path.join("/"))),
        1 => (scheme, odd).prop_map(|(scheme, path)| format!("{scheme}c/{}", path.join("/"))),
        1 => (0..2060usize).prop_map(|long| format!("spiffe://c/{}", "a".repeat(long))),
        1 => "\\PC{0,20}",
        1 => any::<String>(),
        1 => any::<String>().prop_map(|rest| format!("spiffe://c/{rest}")),
    ]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn attr_10_a_peer_matches_where_the_model_says_so(
        listed in proptest::collection::vec(pattern(), 1..4),
        bound in proptest::collection::vec(pattern(), 0..3),
        peers in proptest::collection::vec(peer(), 1..40),
        with_token in any::<bool>(),
    ) {
        let bindings: String = bound.iter().map(|p| format!("  - {{ peer: \"{p}\", roles: r }}\n")).collect();
        let index = index_of(&format!(
            "roles: {{ r: {{ grants: [x] }} }}\nbindings:\n  - {{ user: nobody, roles: r }}\n{bindings}services:\n  s:\n    \
             paths: [/]\n    routes:\n      - {{ route: GET /listed, peers: [\"{}\"] }}\n      - {{ route: GET /bound, \
             codes: x }}\n      - {{ route: GET /token, access: authenticated }}\n",
            listed.join("\", \""),
        ));
        for peer in &peers {
            let ask = |path| {
                let input = Input { method: "GET", host: "h", path, peer: Some(peer), ..Input::default() };
                decide(&index, &input, OnAnonymous::default(), |_| {
                    if !with_token {
                        return Err((Reason::TokenMissing, ""));
                    }
                    // A user by the peer's own name.
                    let subject = Subject { user: peer.clone(), ..Subject::default() };
                    Ok(Arc::new(Principal::resolve(&index, subject)))
                })
            };
            prop_assert_eq!(SpiffeId::parse(peer).is_some(), id(peer).is_some());
            let is_listed = listed.iter().any(|pattern| fits(pattern, peer));
            let is_bound = bound.iter().any(|pattern| fits(pattern, peer));
            let expected = if is_listed { Reason::Allowed } else { Reason::PeerDenied };
            prop_assert_eq!(ask("/listed").reason, expected, "{:?}", peer);
            let expected = match (with_token, is_bound) {
                (true, _) => Reason::CodeMissing,
                (false, true) => Reason::Allowed,
                (false, false) => Reason::TokenMissing,
            };
            let decision = ask("/bound");
            prop_assert_eq!(decision.reason, expected, "{:?}", peer);
            let user = decision.principal.as_ref().map(|principal| principal.subject().user.as_str());
            prop_assert_eq!(user, (with_token || is_bound).then_some(peer.as_str()));
            let expected = if with_token { Reason::Allowed } else { Reason::TokenMissing };
            prop_assert_eq!(ask("/token").reason, expected);
        }
    }
}
