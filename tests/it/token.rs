//! Forged, stale and twisted tokens. Every one of them is refused in the same words.

use serde_json::{Value, json};

use crate::support::{HmacKey, Stack, now};

/// A route that any valid token opens.
const ROUTE: &str = "/events/who";

#[track_caller]
fn invalid(token: &str) {
    Stack::trapped().get(ROUTE).token(token).send().refused(401, "token_invalid");
}

#[track_caller]
fn valid(token: &str) {
    Stack::trapped().get(ROUTE).token(token).send().allowed("events");
}

/// The claims of an admin, one of them replaced; `null` takes it away.
fn with(claim: &str, value: &Value) -> Value {
    let mut claims = Stack::trapped().claims(&["admin"]);
    claims[claim] = value.clone();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(claim);
    }
    claims
}

#[test]
fn the_untouched_token_is_valid() {
    valid(&Stack::trapped().token(&["admin"]));
}

#[test]
fn jws_1_no_algorithm_is_no_signature() {
    let stack = Stack::trapped();
    let claims = stack.claims(&["admin"]).to_string();
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!(""),
        json!(["RS256"]),
        json!("rs256"),
        json!("RS256 "),
        json!(null),
    ] {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": "main" }).to_string();
        let token = stack.key.sign_raw(&header, &claims);
        invalid(&token);
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        invalid(&format!("{unsigned}."));
        invalid(unsigned);
    }
    invalid(&stack.key.sign_raw(r#"{"typ":"JWT","kid":"main"}"#, &claims));
    invalid(&stack.key.sign_raw(r#"{"alg":"none","alg":"RS256","kid":"main"}"#, &claims));
    invalid(&stack.key.sign_raw(r#"{"alg":"RS256","alg":"none","kid":"main"}"#, &claims));
}

#[test]
fn jws_2_a_public_key_is_no_secret() {
    let stack = Stack::trapped();
    let claims = stack.claims(&["admin"]).to_string();
    let der = stack.key.public_der();
    let jwk = stack.key.jwks()["keys"][0].clone();
    let modulus = jwk["n"].as_str().unwrap().as_bytes().to_vec();
    for secret in
        [der, jwk.to_string().into_bytes(), stack.key.jwks().to_string().into_bytes(), modulus, Vec::new()]
    {
        for kid in ["main", "other"] {
            let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
            invalid(&HmacKey(secret.clone()).sign_raw(&header, &claims));
        }
    }
}

#[test]
fn jws_2_a_secret_is_for_its_own_issuer_only() {
    let stack = Stack::trapped();
    let header = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
    valid(&stack.secret.sign_raw(&header, &with("iss", &json!("https://secret.example")).to_string()));
    invalid(&stack.secret.sign_raw(&header, &stack.claims(&["admin"]).to_string()));
    invalid(
        &HmacKey(b"another secret that is long enough, too".to_vec())
            .sign_raw(&header, &with("iss", &json!("https://secret.example")).to_string()),
    );
}

#[test]
fn jws_3_a_key_in_the_token_is_no_key() {
    let stack = Stack::trapped();
    let claims = stack.claims(&["admin"]).to_string();
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", canary.local_addr().unwrap());
    for (name, value) in [
        ("jwk", stack.other_key.jwks()["keys"][0].clone()),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!(["AAAA"])),
    ] {
        let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "main" });
        header[name] = value;
        invalid(&stack.other_key.sign_raw(&header.to_string(), &claims));
        invalid(&stack.key.sign_raw(&header.to_string(), &claims));
    }
    assert!(canary.accept().is_err(), "a token made doorward call somebody");
}

#[test]
fn jws_4_a_kid_is_an_exact_name() {
    let stack = Stack::trapped();
    let claims = stack.claims(&["admin"]).to_string();
    for kid in [
        json!("other"),
        json!("MAIN"),
        json!("main "),
        json!("../../../dev/null"),
        json!("' OR 1=1"),
        json!("main\u{0}"),
        json!("k".repeat(3000)),
        json!(1),
        json!(["main"]),
    ] {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid }).to_string();
        invalid(&stack.key.sign_raw(&header, &claims));
    }
    invalid(&stack.key.sign_raw(r#"{"alg":"RS256","kid":"main","kid":"main"}"#, &claims));
}

#[test]
fn jws_6_crit_is_refused_whatever_it_names() {
    let stack = Stack::trapped();
    let claims = stack.claims(&["admin"]).to_string();
    for header in [
        r#"{"alg":"RS256","kid":"main","crit":["x"],"x":"1"}"#,
        r#"{"alg":"RS256","kid":"main","crit":[]}"#,
        r#"{"alg":"RS256","kid":"main","crit":["exp"]}"#,
        r#"{"alg":"RS256","kid":"main","crit":"x"}"#,
        r#"{"alg":"RS256","kid":"main","b64":false}"#,
        r#"{"alg":"RS256","kid":"main","zip":"DEF"}"#,
        r#"{"alg":"RS256","kid":"main","enc":"A256GCM"}"#,
    ] {
        invalid(&stack.key.sign_raw(header, &claims));
    }
}

#[test]
fn jws_10_a_signature_is_whole_or_none() {
    let stack = Stack::trapped();
    let token = stack.token(&["admin"]);
    let (input, signature) = token.rsplit_once('.').unwrap();
    for broken in [
        format!("{input}."),
        input.to_owned(),
        format!("{token}."),
        format!("{token}.x"),
        format!("{token}="),
        format!("{input}.{}", "A".repeat(signature.len())),
        format!("{input}.{}", &signature[..signature.len() - 4]),
        format!("{input}.{signature}AAAA"),
        format!(".{token}"),
    ] {
        invalid(&broken);
    }
    // The payload of one under the signature of another.
    let viewer = stack.token(&["viewer"]);
    let (viewer_input, _) = viewer.rsplit_once('.').unwrap();
    invalid(&format!("{viewer_input}.{signature}"));
}

#[test]
fn jws_17_the_label_of_another_algorithm_does_not_help() {
    let stack = Stack::trapped();
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256"] {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": "main" }).to_string();
        invalid(&stack.key.sign_raw(&header, &stack.claims(&["admin"]).to_string()));
    }
}

