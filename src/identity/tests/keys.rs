//! Loading keys: what is refused, what is left out, and what is said about
//! it.

use super::*;

fn load_set(algorithms: &str, keys: &[Value]) -> (Option<Verifier>, Report) {
    load(&issuer(ISSUER, algorithms, "file: jwks.json"), &[("jwks.json", &jwks(keys))])
}

fn with(key: &PrivateKey, kid: &str, changes: Value) -> Value {
    let mut jwk = jwk(key, kid);
    for (name, value) in object(changes) {
        jwk[&name] = value;
    }
    jwk
}

/// Whether a token signed with the RSA key, which names `kid`, is accepted.
fn accepts(verifier: &Verifier, kid: &str) -> Reason {
    let token = rs256(json!({ "alg": "RS256", "kid": kid }), good_claims());
    reason_of(verifier.verify(&token, &[], NOW))
}

#[test]
fn jws_5_a_key_is_used_only_for_what_it_says_it_is_for() {
    for changes in [
        json!({ "use": "enc" }),
        json!({ "use": "" }),
        json!({ "use": ["sig"] }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "key_ops": [] }),
        json!({ "key_ops": "verify" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "alg": "FOO" }),
        json!({ "alg": null }),
        json!({ "kty": "EC" }),
        json!({ "kty": "XYZ" }),
        json!({ "kty": null }),
    ] {
        let keys = [with(&PAIRS.rsa, "bad", changes.clone()), jwk(&PAIRS.other_rsa, "good")];
        let (verifier, report) = load_set("RS256", &keys);
        assert_eq!(codes(&report), [Code::KeyDropped], "{changes}");
        assert_eq!(accepts(&verifier.unwrap(), "bad"), Reason::KeyUnknown, "{changes}");
        let (_, report) = load_set("RS256", &keys[..1]);
        assert_eq!(codes(&report), [Code::BadKey, Code::KeyDropped], "{changes}");
    }
    for changes in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["sign", "verify"] }),
        json!({ "alg": "RS256" }),
        json!({ "x5c": ["MIIB"], "x5t": "x", "issuer": "x" }),
    ] {
        let (verifier, report) = load_set("RS256", &[with(&PAIRS.rsa, "k", changes.clone())]);
        assert!(report.is_empty(), "{changes}: {report:?}");
        assert_eq!(accepts(&verifier.unwrap(), "k"), Reason::Allowed, "{changes}");
    }
}

#[test]
fn jws_5_a_key_for_one_algorithm_does_not_verify_another_of_its_kind() {
    let (verifier, report) = load_set("RS256, PS256", &[with(&PAIRS.rsa, "k", json!({ "alg": "PS256" }))]);
    assert!(report.is_empty());
    assert_eq!(accepts(&verifier.unwrap(), "k"), Reason::KeyUnknown);
}

#[test]
fn jws_14_weak_and_broken_keys_are_left_out_and_named() {
    let n = jwk(&PAIRS.rsa, "k")["n"].as_str().unwrap().to_owned();
    let short = &n[..n.len() / 2];
    let p256 = |changes| with(&PAIRS.p256, "bad", changes);
    for bad in [
        with(&PAIRS.rsa, "bad", json!({ "n": short })),
        with(&PAIRS.rsa, "bad", json!({ "n": format!("{n}=") })),
        with(&PAIRS.rsa, "bad", json!({ "n": null })),
        with(&PAIRS.rsa, "bad", json!({ "e": "AQ" })),
        with(&PAIRS.rsa, "bad", json!({ "e": "Aw" })),
        with(&PAIRS.rsa, "bad", json!({ "e": "" })),
        p256(json!({ "y": base64url::encode(&[7; 32]) })),
        p256(json!({ "x": base64url::encode(&[7; 31]) })),
        p256(json!({ "crv": "P-384" })),
        p256(json!({ "crv": "secp256k1" })),
        p256(json!({ "crv": null })),
        with(&PAIRS.ed25519, "bad", json!({ "x": base64url::encode(&[0; 32]) })),
        with(&PAIRS.ed25519, "bad", json!({ "crv": "Ed448" })),
        with(&PAIRS.rsa, "", json!({})),
        with(&PAIRS.rsa, "bad\n", json!({})),
        with(&PAIRS.rsa, "bad", json!({ "kid": 7 })),
        json!("not an object"),
    ] {
        let (verifier, report) = load_set("RS256, ES256, EdDSA", &[bad.clone(), jwk(&PAIRS.rsa, "good")]);
        assert_eq!(codes(&report), [Code::KeyDropped], "{bad}");
        assert_eq!(accepts(&verifier.unwrap(), "good"), Reason::Allowed);
    }
}

