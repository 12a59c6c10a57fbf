//! Section CRED, continued: several places for a token, and cookies.

use super::*;
use crate::engine::Headers;

/// A verifier whose tokens may stand in all kinds of places.
static PLACES: LazyLock<Verifier> = LazyLock::new(|| {
    let set = jwks(&[jwk(&PAIRS.rsa, "rsa")]);
    let tokens = "  tokens:\n    - header: authorization\n    - header: x-token\n    \
                  - { header: x-bearer, scheme: Bearer }\n    - cookie: access_token\n";
    let text = format!("{}{tokens}", issuer(ISSUER, "RS256", "file: jwks.json"));
    load(&text, &[("jwks.json", &set)]).0.unwrap()
});

#[track_caller]
fn expect(pairs: &[(&str, &str)], reason: Reason) {
    let pairs: Vec<(&str, &[u8])> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let found = reason_of(PLACES.authenticate(Headers::new(&pairs), &[], NOW));
    assert_eq!(found, reason, "{:?}", pairs.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

fn alice() -> String {
    token(good_claims())
}

fn bob() -> String {
    token(claims_with("sub", json!("bob")))
}

#[test]
fn a_token_is_found_in_each_of_its_places() {
    let (token, bearer) = (alice(), format!("Bearer {}", alice()));
    expect(&[("authorization", &bearer)], Reason::Allowed);
    expect(&[("x-bearer", &bearer)], Reason::Allowed);
    expect(&[("x-token", &token)], Reason::Allowed);
    expect(&[("cookie", &format!("a=1; access_token={token}; b=2"))], Reason::Allowed);
    expect(&[("x-other", &token)], Reason::TokenMissing);
    // Each place has its own form.
    expect(&[("x-token", &bearer)], Reason::TokenMalformed);
    expect(&[("authorization", &token)], Reason::TokenMalformed);
    expect(&[("x-token", "")], Reason::TokenMalformed);
}

#[test]
fn cred_3_two_tokens_are_refused_wherever_they_stand() {
    let (alice, bob) = (alice(), bob());
    let (bearer, cookie) = (format!("Bearer {alice}"), format!("access_token={bob}"));
    expect(&[("authorization", &bearer), ("cookie", &cookie)], Reason::TokenAmbiguous);
    expect(&[("cookie", &cookie), ("authorization", &bearer)], Reason::TokenAmbiguous);
    expect(&[("x-token", &alice), ("x-bearer", &format!("Bearer {bob}"))], Reason::TokenAmbiguous);
    expect(&[("x-token", &alice), ("x-token", &alice)], Reason::TokenAmbiguous);
    expect(&[("x-token", &format!("{alice},{alice}"))], Reason::TokenAmbiguous);
    // A bad credential is not passed over for a good one.
    expect(&[("authorization", "Bearer "), ("x-token", &alice)], Reason::TokenMalformed);
    expect(&[("authorization", "Bearer x"), ("x-token", &alice)], Reason::TokenAmbiguous);
    expect(&[("authorization", "Basic YTpi"), ("x-token", &alice)], Reason::TokenAmbiguous);
    expect(&[("authorization", "Basic YTpi")], Reason::TokenMissing);
}

#[test]
fn one_token_in_two_places_is_one_token() {
    let alice = alice();
    let (bearer, cookie) = (format!("Bearer {alice}"), format!("access_token={alice}"));
    expect(&[("authorization", &bearer), ("cookie", &cookie), ("x-token", &alice)], Reason::Allowed);
}

#[test]
fn cred_1_a_cookie_that_stands_twice_is_refused() {
    let (alice, bob) = (alice(), bob());
    for (first, second) in [(&alice, &alice), (&alice, &bob), (&alice, &String::new())] {
        let (one, two) = (format!("access_token={first}"), format!("access_token={second}"));
        expect(&[("cookie", &format!("{one}; {two}"))], Reason::TokenAmbiguous);
        expect(&[("cookie", &format!("{one};{two}"))], Reason::TokenAmbiguous);
        expect(&[("cookie", &one), ("cookie", &two)], Reason::TokenAmbiguous);
        // As Envoy joins several headers where raw headers are off.
        expect(&[("cookie", &format!("{one},{two}"))], Reason::TokenAmbiguous);
        expect(&[("cookie", &format!("{one}; a=b,{two}"))], Reason::TokenAmbiguous);
        expect(&[("cookie", &format!("{one}; a=b , {two}"))], Reason::TokenAmbiguous);
    }
    expect(&[("cookie", &format!("a=b,access_token={alice}"))], Reason::TokenAmbiguous);
    expect(&[("cookie", &format!("access_token={alice},a=b"))], Reason::TokenAmbiguous);
}

#[test]
fn cred_2_what_quotes_do_to_a_cookie_is_never_guessed() {
    let alice = alice();
    expect(&[("cookie", &format!("access_token=\"{alice}\""))], Reason::TokenMalformed);
    expect(&[("cookie", &format!("a=\"; access_token={alice}; b=\""))], Reason::TokenAmbiguous);
    expect(&[("cookie", &format!("a=\"x\"; access_token={alice}"))], Reason::Allowed);
    for value in ["", "\"", " ", &format!("{alice} x"), &format!("{alice}\0"), &format!("={alice} =")] {
        expect(&[("cookie", &format!("access_token={value}"))], Reason::TokenMalformed);
    }
    expect(&[("cookie", "access_token")], Reason::TokenMalformed);
}

#[test]
fn the_other_cookies_may_be_what_they_are() {
    let alice = alice();
    for other in ["", "=", "a", "{\"json\": [1,2]}", "q=\"a, b\"", "Access_Token=x", "xaccess_token=x", "é=é"]
    {
        expect(&[("cookie", &format!("{other}; access_token={alice}"))], Reason::Allowed);
        expect(&[("cookie", other), ("cookie", &format!("access_token={alice}"))], Reason::Allowed);
        expect(&[("cookie", other)], Reason::TokenMissing);
    }
}

#[test]
fn cred_8_a_long_cookie_is_refused_before_it_is_decoded() {
    let long = "A".repeat(super::super::MAX_TOKEN_BYTES + 1);
    expect(&[("cookie", &format!("access_token={long}"))], Reason::TokenMalformed);
    expect(&[("x-token", &long)], Reason::TokenMalformed);
}
