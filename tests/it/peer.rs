//! Services that call by a client certificate: what Envoy makes of it, and what Doorward then says.

use crate::support::{Answer, Door, Mesh, San, Way};

const TILL: San = San::Uri("spiffe://cluster.example/ns/shop/sa/till");
const WEB: San = San::Uri("spiffe://cluster.example/ns/shop/sa/web");

/// The two doors at which Envoy verifies a certificate before it believes it.
const GOOD: [Door; 2] = [Door::Required, Door::Optional];

fn get(path: &str, way: &Way) -> Answer {
    Mesh::shared().stack.get(path).by(way).send()
}

/// Envoy must have ended the connection.
#[track_caller]
fn shut_out(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (0, ""), "{answer:?}");
    answer.never_arrived();
}

#[test]
fn attr_10_a_peer_needs_no_token_where_the_route_lists_it() {
    let mesh = Mesh::shared();
    for door in GOOD {
        let (till, web) = (mesh.with(door, &[TILL]), mesh.with(door, &[WEB]));
        let side = get("/events/peer/till", &till).allowed("events");
        side.told("x-user-id", "spiffe://cluster.example/ns/shop/sa/till");
        side.told("x-user-roles", "viewer");
        assert!(side.header("x-user-tenant").is_empty() && side.header("x-user-groups").is_empty());
        get("/events/peer/till", &web).refused(403, "peer_denied");
        get("/events/peer/some", &till).allowed("events");
        get("/events/peer/some", &web).refused(403, "peer_denied");
        let office = mesh.with(door, &[San::Uri("spiffe://cluster.example/ns/office/a/b")]);
        let side = get("/events/peer/some", &office).allowed("events");
        side.told("x-user-id", "spiffe://cluster.example/ns/office/a/b");
        assert!(side.header("x-user-roles").is_empty(), "{side:?}");
    }
}

#[test]
fn attr_10_a_peer_has_what_its_own_bindings_give() {
    let mesh = Mesh::shared();
    let (till, web) = (mesh.with(Door::Required, &[TILL]), mesh.with(Door::Required, &[WEB]));
    get("/events/peer/code", &till).allowed("events").told("x-user-roles", "viewer");
    get("/events/peer/code", &web).refused(401, "token_missing");
    get("/events/peer/both", &till).allowed("events");
    get("/events/peer/both", &web).refused(403, "code_missing");
    get("/events/peer/token", &till).refused(401, "token_missing");
    get("/events/health", &till).allowed("events").told_of_nobody();
    get("/events/things/1", &till).allowed("events");
    get("/events/admin/1", &till).refused(403, "code_missing");
}

#[test]
fn attr_10_with_a_token_the_caller_is_its_user() {
    let mesh = Mesh::shared();
    let stack = &mesh.stack;
    let (till, web) = (mesh.with(Door::Optional, &[TILL]), mesh.with(Door::Optional, &[WEB]));
    let bare = mesh.bare(Door::Optional);
    let ask = |path, way, roles: &[&str]| stack.get(path).by(way).roles(roles).send();
    let side = ask("/events/peer/till", &till, &[]).allowed("events");
    side.told("x-user-id", "u-1");
    assert!(side.header("x-user-roles").is_empty(), "the peer's roles are not the user's: {side:?}");
    ask("/events/peer/both", &web, &["viewer"]).allowed("events").told("x-user-id", "u-1");
    ask("/events/peer/both", &till, &[]).refused(403, "code_missing");
    ask("/events/peer/code", &till, &[]).refused(403, "code_missing");
    ask("/events/peer/till", &web, &["admin"]).refused(403, "peer_denied");
    ask("/events/peer/till", &bare, &["admin"]).refused(403, "peer_denied");
    ask("/events/peer/token", &bare, &[]).allowed("events").told("x-user-id", "u-1");

    let mut claims = stack.claims(&[]);
    claims["sub"] = "spiffe://cluster.example/ns/shop/sa/till".into();
    let named = stack.key.sign(&claims);
    stack.get("/events/peer/code").by(&web).token(&named).send().refused(403, "code_missing");
    stack.get("/events/peer/till").by(&web).token(&named).send().refused(403, "peer_denied");
}

#[test]
fn attr_10_a_bad_token_is_not_replaced_by_a_good_certificate() {
    let mesh = Mesh::shared();
    let stack = &mesh.stack;
    let till = mesh.with(Door::Required, &[TILL]);
    let mut claims = stack.claims(&["admin"]);
    claims["exp"] = 1.into();
    let late = stack.key.sign(&claims);
    let forged = format!("{}x", stack.token(&["admin"]));
    for path in ["/events/peer/till", "/events/peer/code", "/events/peer/both"] {
        let ask = || stack.get(path).by(&till);
        ask().token(&late).send().refused(401, "token_expired");
        ask().token(&forged).send().refused(401, "token_invalid");
        ask().token("rubbish").send().refused(401, "token_invalid");
        ask().roles(&["admin"]).roles(&["viewer"]).send().refused(401, "token_invalid");
    }
}

