//! What a person is told of a token is what a request with it gets.

use super::super::inspect::Outcome;
use super::*;

fn tokens() -> Vec<String> {
    let good = token(good_claims());
    let mut tokens = vec![
        good.clone(),
        String::new(),
        "a.b.c".to_owned(),
        format!("{good}A"),
        format!("{good} "),
        rs256(json!({ "alg": "RS256", "kid": "other" }), good_claims()),
        rs256(json!({ "alg": "none", "kid": "rsa" }), good_claims()),
        rs256(json!({ "alg": "RS256", "kid": "rsa", "typ": "dpop+jwt" }), good_claims()),
        raw(r#"{"alg":"RS256","kid":"rsa"}"#, &good_claims().to_string(), &PAIRS.other_rsa, Algorithm::RS256),
    ];
    for (name, value) in [
        ("iss", Some(json!("https://evil.example"))),
        ("iss", Some(json!(1))),
        ("exp", Some(json!(1))),
        ("exp", Some(json!("never"))),
        ("exp", None),
        ("nbf", Some(json!(NOW + 100))),
        ("aud", Some(json!("x"))),
        ("aud", Some(json!(1))),
        ("cnf", Some(json!({}))),
        ("sub", None),
        ("sub", Some(json!("a,b"))),
    ] {
        tokens.push(token(claims_with(name, value)));
    }
    tokens
}

#[test]
fn the_first_refusal_is_that_of_a_request() {
    for service in [&[][..], &["shop".into()], &["billing".into()]] {
        for token in tokens() {
            let told = USUAL.inspect(&token, service, NOW);
            let verified = USUAL.verify(&token, service, NOW);
            assert_eq!(told.refusal(), verified.as_ref().err().copied());
            let open = told.checks.iter().any(|check| check.outcome == Outcome::Open);
            assert!(!open || told.refusal().is_some());
            if let Ok(subject) = verified {
                assert!(told.subject == Some(subject));
            }
        }
    }
}

#[test]
fn every_check_is_made_and_not_just_the_first_that_refuses() {
    let mut claims = claims_with("aud", json!("x"));
    claims["exp"] = json!(1);
    claims["cnf"] = json!({});
    let told = USUAL.inspect(&token(claims), &[], NOW);
    let refusing: Vec<_> = told
        .checks
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Refuses(_)))
        .map(|check| check.name)
        .collect();
    assert_eq!(refusing, ["sender", "times", "audience"]);
    assert_eq!((told.issuer.as_deref(), told.key_id.as_deref()), (Some(ISSUER), Some("rsa")));
    assert_eq!((told.expires, told.claims.len()), (Some(1), 6));
}
