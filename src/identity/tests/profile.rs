//! Section CLM, continued: what each issuer's configuration asks of its
//! tokens, and what it reads out of them.

use super::*;

/// A verifier of the usual issuer with more lines of configuration.
fn with(lines: &[&str]) -> Verifier {
    let set = jwks(&[jwk(&PAIRS.rsa, "rsa")]);
    let mut text = format!(
        "    - issuer: {ISSUER}\n      audiences: [shop]\n      algorithms: [RS256]\n      \
         keys: {{ file: jwks.json }}\n"
    );
    for line in lines {
        text.push_str(&format!("      {line}\n"));
    }
    load(&text, &[("jwks.json", &set)]).0.unwrap()
}

fn said(verifier: &Verifier, claims: Value) -> Reason {
    reason_of(verifier.verify(&token(claims), &[], NOW))
}

#[test]
fn jws_7_the_types_of_an_issuer_are_those_it_lists() {
    let verifier = with(&["types: [at+jwt]"]);
    let typed = |typ: Option<&str>| {
        let mut header = json!({ "alg": "RS256", "kid": "rsa" });
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        reason_of(verifier.verify(&rs256(header, good_claims()), &[], NOW))
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert_eq!(typed(Some(typ)), Reason::Allowed, "{typ}");
    }
    for typ in ["JWT", "jwt", "", "at+jwt ", "dpop+jwt", "logout+jwt", "application/application/at+jwt"] {
        assert_eq!(typed(Some(typ)), Reason::TokenMalformed, "{typ}");
    }
    assert_eq!(typed(None), Reason::TokenMalformed);
}

#[test]
fn clm_5_the_clock_skew_is_that_of_the_issuer() {
    for (line, skew) in [("clock_skew: 0s", 0), ("clock_skew: 2m", 120)] {
        let verifier = with(&[line]);
        assert_eq!(said(&verifier, claims_with("exp", json!(NOW - skew))), Reason::TokenExpired);
        assert_eq!(said(&verifier, claims_with("exp", json!(NOW - skew + 1))), Reason::Allowed);
        assert_eq!(said(&verifier, claims_with("nbf", json!(NOW + skew))), Reason::Allowed);
        assert_eq!(said(&verifier, claims_with("nbf", json!(NOW + skew + 1))), Reason::TokenNotYetValid);
    }
}

#[test]
fn clm_3_and_clm_6_a_lifetime_has_an_end_and_a_beginning() {
    let verifier = with(&["max_lifetime: 5m"]);
    assert_eq!(said(&verifier, good_claims()), Reason::Allowed);
    assert_eq!(said(&verifier, claims_with("exp", json!(NOW + 301))), Reason::TokenMalformed);
    assert_eq!(said(&verifier, claims_with("iat", json!(NOW - 1))), Reason::TokenMalformed);
    assert_eq!(said(&verifier, claims_with("iat", None)), Reason::TokenMalformed);
    assert_eq!(said(&verifier, claims_with("exp", json!(NOW * 1000))), Reason::TokenMalformed);
}

#[test]
fn clm_12_claims_that_an_issuer_must_give_are_there() {
    let verifier = with(&["required_claims: [jti, act.sub]"]);
    let mut claims = good_claims();
    assert_eq!(said(&verifier, claims.clone()), Reason::TokenMalformed);
    claims["jti"] = json!("1");
    assert_eq!(said(&verifier, claims.clone()), Reason::TokenMalformed);
    claims["act"] = json!({ "sub": null });
    assert_eq!(said(&verifier, claims.clone()), Reason::TokenMalformed);
    claims["act"] = json!({ "sub": "x" });
    assert_eq!(said(&verifier, claims), Reason::Allowed);
}