#[test]
fn private_and_shared_keys_in_a_jwks_are_an_error() {
    for secret in [
        with(&PAIRS.rsa, "k", json!({ "d": "AQAB" })),
        with(&PAIRS.p256, "k", json!({ "d": "AQAB" })),
        json!({ "kty": "oct", "kid": "k", "k": base64url::encode(SECRET.as_bytes()) }),
    ] {
        let (_, report) = load_set("RS256, ES256", &[secret, jwk(&PAIRS.rsa, "good")]);
        assert_eq!(codes(&report), [Code::BadKey]);
    }
}

#[test]
fn jwks_6_two_keys_of_one_name_are_both_left_out() {
    let keys = [jwk(&PAIRS.rsa, "k"), jwk(&PAIRS.other_rsa, "k"), jwk(&PAIRS.p256, "p")];
    let (verifier, report) = load_set("RS256, ES256", &keys);
    assert_eq!(codes(&report), [Code::KeyDropped]);
    assert_eq!(accepts(&verifier.unwrap(), "k"), Reason::KeyUnknown);
    assert_eq!(codes(&load_set("RS256, ES256", &keys[..2]).1), [Code::BadKey, Code::KeyDropped]);
}

#[test]
fn a_set_that_is_none_is_an_error() {
    let many: Vec<Value> = (0..65).map(|i| jwk(&PAIRS.p256, &i.to_string())).collect();
    for text in [
        "",
        "not json",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[],\"keys\":[]}",
        "<html></html>",
        &jwks(&many),
        &" ".repeat(300_000),
    ] {
        let (verifier, report) = load(&issuer(ISSUER, "ES256", "file: jwks.json"), &[("jwks.json", text)]);
        assert!(verifier.is_none() && report.has_errors(), "{}", &text[..text.len().min(20)]);
    }
    let (verifier, report) = load(&issuer(ISSUER, "ES256", "file: none.json"), &[]);
    assert!(verifier.is_none());
    assert_eq!(codes(&report), [Code::Unreadable]);
}

#[test]
fn a_key_without_a_name_serves_tokens_without_one() {
    let mut key = jwk(&PAIRS.rsa, "k");
    key.as_object_mut().unwrap().remove("kid");
    let verifier = load_set("RS256", &[key]).0.unwrap();
    let unnamed = rs256(json!({ "alg": "RS256" }), good_claims());
    assert_eq!(reason_of(verifier.verify(&unnamed, &[], NOW)), Reason::Allowed);
    assert_eq!(accepts(&verifier, "k"), Reason::KeyUnknown);
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(format!("tests/keys/{name}")).unwrap()
}

/// The same key as another program wrote it, bare and in a certificate.
#[test]
fn pem_keys_and_certificates_of_openssl_are_read() {
    use crate::identity::pem::public_key;
    for (kind, family) in [("rsa", Family::Rsa), ("ec", Family::P256), ("ed", Family::Ed25519)] {
        let key = public_key(&pem(&format!("{kind}.pub"))).unwrap();
        assert_eq!(key.family(), family);
        assert_eq!(key, public_key(&pem(&format!("{kind}.crt"))).unwrap());
        let commented = format!("Subject: somebody\n\n{}\ntrailing words\n", pem(&format!("{kind}.pub")));
        assert_eq!(key, public_key(&commented.replace('\n', "\r\n")).unwrap());
    }
}

