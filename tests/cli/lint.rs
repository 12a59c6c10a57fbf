//! `doorward lint`.

use std::fs;

use serde_json::Value;

use crate::support::{Doorward, doorward, golden, root};

const BROKEN: &str = "tests/cli/fixtures/broken";
const SUSPICIOUS: &str = "tests/cli/fixtures/suspicious";

#[test]
fn a_good_policy_has_no_findings() {
    let said = doorward(["lint", "policies"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.starts_with("no findings in 7 files: 2 services, "), "{}", said.out);
}

#[test]
fn errors_are_shown_with_their_places_and_end_with_1() {
    golden("lint-text", &doorward(["lint", BROKEN]).transcript());
    golden("lint-short", &doorward(["lint", BROKEN, "--format", "short"]).transcript());
    golden("lint-json", &doorward(["lint", BROKEN, "--format", "json"]).transcript());
}

#[test]
fn warnings_end_with_0_unless_they_are_denied() {
    golden("lint-warnings", &doorward(["lint", SUSPICIOUS]).transcript());
    let strict = doorward(["lint", SUSPICIOUS, "--deny-warnings"]);
    assert_eq!(strict.code, 1);
    assert_eq!(doorward(["lint", "policies", "--deny-warnings"]).code, 0);
}

#[test]
fn bindings_that_expire_are_warned_of_as_of_a_time() {
    let lint = |at: &str| {
        let said = doorward(["lint", "tests/cli/fixtures/scoped", "--at", at, "--format", "short"]);
        let codes: Vec<String> =
            said.out.lines().map(|line| line.split(['[', ']']).nth(1).unwrap().to_owned()).collect();
        (said.code, codes)
    };
    let codes = |codes: &[&str]| (0, codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>());
    assert_eq!(lint("2027-03-17T23:59:59Z"), codes(&[]));
    assert_eq!(lint("2027-03-18T00:00:00Z"), codes(&["DW203"]));
    assert_eq!(lint("2027-03-31T23:59:59Z"), codes(&["DW203", "DW203"]));
    assert_eq!(lint("2027-04-01T00:00:00Z"), codes(&["DW202", "DW203"]));
    assert_eq!(lint("2027-04-04T18:00:00+02:00"), codes(&["DW202", "DW202"]));
    let strict = ["lint", "tests/cli/fixtures/scoped", "--at", "2027-03-18T00:00:00Z", "--deny-warnings"];
    assert_eq!(doorward(strict).code, 1);
    assert_eq!(doorward(["lint", "policies", "--at", "tomorrow"]).code, 2);
}

#[test]
fn several_directories_are_several_policies() {
    let said = doorward(["lint", SUSPICIOUS, BROKEN, "policies", "--format", "short"]);
    assert_eq!(said.code, 1);
    let places: Vec<&str> = said.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(places.iter().filter(|place| place.starts_with(SUSPICIOUS)).count(), 1);
    assert_eq!(doorward(["lint", "policies", "policies"]).code, 0, "the same names in two policies");
}

/// The shape that the standard demands, as far as it can be told without it:
/// required properties, indices that fit, lines and columns from 1.
#[test]
fn sarif_says_the_same() {
    let said = doorward(["lint", BROKEN, SUSPICIOUS, "--format", "sarif"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let log: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "doorward");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let json: Value =
        serde_json::from_str(&doorward(["lint", BROKEN, SUSPICIOUS, "--format", "json"]).out).unwrap();
    let findings = json["diagnostics"].as_array().unwrap();
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(findings) {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!((&result["ruleId"], &result["ruleId"]), (&rule["id"], &finding["code"]));
        assert_eq!(result["level"], finding["severity"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], finding["location"]["file"]);
        assert_eq!(place["region"]["startLine"], finding["location"]["start"]["line"]);
        assert!(place["region"]["startColumn"].as_u64().unwrap() >= 1);
        let text = result["message"]["text"].as_str().unwrap();
        assert!(text.starts_with(finding["message"].as_str().unwrap()));
    }
}

const CONFIG: &str = "policies: rules
identity:
  issuers:
    - { issuer: i, audiences: a, algorithms: RS256, keys: { file: none.json } }
    - { issuer: j, audiences: a, algorithms: HS256, keys: { secret_env: NO_SUCH_SECRET } }
";

#[test]
fn a_configuration_is_linted_with_its_keys_and_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |args: &[&str]| {
        Doorward::new([&["lint", "--format", "short"], args].concat()).within(folder.path()).run()
    };
    fs::write(folder.path().join("doorward.yaml"), CONFIG).unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::copy(root().join(SUSPICIOUS).join("policy.yaml"), folder.path().join("rules/a.yaml")).unwrap();

    let said = lint(&[]);
    for (line, place) in said.out.lines().zip(["doorward.yaml:4:", "doorward.yaml:5:", "rules/a.yaml:7:"]) {
        assert!(line.starts_with(place), "{line}");
    }
    assert_eq!((said.code, said.out.lines().count()), (1, 3), "{}", said.out);
    assert_eq!(lint(&["--config", "doorward.yaml"]).out, said.out, "the default");

    let said = lint(&["--skip-keys"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{}", said.out);

    fs::write(folder.path().join("doorward.yaml"), "policy: rules\n").unwrap();
    let said = lint(&[]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("doorward.yaml:1:1: error[DW010]"), "{}", said.out);
}

#[test]
fn certificates_of_all_ports_are_looked_at_with_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |args: &[&str]| {
        Doorward::new([&["lint", "--format", "short"], args].concat()).within(folder.path()).run()
    };
    let tls = "tls: { certificate: none.crt, key: none.key }";
    let config = format!(
        "listen:\n  grpc: {{ address: 127.0.0.1:9191, {tls} }}\n  \
         http: {{ address: 127.0.0.1:9192, proxy: envoy, {tls} }}\n  admin: {{ address: 127.0.0.1:9193, {tls} }}\n\
         policies: rules\n"
    );
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::copy(root().join(SUSPICIOUS).join("policy.yaml"), folder.path().join("rules/a.yaml")).unwrap();
    let said = lint(&[]);
    for (line, place) in said.out.lines().zip(["doorward.yaml:2:", "doorward.yaml:3:", "doorward.yaml:4:"]) {
        assert!(line.starts_with(place) && line.contains("error[DW001]"), "{line}");
    }
    assert_eq!(said.code, 1, "{}", said.out);
    assert_eq!(lint(&["--skip-keys"]).code, 0);
}

#[test]
fn what_is_not_there_can_not_be_linted() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["lint"][..],
        &["lint", "none"],
        &["lint", "--config", "none.yaml"],
        &["lint", "file.yaml"],
        &["lint", "--config", "."],
        &["lint", "dir", "--config", "file.yaml"],
        &["lint", "--format", "xml"],
    ] {
        fs::write(folder.path().join("file.yaml"), "").unwrap();
        let said = Doorward::new(args.iter().copied()).within(folder.path()).run();
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{args:?}: {}", said.err);
    }
    // A directory without a policy can be linted: it is wrong.
    assert_eq!(Doorward::new(["lint", "."]).within(folder.path()).run().code, 1);
}

