//! `doorward test`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::readme::names;
use crate::support::{Doorward, Said, doorward, golden, root};

const FAILURES: &str = "tests/golden/tests/failures/_doorward.yaml";
const COVERAGE: &str = "tests/golden/tests/coverage";
const TIME: &str = "tests/golden/tests/time";

/// A policy of one service in a folder of its own, with these tests.
struct Written(TempDir);

impl Written {
    fn new(tests: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = "roles: { viewer: { grants: [event:read] } }\n\
            services: { events: { paths: [/events], routes: [\n\
            { route: \"GET /events/{id}\", codes: event:read } ] } }\n";
        fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        fs::write(folder.path().join("tests.yaml"), tests).unwrap();
        Self(folder)
    }

    fn run<'a>(&'a self, args: &[&'a str]) -> Said {
        let mut all = vec!["test", self.0.path().to_str().unwrap()];
        all.extend(args);
        doorward(all)
    }
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err))
}

#[test]
fn everything_that_ships_does_what_its_tests_say() {
    let said = doorward(["test", "policies", "--min-coverage", "100"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let quickstart = doorward(["test", "--config", "examples/quickstart/doorward.yaml"]);
    assert_eq!(quickstart.code, 0, "{}{}", quickstart.out, quickstart.err);
    for name in names() {
        let folder = root().join("examples").join(&name);
        let said = Doorward::new(["test", "--min-coverage", "100"]).within(&folder).run();
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
    }
}

#[test]
fn failures_are_told_with_place_and_explanation_and_end_with_1() {
    let told = |format| doorward(["test", "-c", FAILURES, "--format", format]).transcript();
    golden("test-text", &told("text"));
    golden("test-json", &told("json"));
    golden("test-junit", &told("junit"));
}

#[test]
fn json_and_junit_tell_the_same() {
    let told = json(&doorward(["test", "-c", FAILURES, "--format", "json"]));
    let text = doorward(["test", "-c", FAILURES, "--format", "junit"]).out;
    let page = roxmltree::Document::parse(&text).unwrap();
    let all = page.root_element();
    let number = |node: roxmltree::Node, name| node.attribute(name).unwrap().parse::<u64>().unwrap();
    let tests = told["tests"].as_array().unwrap();
    assert_eq!(number(all, "failures"), told["failed"].as_u64().unwrap());
    assert_eq!(number(all, "tests"), tests.len() as u64);
    let suites: Vec<_> = all.children().filter(roxmltree::Node::is_element).collect();
    assert_eq!(suites.iter().map(|suite| number(*suite, "tests")).sum::<u64>(), tests.len() as u64);
    let cases: Vec<_> = page.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    for (test, case) in tests.iter().zip(&cases) {
        assert_eq!(test["name"], case.attribute("name").unwrap());
        assert_eq!(test["line"], number(*case, "line"));
        let failure = case.children().find(|node| node.has_tag_name("failure"));
        assert_eq!(test["passed"], failure.is_none());
        if let Some(failure) = failure {
            let wrong = test["wrong"][0].as_str().unwrap();
            assert!(failure.attribute("message").unwrap().starts_with(wrong), "{wrong}");
            // The place, and what `check` tells.
            let text = failure.text().unwrap();
            assert!(text.contains("tests.yaml:") && text.contains("\n  policy    "), "{text}");
            assert_eq!(test["decision"]["reason"] == "allowed", test["got"] == "allow");
        }
    }
}

/// What is printed of a failure is what `check` prints, but for hints on its arguments.
#[test]
fn a_test_is_decided_as_check_decides() {
    let dir = "examples/service-to-service";
    let said = |args: &[&str]| Doorward::new(args.iter().copied()).within(&root().join(dir)).run();
    let folder = root().join(dir).join("policies");
    let tests: Value = json(&said(&["test", "--format", "json"]));
    assert!(folder.is_dir());
    for test in tests["tests"].as_array().unwrap() {
        let (method, path) = test["request"].as_str().unwrap().split_once(' ').unwrap();
        let peer = |name: &str| match name {
            "till" => "spiffe://cluster.example/ns/shop/sa/till",
            "web" => "spiffe://cluster.example/ns/shop/sa/web",
            "reports" => "spiffe://cluster.example/ns/finance/sa/reports",
            "gateway" => "spiffe://cluster.example/ns/bank/sa/gateway",
            "clerk-at-desk" => "spiffe://cluster.example/ns/office/sa/desk",
            _ => "",
        };
        let who = test["as"].as_str().unwrap();
        let mut args = vec!["check", method, path, "--peer", peer(who), "--format", "json"];
        if who.starts_with("clerk") {
            args.extend(["--user", who, "--roles", "clerk"]);
        } else if who.starts_with("gus") {
            continue;
        }
        let checked = json(&said(&args));
        let reason = match &checked["reason"] {
            reason if reason == "allowed" => "allow",
            reason => reason.as_str().unwrap(),
        };
        assert_eq!(test["got"], reason, "{} as {who}", test["request"]);
    }
}

#[test]
fn names_choose_and_nothing_chosen_is_no_success() {
    let run = |args: &[&str]| {
        let all = ["test", "-c", FAILURES, "--format", "json"];
        doorward(all.into_iter().chain(args.iter().copied()))
    };
    let names = |args: &[&str]| -> Vec<String> {
        let told = json(&run(args));
        let tests = told["tests"].as_array().unwrap();
        tests.iter().map(|test| test["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["-n", "JSON"]), ["JSON by YAML", "JSON by hand, with a mistake"]);
    assert_eq!(names(&["--name", "by YAML", "--name", "health as nobody"]).len(), 2);
    assert_eq!(run(&["-n", "by YAML"]).code, 0);
    let nothing = run(&["-n", "json"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (2, ""));
    assert_eq!(nothing.err, "error: none of the 12 tests has `json` in its name\n");
}

#[test]
fn what_can_not_run_ends_with_2() {
    let none = doorward(["test", "tests/cli/fixtures/scoped"]);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    assert!(none.err.contains("has `tests:` or `invariants:`: docs/testing.md"), "{}", none.err);

    let broken = doorward(["test", "tests/golden/policy/tests-names"]);
    assert_eq!((broken.code, broken.out.as_str()), (2, ""));
    assert!(broken.err.contains("error[DW131]: no persona is called `anne`"), "{}", broken.err);

    // Headers are said by the configuration.
    let headers = doorward(["test", "tests/golden/tests/failures"]);
    assert_eq!((headers.code, headers.out.as_str()), (2, ""));
    let place = "`what the upstream is told` (tests/golden/tests/failures/tests.yaml:20) expects headers";
    assert!(headers.err.contains(place) && headers.err.contains("--config"), "{}", headers.err);
    // So only those are refused that ask for them.
    assert_eq!(doorward(["test", "tests/golden/tests/failures", "-n", "by YAML"]).code, 0);

    assert_eq!(doorward(["test", "no-such-directory"]).code, 2);
    let file = doorward(["test", "policies/tests.yaml"]);
    assert!(file.code == 2 && file.err.contains("with their whole policy"), "{}", file.err);
    assert_eq!(doorward(["test", "policies", "--config", FAILURES]).code, 2);
    assert_eq!(doorward(["test", "policies", "--min-coverage", "101"]).code, 2);
    assert_eq!(doorward(["test", "policies", "--at", "noon"]).code, 2);
}

#[test]
fn coverage_is_told_and_can_be_asked_for() {
    golden("test-coverage", &doorward(["test", COVERAGE, "--coverage"]).transcript());
    assert_eq!(doorward(["test", COVERAGE, "--min-coverage", "50"]).code, 0);
    let little = doorward(["test", COVERAGE, "--min-coverage", "51"]);
    assert_eq!(little.code, 1);
    assert!(little.out.contains("coverage 50 %, and at least 51 % are asked for\n"), "{}", little.out);
    let told = json(&doorward(["test", COVERAGE, "--min-coverage", "51", "--format", "json"]));
    assert_eq!((&told["coverage"]["percent"], &told["coverage"]["at_least"]), (&50.into(), &51.into()));
    let route = &told["coverage"]["routes"]["missed"][0];
    assert_eq!(route["what"], "DELETE /events/{id} of events");
    assert_eq!(route["place"], "tests/golden/tests/coverage/policy.yaml:20");
    assert!(json(&doorward(["test", COVERAGE, "--format", "json"]))["coverage"].is_null());
}

#[test]
fn a_result_that_hangs_on_the_time_must_say_when() {
    // A binding that ends in the year 2030, and a condition that asks for the time.
    let said = doorward(["test", TIME]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("(a binding makes it another at 2030-04-01T00:00:00Z: "), "{}", said.out);
    assert!(said.out.contains("tests/golden/tests/time/policy.yaml:4)"), "{}", said.out);
    assert!(said.out.contains("help: say when: `at: 20"), "{}", said.out);
    let then = |at| json(&doorward(["test", TIME, "--at", at, "--format", "json"]))["failed"].clone();
    assert_eq!(then("2029-01-01T00:00:00Z"), 1, "only what fails anyway");
    assert_eq!(then("2030-02-01T00:00:00Z"), 1, "what was not yet, is");
    assert_eq!(then("2031-01-01T00:00:00Z"), 2, "what was until then, is over");
}

#[test]
fn a_token_is_read_as_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let issuer = |name: &str| {
        format!(
            "\n    - {{ issuer: {name}, audiences: [a], algorithms: [RS256], keys: {{ file: none.json }}, user: email }}"
        )
    };
    let config = |issuers: &str| {
        format!(
            "listen: {{ grpc: 127.0.0.1:0 }}\npolicies: p\nidentity:\n  issuers:{issuers}\nupstream_headers: {{ x-user-id: user.id }}\n"
        )
    };
    write("p/p.yaml", "services: { s: { paths: [/s], routes: [{ route: GET /s, access: authenticated }] } }");
    write(
        "p/tests.yaml",
        "tests:\n  - { name: a, as: { token: { sub: x, email: ann } }, request: GET /s, expect: allow, upstream_headers: { x-user-id: ann } }\n  \
         - { name: b, as: { token: { sub: x } }, request: GET /s, expect: token_malformed }\n",
    );
    write("doorward.yaml", &config(&issuer("https://one.example")));
    let said = Doorward::new(["test"]).within(folder.path()).run();
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);

    // Of several issuers one must be named.
    write("doorward.yaml", &config(&(issuer("https://one.example") + &issuer("https://two.example"))));
    let said = Doorward::new(["test"]).within(folder.path()).run();
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("error[DW130]: several issuers are configured"), "{}", said.err);
    assert!(said.err.contains(" --> p/tests.yaml:2:22"), "{}", said.err);
}

#[test]
fn nothing_in_a_request_speaks_to_the_terminal_or_to_xml() {
    let tests = "tests:\n  - name: rows\n    table:\n      as: nobody\n      \"GET /events/\\e[31m]]><x a='&'\\u202e\\0\": allow\n";
    let written = Written::new(tests);
    for format in ["text", "json", "junit"] {
        let said = written.run(&["--format", format]);
        assert_eq!(said.code, 1, "{}", said.err);
        let fine = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        if format != "json" {
            assert!(said.out.chars().all(fine), "{}", said.out);
        }
        if format == "junit" {
            let page = roxmltree::Document::parse(&said.out).unwrap();
            let case = page.descendants().find(|node| node.has_tag_name("testcase")).unwrap();
            assert_eq!(
                case.attribute("name").unwrap(),
                "rows: GET /events/\\u{1b}[31m]]><x a='&'\\u{202e}\\u{0} as nobody"
            );
        }
    }
}

#[test]
fn tokens_in_tests_are_never_printed() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLXRoYXQtaXMtbm9uZQ";
    let written = Written::new(&format!(
        "tests:\n  - {{ name: \"{token}\", as: nobody, request: \"GET /events/{token}\", expect: allow }}\n"
    ));
    for format in ["text", "json", "junit"] {
        let said = written.run(&["--format", format]);
        assert!(said.code == 1 && !said.out.contains(token), "{}", said.out);
    }
    let broken = Written::new(&format!("tests: [{{ name: x, as: {{ token: {token} }} }}]\n"));
    let said = broken.run(&[]);
    assert!(said.code == 2 && !said.err.contains(token), "{}", said.err);
}

#[test]
fn fifty_thousand_tests_are_no_trouble() {
    let mut tests = String::from("personas: { ann: { roles: viewer }, bea: { user: bea } }\ntests:\n");
    for table in 0..10 {
        tests.push_str(&format!("  - name: t{table}\n    table:\n      as: [nobody, ann, bea]\n"));
        for row in 0..1667 {
            tests.push_str(&format!("      GET /events/{table}-{row}: [allow, allow, code_missing]\n"));
        }
    }
    let written = Written::new(&tests);
    let began = Instant::now();
    let said = written.run(&[]);
    assert!(said.out.ends_with("and 16570 more: mend these first\n\nfailed 16670 of 50010 tests\n"));
    assert!(said.out.len() < 200_000, "{}", said.out.len());
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    // What is not printed is counted all the same.
    let told = json(&written.run(&["--format", "json"]));
    assert_eq!((&told["failed"], told["tests"].as_array().unwrap().len()), (&16670.into(), 50010));
}

#[test]
fn colours_and_readers_that_stop_change_nothing() {
    let colored = doorward(["test", COVERAGE, "--color", "always"]);
    assert!(colored.code == 0 && colored.out.contains("\u{1b}["));
    assert!(!doorward(["test", COVERAGE]).out.contains('\u{1b}'));
    assert_eq!(Doorward::new(["test", "-c", FAILURES]).run_unread(), 1);
    assert_eq!(Doorward::new(["test", COVERAGE]).run_unread(), 0);
    assert!(Path::new(root()).join(COVERAGE).is_dir());
}

/// The server reads what tests say, and does not care whether they hold.
#[test]
fn lint_does_not_run_tests() {
    let said = doorward(["lint", "tests/golden/tests/failures"]);
    assert_eq!(said.code, 0, "{}", said.out);
    let broken = doorward(["lint", "tests/golden/policy/tests-names", "--format", "short"]);
    assert!(broken.code == 1 && broken.out.contains("error[DW131]"), "{}", broken.out);
}