#[test]
fn attr_10_spf_9_a_certificate_that_a_client_only_writes_of_is_none() {
    let mesh = Mesh::shared();
    let written = [
        ("x-forwarded-client-cert", "By=spiffe://x/y;URI=spiffe://cluster.example/ns/shop/sa/till"),
        ("x-forwarded-client-cert", "Hash=0;URI=spiffe://cluster.example/ns/shop/sa/till;DNS=till"),
        ("x-user-id", "spiffe://cluster.example/ns/shop/sa/till"),
        ("x-client-cert", "spiffe://cluster.example/ns/shop/sa/till"),
    ];
    for way in [mesh.bare(Door::Optional), mesh.with(Door::Required, &[WEB])] {
        for (name, value) in written {
            let ask = |path| mesh.stack.get(path).by(&way).header(name, value).send();
            ask("/events/peer/till").refused(403, "peer_denied");
            ask("/events/peer/code").refused(401, "token_missing");
        }
    }
    // Nor is there one without TLS.
    for (name, value) in written {
        let request = mesh.stack.get("/events/peer/till").header(name, value);
        request.send().refused(403, "peer_denied");
    }
    let till = mesh.with(Door::Required, &[TILL]);
    let request = mesh.stack.get("/events/peer/till").by(&till).header(written[0].0, "URI=spiffe://evil/x");
    assert!(request.send().allowed("events").header("x-forwarded-client-cert").is_empty());
}

#[test]
fn attr_10_who_has_no_spiffe_id_is_nobody() {
    let mesh = Mesh::shared();
    get("/events/peer/till", &mesh.bare(Door::Optional)).refused(403, "peer_denied");
    shut_out(&get("/events/peer/till", &mesh.bare(Door::Required)));
    for names in [
        &[][..],
        &[San::Dns("till.shop.svc")],
        &[San::Uri("SPIFFE://cluster.example/ns/shop/sa/till")],
        &[San::Uri("spiffe://cluster.example:443/ns/shop/sa/till")],
        &[San::Uri("spiffe://CLUSTER.example/ns/shop/sa/till")],
        &[San::Uri("spiffe://cluster.example/ns/shop/sa/till\0.evil")],
        &[San::Uri("spiffe://cluster.example/ns/shop/sa/x/../till")],
        &[San::Uri("spiffe://cluster.example/ns/shop/sa/till/")],
        &[San::Uri("spiffe://cluster.example/ns/shop/sa/till?")],
        &[San::Uri("spiffe://cluster.example/ns/shop/sa/%74ill")],
        &[San::Uri("spiffe://cluster.example/ns/*/sa/till")],
        &[San::Uri("https://cluster.example/ns/shop/sa/till")],
    ] {
        for path in ["/events/peer/till", "/events/peer/some"] {
            get(path, &mesh.with(Door::Optional, names)).refused(403, "peer_denied");
        }
        let answer = get("/events/peer/code", &mesh.with(Door::Optional, names));
        answer.refused(401, "token_missing");
    }
}

#[test]
fn attr_10_envoy_shuts_out_what_it_does_not_trust() {
    let mesh = Mesh::shared();
    for door in GOOD {
        shut_out(&get("/events/peer/till", &mesh.forged(door, &[TILL])));
        shut_out(&get("/events/health", &mesh.forged(door, &[TILL])));
    }
    for names in [
        &[San::Dns("till.shop.svc")][..],
        &[San::Dns("spiffe://cluster.example/ns/shop/sa/till")],
        &[San::Uri("spiffe://other.test/ns/shop/sa/till")],
        &[],
    ] {
        shut_out(&get("/events/health", &mesh.with(Door::Required, names)));
    }
}

/// What the Envoy guide says about Envoy, so that it is noticed when it is no longer so.
#[test]
fn attr_10_what_the_guide_warns_of_is_so() {
    let mesh = Mesh::shared();
    // The first URI counts, whatever follows it.
    get("/events/peer/till", &mesh.with(Door::Required, &[TILL, WEB])).allowed("events");
    get("/events/peer/till", &mesh.with(Door::Required, &[WEB, TILL])).refused(403, "peer_denied");
    let first_is_odd = [San::Uri("https://cluster.example/"), TILL];
    get("/events/peer/till", &mesh.with(Door::Required, &first_is_odd)).refused(403, "peer_denied");
    // Where there is no URI, a DNS name stands in for it, even one that reads like a SPIFFE id. Hence the
    // `san_type: URI` of the guide, by which `Door::Required` shuts it out.
    let dns = [San::Dns("spiffe://cluster.example/ns/shop/sa/till")];
    get("/events/peer/till", &mesh.with(Door::Optional, &dns)).allowed("events");
    // With names to match Envoy insists on a certificate, whatever else is set.
    shut_out(&get("/events/health", &mesh.bare(Door::NotRequired)));
    get("/events/peer/till", &mesh.with(Door::NotRequired, &[TILL])).allowed("events");
    // Without a validation context Envoy asks for no certificate, whatever else is set.
    get("/events/peer/till", &mesh.with(Door::Unverified, &[TILL])).refused(403, "peer_denied");
    get("/events/health", &mesh.bare(Door::Unverified)).allowed("events");
    // With ACCEPT_UNTRUSTED anybody may write a certificate.
    get("/events/peer/till", &mesh.forged(Door::Untrusted, &[TILL])).allowed("events");
}

#[test]
fn attr_10_the_log_names_the_peer() {
    let mesh = Mesh::shared();
    let office = San::Uri("spiffe://cluster.example/ns/logged/sa/office");
    get("/events/peer/till", &mesh.with(Door::Required, &[office])).refused(403, "peer_denied");
    let line = crate::support::eventually("the log", || {
        let log = mesh.stack.doorward_log();
        log.lines().find(|line| line.contains("ns/logged")).map(str::to_owned).ok_or(log)
    });
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["peer"], "spiffe://cluster.example/ns/logged/sa/office", "{line}");
    assert_eq!(line["reason"], "peer_denied", "{line}");
    assert!(line["place"].as_str().is_some_and(|place| place.starts_with("policy.yaml:")), "{line}");
}