#[test]
fn a_pem_file_that_is_not_one_public_key_is_an_error() {
    let good = pem("rsa.pub");
    let private = devkey::DevKey::generate(Algorithm::ES256).unwrap();
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        String::new(),
        "no pem".to_owned(),
        private.private_pem().to_owned(),
        format!("{good}{good}"),
        format!("{good}{}", private.private_pem()),
        good.replace("END PUBLIC", "END PRIVATE"),
        good.replace("PUBLIC KEY", "EC PARAMETERS"),
        good.replace("PUBLIC KEY", "CERTIFICATE"),
        good.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        good.lines().take(3).collect::<Vec<_>>().join("\n"),
        good.replacen(&body[..4], "????", 1),
        good.replacen(&body[..4], &body[4..8], 1),
        format!("-----BEGIN PUBLIC KEY-----\n{body}AAAA\n-----END PUBLIC KEY-----\n"),
    ] {
        let (_, report) = load(&issuer(ISSUER, "RS256", "pem: key.pem"), &[("key.pem", &text)]);
        assert_eq!(codes(&report), [Code::BadKey], "{text}");
    }
}

#[test]
fn a_pinned_key_verifies_whatever_kid_the_token_names() {
    let key = with_spki(&PAIRS.p256);
    let (verifier, _) = load(&issuer(ISSUER, "ES256", "pem: key.pem"), &[("key.pem", &key)]);
    let verifier = verifier.unwrap();
    for header in [json!({ "alg": "ES256" }), json!({ "alg": "ES256", "kid": "anything" })] {
        let sign = |key| raw(&header.to_string(), &good_claims().to_string(), key, Algorithm::ES256);
        assert_eq!(reason_of(verifier.verify(&sign(&PAIRS.p256), &[], NOW)), Reason::Allowed);
        let other = PrivateKey::generate(Family::P256).unwrap();
        assert_eq!(reason_of(verifier.verify(&sign(&other), &[], NOW)), Reason::SignatureInvalid);
    }
}

/// A P-256 public key file.
fn with_spki(key: &PrivateKey) -> String {
    let prefix = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let Some(crate::identity::public_key::PublicKey::P256(point)) = key.public() else { panic!("not P-256") };
    let body = base64url::encode_standard(&[prefix.as_slice(), &point].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn a_pem_key_must_fit_every_algorithm_of_its_issuer() {
    for algorithms in ["ES256", "RS256, ES256", "EdDSA", "ES384"] {
        let (_, report) = load(&issuer(ISSUER, algorithms, "pem: k"), &[("k", &pem("rsa.pub"))]);
        assert_eq!(codes(&report), [Code::BadAlgorithm], "{algorithms}");
    }
    let (verifier, _) = load(&issuer(ISSUER, "RS256, PS512", "pem: k"), &[("k", &pem("rsa.crt"))]);
    assert!(verifier.is_some());
}

#[test]
fn secrets_are_long_enough_and_no_public_keys() {
    let secret = |algorithms: &str, name: &str| {
        codes(&load(&issuer(ISSUER, algorithms, &format!("secret_env: {name}")), &[]).1)
    };
    assert_eq!(secret("HS256, HS384, HS512", "SECRET"), []);
    assert_eq!(secret("HS256", "SHORT"), [Code::BadKey]);
    assert_eq!(secret("HS256", "SPACED"), [Code::BadKey]);
    assert_eq!(secret("HS256", "PUBLIC"), [Code::BadKey]);
    assert_eq!(secret("HS256", "UNSET"), [Code::BadVariable]);
    let problem = |bytes: usize, algorithm| {
        crate::identity::load::secret_problem(&"x".repeat(bytes), &[Algorithm::HS256, algorithm]).is_some()
    };
    for (algorithm, bytes) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        assert!(problem(bytes - 1, algorithm));
        assert!(!problem(bytes, algorithm));
    }
}

#[test]
fn every_problem_of_every_issuer_is_reported() {
    let issuers = issuer(ISSUER, "RS256", "file: none.json")
        + &issuer("https://b.example.com", "HS512", "secret_env: SHORT")
        + &issuer("https://c.example.com", "RS256", "pem: k");
    let (verifier, report) = load(&issuers, &[("k", "nothing")]);
    assert!(verifier.is_none());
    assert_eq!(codes(&report), [Code::Unreadable, Code::BadKey, Code::BadKey]);
    let text = format!("{report:?}");
    assert!(!text.contains("0123456789abcdef"), "a secret was repeated");
}