/// Policies name headers, `doorward.yaml` says which prefixes they may have.
#[test]
fn headers_of_services_need_a_listed_prefix_and_are_counted_together() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    let lint = |config: &str, headers: &str| {
        fs::write(folder.path().join("doorward.yaml"), config).unwrap();
        let policy = format!(
            "services:\n  s:\n    paths: [/]\n    upstream_headers: {{ {headers} }}\n    routes: [{{ route: GET /, access: authenticated }}]\n"
        );
        fs::write(folder.path().join("policies/a.yaml"), policy).unwrap();
        Doorward::new(["lint", "--format", "short"]).within(folder.path()).run()
    };
    let unlisted = lint("policies: policies", "x-tenant: claims.tenant");
    assert_eq!(unlisted.code, 1);
    assert!(unlisted.out.contains("DW303") && unlisted.out.contains("a.yaml:4:"), "{}", unlisted.out);
    assert_eq!(lint("header_prefixes: [x-tenant]", "x-tenant: claims.tenant").code, 0);
    let many = |n: usize| (0..n).map(|n| format!("x-user-{n}: user.id")).collect::<Vec<_>>().join(", ");
    assert_eq!(lint("policies: policies", &many(14)).code, 0, "and two by default");
    let told = lint("policies: policies", &many(15));
    assert!(told.code == 1 && told.out.contains("DW003"), "{}", told.out);
    // What the configuration says is compiled too.
    let wrong = lint("upstream_headers: { x-user-id: request.host }", "x-user-a: user.id");
    assert!(wrong.code == 1 && wrong.out.contains("doorward.yaml:1:"), "{}", wrong.out);
}

