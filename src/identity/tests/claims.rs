//! Section CLM: what the claims must say.

use super::super::MAX_AHEAD;
use super::*;

fn claim(name: &str, value: impl Into<Option<Value>>) -> Reason {
    reason(&token(claims_with(name, value)))
}

/// The reason for a claim whose JSON is written out, for what no reader of
/// ours can hold.
fn claim_text(name: &str, text: &str) -> Reason {
    let payload = claims_with(name, json!("@")).to_string().replace("\"@\"", text);
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    reason(&raw(&header, &payload, &PAIRS.rsa, Algorithm::RS256))
}

#[test]
fn a_good_token_gives_its_subject() {
    let mut claims = good_claims();
    claims["roles"] = json!(["organizer", "viewer"]);
    claims["groups"] = json!(["/staff/events"]);
    claims["realm_access"] = json!({ "roles": ["viewer", "admin"] });
    let subject = verify(&token(claims.clone())).unwrap();
    assert_eq!(
        subject,
        Subject {
            proof: crate::engine::Proof::Token,
            user: "alice".to_owned(),
            roles: vec!["organizer".to_owned(), "viewer".to_owned(), "admin".to_owned()],
            read_as: Vec::new(),
            groups: vec!["/staff/events".to_owned()],
            codes: Vec::new(),
            scopes: None,
            claims: object(claims),
        }
    );
}

#[test]
fn clm_11_an_address_or_a_tenant_in_a_claim_is_no_authority() {
    let mut claims = good_claims();
    claims["email"] = json!("root@example.com@evil.example");
    claims["email_verified"] = json!(false);
    claims["tenant"] = json!("admin");
    let subject = verify(&token(claims)).unwrap();
    assert_eq!((subject.user.as_str(), subject.roles, subject.groups), ("alice", Vec::new(), Vec::new()));
}

#[test]
fn imagined_claims_are_read_like_those_of_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, format!("identity:\n  issuers:\n{}", issuer(ISSUER, "RS256", "file: k"))).unwrap();
    let config = Config::load(&path, &|_| None).0.unwrap();
    let claims = json!({ "sub": "alice", "roles": ["viewer"], "groups": "staff" });
    let imagined = super::super::imagined_subject(Some(&config.identity.issuers[0]), object(claims)).unwrap();
    assert_eq!(
        (imagined.user.as_str(), imagined.roles, imagined.groups.len()),
        ("alice", vec!["viewer".to_owned()], 0)
    );
    assert!(super::super::imagined_subject(Some(&config.identity.issuers[0]), Map::new()).is_err());
}

#[test]
fn clm_1_aud_is_one_of_ours_exactly() {
    for aud in [json!("shop"), json!("market"), json!(["shop"]), json!(["x", "market"])] {
        assert_eq!(claim("aud", aud.clone()), Reason::Allowed, "{aud}");
    }
    assert_eq!(claim("aud", None), Reason::AudienceMismatch);
    for aud in [
        json!(""),
        json!([]),
        json!("Shop"),
        json!("shop/"),
        json!("shop,x"),
        json!("shop market"),
        json!(" shop"),
        json!("billing"),
        json!(["billing", "shops"]),
    ] {
        assert_eq!(claim("aud", aud.clone()), Reason::AudienceMismatch, "{aud}");
    }
    for aud in
        [json!(null), json!(1), json!({ "shop": 1 }), json!(["shop", 1]), json!([["shop"]]), json!(true)]
    {
        assert_eq!(claim("aud", aud.clone()), Reason::TokenMalformed, "{aud}");
    }
}

#[test]
fn clm_2_iss_is_a_configured_text_exactly() {
    for iss in [
        json!("https://id.example.com/"),
        json!("https://id.example.com.evil.example"),
        json!("https://ID.example.com"),
        json!("http://id.example.com"),
        json!(" https://id.example.com"),
        json!("https://id.example.com\u{0}"),
        json!("id.example.com"),
    ] {
        assert_eq!(claim("iss", iss.clone()), Reason::IssuerUnknown, "{iss}");
    }
    for iss in [
        json!(null),
        json!(""),
        json!(1),
        json!([ISSUER]),
        json!([ISSUER, "https://evil.example"]),
        json!({ "a": ISSUER }),
    ] {
        assert_eq!(claim("iss", iss.clone()), Reason::TokenMalformed, "{iss}");
    }
    assert_eq!(claim("iss", None), Reason::TokenMalformed);
    let twice = good_claims().to_string().replacen('{', &format!("{{\"iss\":\"{ISSUER}\","), 1);
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    assert_eq!(reason(&raw(&header, &twice, &PAIRS.rsa, Algorithm::RS256)), Reason::TokenMalformed);
}

