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
    assert!(said.out.starts_with("no findings in 6 files: 2 services, "), "{}", said.out);
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
