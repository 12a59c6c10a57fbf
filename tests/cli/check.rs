//! `doorward check`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Doorward, doorward, golden, root};
use crate::token::{SECRET, Shop};

fn check(args: &[&str]) -> String {
    let args = [&["check", "--policies", "policies"], args].concat();
    let said = doorward(args.iter().copied()).transcript();
    format!("$ doorward {}\n{said}\n", args.join(" "))
}

/// The revision is another one after every change of the reference policy.
fn without_revision(text: &str) -> String {
    let cut =
        |line: &str| line.split_once(", revision ").map_or(line.to_owned(), |(line, _)| line.to_owned());
    text.lines().map(|line| cut(line) + "\n").collect()
}

#[test]
fn the_page_for_people() {
    let mut pages = String::new();
    for args in [
        &["GET", "https://api.example.com/events", "--user", "ann", "--roles", "viewer"][..],
        &["DELETE", "/events/42", "--user", "ann", "--roles", "viewer", "--host", "api.example.com"],
        &["GET", "/events/42/audit", "--user", "root", "--roles", "admin"],
        &["PUT", "/events/42", "--user", "ann", "--roles", "viewer,gone"],
        &["POST", "/events/42/publish", "--user", "ann", "--roles", "organizer"],
        &["GET", "/venues/1", "--user", "carol@example.com", "--service", "venues"],
        &["POST", "/events", "--user", "dan", "--groups", "/staff/events,/staff"],
        &["GRPC", "/events.v1.EventService/GetEvent", "--claims", r#"{"sub":"ann","roles":["viewer"]}"#],
        &["GET", "/events/feed", "--claims", "{}"],
        &["GET", "/events/1"],
        &["GET", "/events/health"],
        &["GET", "/events/internal/x", "--user", "root", "--roles", "admin"],
        &["PATCH", "/events"],
        &["GET", "/nothing"],
        &["GET", "/events", "--service", "nothing"],
        &["get", "/events"],
        &["GET", "/events/%2e%2e/venues"],
        &["GET", "/events/report", "--user", "ann", "--roles", "viewer"],
        &["GET", "/events/live", "-H", "upgrade: websocket", "-H", "connection: upgrade", "--user", "ann"],
    ] {
        pages.push_str(&check(args));
    }
    golden("check-text", &without_revision(&pages));
}

/// Who calls by a client certificate.
#[test]
fn attr_10_the_page_about_a_peer() {
    let till = ["--peer", "spiffe://cluster/ns/shop/sa/till"];
    let mut pages = String::new();
    for args in [
        &["GET", "/pay/any", "--peer", "spiffe://cluster/ns/shop/sa/billing"][..],
        &[&["GET", "/pay/both"], &till[..]].concat(),
        &[&["GET", "/pay/role"], &till[..]].concat(),
        &[&["GET", "/pay/any"], &till[..]].concat(),
        &["GET", "/pay/any", "--peer", "spiffe://cluster:443/x"],
        &["GET", "/pay/any", "--user", "ann"],
        &[&["GET", "/pay/both", "--user", "ann", "--roles", "teller"], &till[..]].concat(),
        &[&["GET", "/pay/token"], &till[..]].concat(),
        &["GET", "/pay/code", "--peer", "till.shop.svc"],
    ] {
        let args = [&["check", "--policies", "tests/golden/decisions/attr-10-peers"], args].concat();
        let said = doorward(args.iter().copied()).transcript();
        pages.push_str(&format!("$ doorward {}\n{said}\n", args.join(" ")));
    }
    golden("check-peer", &without_revision(&pages));
}

#[test]
fn attr_10_an_asserted_peer_is_not_told_as_verified() {
    let args = ["check", "--policies", "tests/golden/decisions/attr-10-peers", "--format", "json"];
    let till = ["GET", "/pay/code", "--peer", "spiffe://cluster/ns/shop/sa/till"];
    let object: Value = serde_json::from_str(&doorward([&args[..], &till].concat()).out).unwrap();
    assert_eq!(object["request"]["peer"], till[3]);
    assert_eq!(object["caller"]["user"], till[3]);
    assert_eq!(object["caller"]["roles"], json!(["teller"]));
    assert_eq!(object["caller"]["verified"], false);
}

/// Where and when a role counts, and why it does not.
#[test]
fn scopes_are_named_whether_they_hold_or_not() {
    let (bob, at) = (["--user", "bob"], |time| ["--at", time]);
    let auditor = ["--user", "bob", "--groups", "/auditors"];
    let weekend = ["--user", "eve", "--groups", "/weekend"];
    let mut pages = String::new();
    for args in [
        [&["PUT", "/venues/v-1"], &bob[..], &at("2027-03-31T23:59:59Z")].concat(),
        [&["PUT", "/venues/ber-7"], &bob[..], &at("2027-03-31T23:59:59Z")].concat(),
        [&["PUT", "/venues/v-1"], &bob[..], &at("2027-04-01T00:00:00Z")].concat(),
        [&["PUT", "/venues/v-9"], &bob[..], &at("2027-04-01T00:00:00Z")].concat(),
        [&["PUT", "/venues/v-2"], &auditor[..], &at("2027-03-31T00:00:00Z")].concat(),
        [&["PUT", "/venues/v-7/rooms/12"], &bob[..], &at("2027-04-30T23:59:59Z")].concat(),
        [&["PUT", "/venues/v-7/rooms/12"], &bob[..], &at("2027-05-01T00:00:00Z")].concat(),
        [&["PUT", "/venues/v-7/rooms/21"], &bob[..], &at("2027-05-01T00:00:00Z")].concat(),
        [&["GET", "/venues"], &weekend[..], &at("2027-04-04T15:59:59Z")].concat(),
        [&["GET", "/venues"], &weekend[..], &at("2027-04-04T16:00:00Z")].concat(),
        [&["GET", "/venues", "--user", "nobody"][..], &at("2027-04-04T16:00:00Z")].concat(),
    ] {
        let args = [&["check", "--policies", "tests/cli/fixtures/scoped"], &args[..]].concat();
        let said = doorward(args.iter().copied()).transcript();
        pages.push_str(&format!("$ doorward {}\n{said}\n", args.join(" ")));
    }
    golden("check-scopes", &without_revision(&pages));
}

#[test]
fn scopes_stand_in_the_object_for_programs() {
    let ask = |path: &str, at: &str| -> Value {
        let args = ["check", "--policies", "tests/cli/fixtures/scoped", "--format", "json", "--user", "bob"];
        let request = ["PUT", path, "--at", at];
        serde_json::from_str(&doorward([&args[..], &request].concat()).out).unwrap()
    };
    let allowed = ask("/venues/v-1", "2027-03-31T23:59:59Z");
    assert_eq!(allowed["caller"]["roles"], json!(["manager", "viewer"]), "the heaviest first");
    assert_eq!(allowed["caller"]["codes"], json!(["venue:read", "venue:write"]));
    let denied = ask("/venues/v-9", "2027-04-01T00:00:00Z");
    assert_eq!(denied["caller"]["roles"], json!(["viewer"]));
    assert_eq!(
        denied["missing"][0]["code"]["bindings"],
        json!([
            {
                "role": "manager",
                "scope": "on venue v-1, v-2, v-3 and 2 more until 2027-03-31",
                "why": ["the request has the venue v-9", "its time is over"],
                "place": "tests/cli/fixtures/scoped/policy.yaml:9",
            },
            {
                "role": "manager",
                "scope": "on venue v-7 and room 1* from 2027-05-01",
                "why": ["the request has the venue v-9", "the route has no {room}", "its time has not come"],
                "place": "tests/cli/fixtures/scoped/policy.yaml:14",
            },
        ])
    );
}

/// The upstream is told the roles that count on this request.
#[test]
fn headers_name_the_roles_that_count_here_and_now() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "policies: {}\nupstream_headers: {{ x-user-roles: user.roles, x-user-primary: user.primary_role }}\n",
        root().join("tests/cli/fixtures/scoped").display()
    );
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    let headers = |path: &str| -> Value {
        let args =
            ["check", "GET", path, "--user", "bob", "--at", "2027-03-31T00:00:00Z", "--format", "json"];
        let said = Doorward::new(args).within(folder.path()).run();
        serde_json::from_str::<Value>(&said.out).unwrap()["headers"]["set"].clone()
    };
    assert_eq!(headers("/venues"), json!({ "x-user-roles": "viewer", "x-user-primary": "viewer" }));
    let here = json!({ "x-user-roles": "manager,viewer", "x-user-primary": "manager" });
    assert_eq!(headers("/venues/v-1"), here);
}

