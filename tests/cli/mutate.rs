//! `doorward mutate`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use doorward::review::mutate::Kind;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Doorward, Said, doorward, golden, root};

const POLICY: &str = "tests/cli/fixtures/mutate";
const PROVED: &str = "tests/cli/fixtures/mutate-invariants";
const AT: &str = "2026-11-28T12:00:00Z";

/// A copy of a policy with more tests, which stand below `tests:` in a file of
/// their own.
fn with_tests(policy: &str, tests: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["policy.yaml", "tests.yaml"] {
        fs::copy(root().join(policy).join(file), folder.path().join(file)).unwrap();
    }
    fs::write(folder.path().join("more.yaml"), tests).unwrap();
    folder
}

fn mutate(folder: &Path, args: &[&str]) -> Said {
    let mut all = vec!["mutate", folder.to_str().unwrap(), "--at", AT];
    all.extend(args);
    doorward(all)
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err))
}

#[test]
fn survivors_are_shown_with_the_test_that_notices() {
    golden("mutate-text", &doorward(["mutate", POLICY, "--at", AT]).transcript());
    let told = doorward(["mutate", POLICY, "--at", AT, "--format", "json"]).transcript();
    golden("mutate-json", &told.replace(json_revision(&told), "REVISION"));
}

/// The revision is that of every byte of the files, comments too.
fn json_revision(told: &str) -> &str {
    let (_, after) = told.split_once("\"revision\": \"").unwrap();
    after.split('"').next().unwrap()
}