#[test]
fn a_verdict_does_not_depend_on_who_reads_it() {
    assert_eq!(Doorward::new(["lint", BROKEN]).run_unread(), 1);
    assert_eq!(Doorward::new(["lint", "policies"]).run_unread(), 0);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let colored = |said: &str| said.contains("\x1b[");
    assert!(!colored(&doorward(["lint", BROKEN]).out));
    assert!(!colored(&doorward(["lint", BROKEN, "--color", "never"]).out));
    assert!(colored(&doorward(["lint", BROKEN, "--color", "always"]).out));
    assert!(colored(&doorward(["--color=always", "lint", "policies"]).out));
    assert!(!colored(&Doorward::new(["lint", BROKEN]).env("NO_COLOR", "1").run().out));
    for format in ["short", "json", "sarif"] {
        assert!(!colored(&doorward(["lint", BROKEN, "--color", "always", "--format", format]).out));
    }
}

/// A policy with one warning, which a comment may allow.
fn with_comment(comment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policy = format!(
        "roles: {{ keeper: {{ grants: [file:read] }} }}\nservices:\n  files:\n    paths: [/files]\n    routes:\n      \
         - {{ route: \"GET /files/**\", access: anonymous }} {comment}\n      - {{ route: GET /files/mine, codes: file:read }}\n"
    );
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/policy.yaml"), policy).unwrap();
    folder
}

#[test]
fn what_a_comment_allows_is_counted_and_no_warning() {
    let lint = |comment: &str, args: &[&str]| {
        let folder = with_comment(comment);
        let args = [&["lint", "policies", "--deny-warnings"], args].concat();
        Doorward::new(args).within(folder.path()).run()
    };
    let said = lint("", &["--format", "short"]);
    assert_eq!((said.code, said.out.contains("DW201")), (1, true), "{}", said.out);
    let comment = "# allow: DW201 because the files are public";
    let said = lint(comment, &[]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(said.out, "no findings in 1 file: 1 service, 2 routes, 1 role; 1 allowed by comments\n");
    assert_eq!(lint(comment, &["--format", "short"]).out, "");

    let said = lint(comment, &["--format", "json"]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&json["warnings"], json["diagnostics"].as_array().unwrap().len()), (&Value::from(0), 0));
    assert_eq!(json["silenced"][0]["code"], "DW201");
    assert_eq!(json["silenced"][0]["allowed"], "the files are public");

    let said = lint(comment, &["--format", "sarif"]);
    let log: Value = serde_json::from_str(&said.out).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "DW201");
    assert_eq!(result["suppressions"][0]["kind"], "inSource");
    assert_eq!(result["suppressions"][0]["justification"], "the files are public");

    for (comment, code) in [
        ("# allow: DW201", "DW221"),
        ("# allow: DW201 because   ", "DW221"),
        ("# allow: DW2O1 because of this", "DW221"),
        ("# allow: DW112 because of this", "DW221"),
        ("# allow: DW202, DW204 because of this", "DW222"),
    ] {
        let said = lint(comment, &["--format", "short"]);
        assert_eq!((said.code, said.out.contains(code)), (1, true), "{comment}: {}", said.out);
        assert!(said.out.contains("DW201"), "{comment}: {}", said.out);
    }
}

/// Errors stay, whatever comments say.
#[test]
fn no_comment_allows_an_error() {
    let folder = with_comment("");
    let path = folder.path().join("policies/policy.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("codes: file:read }", "roles: nobody } # allow: DW103 because I must"))
        .unwrap();
    let said = Doorward::new(["lint", "policies", "--format", "short"]).within(folder.path()).run();
    assert_eq!(said.code, 1);
    assert!(said.out.contains("error[DW103]") && said.out.contains("warning[DW221]"), "{}", said.out);
}

