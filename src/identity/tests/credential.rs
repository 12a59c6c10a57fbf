//! Section CRED: where the token stands.

use super::*;
use crate::engine::Headers;

fn authenticate(values: &[&[u8]]) -> Reason {
    let pairs: Vec<(&str, &[u8])> = values.iter().map(|value| ("authorization", *value)).collect();
    reason_of(USUAL.authenticate(Headers::new(&pairs), &[], NOW))
}

fn good() -> String {
    token(good_claims())
}

#[test]
fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
    let token = good();
    for scheme in ["Bearer", "bearer", "bEaReR"] {
        assert_eq!(authenticate(&[format!("{scheme} {token}").as_bytes()]), Reason::Allowed, "{scheme}");
    }
}

#[test]
fn no_header_is_a_missing_token() {
    let other: &[(&str, &[u8])] = &[("accept", b"*/*")];
    assert_eq!(reason_of(USUAL.authenticate(Headers::new(other), &[], NOW)), Reason::TokenMissing);
    assert_eq!(reason_of(USUAL.authenticate(Headers::default(), &[], NOW)), Reason::TokenMissing);
}

#[test]
fn cred_1_several_credentials_are_refused_even_when_they_are_equal() {
    let value = format!("Bearer {}", good());
    let joined = format!("{value},{value}");
    assert_eq!(authenticate(&[value.as_bytes(), value.as_bytes()]), Reason::TokenAmbiguous);
    for value in [&joined, &format!("{value},"), &format!(",{value}"), &format!("{value}, Basic eA==")] {
        assert_eq!(authenticate(&[value.as_bytes()]), Reason::TokenAmbiguous, "a comma");
    }
    assert_eq!(authenticate(&[value.as_bytes(), b"Basic eA=="]), Reason::TokenAmbiguous);
    assert_eq!(authenticate(&[b"", value.as_bytes()]), Reason::TokenAmbiguous);
}

#[test]
fn cred_2_white_space_and_characters_outside_the_token_are_refused() {
    let token = good();
    for value in [
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!(" Bearer {token}"),
        format!("Bearer {token} "),
        format!("  Bearer {token}  "),
        format!("Bearer {token}\n"),
        format!("Bearer {token}\0"),
        format!("Bearer \"{token}\""),
        format!("Bearer {token};"),
        format!("Bearer {token}é"),
        format!("Bearer token={token}"),
        format!("Bearer{token}"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        " ".to_owned(),
        String::new(),
    ] {
        assert_eq!(authenticate(&[value.as_bytes()]), Reason::TokenMalformed, "{:?}", value.get(..12));
    }
    assert_eq!(authenticate(&[&[b"Bearer ", token.as_bytes(), b"\xff"].concat()]), Reason::TokenMalformed);
}

#[test]
fn cred_3_only_the_configured_source_is_looked_at() {
    let token = good();
    let bearer = format!("Bearer {token}");
    for name in ["proxy-authorization", "x-access-token", "cookie", "x-authorization", "authorization2"] {
        let pairs: &[(&str, &[u8])] = &[(name, bearer.as_bytes())];
        assert_eq!(
            reason_of(USUAL.authenticate(Headers::new(pairs), &[], NOW)),
            Reason::TokenMissing,
            "{name}"
        );
        let both: &[(&str, &[u8])] = &[(name, b"Bearer x"), ("authorization", bearer.as_bytes())];
        assert_eq!(reason_of(USUAL.authenticate(Headers::new(both), &[], NOW)), Reason::Allowed, "{name}");
    }
}

#[test]
fn cred_7_another_scheme_is_no_token() {
    let token = good();
    for value in ["Basic YWxpY2U6c2VjcmV0", "Negotiate YII", "ApiKey x", &format!("DPoP {token}")] {
        assert_eq!(authenticate(&[value.as_bytes()]), Reason::TokenMissing, "{value}");
    }
    assert_eq!(authenticate(&[b"Ba(sic YWxp"]), Reason::TokenMalformed);
}

#[test]
fn cred_8_a_long_token_is_refused_before_it_is_decoded() {
    let padded = |bytes: usize| token(claims_with("pad", json!("x".repeat(bytes))));
    let mut pad = 0;
    while padded(pad).len() < super::super::MAX_TOKEN_BYTES {
        pad += 1 + (super::super::MAX_TOKEN_BYTES - padded(pad).len()) / 2;
    }
    let long = padded(pad + 3);
    assert!(long.len() > super::super::MAX_TOKEN_BYTES);
    assert_eq!(verify(&long).unwrap_err().detail, "the token is longer than 8 KiB");
    assert_eq!(authenticate(&[format!("Bearer {long}").as_bytes()]), Reason::TokenMalformed);
    let just = padded(pad - 3);
    assert!(just.len() > super::super::MAX_TOKEN_BYTES - 16);
    assert_eq!(authenticate(&[format!("Bearer {just}").as_bytes()]), Reason::Allowed);
    assert_eq!(authenticate(&[&b"Bearer ".repeat(200_000)]), Reason::TokenMalformed);
    assert_eq!(verify(&".".repeat(1 << 20)).unwrap_err().detail, "the token is longer than 8 KiB");
}

#[test]
fn log_2_nothing_of_a_token_or_key_is_in_what_can_be_printed() {
    let verifier = load(&issuer(ISSUER, "HS256", "secret_env: SECRET"), &[]).0.unwrap();
    assert_eq!(format!("{verifier:?}"), format!("Verifier {{ issuers: [{ISSUER:?}], .. }}"));
    let token = good();
    let refusal = verifier.verify(&token, &[], NOW).unwrap_err();
    let printed = format!("{refusal:?} {refusal}");
    assert!(token.split('.').all(|part| !printed.contains(part)) && !printed.contains("RS256"));
}
