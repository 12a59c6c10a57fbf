//! Every algorithm, good and bad.

use super::*;
use crate::identity::public_key::PublicKey;
use crate::identity::signature::VerifyingKey;

/// A verifier that accepts this algorithm alone, from a JWKS or a secret.
fn verifier(algorithm: Algorithm) -> Verifier {
    let keys = if algorithm.family() == Family::Hmac { "secret_env: SECRET" } else { "file: jwks.json" };
    let set = match algorithm.family() {
        Family::Hmac => String::new(),
        family => jwks(&[jwk(pair(family), "k")]),
    };
    load(&issuer(ISSUER, algorithm.as_str(), keys), &[("jwks.json", &set)]).0.unwrap()
}

fn signed(algorithm: Algorithm) -> String {
    let header = json!({ "alg": algorithm.as_str(), "kid": "k" });
    raw(&header.to_string(), &good_claims().to_string(), pair(algorithm.family()), algorithm)
}

#[test]
fn jws_16_every_algorithm_verifies_what_it_signed_and_nothing_else() {
    for &algorithm in Algorithm::ALL {
        let verifier = verifier(algorithm);
        let token = signed(algorithm);
        assert_eq!(verifier.verify(&token, &[], NOW).unwrap().user, "alice", "{algorithm:?}");

        let (head, signature) = token.rsplit_once('.').unwrap();
        let bytes = base64url::decode(signature).unwrap();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let token = format!("{head}.{}", base64url::encode(&flipped));
            assert_eq!(
                reason_of(verifier.verify(&token, &[], NOW)),
                Reason::SignatureInvalid,
                "{algorithm:?}"
            );
        }
        for wrong in [&bytes[1..], &bytes[..bytes.len() - 1], &[bytes.as_slice(), &[0]].concat(), &[0]] {
            let token = format!("{head}.{}", base64url::encode(wrong));
            assert_eq!(
                reason_of(verifier.verify(&token, &[], NOW)),
                Reason::SignatureInvalid,
                "{algorithm:?}"
            );
        }
        let zeros = format!("{head}.{}", base64url::encode(&vec![0; bytes.len()]));
        assert_eq!(reason_of(verifier.verify(&zeros, &[], NOW)), Reason::SignatureInvalid, "{algorithm:?}");
    }
}

#[test]
fn no_algorithm_verifies_the_claims_of_another_token() {
    for &algorithm in Algorithm::ALL {
        let token = signed(algorithm);
        let parts: Vec<&str> = token.split('.').collect();
        let root = base64url::encode(claims_with("sub", json!("root")).to_string().as_bytes());
        let forged = format!("{}.{root}.{}", parts[0], parts[2]);
        assert_eq!(reason_of(verifier(algorithm).verify(&forged, &[], NOW)), Reason::SignatureInvalid);
    }
}

#[test]
fn jws_15_algorithms_of_several_families_stand_side_by_side() {
    let set = jwks(&[jwk(&PAIRS.rsa, "r"), jwk(&PAIRS.p256, "e")]);
    let verifier =
        load(&issuer(ISSUER, "RS256, ES256", "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap();
    for (kid, label, used, expected) in [
        ("r", "RS256", Algorithm::RS256, Reason::Allowed),
        ("e", "ES256", Algorithm::ES256, Reason::Allowed),
        ("r", "ES256", Algorithm::ES256, Reason::KeyUnknown),
        ("e", "RS256", Algorithm::RS256, Reason::KeyUnknown),
    ] {
        let header = json!({ "alg": label, "kid": kid }).to_string();
        let token = raw(&header, &good_claims().to_string(), pair(used.family()), used);
        assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), expected, "{label} by {kid}");
    }
}

#[test]
fn jws_17_an_algorithm_that_is_not_on_the_issuers_list_is_refused_for_every_pair() {
    for &allowed in Algorithm::ALL {
        let verifier = verifier(allowed);
        for &used in Algorithm::ALL.iter().filter(|used| **used != allowed) {
            assert_eq!(
                reason_of(verifier.verify(&signed(used), &[], NOW)),
                Reason::AlgorithmNotAllowed,
                "{used:?} where only {allowed:?} is allowed"
            );
        }
    }
}

#[test]
fn jws_17_another_label_on_a_good_signature_is_refused_although_both_are_allowed() {
    let set = jwks(&[jwk(&PAIRS.rsa, "k")]);
    let all = "RS256, RS384, RS512, PS256, PS384, PS512";
    let verifier = load(&issuer(ISSUER, all, "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap();
    let rsa: Vec<Algorithm> = Algorithm::ALL.iter().copied().filter(|a| a.family() == Family::Rsa).collect();
    for &label in &rsa {
        for &used in &rsa {
            let header = json!({ "alg": label.as_str(), "kid": "k" }).to_string();
            let token = raw(&header, &good_claims().to_string(), &PAIRS.rsa, used);
            let expected = if label == used { Reason::Allowed } else { Reason::SignatureInvalid };
            assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), expected, "{label:?} on {used:?}");
        }
    }
}

/// The examples of RFC 7515 A.1 and A.3 and RFC 8037 A.4: what others signed.
#[test]
fn published_examples_verify() {
    let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let b64 = |text| base64url::decode(text).unwrap();
    let point = [
        vec![4],
        b64("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        b64("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    ];
    let ed25519 = b64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let secret =
        b64("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let examples = [
        (
            VerifyingKey::secret(&secret),
            Algorithm::HS256,
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}"),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            VerifyingKey::public(&PublicKey::point(Family::P256, &point.concat()).unwrap()),
            Algorithm::ES256,
            format!("eyJhbGciOiJFUzI1NiJ9.{payload}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            VerifyingKey::public(&PublicKey::ed25519(&ed25519).unwrap()),
            Algorithm::EdDSA,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (key, algorithm, signed, signature) in examples {
        assert!(key.verifies(algorithm, signed.as_bytes(), signature), "{algorithm:?}");
        for &other in Algorithm::ALL.iter().filter(|other| **other != algorithm) {
            assert!(!key.verifies(other, signed.as_bytes(), signature), "{algorithm:?} as {other:?}");
        }
    }
}