/// Comments count in `doorward.yaml`, too, whatever the lines end with.
#[test]
fn a_warning_about_the_configuration_can_be_allowed() {
    let folder = with_comment("# allow: DW201 because the files are public");
    let policy = folder.path().join("policies/policy.yaml");
    let crlf = fs::read_to_string(&policy).unwrap().replace('\n', "\r\n");
    fs::write(&policy, crlf).unwrap();
    let config = "listen:\r\n  # allow: open-listener because the network is ours\r\n  # and nobody else's\r\n\r\n  grpc: 0.0.0.0:9191\r\n";
    let lint = |config: &str| {
        fs::write(folder.path().join("doorward.yaml"), format!("{config}policies: policies\r\n")).unwrap();
        Doorward::new(["lint", "--deny-warnings"]).within(folder.path()).run()
    };
    let said = lint(config);
    assert_eq!((said.code, said.out.contains("; 2 allowed by comments")), (0, true), "{}", said.out);
    let said = lint(&config.replace("open-listener", "DW310"));
    assert_eq!(said.code, 1);
    assert!(said.out.contains("DW311") && said.out.contains("DW222"), "{}", said.out);
}

const SHOP: &str = "tests/golden/api/shop/policies";
const SHOP_API: &str = "tests/golden/api/shop/api.yaml";

#[test]
fn a_policy_is_compared_with_its_api() {
    let lint = |args: &[&str]| doorward([&["lint", "--format", "short"], args].concat());
    let said = lint(&[SHOP, "--api", SHOP_API]);
    assert_eq!(said.code, 0, "warnings: {}", said.err);
    for code in ["DW232", "DW233", "DW234", "DW235", "DW236"] {
        assert!(said.out.contains(code), "{code}: {}", said.out);
    }
    let places: Vec<&str> = said.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert!(
        places.contains(&SHOP_API) && places.contains(&format!("{SHOP}/policy.yaml").as_str()),
        "{places:?}"
    );
    assert_eq!(lint(&[SHOP, "--api", SHOP_API, "--deny-warnings"]).code, 1);
    assert_eq!(lint(&[SHOP, "--api", &format!("shop={SHOP_API}")]).out, said.out);

    for (args, told) in [
        (&[SHOP, "--api", "none.yaml"][..], "can't read `none.yaml`"),
        (&[SHOP, "--api", "stock=tests/golden/api/shop/api.yaml"], "no service `stock`: it has `shop`"),
        (&["policies", "--api", SHOP_API], "write `--api SERVICE=FILE`: the policy has `events`, `venues`"),
        (&[SHOP, "policies", "--api", SHOP_API], "name one directory"),
    ] {
        let said = lint(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains(told), "{args:?}: {}", said.err);
    }
    // What is no description is an error, and so is one that can't be read.
    for (case, code) in
        [("swagger/api.yaml", "DW230"), ("garbage/api.binpb", "DW230"), ("references/api.yaml", "DW231")]
    {
        let said = lint(&[SHOP, "--api", &format!("tests/golden/api/{case}")]);
        assert_eq!((said.code, said.out.contains(code)), (1, true), "{case}: {}", said.out);
    }
}

/// A descriptor set for gRPC and a document for HTTP are two halves of one API.
#[test]
fn several_descriptions_of_one_service_are_one() {
    let both = [
        "lint",
        "tests/golden/api/grpc/policies",
        "--format",
        "short",
        "--api",
        "tests/golden/api/grpc/api.binpb",
    ];
    let alone = doorward(both).out;
    assert!(
        alone.contains("GRPC /stock.v1.Stock/Recount")
            && !alone.contains("DW234]: the API has no operation for `GET")
    );
    let document = "openapi: 3.0.0\npaths:\n  /v1/items: { post: {}, get: {} }\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.yaml");
    fs::write(&path, document).unwrap();
    let with = doorward([&both[..], &["--api", path.to_str().unwrap()]].concat()).out;
    assert!(!with.contains("items.yaml"), "{with}");
}