#[test]
fn clm_1_the_audience_is_ours() {
    let key = &Stack::trapped().key;
    for aud in [
        json!(null),
        json!([]),
        json!(""),
        json!(1),
        json!({}),
        json!(["shop", 1]),
        json!("shop,x"),
        json!("SHOP"),
        json!("shop/"),
        json!(" shop"),
        json!("billing"),
        json!(["billing"]),
    ] {
        invalid(&key.sign(&with("aud", &aud)));
    }
    let mut null = with("aud", &json!("x"));
    null["aud"] = Value::Null;
    invalid(&key.sign(&null));
    valid(&key.sign(&with("aud", &json!(["billing", "shop"]))));
}

#[test]
fn clm_2_the_issuer_is_one_we_trust_and_the_key_is_its_own() {
    let stack = Stack::trapped();
    for iss in [
        json!(null),
        json!(""),
        json!(1),
        json!(["https://id.doorward.example", "https://evil.example"]),
        json!("https://id.doorward.example.evil.example"),
        json!("https://id.doorward.example/"),
        json!("HTTPS://id.doorward.example"),
        json!("http://id.doorward.example"),
        json!("https://evil.example"),
        json!("https://other.example"),
        json!("https://secret.example"),
    ] {
        invalid(&stack.key.sign(&with("iss", &iss)));
    }
    let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "main" });
    let claims = stack.claims(&["admin"]).to_string();
    invalid(&stack.other_key.sign_raw(&header.to_string(), &claims));
    header["kid"] = "other".into();
    invalid(&stack.other_key.sign_raw(&header.to_string(), &claims));
    valid(&stack.other_key.sign(&with("iss", &json!("https://other.example"))));
}

#[test]
fn clm_3_a_token_ends() {
    let stack = Stack::trapped();
    for exp in [
        json!(null),
        json!("never"),
        json!(format!("{}", now() + 600)),
        json!(true),
        json!([now() + 600]),
        json!(-1),
        json!(1e30),
    ] {
        let answer = stack.get(ROUTE).token(&stack.key.sign(&with("exp", &exp))).send();
        assert_eq!(answer.status, 401, "{exp}: {answer:?}");
        answer.never_arrived();
    }
    for ago in [60, 3600] {
        let token = stack.key.sign(&with("exp", &json!(now() - ago)));
        stack.get(ROUTE).token(&token).send().refused(401, "token_expired");
    }
}

#[test]
fn clm_4_a_token_begins() {
    let key = &Stack::trapped().key;
    for nbf in [json!(now() + 3600), json!("now"), json!(-1), json!(true), json!([0])] {
        invalid(&key.sign(&with("nbf", &nbf)));
    }
    invalid(&key.sign(&with("iat", &json!(now() + 3600))));
    valid(&key.sign(&with("nbf", &json!(now() - 10))));
}

#[test]
fn clm_7_a_token_names_its_user() {
    let stack = Stack::trapped();
    let refused = |sub: Value| {
        let answer = stack.get(ROUTE).token(&stack.key.sign(&with("sub", &sub))).send();
        assert!(matches!(answer.status, 401 | 403), "{sub}: {answer:?}");
        answer.never_arrived();
    };
    refused(json!(null));
    refused(json!(""));
    refused(json!(5));
    refused(json!({}));
    refused(json!(["admin"]));
    refused(json!("a\r\nx-user-roles: admin"));
    refused(json!("a\nb"));
    refused(json!("a\u{0}b"));
    refused(json!("a\u{7f}"));
    refused(json!("u".repeat(4096)));
}

#[test]
fn clm_8_and_9_roles_are_a_list_of_exact_names() {
    let stack = Stack::trapped();
    for roles in [
        json!("admin,viewer"),
        json!("viewer admin"),
        json!({ "admin": true }),
        json!([["admin"]]),
        json!(["*"]),
        json!(["thing:*"]),
        json!(["Admin"]),
        json!(["admin "]),
        json!(["\u{430}dmin"]),
        json!(["admin\u{0}"]),
        json!([]),
        json!(null),
    ] {
        let token = stack.key.sign(&with("roles", &roles));
        let answer = stack.get("/events/admin").token(&token).send();
        assert!(matches!(answer.status, 401 | 403), "{roles}: {answer:?}");
        answer.never_arrived();
    }
    let mut nested = with("roles", &json!(null));
    nested["realm_access"] = json!({ "roles": ["admin"] });
    stack.get("/events/admin").token(&stack.key.sign(&nested)).send().allowed("events");
}