#[test]
fn clm_2_without_issuers_no_token_is_accepted() {
    let config = crate::config::Identity::default();
    let mut report = Report::default();
    let verifier = Verifier::load(&config, std::path::Path::new("."), &|_| None, &mut report).unwrap();
    assert_eq!(reason_of(verifier.verify(&token(good_claims()), &[], NOW)), Reason::IssuerUnknown);
}

#[test]
fn clm_3_exp_is_a_sane_number_and_nothing_else() {
    assert_eq!(claim("exp", None), Reason::TokenMalformed);
    for exp in [
        json!(null),
        json!("never"),
        json!(""),
        json!(true),
        json!([NOW + 300]),
        json!({}),
        json!(-1),
        json!(1_800_000_300.5),
        json!(-0.5),
        json!(1e30),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(NOW * 1000),
        json!(NOW + MAX_AHEAD + 1),
    ] {
        assert_eq!(claim("exp", exp.clone()), Reason::TokenMalformed, "{exp}");
    }
    for text in ["18446744073709551616", "1e400", "-0", "9223372036854775808", "1.8e12"] {
        assert_ne!(claim_text("exp", text), Reason::Allowed, "{text}");
    }
    // Whole, whatever the spelling.
    assert_eq!(claim("exp", json!(1_800_000_300.0)), Reason::Allowed);
    assert_eq!(claim_text("exp", "18000003e2"), Reason::Allowed);
    assert_eq!(claim("exp", json!(0)), Reason::TokenExpired);
    assert_eq!(claim("exp", json!(NOW + MAX_AHEAD)), Reason::Allowed);
}

/// CVE-2026-25537: a reader that could not make a number of `exp` or `nbf`
/// took the claim for missing.
#[test]
fn clm_3_and_4_times_in_quotes_are_refused() {
    for name in ["exp", "nbf", "iat"] {
        for time in [NOW - 1000, NOW, NOW + 300] {
            assert_eq!(claim(name, json!(time.to_string())), Reason::TokenMalformed, "{name}");
        }
    }
}

#[test]
fn clm_4_nbf_is_checked() {
    assert_eq!(claim("nbf", json!(NOW)), Reason::Allowed);
    assert_eq!(claim("nbf", json!(0)), Reason::Allowed);
    for nbf in [NOW + 3600, NOW * 1000, u64::MAX] {
        assert_eq!(claim("nbf", json!(nbf)), Reason::TokenNotYetValid, "{nbf}");
    }
    for nbf in [json!(null), json!(1.5), json!(-1), json!([]), json!(false)] {
        assert_eq!(claim("nbf", nbf.clone()), Reason::TokenMalformed, "{nbf}");
    }
}

#[test]
fn clm_5_the_edges_are_exact() {
    assert_eq!(claim("exp", json!(NOW - 31)), Reason::TokenExpired);
    assert_eq!(claim("exp", json!(NOW - 30)), Reason::TokenExpired);
    assert_eq!(claim("exp", json!(NOW - 29)), Reason::Allowed);
    assert_eq!(claim("exp", json!(NOW)), Reason::Allowed);
    for name in ["nbf", "iat"] {
        assert_eq!(claim(name, json!(NOW + 30)), Reason::Allowed, "{name}");
        assert_eq!(claim(name, json!(NOW + 31)), Reason::TokenNotYetValid, "{name}");
    }
}

#[test]
fn clm_5_and_fail_8_a_clock_that_jumps_denies_and_does_not_panic() {
    let token = token(claims_with("nbf", json!(NOW)));
    for now in [0, 1, NOW - 3600, NOW + 3600, i64::MAX as u64, u64::MAX] {
        assert_ne!(reason_of(USUAL.verify(&token, &[], now)), Reason::Allowed, "{now}");
    }
}

#[test]
fn clm_6_iat_in_the_future_is_refused_and_its_absence_is_not() {
    assert_eq!(claim("iat", json!(NOW + 3600)), Reason::TokenNotYetValid);
    assert_eq!(claim("iat", json!(null)), Reason::TokenMalformed);
    assert_eq!(claim("iat", None), Reason::Allowed);
}

