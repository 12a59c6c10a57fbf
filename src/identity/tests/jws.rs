//! Section JWS: header and signature.

use super::*;

fn header_with(name: &str, value: Value) -> Value {
    let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" });
    header[name] = value;
    header
}

fn reason_of_header(header: Value) -> Reason {
    reason(&rs256(header, good_claims()))
}

#[test]
fn jws_1_no_spelling_of_none_is_an_algorithm() {
    for alg in ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", " RS256", "RS256\u{0}", "HS1"] {
        let header = header_with("alg", json!(alg));
        assert_eq!(reason_of_header(header.clone()), Reason::AlgorithmNotAllowed, "{alg:?}");
        // Without a signature, as such tokens come.
        let signed = format!(
            "{}.{}",
            base64url::encode(header.to_string().as_bytes()),
            base64url::encode(good_claims().to_string().as_bytes())
        );
        assert_eq!(reason(&format!("{signed}.")), Reason::TokenMalformed, "{alg:?}");
        assert_eq!(reason(&signed), Reason::TokenMalformed, "{alg:?}");
    }
    for alg in [json!(["RS256"]), json!(null), json!(256), json!({ "a": "RS256" }), json!(true)] {
        assert_eq!(reason_of_header(header_with("alg", alg)), Reason::TokenMalformed);
    }
    assert_eq!(reason_of_header(json!({ "typ": "JWT" })), Reason::TokenMalformed);
    for header in [r#"{"alg":"RS256","alg":"none"}"#, r#"{"alg":"none","alg":"RS256"}"#] {
        let token = raw(header, &good_claims().to_string(), &PAIRS.rsa, Algorithm::RS256);
        assert_eq!(reason(&token), Reason::TokenMalformed);
    }
}

#[test]
fn jws_2_rsa_public_key_as_hmac_secret() {
    let pem = std::fs::read_to_string("tests/keys/rsa.pub").unwrap();
    let issuers = issuer(ISSUER, "RS256", "pem: key.pem");
    let verifier = load(&issuers, &[("key.pem", &pem)]).0.unwrap();
    let public = jwk(&PAIRS.rsa, "rsa");
    let secrets = [
        pem.clone().into_bytes(),
        pem.trim().as_bytes().to_vec(),
        format!("\n {pem}").into_bytes(),
        base64url::decode_standard(&pem.lines().filter(|l| !l.starts_with('-')).collect::<String>()).unwrap(),
        public.to_string().into_bytes(),
        base64url::decode(public["n"].as_str().unwrap()).unwrap(),
        public["n"].as_str().unwrap().as_bytes().to_vec(),
        Vec::new(),
    ];
    for secret in secrets {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = json!({ "alg": algorithm.as_str(), "kid": "rsa" }).to_string();
            let key = PrivateKey::Secret(secret.clone());
            let token = raw(&header, &good_claims().to_string(), &key, algorithm);
            assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), Reason::AlgorithmNotAllowed);
            assert_eq!(reason(&token), Reason::AlgorithmNotAllowed);
        }
        // The same bytes under the name of the right algorithm.
        let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
        let token = raw(&header, &good_claims().to_string(), &PrivateKey::Secret(secret), Algorithm::HS256);
        assert_eq!(reason(&token), Reason::SignatureInvalid);
    }
}