fn told(args: &[&str]) -> Value {
    let said = doorward([&["check", "--policies", "policies", "--format", "json"], args].concat());
    let told: Value = serde_json::from_str(&said.out).expect(&said.err);
    let code = if told["decision"] == "allow" { 0 } else { 1 };
    assert_eq!((said.code, said.err.as_str()), (code, ""), "{args:?}");
    told
}

#[test]
fn the_object_for_programs() {
    let mut object = told(&["DELETE", "/events/42", "--user", "ann", "--roles", "organizer,admin"]);
    object["policy"]["revision"] = json!("");
    let mut denied = told(&["POST", "/events/42/publish", "--user", "ann", "--roles", "organizer"]);
    denied["policy"]["revision"] = json!("");
    golden("check-json", &format!("{object:#}\n{denied:#}\n"));
}

/// What Envoy would hand on arrives in the engine as it was written.
#[test]
fn path_1_to_17_nothing_is_tidied_on_the_way_in() {
    let reason = |url: &str| told(&["GET", url, "--user", "a", "--roles", "viewer"])["reason"].clone();
    for path in [
        "/events/../venues",
        "/events/%2e%2e/venues",
        "/events//1",
        "//events",
        "/events/1;a=b",
        "/events/a%2fb",
        "/events/%31",
        "/events/1#x",
        "/events/a\\b",
        "/events/%zz",
        "/events/a b",
        "/events/\u{e9}",
    ] {
        assert_eq!(reason(path), "path_ambiguous", "{path}");
        assert_eq!(reason(&format!("https://api.example.com{path}")), "path_ambiguous", "{path}");
    }
    assert_eq!(reason("/events?next=/../x//y"), "allowed", "qry_2: the query is not the path");
    assert_eq!(reason("https://API.example.com.:8443/events"), "allowed", "host_1");
    assert_eq!(reason("https://user@api.example.com/events"), "request_malformed");
    assert_eq!(reason("https:///events"), "request_malformed");
}

