//! Development keys and tokens.

use super::*;
use crate::identity::devkey::DevKey;
use crate::identity::mint::{Claims, Signer};
use crate::identity::public_key::PublicKey;

fn alice() -> Claims {
    Claims {
        issuer: ISSUER.to_owned(),
        audiences: vec!["shop".to_owned()],
        user: "alice".to_owned(),
        roles: vec!["viewer".to_owned()],
        groups: vec!["/staff".to_owned()],
        expires_in: 300,
        extra: Map::new(),
    }
}

#[test]
fn what_is_minted_with_a_new_key_is_accepted_by_its_jwks() {
    for algorithm in
        [Algorithm::RS256, Algorithm::PS384, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
    {
        let key = DevKey::generate(algorithm).unwrap();
        let signer = Signer::from_pem(key.private_pem(), Some(algorithm)).unwrap();
        assert_eq!(signer.key_id(), Some(key.key_id()));
        let token = signer.sign(&alice().at(NOW)).unwrap();
        let issuers = issuer(ISSUER, algorithm.as_str(), "file: jwks.json");
        let (verifier, report) = load(&issuers, &[("jwks.json", key.jwks())]);
        assert!(report.is_empty(), "{report:?}");
        let verifier = verifier.unwrap();
        let subject = verifier.verify(&token, &[], NOW).unwrap();
        assert_eq!(
            (subject.user.as_str(), subject.roles, subject.groups),
            ("alice", alice().roles, alice().groups)
        );
        let expired = Claims { expires_in: -60, ..alice() };
        let token = signer.sign(&expired.at(NOW)).unwrap();
        assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), Reason::TokenExpired);
    }
}

#[test]
fn secrets_mint_too() {
    let secret = devkey::secret().unwrap();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        assert!(Signer::from_secret(&secret, algorithm).is_ok());
    }
    assert_ne!(secret, devkey::secret().unwrap());
    let token = Signer::from_secret(SECRET, Algorithm::HS256).unwrap().sign(&alice().at(NOW)).unwrap();
    let verifier = load(&issuer(ISSUER, "HS256", "secret_env: SECRET"), &[]).0.unwrap();
    assert_eq!(verifier.verify(&token, &[], NOW).unwrap().user, "alice");
}

#[test]
fn more_claims_replace_those_that_were_there() {
    let claims = Claims {
        audiences: vec!["a".to_owned(), "b".to_owned()],
        roles: Vec::new(),
        extra: object(json!({ "sub": null, "tenant": { "id": 7 } })),
        ..alice()
    };
    assert_eq!(
        Value::Object(claims.at(NOW)),
        json!({
            "iss": ISSUER, "aud": ["a", "b"], "sub": null, "iat": NOW, "exp": NOW + 300,
            "groups": ["/staff"], "tenant": { "id": 7 },
        })
    );
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    assert!(DevKey::generate(Algorithm::HS256).is_err());
    let key = DevKey::generate(Algorithm::ES256).unwrap();
    assert!(Signer::from_pem(key.private_pem(), None).is_ok_and(|s| s.algorithm() == Algorithm::ES256));
    for (text, algorithm) in [
        (key.private_pem(), Some(Algorithm::RS256)),
        (key.private_pem(), Some(Algorithm::HS256)),
        (key.jwks(), None),
        ("", None),
        (std::fs::read_to_string("tests/keys/ec.pub").unwrap().as_str(), None),
        (&key.private_pem().replace("PRIVATE KEY", "RSA PRIVATE KEY"), None),
    ] {
        assert!(Signer::from_pem(text, algorithm).is_err());
    }
    assert!(Signer::from_secret(SECRET, Algorithm::RS256).is_err());
    assert!(Signer::from_secret("short", Algorithm::HS256).is_err());
}

#[test]
fn the_private_key_is_its_owners_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (private, jwks) = (folder.path().join("key.pem"), folder.path().join("jwks.json"));
    let key = DevKey::generate(Algorithm::EdDSA).unwrap();
    key.write(&private, &jwks).unwrap();
    assert_eq!(std::fs::read_to_string(&private).unwrap(), key.private_pem());
    assert_eq!(std::fs::read_to_string(&jwks).unwrap(), key.jwks());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let other = DevKey::generate(Algorithm::EdDSA).unwrap();
    assert!(other.write(&private, &folder.path().join("other.json")).is_err());
    assert!(other.write(&folder.path().join("other.pem"), &jwks).is_err());
    assert_eq!(std::fs::read_to_string(&private).unwrap(), key.private_pem());
    assert!(!folder.path().join("other.pem").exists());
}

/// The examples of RFC 7638 section 3.1 and RFC 8037 A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF\
             V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
             c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
             jF44-csFCur-kEgU8awapJzKnqDKgw";
    let rsa = PublicKey::rsa(&base64url::decode(n).unwrap(), &[1, 0, 1]).unwrap();
    assert_eq!(devkey::thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let x = base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let ed25519 = PublicKey::ed25519(&x).unwrap();
    assert_eq!(devkey::thumbprint(&ed25519), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