#[test]
fn jws_3_a_token_never_brings_its_key_and_nothing_is_fetched() {
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", canary.local_addr().unwrap());
    let attacker = jwk(&PAIRS.other_rsa, "rsa");
    for (name, value) in
        [("jwk", attacker.clone()), ("jku", json!(url)), ("x5u", json!(url)), ("x5c", json!(["MIIB"]))]
    {
        let header = header_with(name, value).to_string();
        for key in [&PAIRS.other_rsa, &PAIRS.rsa] {
            let token = raw(&header, &good_claims().to_string(), key, Algorithm::RS256);
            assert_eq!(reason(&token), Reason::TokenMalformed, "{name}");
        }
    }
    assert_eq!(canary.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // Thumbprints only inform.
    assert_eq!(reason_of_header(header_with("x5t", json!("abc"))), Reason::Allowed);
    let header = header_with("x5t#S256", json!("abc")).to_string();
    let forged = raw(&header, &good_claims().to_string(), &PAIRS.other_rsa, Algorithm::RS256);
    assert_eq!(reason(&forged), Reason::SignatureInvalid);
}

#[test]
fn jws_4_a_kid_is_only_an_exact_name_among_the_issuers_own_keys() {
    for kid in ["RSA", "rsa ", "rs", "../../dev/null", "' OR 1=1", "p384", "/etc/passwd", "rsa,p256"] {
        assert_eq!(reason_of_header(header_with("kid", json!(kid))), Reason::KeyUnknown, "{kid}");
    }
    for kid in [json!(7), json!(["rsa"]), json!(null), json!(""), json!("a\u{0}"), json!("k".repeat(10_000))]
    {
        let reason = reason_of_header(header_with("kid", kid));
        assert_eq!(reason, Reason::TokenMalformed);
    }
    let header = r#"{"alg":"RS256","kid":"p256","kid":"rsa"}"#;
    let token = raw(header, &good_claims().to_string(), &PAIRS.rsa, Algorithm::RS256);
    assert_eq!(reason(&token), Reason::TokenMalformed);
    // The name of a key of another kind.
    assert_eq!(reason_of_header(header_with("kid", json!("p256"))), Reason::KeyUnknown);
}

#[test]
fn jws_4_without_a_kid_there_must_be_no_choice() {
    let header = json!({ "alg": "RS256" });
    assert_eq!(reason_of_header(header.clone()), Reason::Allowed);
    let set = jwks(&[jwk(&PAIRS.rsa, "a"), jwk(&PAIRS.other_rsa, "b")]);
    let verifier =
        load(&issuer(ISSUER, "RS256, ES256", "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap();
    let token = rs256(header, good_claims());
    assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), Reason::KeyUnknown);
    let es256 = raw(r#"{"alg":"ES256"}"#, &good_claims().to_string(), &PAIRS.p256, Algorithm::ES256);
    assert_eq!(reason_of(verifier.verify(&es256, &[], NOW)), Reason::KeyUnknown);
}

#[test]
fn jws_4_and_jwks_7_keys_of_one_issuer_never_verify_for_another() {
    let other = "https://other.example.com";
    let issuers = issuer(ISSUER, "RS256", "file: a.json") + &issuer(other, "RS256", "file: b.json");
    let a = jwks(&[jwk(&PAIRS.rsa, "same")]);
    let b = jwks(&[jwk(&PAIRS.other_rsa, "same"), jwk(&PAIRS.rsa, "only-b")]);
    let verifier = load(&issuers, &[("a.json", &a), ("b.json", &b)]).0.unwrap();
    let make = |iss: &str, kid: &str, key| {
        let header = json!({ "alg": "RS256", "kid": kid }).to_string();
        let token = raw(&header, &claims_with("iss", json!(iss)).to_string(), key, Algorithm::RS256);
        reason_of(verifier.verify(&token, &[], NOW))
    };
    assert_eq!(make(ISSUER, "same", &PAIRS.rsa), Reason::Allowed);
    assert_eq!(make(other, "same", &PAIRS.other_rsa), Reason::Allowed);
    assert_eq!(make(ISSUER, "same", &PAIRS.other_rsa), Reason::SignatureInvalid);
    assert_eq!(make(other, "same", &PAIRS.rsa), Reason::SignatureInvalid);
    assert_eq!(make(ISSUER, "only-b", &PAIRS.rsa), Reason::KeyUnknown);
}

#[test]
fn jws_6_crit_and_b64_are_refused_whatever_they_say() {
    for crit in [json!(["x"]), json!([]), json!(["exp"]), json!(["alg"]), json!("x"), json!(null)] {
        let mut header = header_with("crit", crit);
        header["x"] = json!("1");
        assert_eq!(reason_of_header(header), Reason::TokenMalformed);
    }
    for b64 in [json!(false), json!("false"), json!(true)] {
        assert_eq!(reason_of_header(header_with("b64", b64)), Reason::TokenMalformed);
    }
}

#[test]
fn jws_7_only_types_of_access_tokens_are_taken() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        assert_eq!(reason_of_header(header_with("typ", json!(typ))), Reason::Allowed, "{typ}");
    }
    assert_eq!(reason_of_header(json!({ "alg": "RS256", "kid": "rsa" })), Reason::Allowed);
    for typ in [
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("entity-statement+jwt"),
        json!("JWE"),
        json!("JOSE"),
        json!("JWT "),
        json!(""),
        json!(null),
        json!(["JWT"]),
    ] {
        assert_eq!(reason_of_header(header_with("typ", typ.clone())), Reason::TokenMalformed, "{typ}");
    }
}

