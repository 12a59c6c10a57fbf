//! `doorward matrix` and `doorward what-can`.

use std::fs;

use crate::support::{Doorward, doorward, golden};

#[test]
fn the_reference_policy_in_every_form() {
    for (name, args) in [
        ("matrix", &["matrix", "policies"][..]),
        ("matrix-narrow", &["matrix", "policies", "--service", "venues", "--width", "60"]),
        ("matrix-csv", &["matrix", "policies", "--format", "csv"]),
        ("matrix-markdown", &["matrix", "policies", "--format", "markdown", "--roles", "admin,viewer"]),
        ("matrix-json", &["matrix", "policies", "--format", "json", "--service", "venues"]),
        ("what-can", &["what-can", "--policies", "policies", "--user", "ann", "--roles", "viewer"]),
        (
            "what-can-denied",
            &["what-can", "--policies", "policies", "--user", "ann", "--roles", "admin,auditor", "--denied"],
        ),
        (
            "what-can-json",
            &[
                "what-can",
                "--policies",
                "policies",
                "--service",
                "venues",
                "--user",
                "carol@example.com",
                "--format",
                "json",
            ],
        ),
    ] {
        let said = Doorward::new(args.iter().copied()).env("COLUMNS", "").run();
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        // Any line of the policy changes it.
        let revision = regex_lite::Regex::new("(revision\"?:? \"?)[0-9a-f]+").unwrap();
        golden(name, &revision.replace_all(&said.out, "${1}[revision]"));
    }
}

#[test]
fn the_page_names_nothing_that_is_elsewhere() {
    let said = doorward(["matrix", "policies", "--format", "html"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("<!doctype html>") && said.out.ends_with("</html>\n"));
    assert!(said.out.contains("default-src 'none'") && !said.out.contains("unsafe-inline"));
    for elsewhere in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!said.out.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn tables_fit_the_terminal() {
    for width in ["40", "60", "100", "200"] {
        let said = Doorward::new(["matrix", "policies"]).env("COLUMNS", width).run();
        let most: usize = width.parse().unwrap();
        // A route and its methods are never cut.
        let long = said.out.lines().filter(|line| line.chars().count() > most && !line.contains('/'));
        assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new(), "{width}");
    }
}

#[test]
fn unknown_names_are_told_with_those_that_there_are() {
    for (args, error) in [
        (
            &["matrix", "policies", "--roles", "admn"][..],
            "the policy has no role `admn`: did you mean `admin`?",
        ),
        (
            &["matrix", "policies", "--service", "zzzzzzz"],
            "the policy has no service `zzzzzzz`; it has events, venues",
        ),
        (
            &["what-can", "--policies", "policies", "--service", "event"],
            "the policy has no service `event`: did you mean `events`?",
        ),
        (&["matrix", "nowhere"], "nowhere"),
    ] {
        let said = doorward(args.iter().copied());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains(error), "{}", said.err);
    }
}

/// A policy in a folder of its own.
pub(crate) fn policy(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), text).unwrap();
    folder
}

#[test]
fn what_depends_on_the_request_is_a_condition() {
    let folder = policy(
        "roles:\n  manager: { grants: ['v:*'] }\n  suspended: { denies: ['v:write'] }\nbindings:\n  - { user: bob, roles: [manager], \
         on: { venue: [v-1] } }\n  - { user: eve, roles: [manager] }\n  - { user: eve, roles: [suspended], on: { venue: [v-9] } }\n\
         services:\n  venues:\n    paths: [/]\n    routes:\n      - { route: 'GET /v', codes: v:read }\n      - { route: 'PUT \
         /v/{venue}', codes: v:write, when: \"user.id == 'eve' \" }\n      - { route: GET /p, peers: ['spiffe://c/web'] }\n",
    );
    let path = folder.path().to_str().unwrap();
    let mut page = String::new();
    for args in [
        &["--user", "bob"][..],
        &["--user", "bob", "--denied"],
        &["--user", "eve"],
        &[],
        &["--peer", "spiffe://c/web"],
        &["--peer", "spiffe://c/other", "--denied"],
        &["--claims", "{\"sub\": \"a,b\"}", "--denied"],
    ] {
        let said = doorward(["what-can", "--policies", path].into_iter().chain(args.iter().copied()));
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        page.push_str(&format!("$ {}\n{}\n", args.join(" "), said.out));
    }
    golden("what-can-conditions", &page);
}