/// Every kind survives where nothing looks at it; the tests that are printed, added to the policy,
/// notice all of them.
#[test]
fn every_kind_survives_without_a_test_and_is_noticed_with_the_one_that_is_shown() {
    let before = mutate(&root().join(POLICY), &["--format", "json"]);
    assert_eq!(before.code, 1, "{}", before.err);
    let before = json(&before);
    let survivors = before["survivors"].as_array().unwrap();
    let kinds: BTreeSet<&str> = survivors.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, Kind::ALL.iter().map(|kind| kind.as_str()).collect());
    assert_eq!(survivors.len() as u64, before["survived"].as_u64().unwrap());

    let mut tests = String::from("tests:\n");
    for survivor in survivors {
        // What a condition says, only a request can show that is made for it.
        let condition = &survivor["witness"]["conditions"][0]["condition"];
        match survivor["test"].as_str() {
            Some(test) => tests.push_str(test),
            None => assert_eq!(condition, "claims.trusted == true", "{survivor}"),
        }
    }
    tests.push_str(
        "- { name: trusted, as: { roles: [viewer], claims: { trusted: true } }, request: DELETE /docs/x, \
         expect: role_missing }\n",
    );
    let folder = with_tests(POLICY, &tests);
    let checked = doorward(["test", folder.path().to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let after = mutate(folder.path(), &["--format", "json"]);
    assert_eq!(after.code, 0, "{}{}", after.out, after.err);
    let after = json(&after);
    assert_eq!((&after["score"], &after["survived"]), (&100.into(), &0.into()));
    for same in ["all", "harmless", "broken"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    let real = |told: &Value| told["noticed"].as_u64().unwrap() + told["survived"].as_u64().unwrap();
    assert_eq!(real(&before), real(&after));
}

/// `check` says of the policy what is said of the witness.
#[test]
fn a_witness_is_denied_as_it_is_said() {
    let told = json(&mutate(&root().join(POLICY), &["--format", "json"]));
    for survivor in told["survivors"].as_array().unwrap() {
        let witness = &survivor["witness"];
        let arguments: Vec<&str> = witness["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|argument| argument.as_str().unwrap())
            .collect();
        let mut all = vec!["check"];
        all.extend(arguments);
        all.extend(["--policies", POLICY, "--format", "json"]);
        let said = doorward(all);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        assert_eq!(json(&said)["reason"], witness["reason"], "{survivor}");
    }
}

/// The same, for invariants: a policy that has some, with this in place of that.
fn with_invariants(files: &[&str], change: (&str, &str)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let text = fs::read_to_string(root().join(PROVED).join(file)).unwrap();
        fs::write(folder.path().join(file), text.replace(change.0, change.1)).unwrap();
    }
    folder
}

#[test]
fn invariants_notice_what_no_test_does() {
    golden("mutate-invariants", &doorward(["mutate", PROVED, "--at", AT]).transcript());
    let told = json(&mutate(&root().join(PROVED), &["--format", "json"]));
    let both = json(&mutate(&root().join(PROVED), &["--format", "json", "--both"]));
    let by = |told: &Value, what: &str| told["noticed_by"][what].as_u64();
    assert_eq!(by(&told, "both"), None, "not asked");
    assert_eq!(by(&both, "tests").unwrap() + by(&both, "both").unwrap(), by(&told, "tests").unwrap());
    assert_eq!(by(&both, "invariants"), by(&told, "invariants"));
    assert!(["tests", "invariants", "both"].into_iter().all(|what| by(&both, what).unwrap() > 0), "{both}");
    for told in [&told, &both] {
        let sum: u64 = told["noticed_by"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(told["noticed"], sum);
    }
    for same in ["noticed", "survived", "harmless", "broken", "score", "survivors"] {
        assert_eq!(told[same], both[same], "{same}");
    }
}

/// Each alone notices less than both together, and what counts is the same.
#[test]
fn invariants_alone_are_enough_to_run() {
    let same = ("", "");
    let score = |files: &[&str]| {
        let folder = with_invariants(files, same);
        let said = mutate(folder.path(), &["--format", "json"]);
        assert_eq!(said.code, 1, "{}", said.err);
        json(&said)
    };
    let all = score(&["policy.yaml", "tests.yaml", "invariants.yaml"]);
    let proved = score(&["policy.yaml", "invariants.yaml"]);
    let tested = score(&["policy.yaml", "tests.yaml"]);
    let number = |told: &Value, what: &str| told[what].as_u64().unwrap();
    assert_eq!((&proved["noticed_by"]["tests"], &tested["noticed_by"]["invariants"]), (&0.into(), &0.into()));
    for some in [&proved, &tested] {
        assert!(number(some, "noticed") > 0 && number(some, "noticed") < number(&all, "noticed"));
        assert_eq!((&some["harmless"], &some["broken"]), (&all["harmless"], &all["broken"]));
    }
}

/// A weaker policy that an invariant does not compile with, since a code is gone that it names, is noticed
/// by it; without the invariant it would have been merged.
#[test]
fn an_invariant_that_names_what_is_gone_notices() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "services: { s: { paths: [/s], routes: [{ route: GET /s, codes: n:x }] } }\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let file = folder.path().join("more.yaml");
    let told = |text: &str| {
        fs::write(&file, text).unwrap();
        json(&mutate(folder.path(), &["--format", "json"]))
    };
    let test = told("tests: [{ name: t, as: nobody, request: GET /s, expect: token_missing }]\n");
    let invariant = told("invariants: [{ name: i, only: { codes: n:x }, may: GET /s }]\n");
    assert_eq!((&test["broken"], &test["harmless"]), (&invariant["broken"], &invariant["harmless"]));
    let open =
        |told: &Value| told["survivors"].as_array().unwrap().iter().any(|one| one["kind"] == "access-opened");
    assert!(open(&test) && !open(&invariant), "{test}\n{invariant}");
    let weaker = policy.replace("codes: n:x", "access: authenticated");
    fs::write(folder.path().join("policy.yaml"), weaker).unwrap();
    assert_eq!(doorward(["test", folder.path().to_str().unwrap()]).code, 2);
}

/// A slip that only invariants notice, made by hand: `doorward test` fails of it.
#[test]
fn what_an_invariant_notices_fails_when_it_is_done() {
    let files = ["policy.yaml", "tests.yaml", "invariants.yaml"];
    for (change, breaks) in [
        ((", ip: { allow: [office] }", ""), "nobody deletes from elsewhere"),
        (("roles: boss, when", "roles: { any: [boss, editor] }, when"), "only the boss begins jobs"),
        (("GET /docs/about", "ANY /docs/about"), "about is all that is public"),
    ] {
        let policy = with_invariants(&files[..1], change);
        fs::copy(root().join(PROVED).join("invariants.yaml"), policy.path().join("invariants.yaml")).unwrap();
        fs::copy(root().join(PROVED).join("tests.yaml"), policy.path().join("tests.yaml")).unwrap();
        let said = doorward(["test", policy.path().to_str().unwrap(), "--at", AT]);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        assert!(said.out.contains(&format!("[DW141]: `{breaks}` ")), "{}", said.out);
        assert!(said.out.contains("passed 3 tests"), "{}", said.out);
    }
}

#[test]
fn an_invariant_that_is_false_already_notices_nothing() {
    let files = ["policy.yaml", "invariants.yaml"];
    let refused = |change, why: &str| {
        let said = mutate(with_invariants(&files, change).path(), &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""));
        assert!(said.err.contains(why), "{}", said.err);
    };
    let place = "invariants.yaml:13) is false already: `doorward test` says why";
    refused(("[GET /docs/about]", "[GET /docs/other]"), "the invariant `about is all that is public` (");
    refused(("[GET /docs/about]", "[GET /docs/other]"), place);
    refused(("may: \"GET /docs/{id}\"", "may: GET /other"), "the invariant `viewers read` (");
    // What rests on a condition is no proof.
    refused(
        ("only: { roles: boss }", "never: { roles: boss }"),
        "the invariant `only the boss begins jobs` (",
    );
    refused(("only: { roles: boss }", "never: { roles: boss }"), "can't be proved: `doorward test` says why");
    // One that names what is not there is a mistake of the policy.
    refused(("only: { roles: boss }", "only: { roles: bosss }"), "no role is called `bosss`");
}

#[test]
fn the_tests_of_the_policy_that_ships_notice_everything() {
    let said = doorward(["mutate", "policies"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("score 100 %"), "{}", said.out);
}

#[test]
fn a_limit_is_a_sample_and_says_so() {
    let all = json(&mutate(&root().join(POLICY), &["--format", "json"]));
    let some = mutate(&root().join(POLICY), &["--limit", "10"]);
    assert_eq!(some.code, 1, "{}", some.err);
    let line = format!("tried 10 of {} ways to weaken the policy (", all["all"]);
    assert!(some.out.contains(&line), "{}", some.out);
    assert_eq!(some.out, mutate(&root().join(POLICY), &["--limit", "10"]).out);
    let many = mutate(&root().join(POLICY), &["--limit", "1000000"]);
    assert!(!many.out.contains("tried "), "{}", many.out);
}

#[test]
fn the_score_that_is_asked_for_decides() {
    let told = json(&mutate(&root().join(POLICY), &["--format", "json"]));
    let score = told["score"].as_u64().unwrap();
    assert!(score > 0 && score < 100, "{score}");
    let at_least = |score: u64| mutate(&root().join(POLICY), &["--min-score", &score.to_string()]).code;
    assert_eq!((at_least(score), at_least(score + 1), at_least(0)), (0, 1, 0));
}

#[test]
fn a_service_alone_has_its_own_rules_weakened_and_no_others() {
    let told = json(&doorward(["mutate", "policies", "--service", "venues", "--format", "json"]));
    let all = json(&doorward(["mutate", "policies", "--format", "json"]));
    assert!(told["all"].as_u64().unwrap() < all["all"].as_u64().unwrap());
    let said = doorward(["mutate", "policies", "--service", "venue"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("did you mean `venues`?"), "{}", said.err);
}

#[test]
fn what_could_not_run_is_no_score() {
    let failing =
        with_tests(POLICY, "tests: [{ name: wrong, as: nobody, request: GET /docs/d-1, expect: allow }]\n");
    let said = mutate(failing.path(), &[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("the test `wrong` (") && said.err.contains("fails already"), "{}", said.err);

    let broken = with_tests(POLICY, "roles: { viewer: {} }\n");
    let said = mutate(broken.path(), &[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("is defined twice"), "{}", said.err);

    let untested = with_tests(POLICY, "");
    fs::remove_file(untested.path().join("tests.yaml")).unwrap();
    fs::remove_file(untested.path().join("more.yaml")).unwrap();
    let said = mutate(untested.path(), &[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("has `tests:` or `invariants:`"), "{}", said.err);

    let headers = "tests: [{ name: told, as: { roles: [viewer] }, request: GET /docs/d-1, expect: allow, \
                   upstream_headers: { x-user-id: somebody } }]\n";
    let said = mutate(with_tests(POLICY, headers).path(), &[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("name it with `--config`"), "{}", said.err);

    for args in [["--limit", "0"], ["--min-score", "101"], ["--format", "junit"]] {
        assert_eq!(mutate(&root().join(POLICY), &args).code, 2, "{args:?}");
    }
    assert_eq!(doorward(["mutate", "policies", "--config", "x.yaml"]).code, 2);
    assert_eq!(doorward(["mutate", "tests/cli/fixtures/mutate/policy.yaml"]).code, 2);
}

/// With a configuration, tests of headers run before every mutant, and tokens carry what its issuers read.
#[test]
fn a_configuration_says_what_upstreams_are_told() {
    for name in crate::readme::names() {
        let folder = root().join("examples").join(&name);
        let said = Doorward::new(["mutate", "--min-score", "0", "--limit", "60"]).within(&folder).run();
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
        assert_eq!(said.err, "", "{name}: no bar where nobody looks");
    }
}

#[test]
fn a_test_that_notices_by_another_reason_counts() {
    // Dropping the role leaves the code: nobody new may, but for those with the code.
    let folder = tempfile::tempdir().unwrap();
    let policy = "roles: { a: { grants: [n:x] } }\nservices: { s: { paths: [/s], routes: [\
                  { route: GET /s, roles: a, codes: n:y } ] } }\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let test = "tests: [{ name: t, as: { codes: [n:x] }, request: GET /s, expect: role_missing }]\n";
    fs::write(folder.path().join("tests.yaml"), test).unwrap();
    let told = json(&mutate(folder.path(), &["--format", "json"]));
    let survivors = told["survivors"].as_array().unwrap();
    let dropped = |rule: &str| {
        survivors.iter().any(|one| one["kind"] == "requirement-dropped" && one["before"] == rule)
    };
    // The reason changes to `code_missing`, which the test notices; the other it does not.
    assert!(!dropped("roles: a") && dropped("codes: n:y"), "{survivors:?}");
}