#[test]
fn jws_8_headers_of_compressed_encrypted_and_nested_tokens_are_refused() {
    for (name, value) in
        [("zip", "DEF"), ("enc", "A256GCM"), ("cty", "JWT"), ("epk", "x"), ("iv", "x"), ("tag", "x")]
    {
        assert_eq!(reason_of_header(header_with(name, json!(value))), Reason::TokenMalformed, "{name}");
    }
    let token = token(good_claims());
    assert_eq!(reason(&format!("{token}.e30.e30")), Reason::TokenMalformed);
}

#[test]
fn members_that_merely_inform_are_not_looked_at() {
    for (name, value) in [("ver", json!("2.0")), ("org", json!(1)), ("nonce", json!("n")), ("ppt", json!([]))]
    {
        assert_eq!(reason_of_header(header_with(name, value)), Reason::Allowed, "{name}");
    }
}

#[test]
fn jws_9_nested_tokens_and_json_serialisations_are_refused() {
    let inner = token(good_claims());
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    let nested = raw(&header, &inner, &PAIRS.rsa, Algorithm::RS256);
    let quoted = raw(&header, &json!(inner).to_string(), &PAIRS.rsa, Algorithm::RS256);
    let parts: Vec<&str> = inner.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let mixed = format!("{{\"a\":\"{}.{}.{}\"}}", parts[0], parts[1], parts[2]);
    for token in [nested, quoted, flattened, mixed] {
        assert_eq!(reason(&token), Reason::TokenMalformed);
    }
}

#[test]
fn jws_10_tokens_have_three_parts_none_empty() {
    let token = token(good_claims());
    let parts: Vec<&str> = token.split('.').collect();
    let (h, p, s) = (parts[0], parts[1], parts[2]);
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{h}.{p}"),
        format!("{h}.{p}."),
        format!("{h}..{s}"),
        format!(".{p}.{s}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{s}"),
    ] {
        assert_eq!(reason(&token), Reason::TokenMalformed, "{} dots", token.matches('.').count());
    }
}

/// The order of P-256, big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn jws_10_psychic_and_misencoded_ecdsa_signatures_are_refused() {
    let header = json!({ "alg": "ES256", "kid": "p256" }).to_string();
    let token = raw(&header, &good_claims().to_string(), &PAIRS.p256, Algorithm::ES256);
    assert_eq!(reason(&token), Reason::Allowed);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    let der = [vec![0x30, 70], integer(r), integer(s)].concat();
    for bad in [
        [[0; 32], [0; 32]].concat(),
        [P256_ORDER, P256_ORDER].concat(),
        [r, &[0; 32]].concat(),
        [&[0; 32], s].concat(),
        [r, &P256_ORDER].concat(),
        [&P256_ORDER, s].concat(),
        [r, &[0xff; 32]].concat(),
        [s, r].concat(),
        [r, &[0], s].concat(),
        der,
    ] {
        let token = format!("{head}.{}", base64url::encode(&bad));
        assert_eq!(reason(&token), Reason::SignatureInvalid);
    }
}