#[test]
fn the_request_is_what_the_arguments_say() {
    let by = |args: &[&str]| told(args)["reason"].clone();
    let ann = ["--user", "ann", "--roles", "viewer"];
    let report = [&["GET", "/events/report"], &ann[..]].concat();
    assert_eq!(by(&[&report[..], &["--source-ip", "203.0.113.9"]].concat()), "allowed");
    assert_eq!(by(&[&report[..], &["--source-ip", "192.0.2.1"]].concat()), "ip_denied");
    assert_eq!(by(&["GET", "/venues", "--service", "events", "--user", "x"]), "route_unknown", "host_3");
    assert_eq!(by(&["POST", "/events", "-H", "X-HTTP-Method-Override: DELETE"]), "request_malformed");
    let grpc = ["POST", "/events.v1.EventService/GetEvent", "-H", "Content-Type: application/grpc+proto"];
    assert_eq!(by(&[&grpc[..], &ann].concat()), "allowed");
}

#[test]
fn a_denial_shows_what_the_caller_gets() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("doorward.yaml");
    let asked = |deny: &str, args: &[&str]| {
        let policies = root().join("policies");
        fs::write(&config, format!("policies: {}\ndeny: {{ {deny} }}\n", policies.display())).unwrap();
        let fixed = ["check", "--config", config.to_str().unwrap()];
        let said = doorward([&fixed[..], args].concat());
        let lines =
            said.out.lines().enumerate().filter(|(at, line)| *at == 0 || line.starts_with("  answer"));
        (said.code, lines.map(|(_, line)| line.to_owned()).collect::<Vec<_>>())
    };
    let ann = ["GET", "/events/42/audit", "--user", "ann", "--roles", "viewer"];
    let link = "status: { code_missing: 404 }, titles: { code_missing: Not for you }, \
                request_access: 'https://access.example.com/?r={missing_roles}&c={missing_codes}&u={user}'";
    let (code, lines) = asked(link, &ann);
    assert_eq!(code, 1);
    assert_eq!(
        lines,
        [
            "DENY 404 code_missing   GET /events/42/audit",
            "  answer    the caller is told \"Not for you\"",
            "  answer    request access at https://access.example.com/?r=&c=audit%3Aread&u=ann",
        ]
    );
    let none = asked("reveal: none", &ann).1;
    assert_eq!(none.last().unwrap(), "  answer    the caller is told the status, no more");
    assert_eq!(asked("reveal: requirement", &ann).1.len(), 1);

    let login = "login: { url: 'https://login.example.com/?to={url}', hosts: api.example.com }";
    let browser = ["GET", "https://api.example.com/events/1", "-H", "Accept: text/html"];
    assert_eq!(
        asked(login, &browser).1,
        [
            "DENY 302 token_missing   GET /events/1",
            "  answer    the browser is sent to https://login.example.com/?to=https%3A%2F%2Fapi.example.com%2Fevents%2F1",
        ]
    );
    assert_eq!(asked(login, &browser[..2]).1, ["DENY 401 token_missing   GET /events/1"]);
}