#[test]
fn clm_1_and_cache_2_the_audiences_of_a_service_replace_those_of_the_issuer() {
    let verifier = with(&[]);
    let ask = |aud: Value, service: &[&str]| {
        let service: Vec<Box<str>> = service.iter().map(|a| (*a).into()).collect();
        reason_of(verifier.verify(&token(claims_with("aud", aud)), &service, NOW))
    };
    assert_eq!(ask(json!("shop"), &[]), Reason::Allowed);
    assert_eq!(ask(json!("billing"), &["billing", "x"]), Reason::Allowed);
    assert_eq!(ask(json!(["shop", "x"]), &["billing", "x"]), Reason::Allowed);
    assert_eq!(ask(json!("shop"), &["billing"]), Reason::AudienceMismatch);
    assert_eq!(ask(json!("billing"), &[]), Reason::AudienceMismatch);
    assert_eq!(ask(json!(["billing", 1]), &["billing"]), Reason::TokenMalformed);
}

#[test]
fn clm_7_the_first_claim_that_is_there_names_the_user_or_nobody_does() {
    let verifier = with(&["user: [email, sub]"]);
    let user = |email: Value| verifier.verify(&token(claims_with("email", email)), &[], NOW);
    assert_eq!(user(json!("a@b.c")).unwrap().user, "a@b.c");
    assert_eq!(verifier.verify(&token(good_claims()), &[], NOW).unwrap().user, "alice");
    for email in [json!(null), json!(""), json!(1), json!(["a"]), json!("a,b"), json!(" a")] {
        assert_eq!(reason_of(user(email.clone())), Reason::TokenMalformed, "{email}");
    }
}

#[test]
fn names_are_found_wherever_the_configuration_says() {
    let verifier = with(&[
        r#"roles: [https://id.example.com/roles, '["https://id.example.com"].roles', '["a.b"]["c/d"]']"#,
        "groups: { claim: groups, separator: space }",
        "codes: [permissions, { claim: scope, separator: space }]",
        "scopes: { claim: scp, mode: limit }",
    ]);
    let mut claims = good_claims();
    claims["https://id.example.com/roles"] = json!(["one"]);
    claims["https://id.example.com"] = json!({ "roles": ["two", "one"] });
    claims["a.b"] = json!({ "c/d": ["three"] });
    claims["a"] = json!({ "b": { "c/d": ["never"] } });
    claims["groups"] = json!("staff hr");
    claims["permissions"] = json!(["event:read"]);
    claims["scope"] = json!("event:write event:read");
    claims["scp"] = json!(["event:read"]);
    let subject = verifier.verify(&token(claims.clone()), &[], NOW).unwrap();
    assert_eq!(subject.roles, ["one", "two", "three"]);
    assert_eq!(subject.groups, ["staff", "hr"]);
    assert_eq!(subject.codes, ["event:read", "event:write"]);
    assert_eq!(subject.scopes, Some(vec!["event:read".to_owned()]));
    // A token without scopes has none, which is less than no limit.
    claims.as_object_mut().unwrap().remove("scp");
    assert_eq!(verifier.verify(&token(claims), &[], NOW).unwrap().scopes, Some(Vec::new()));
    assert_eq!(verify(&token(good_claims())).unwrap().scopes, None);
    assert_eq!(verifier.counts().unreadable_claims, 0);
}

#[test]
fn clm_8_anything_else_gives_nothing_and_is_counted() {
    let verifier = with(&[
        "roles: roles",
        "codes: { claim: scope, separator: space }",
        "scopes: { claim: scope, mode: limit }",
    ]);
    let mut count = 0;
    for odd in [
        json!("admin"),
        json!("admin user"),
        json!("admin,user"),
        json!(["admin", 1]),
        json!(["admin", null]),
        json!([["admin"]]),
        json!({ "admin": true }),
        json!(1),
        json!(true),
        json!(null),
    ] {
        let subject = verifier.verify(&token(claims_with("roles", odd.clone())), &[], NOW).unwrap();
        count += 1;
        assert_eq!(subject.roles, Vec::<String>::new(), "{odd}");
        assert_eq!(verifier.counts().unreadable_claims, count, "{odd}");
    }
    for odd in [json!(" a"), json!("a "), json!("a  b"), json!("a\tb"), json!("a\nb"), json!(1), json!({})] {
        let subject = verifier.verify(&token(claims_with("scope", odd.clone())), &[], NOW).unwrap();
        count += 2;
        assert_eq!((subject.codes.len(), subject.scopes), (0, Some(Vec::new())), "{odd}");
        assert_eq!(verifier.counts().unreadable_claims, count, "{odd}");
    }
}