#[test]
fn clm_7_sub_names_somebody_visibly() {
    assert_eq!(claim("sub", None), Reason::TokenMalformed);
    for sub in [
        json!(""),
        json!(null),
        json!(5),
        json!({}),
        json!(["alice"]),
        json!(true),
        json!("x".repeat(257)),
        json!("a\r\nb"),
        json!("a\nb"),
        json!("a\tb"),
        json!("a\u{0}b"),
        json!("a\u{7f}"),
        json!(" alice"),
        json!("alice "),
        json!("admin,root"),
        json!("al\u{200b}ice"),
        json!("\u{202e}ecila"),
        json!("alice\u{a0}"),
        json!("\u{feff}alice"),
    ] {
        assert_eq!(claim("sub", sub.clone()), Reason::TokenMalformed, "{sub}");
    }
    for sub in ["alice@example.com", "a b", "auth0|5f7c", "x", "Zo\u{eb}", &"x".repeat(256)] {
        assert_eq!(verify(&token(claims_with("sub", json!(sub)))).unwrap().user, sub);
    }
}

#[test]
fn clm_7_another_user_claim_has_the_same_rules_and_sub_is_still_needed() {
    let set = jwks(&[jwk(&PAIRS.rsa, "rsa")]);
    let issuers = issuer(ISSUER, "RS256", "file: jwks.json") + "      user: profile.email\n";
    let verifier = load(&issuers, &[("jwks.json", &set)]).0.unwrap();
    let with = |profile: Value, sub: Option<Value>| {
        let mut claims = claims_with("sub", sub);
        claims["profile"] = profile;
        verifier.verify(&token(claims), &[], NOW)
    };
    let good = with(json!({ "email": "a@example.com" }), Some(json!("1"))).unwrap();
    assert_eq!(good.user, "a@example.com");
    // A comma in `sub` harms nobody when `sub` is not the user.
    assert!(with(json!({ "email": "a" }), Some(json!("CN=a,O=b"))).is_ok());
    for profile in
        [json!({}), json!({ "email": "" }), json!({ "email": 1 }), json!("a"), json!([{ "email": "a" }])]
    {
        assert_eq!(reason_of(with(profile, Some(json!("1")))), Reason::TokenMalformed);
    }
    assert_eq!(reason_of(with(json!({ "email": "a" }), None)), Reason::TokenMalformed);
}

#[test]
fn clm_8_only_a_list_of_texts_gives_roles() {
    let roles = |value: Value| verify(&token(claims_with("roles", value))).unwrap().roles;
    assert_eq!(roles(json!(["a", "b", "a"])), ["a", "b"]);
    for none in [
        json!("admin user"),
        json!("admin,user"),
        json!("admin"),
        json!(["admin", 1]),
        json!(["admin", null]),
        json!([["admin"]]),
        json!({ "admin": true }),
        json!(null),
        json!(7),
        json!([]),
    ] {
        assert_eq!(roles(none.clone()), [""; 0], "{none}");
    }
    assert_eq!(verify(&token(good_claims())).unwrap().roles, [""; 0]);
    let many: Vec<String> = (0..600).map(|i| format!("r{i}")).collect();
    assert_eq!(roles(json!(many)), many);
}

#[test]
fn clm_8_a_bad_list_takes_nothing_from_a_good_one() {
    let mut claims = claims_with("roles", json!(["admin", 1]));
    claims["realm_access"] = json!({ "roles": ["viewer"] });
    assert_eq!(verify(&token(claims)).unwrap().roles, ["viewer"]);
}

#[test]
fn clm_9_names_are_kept_byte_for_byte() {
    let names =
        ["*", "order:*", "admin\n", " admin", "Admin", "admin\u{0}", "\u{430}dmin", "e\u{301}", "\u{e9}", ""];
    let mut claims = claims_with("roles", json!(names));
    claims["groups"] = json!(names);
    let subject = verify(&token(claims)).unwrap();
    assert_eq!(subject.roles, names);
    assert_eq!(subject.groups, names);
}

/// An ID token is for the client, a client's own token has no user: neither is
/// for us.
#[test]
fn clm_12_tokens_for_somebody_else_are_refused_by_audience_and_subject() {
    let mut id_token = claims_with("aud", json!("web-client"));
    id_token["nonce"] = json!("n");
    id_token["at_hash"] = json!("h");
    assert_eq!(reason(&token(id_token)), Reason::AudienceMismatch);
    let mut client = claims_with("sub", None);
    client["client_id"] = json!("batch");
    assert_eq!(reason(&token(client)), Reason::TokenMalformed);
}

#[test]
fn clm_13_a_token_bound_to_its_sender_is_no_bearer_token() {
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({}), json!(null)] {
        assert_eq!(claim("cnf", cnf), Reason::TokenMalformed);
    }
}