#[test]
fn an_asserted_caller_is_never_told_as_verified() {
    for args in
        [&["--user", "ann", "--roles", "viewer"][..], &["--claims", r#"{"sub":"ann","roles":["viewer"]}"#]]
    {
        let object = told(&[&["GET", "/events"], args].concat());
        assert_eq!(object["caller"]["verified"], false);
        let text = object["steps"].to_string();
        assert!(text.contains("ann, asserted, not verified") && !text.contains("token"), "{text}");
    }
}

#[test]
fn a_token_is_verified_and_the_upstream_told() {
    let shop = Shop::with_keys("ES256");
    let token = shop.token(&["--key", "dev.pem", "--roles", "viewer", "--claim", "tenant=\"acme\""]);
    fs::write(shop.path().join("ann.jwt"), format!("{token}\n")).unwrap();
    let json = ["check", "GET", "/items/1", "--format", "json"];

    let by_file = shop.run(&[&json[..], &["--token-file", "ann.jwt"]].concat());
    let object: Value = serde_json::from_str(&by_file.out).unwrap();
    assert_eq!(object["caller"]["verified"], true);
    assert_eq!(
        object["headers"]["set"],
        json!({ "x-user-id": "ann", "x-user-roles": "viewer", "x-user-tenant": "acme" })
    );
    assert!(object["headers"]["remove"].as_array().unwrap().contains(&json!("x_user_id")));
    let header = format!("authorization: Bearer {token}");
    for args in
        [&["--token", &token][..], &["-H", &header], &["--config", "doorward.yaml", "--token", &token]]
    {
        assert_eq!(shop.run(&[&json[..], args].concat()).out, by_file.out);
    }

    let page = shop.run(&["check", "GET", "/items/1", "--token-file", "ann.jwt"]);
    golden("check-token", &without_revision(&page.transcript()));
    let page = shop.run(&["check", "GET", "/items/open", "--token-file", "ann.jwt"]);
    golden("check-anonymous", &without_revision(&page.transcript()));
}

#[test]
fn the_hour_of_a_check_can_be_chosen() {
    let shop = Shop::with_keys("ES256");
    let token = shop.token(&["--key", "dev.pem", "--roles", "viewer"]);
    let at = |time: &str| {
        let said =
            shop.run(&["check", "GET", "/items/1", "--token", &token, "--at", time, "--format", "json"]);
        let told: Value = serde_json::from_str(&said.out).expect(&said.err);
        told["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(at("2020-01-01T00:00:00Z"), "token_not_yet_valid");
    assert_eq!(at("4102444800"), "token_expired");
    assert_eq!(shop.run(&["check", "GET", "/items/1", "--at", "noon"]).code, 2);
}

#[test]
fn a_forged_token_is_a_denial_that_says_how_much_the_caller_learns() {
    let (shop, other) = (Shop::with_keys("ES256"), Shop::with_keys("ES256"));
    let forged = other.token(&["--key", "dev.pem", "--roles", "viewer"]);
    let said = shop.run(&["check", "GET", "/items/1", "--token", &forged]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("DENY 401 key_unknown "), "{}", said.out);
    assert!(said.out.contains("the caller is told token_invalid, no more"), "{}", said.out);
    let both = ["--token", &forged, "-H", "authorization: Bearer x"];
    let said = shop.run(&[&["check", "GET", "/items/1"], &both[..]].concat());
    assert!(said.out.starts_with("DENY 401 token_ambiguous "), "{}", said.out);
}

#[test]
fn asserted_claims_are_read_as_the_issuer_says() {
    let shop = Shop::with_keys("ES256");
    let reason = |claims: &str| {
        let said = shop.run(&["check", "PUT", "/items/1", "--claims", claims, "--format", "json"]);
        let told: Value = serde_json::from_str(&said.out).expect(&said.err);
        told["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(r#"{"sub":"a","realm":{"roles":["seller"]}}"#), "allowed");
    assert_eq!(reason(r#"{"sub":"a","groups":["/sales"]}"#), "allowed");
    assert_eq!(reason(r#"{"sub":"a","roles":"seller"}"#), "code_missing", "clm_8: a text is no list");
    assert_eq!(reason(r#"{"roles":["seller"]}"#), "token_malformed");
    assert_eq!(reason(r#"{"iss":"https://id.test","sub":"a","roles":["seller"]}"#), "allowed");
    assert_eq!(reason(r#"{"iss":"https://other.test","sub":"a","roles":["seller"]}"#), "issuer_unknown");
    let said = shop.run(&[
        "check",
        "GET",
        "/items/1",
        "--claims",
        r#"{"sub":"a","roles":["viewer"],"tenant":["a",""]}"#,
    ]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("DENY 403 value_unsafe "), "{}", said.out);
}

#[test]
fn log_2_no_token_is_ever_repeated() {
    let shop = Shop::with_keys("ES256");
    let token = shop.token(&["--key", "dev.pem", "--roles", "viewer"]);
    let parts: Vec<&str> = token.split('.').collect();
    let query = format!("/items/1?access_token={token}");
    let equals = format!("--tokn={token}");
    let bad_header = format!("authorization Bearer {token}");
    for args in [
        &["--token", token.as_str()][..],
        &["--token", &token, "--user", "ann"],
        &["--token", &token, "--token-file", "x"],
        &["--token", &token, "--policies", "policies"],
        &["--token", &token, "--config", "none.yaml"],
        &["--token", token.get(10..).unwrap()],
        &[&token],
        &["-H", &bad_header],
        &["--at", &token],
        &["--config", &token],
        &["--format", "json", "--token", &token],
        &[&equals],
    ] {
        let args = [&["check", "GET", query.as_str()], args].concat();
        let said = shop.run(&args);
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.is_empty());
        for part in &parts {
            assert!(!all.contains(part), "{args:?}: {all}");
        }
    }
}

#[test]
fn what_can_not_be_checked_is_told_with_2() {
    let shop = Shop::with_keys("ES256");
    let two = Shop::new("HS256", "secret_env: SECRET");
    let text = fs::read_to_string(two.path().join("doorward.yaml")).unwrap();
    let issuer = "    - { issuer: b, audiences: b, algorithms: HS256, keys: { secret_env: NONE } }\n";
    fs::write(two.path().join("doorward.yaml"), text.replace("upstream", &format!("{issuer}upstream")))
        .unwrap();
    fs::create_dir(shop.path().join("broken")).unwrap();
    fs::write(
        shop.path().join("broken/a.yaml"),
        "services: { a: { paths: [/], routes: [{ route: GET /a }] } }",
    )
    .unwrap();
    let get = ["check", "GET", "/items/1"];
    for (shop, args, word) in [
        (&shop, &["check", "GET"][..], "<URL>"),
        (&shop, &["check", "GET", "items/1"], "begins with `/`"),
        (&shop, &["check", "GET", "ftp://x/items"], "begins with `/`"),
        (&shop, &[&get[..], &["--roles", "viewer"]].concat(), "--user"),
        (&shop, &[&get[..], &["--user", "a", "--claims", "{}"]].concat(), "cannot be used with"),
        (&shop, &[&get[..], &["--user", "a,b"]].concat(), "not a usable user id"),
        (&shop, &[&get[..], &["--user", ""]].concat(), "not a usable user id"),
        (&shop, &[&get[..], &["--claims", "[]"]].concat(), "not a JSON object"),
        (
            &shop,
            &[&get[..], &["--user", "a", "-H", "authorization: Basic eA=="]].concat(),
            "a credential of its own",
        ),
        (&shop, &[&get[..], &["-H", "host: a"]].concat(), "--host"),
        (&shop, &[&get[..], &["-H", "a"]].concat(), "name: value"),
        (&shop, &[&get[..], &["--source-ip", "here"]].concat(), "invalid IP address"),
        (&shop, &[&get[..], &["--token-file", "none"]].concat(), "can't read the token"),
        (
            &shop,
            &[&get[..], &["--token", "x", "--policies", "policies"]].concat(),
            "only be verified with a configuration",
        ),
        (&shop, &[&get[..], &["--config", "a", "--policies", "b"]].concat(), "cannot be used with"),
        (&shop, &[&get[..], &["--config", "none.yaml"]].concat(), "error[DW001]"),
        (&shop, &[&get[..], &["--policies", "none"]].concat(), "error[DW001]"),
        (&shop, &[&get[..], &["--policies", "broken"]].concat(), "--> broken/a.yaml:1:48"),
        (&two, &[&get[..], &["--claims", r#"{"sub":"a"}"#]].concat(), "say with the claim `iss`"),
        (&two, &[&get[..], &["--token", "x"]].concat(), "doorward.yaml:9:"),
    ] {
        let said = shop.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
        assert!(!said.err.contains(SECRET));
    }
    let empty = tempfile::tempdir().unwrap();
    let said = Doorward::new(get).within(empty.path()).run();
    assert!(said.code == 2 && said.err.contains("there is no `doorward.yaml`"), "{}", said.err);
    // Keys are read for tokens alone.
    fs::remove_file(shop.path().join("jwks.json")).unwrap();
    assert_eq!(shop.run(&[&get[..], &["--user", "a", "--roles", "viewer"]].concat()).code, 0);
    assert_eq!(shop.run(&[&get[..], &["--token", "x"]].concat()).code, 2);
}

#[test]
fn a_verdict_does_not_depend_on_who_reads_it() {
    let args = ["check", "--policies", "policies", "GET"];
    assert_eq!(Doorward::new([&args[..], &["/events/health"]].concat()).run_unread(), 0);
    assert_eq!(Doorward::new([&args[..], &["/events"]].concat()).run_unread(), 1);
}

#[test]
fn a_body_is_json_unless_the_request_says_otherwise() {
    let bob = r#"{"sub": "bob", "firstname": "Bob", "roles": ["admin"]}"#;
    let people = |more: &[&str]| {
        let args =
            ["check", "POST", "/people", "--policies", "examples/people-api/policies", "--claims", bob];
        doorward([&args, more].concat()).out
    };
    let new = r#"{"firstname": "Charlie"}"#;
    let first = |page: String| page.lines().next().unwrap().to_owned();
    assert_eq!(first(people(&["--body", new])), "ALLOW 200 allowed   POST /people");
    for more in [
        &["--body", new, "-H", "content-type: text/plain"][..],
        &["--body", new, "-H", "content-encoding: gzip"],
        &["--body", ""],
        &["-H", "content-type: application/json"],
        &[],
    ] {
        assert_eq!(first(people(more)), "DENY 403 condition_error   POST /people", "{more:?}");
    }
}

/// "Why was I denied?": the explanation shows what the condition was asked of.
#[test]
fn a_condition_that_does_not_hold_shows_what_it_asked() {
    let ann = |claims: &str| {
        let args = ["check", "GET", "/tenants/globex/orders", "--policies", "examples/multi-tenant/policies"];
        doorward([&args[..], &["--claims", claims]].concat()).out
    };
    let other = ann(r#"{"sub": "ann", "tenant": "acme", "roles": ["member"]}"#);
    assert!(
        other.contains(r#"asked     claims.tenant is "acme"; path.tenant is "globex"; user.codes is"#),
        "{other}"
    );
    let none = ann(r#"{"sub": "ann", "roles": ["member"]}"#);
    assert!(none.contains("asked     claims.tenant is not there; path.tenant"), "{none}");
    let long = ann(&format!(r#"{{"sub": "ann", "tenant": "{}", "roles": ["member"]}}"#, "é".repeat(300)));
    assert!(long.contains(&format!("claims.tenant is \"{}..;", "é".repeat(59))), "{long}");
    let holds = ann(r#"{"sub": "ann", "tenant": "globex", "roles": ["member"]}"#);
    assert!(holds.starts_with("ALLOW") && !holds.contains("asked"), "{holds}");
}
