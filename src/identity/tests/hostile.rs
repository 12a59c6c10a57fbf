//! Input that nobody would send by mistake: whatever it is, it is refused, and
//! nothing panics.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::engine::Headers;
use crate::identity::{jwks, pem};

#[test]
fn changing_any_character_of_a_token_refuses_it() {
    let token = token(good_claims());
    assert_eq!(reason(&token), Reason::Allowed);
    for (at, old) in token.char_indices() {
        for new in ['A', 'B', '_', '.', '=', ' ', '\0', 'é'].into_iter().filter(|new| *new != old) {
            let changed = format!("{}{new}{}", &token[..at], &token[at + 1..]);
            assert_ne!(reason(&changed), Reason::Allowed, "{old} to {new} at {at}");
        }
        let shorter = format!("{}{}", &token[..at], &token[at + 1..]);
        assert_ne!(reason(&shorter), Reason::Allowed, "without {at}");
        assert_ne!(reason(&token[..at]), Reason::Allowed, "cut at {at}");
    }
}

#[test]
fn a_damaged_certificate_is_never_the_same_key() {
    let text = std::fs::read_to_string("tests/keys/ec.crt").unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64url::decode_standard(&body).unwrap();
    let read = |der: &[u8]| {
        let body = base64url::encode_standard(der);
        pem::public_key(&format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"))
    };
    let key = read(&der).unwrap();
    for at in 0..der.len() {
        assert!(read(&der[..at]).is_err(), "cut at {at}");
        for new in [0x00, 0x01, 0x30, 0x7f, 0x80, 0x84, 0xff, der[at] ^ 1] {
            let mut damaged = der.clone();
            damaged[at] = new;
            // Names, dates and signature are not looked at; a point is either
            // this one or not on the curve.
            assert!(read(&damaged).map_or(true, |read| read == key), "{new:x} at {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_is_a_token(text in ".{0,200}") {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn no_bytes_are_a_credential(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for value in [bytes.clone(), [b"Bearer ", bytes.as_slice()].concat()] {
            let pairs: &[(&str, &[u8])] = &[("authorization", &value)];
            prop_assert!(USUAL.authenticate(Headers::new(pairs), &[], NOW).is_err());
        }
    }

    #[test]
    fn no_unsigned_parts_are_a_token(
        header in "\\{(\"(alg|kid|typ|crit|x)\":(\"(RS256|none|rsa|JWT|at\\+jwt)\"|1|\\[\\]|null),?){0,4}\\}",
        payload in "\\{(\"(iss|aud|exp|sub)\":(\"https://id.example.com\"|\"shop\"|1900000000|null),?){0,4}\\}",
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let encode = |bytes: &[u8]| base64url::encode(bytes);
        let token =
            format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(&signature));
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn no_bytes_are_a_key(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let body = base64url::encode_standard(&bytes);
        for label in ["PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY"] {
            let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            prop_assert!(pem::public_key(&text).is_err());
        }
        prop_assert!(jwks::parse(&bytes).is_err());
    }

    #[test]
    fn any_time_is_judged_without_a_panic(exp in any::<u64>(), nbf in any::<i64>(), now in any::<u64>()) {
        let mut claims = claims_with("exp", json!(exp));
        claims["nbf"] = json!(nbf);
        let allowed = USUAL.verify(&token(claims), &[], now).is_ok();
        if allowed {
            prop_assert!(now < exp.saturating_add(CLOCK_SKEW));
            prop_assert!(nbf >= 0 && nbf.unsigned_abs() <= now.saturating_add(CLOCK_SKEW));
        }
    }
}