/// Half of all honest ECDSA signatures have a high `s`; RFC 7518 does not
/// forbid it. What matters is that nothing takes the text of a token for its
/// identity: the second spelling says the same and lives no longer.
#[test]
fn jws_10_the_second_spelling_of_an_ecdsa_signature_says_the_same() {
    let header = json!({ "alg": "ES256", "kid": "p256" }).to_string();
    let token = raw(&header, &good_claims().to_string(), &PAIRS.p256, Algorithm::ES256);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let mut other = signature.clone();
    let mut borrow = 0i16;
    for at in (0..32).rev() {
        let digit = i16::from(P256_ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(digit < 0);
        other[32 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    let other = format!("{head}.{}", base64url::encode(&other));
    assert_ne!(token, other);
    assert_eq!(verify(&token).unwrap(), verify(&other).unwrap());
}

#[test]
fn jws_10_eddsa_signatures_have_one_spelling() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let set = jwks(&[jwk(&PAIRS.ed25519, "ed")]);
    let verifier = load(&issuer(ISSUER, "EdDSA", "file: jwks.json"), &[("jwks.json", &set)]).0.unwrap();
    let header = json!({ "alg": "EdDSA", "kid": "ed" }).to_string();
    let token = raw(&header, &good_claims().to_string(), &PAIRS.ed25519, Algorithm::EdDSA);
    assert_eq!(reason_of(verifier.verify(&token, &[], NOW)), Reason::Allowed);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    let mut carry = 0u16;
    for at in 0..32 {
        let digit = u16::from(signature[32 + at]) + u16::from(ORDER[at]) + carry;
        signature[32 + at] = u8::try_from(digit & 0xff).unwrap();
        carry = digit >> 8;
    }
    let other = format!("{head}.{}", base64url::encode(&signature));
    assert_eq!(reason_of(verifier.verify(&other, &[], NOW)), Reason::SignatureInvalid);
}

#[test]
fn jws_11_no_part_has_a_second_spelling() {
    let token = token(good_claims());
    let parts: Vec<&str> = token.split('.').collect();
    let spellings: [fn(&str) -> String; 9] = [
        |part| format!("{part}="),
        |part| format!("{part}=="),
        |part| format!(" {part}"),
        |part| format!("{part} "),
        |part| format!("{part}\n"),
        |part| format!("{part}\0"),
        |part| format!("{}\n{}", &part[..4], &part[4..]),
        |part| format!("{part}+"),
        |part| format!("{part}/A"),
    ];
    for at in 0..3 {
        for spell in spellings {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[at] = spell(parts[at]);
            assert_eq!(reason(&changed.join(".")), Reason::TokenMalformed, "part {at}");
        }
    }
    // 256 bytes of signature: the last letter has bits to spare.
    let last = parts[2].chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|c| *c != last) {
        let signature = format!("{}{other}", &parts[2][..parts[2].len() - 1]);
        let reason = reason(&format!("{}.{}.{signature}", parts[0], parts[1]));
        assert!(matches!(reason, Reason::TokenMalformed | Reason::SignatureInvalid), "{other}");
    }
}

#[test]
fn jws_12_header_and_payload_are_one_json_object_each() {
    let good_header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    let good_payload = good_claims().to_string();
    let deep = format!("{{\"a\":{}1{},", "[".repeat(2000), "]".repeat(2000));
    for change in [
        |text: &str| format!("\u{feff}{text}"),
        |text: &str| format!("{text}x"),
        |text: &str| format!("{text}{{}}"),
        |text: &str| format!("[{text}]"),
        |text: &str| text.replacen('{', "{/**/", 1),
        |text: &str| text.replacen('{', "{\"x\":NaN,", 1),
        |text: &str| text.replacen('{', "{\"x\":\"\\ud800\",", 1),
        |text: &str| text.replacen('{', "{\"x\":1,\"x\":1,", 1),
        |text: &str| text.replacen('{', "{\"x\":{\"y\":1,\"y\":2},", 1),
        |_: &str| "null".to_owned(),
        |_: &str| String::new(),
    ] {
        let header = raw(&change(&good_header), &good_payload, &PAIRS.rsa, Algorithm::RS256);
        assert_eq!(reason(&header), Reason::TokenMalformed);
        let payload = raw(&good_header, &change(&good_payload), &PAIRS.rsa, Algorithm::RS256);
        assert_eq!(reason(&payload), Reason::TokenMalformed);
    }
    let nested = raw(&good_header, &good_payload.replacen('{', &deep, 1), &PAIRS.rsa, Algorithm::RS256);
    assert_eq!(reason(&nested), Reason::TokenMalformed);
}

#[test]
fn somebody_without_a_signed_token_learns_nothing_about_its_claims() {
    for claims in [
        claims_with("exp", json!(1)),
        claims_with("aud", json!("other")),
        claims_with("sub", None),
        claims_with("nbf", json!(NOW + 1000)),
        claims_with("cnf", json!({})),
    ] {
        let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
        let token = raw(&header, &claims.to_string(), &PAIRS.other_rsa, Algorithm::RS256);
        assert_eq!(reason(&token), Reason::SignatureInvalid);
    }
}
