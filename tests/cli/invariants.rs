//! Invariants in `doorward test`, and `doorward who-can`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Said, doorward, golden, root};

const CASE: &str = "tests/golden/tests/invariants";

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// What a shell makes of a command that was printed.
fn tried(command: &str) -> i32 {
    let binary = Path::new(env!("CARGO_BIN_EXE_doorward"));
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let done = Command::new("sh").args(["-c", command]).env("PATH", path).current_dir(root()).output();
    done.unwrap().status.code().unwrap()
}

#[test]
fn what_breaks_an_invariant_is_a_command_that_shows_it() {
    let said = doorward(["test", CASE, "--format", "json"]);
    assert_eq!(said.code, 1);
    let told = json(&said);
    let mut commands = 0;
    for invariant in list(&told, "invariants") {
        for found in list(invariant, "counterexamples") {
            if list(found, "conditions").is_empty() {
                assert_eq!(found["confirmed"], true, "{found}");
                let expected = i32::from(found["decided"] != "allowed");
                assert_eq!(tried(found["command"].as_str().unwrap()), expected, "{found}");
                commands += 1;
            } else {
                assert_eq!(found["confirmed"], false, "{found}");
            }
        }
    }
    assert!(commands >= 5, "{commands}");
}

#[test]
fn text_and_junit_tell_the_same_as_json() {
    let run = |format| doorward(["test", CASE, "--at", "2026-11-28T12:00:00Z", "--format", format]);
    let (text, told) = (run("text").out, json(&run("json")));
    let page = run("junit").out;
    let page = roxmltree::Document::parse(&page).unwrap();
    for invariant in list(&told, "invariants") {
        let name = invariant["name"].as_str().unwrap();
        let case = page
            .descendants()
            .find(|node| node.has_tag_name("testcase") && node.attribute("name") == Some(name))
            .unwrap();
        let failure = case.children().find(|node| node.has_tag_name("failure"));
        assert_eq!(invariant["holds"], failure.is_none(), "{name}");
        assert_eq!(text.contains(&format!("[DW141]: `{name}`")), failure.is_some(), "{name}");
        if let Some(failure) = failure {
            assert_eq!(failure.attribute("type"), Some("DW141"));
            assert!(failure.attribute("message").unwrap().contains(invariant["says"].as_str().unwrap()));
        }
    }
    golden("test-invariants", &run("text").transcript());
}

#[test]
fn an_invariant_alone_is_something_to_run_and_may_be_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |never: &str| {
        format!(
            "services: {{ s: {{ paths: [/], routes: [{{ route: GET /a, access: anonymous }}] }} }}\n\
             invariants:\n- {{ name: closed, never: anyone, may: {never} }}\n\
             - {{ name: open, always: anyone, may: GET /a }}\n"
        )
    };
    let file = folder.path().join("policy.yaml");
    let run = |args: &[&str]| doorward([&["test", folder.path().to_str().unwrap()], args].concat());
    fs::write(&file, policy("GET /b")).unwrap();
    let said = run(&[]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "`closed` is about requests that no route answers\nproved 2 invariants\n")
    );
    fs::write(&file, policy("GET /a")).unwrap();
    assert_eq!(run(&[]).code, 1);
    assert_eq!(run(&["--name", "open"]).code, 0);
    assert_eq!(run(&["--name", "neither"]).code, 2);
    // It never keeps a policy out of force.
    assert_eq!(doorward(["lint", folder.path().to_str().unwrap()]).code, 0);
    fs::write(&file, policy("GET /{a").replace("anyone, may", "anyonne, may")).unwrap();
    assert_eq!(doorward(["lint", folder.path().to_str().unwrap()]).code, 1);
    assert_eq!(run(&[]).code, 2);
}

#[test]
fn who_can_is_told_for_people_and_programs() {
    let run = |args: &[&str]| {
        let all = [&["who-can", "--policies", CASE, "--at", "2026-11-28T12:00:00Z"], args].concat();
        doorward(all)
    };
    let mut page = String::new();
    for args in [
        &["DELETE", "/events/e-1"][..],
        &["DELETE", "/events/e-2"],
        &["PUT", "/events/e-2"],
        &["GET", "/events/health"],
        &["GET", "/events/internal/x"],
        &["GET", "/elsewhere"],
        &["TRACE", "/events/e-1"],
        &["GET", "/events/../events/e-1"],
        &["DELETE", "/events/e-1", "--format", "json"],
    ] {
        let said = run(args);
        page.push_str(&format!("$ doorward who-can {}\n{}\n", args.join(" "), said.transcript()));
    }
    golden("who-can", &page);
    assert_eq!(run(&["GET", "/events/x", "--service", "evnts"]).code, 2);
}

#[test]
fn whoever_can_is_let_in() {
    let said = doorward(["who-can", "--policies", CASE, "DELETE", "/events/e-1", "--format", "json"]);
    let ways = json(&said);
    assert!(list(&ways, "ways").len() >= 4, "{ways}");
    for way in list(&ways, "ways") {
        let names =
            |key| list(way, key).iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(",");
        let (roles, codes, users) = (names("roles"), names("codes"), names("users"));
        let mut args = vec!["check", "--policies", CASE, "DELETE", "/events/e-1", "--user"];
        args.push(if users.is_empty() { "somebody" } else { &users });
        for (option, list) in [("--roles", &roles), ("--codes", &codes)] {
            if !list.is_empty() {
                args.extend([option, list]);
            }
        }
        assert_eq!(doorward(args.iter().copied()).code, 0, "{args:?}");
        args.extend(["--scopes", ""]);
        assert_eq!(doorward(args.iter().copied()).code, 1, "{args:?}");
    }
}
