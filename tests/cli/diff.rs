//! `doorward diff` on directories and on git.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Doorward, Said, golden};

const AT: &str = "2026-11-28T00:00:00Z";

const ROLES: &str = "roles:
  viewer: { grants: [event:read] }
  editor: { inherits: [viewer], grants: [event:write] }
  admin: { grants: [\"*\"], denies: [billing:refund] }
bindings:
  - { user: alice@example.com, roles: [editor] }
";

const EVENTS: &str = "services:
  events:
    hosts: [api.example.com]
    paths: [/events]
    owners: [\"@shop/events\"]
    routes:
      - route: GET /events/{id}
        codes: event:read
      - route: PUT /events/{id}
        codes: event:write
        when: claims.tenant == \"acme\"
      - route: DELETE /events/{id}
        roles: admin
      - route: GET /events/health
        access: anonymous
";

/// A repository with one commit of the policy.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "-q", "-b", "main"]);
        repository.write("policies/roles.yaml", ROLES);
        repository.write("policies/services/events.yaml", EVENTS);
        repository.commit("the policy");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts other words into the routes.
    fn replace(&self, old: &str, new: &str) {
        assert!(EVENTS.contains(old));
        self.write("policies/services/events.yaml", &EVENTS.replace(old, new));
    }

    fn git(&self, args: &[&str]) {
        let done = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", message]);
    }

    #[track_caller]
    fn diff<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Said {
        Doorward::new(["diff", "--at", AT].into_iter().chain(args)).within(self.path()).run()
    }
}

#[track_caller]
fn ends(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, code, "{said:#?}");
    for word in words {
        assert!(said.out.contains(word) || said.err.contains(word), "`{word}` is not in {said:#?}");
    }
}

#[test]
fn the_same_in_other_words_is_no_change() {
    let repository = Repository::new();
    ends(&repository.diff(["HEAD"]), 0, &["no access changed"]);
    let routes = EVENTS.split("    routes:\n").nth(1).unwrap();
    let mut routes: Vec<&str> = routes.split_inclusive("\n      - ").collect();
    routes.reverse();
    repository.git(&["mv", "policies/roles.yaml", "policies/people.yaml"]);
    repository.write("policies/a.yaml", "networks: { nowhere: [192.0.2.0/24] }\n");
    repository.commit("renamed");
    ends(&repository.diff(["main~1..main"]), 0, &["no access changed"]);
    ends(&repository.diff(["HEAD~1", "--expect", "none"]), 0, &[]);
}

#[test]
fn opened_and_closed_end_differently() {
    let repository = Repository::new();
    repository.replace("codes: event:write", "codes: event:read");
    ends(&repository.diff(["HEAD"]), 2, &["opened", "role viewer", "1 change: 1 opened", "@shop/events"]);
    ends(&repository.diff(["HEAD", "--expect", "closed"]), 2, &[]);
    repository.commit("opens");
    // The other way, only a token that carries the code itself would gain.
    ends(&repository.diff(["HEAD", "HEAD~1"]), 2, &["gained   code event:write"]);
    let plain = ["HEAD", "HEAD~1", "--plain-tokens", "--expect"];
    ends(&repository.diff(plain.into_iter().chain(["none"])), 1, &["closed", "role viewer"]);
    ends(&repository.diff(plain.into_iter().chain(["closed"])), 0, &["closed"]);
    ends(&repository.diff(["HEAD~1..HEAD"]), 2, &["opened"]);
    repository.git(&["tag", "v1", "HEAD~1"]);
    ends(&repository.diff(["v1", "main"]), 2, &["opened"]);
    // Since the branches parted: what happened on the other one is not told.
    repository.git(&["checkout", "-q", "-b", "other", "v1"]);
    repository.replace("roles: admin", "roles: { any: [admin, editor] }");
    repository.commit("other");
    let said = repository.diff(["main...other"]);
    ends(&said, 2, &["DELETE /events/{id}", "1 change"]);
    ends(&repository.diff(["main..other", "--plain-tokens"]), 2, &["2 changes: 1 opened, 1 closed"]);
}

#[test]
fn a_bare_repository_and_a_directory_inside_one_work() {
    let repository = Repository::new();
    repository.replace("codes: event:write", "codes: event:read");
    repository.commit("opens");
    let bare = tempfile::tempdir().unwrap();
    let to = bare.path().to_str().unwrap();
    repository.git(&["clone", "-q", "--bare", ".", to]);
    let said = Doorward::new(["diff", "--repo", to, "--policies", "policies", "HEAD~1..HEAD"]).run();
    ends(&said, 2, &["opened", "policies/services/events.yaml:9"]);
    let said = Doorward::new(["diff", "HEAD~1", "HEAD", "--policies", "."])
        .within(&repository.path().join("policies"));
    ends(&said.run(), 2, &["opened"]);
}

#[test]
fn a_policy_that_was_not_there_opens_everything() {
    let repository = Repository::new();
    repository.git(&["mv", "policies", "rules"]);
    repository.commit("moved");
    let said = repository.diff(["HEAD~1..HEAD", "--policies", "rules"]);
    ends(&said, 2, &["no policy there, so everything is denied", "anyone, without a token"]);
}

#[test]
fn a_damaged_repository_is_none_without_a_policy() {
    let repository = Repository::new();
    repository.replace("roles: admin", "roles: { any: [admin, editor] }");
    repository.commit("opens");
    let tree = Command::new("git")
        .args(["rev-parse", "HEAD^{tree}"])
        .current_dir(repository.path())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let (front, rest) = tree.trim().split_at(2);
    fs::remove_file(repository.path().join(".git/objects").join(front).join(rest)).unwrap();
    for sides in ["HEAD~1..HEAD", "HEAD..HEAD~1"] {
        let said = repository.diff([sides]);
        ends(&said, 3, &["git: "]);
        assert_eq!(said.out, "", "{sides}");
    }
}

#[test]
fn what_can_not_be_compared_ends_with_3() {
    let repository = Repository::new();
    ends(&repository.diff(["nonsense"]), 3, &["`nonsense` is neither a directory nor a revision"]);
    ends(&repository.diff(["HEAD..nonsense"]), 3, &["`nonsense`"]);
    ends(&repository.diff(["policies"]), 3, &["name the other one too"]);
    repository.replace("roles: admin", "roles: admim");
    ends(&repository.diff(["HEAD"]), 3, &["did you mean `admin`", "policies/services/events.yaml:13"]);
    repository.commit("broken");
    let said = repository.diff(["HEAD..HEAD~1"]);
    ends(&said, 3, &["HEAD:policies/services/events.yaml:13:16", "no role is called `admim`"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let said = Doorward::new(["diff", "main..HEAD"]).within(elsewhere.path()).run();
    assert_eq!(said.code, 3, "{said:#?}");
}

#[test]
fn nothing_in_git_hides_a_file() {
    let repository = Repository::new();
    repository.write(".gitattributes", "policies/** export-ignore\n*.yaml filter=none diff=none\n");
    repository.write("policies/more.yaml", "bindings: [{ user: eve, roles: [admin] }]\n");
    repository.commit("hidden");
    ends(&repository.diff(["HEAD~1..HEAD"]), 2, &["user eve"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("roles.yaml", repository.path().join("policies/link.yaml")).unwrap();
        repository.commit("link");
        ends(&repository.diff(["HEAD~1..HEAD"]), 3, &["`HEAD:link.yaml` is a link"]);
    }
}

#[test]
#[cfg(unix)]
fn nothing_in_git_leads_to_files_that_are_not_looked_at() {
    let eve = "bindings:\n  - { user: eve, roles: [admin] }\n";
    // A link to a directory that is skipped for its name.
    let repository = Repository::new();
    repository.write("policies/.more/eve.yaml", eve);
    std::os::unix::fs::symlink(".more", repository.path().join("policies/more")).unwrap();
    ends(&repository.diff(["HEAD"]), 2, &["user eve"]);
    repository.commit("a link");
    ends(&repository.diff(["HEAD~1..HEAD"]), 3, &["`HEAD:more` is a link"]);
    // Another repository.
    let (repository, other) = (Repository::new(), Repository::new());
    other.write("eve.yaml", eve);
    other.commit("eve");
    let from = other.path().to_str().unwrap();
    repository.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", from, "policies/more"]);
    repository.commit("a submodule");
    ends(&repository.diff(["HEAD~1..HEAD"]), 3, &["`HEAD:more` is a submodule"]);
    // Whatever is skipped is nothing to a server either.
    repository.git(&["mv", "policies/more", "policies/_more"]);
    repository.commit("skipped");
    ends(&repository.diff(["HEAD~2..HEAD"]), 0, &["no access changed"]);
}

#[test]
fn a_directory_does_not_pass_for_a_branch() {
    let repository = Repository::new();
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.replace("codes: event:write", "codes: event:read");
    repository.write("main/roles.yaml", ROLES);
    repository.write("main/events.yaml", &EVENTS.replace("codes: event:write", "codes: event:read"));
    repository.commit("opens");
    for args in [&["main..HEAD"][..], &["main...HEAD"], &["refs/heads/main", "HEAD"], &["refs/heads/main"]] {
        ends(&repository.diff(args.iter().copied()), 2, &["opened", "role viewer"]);
    }
    for args in [&["main", "HEAD"][..], &["main"]] {
        ends(&repository.diff(args.iter().copied()), 3, &["write `./main` or `refs/heads/main`"]);
    }
    ends(&repository.diff(["./main", "policies"]), 0, &["no access changed"]);
}

#[test]
fn owners_see_what_takes_them_off_the_list() {
    let repository = Repository::new();
    let eve = EVENTS.replace("codes: event:write", "codes: event:read").replace("@shop/events", "@eve");
    repository.write("policies/services/events.yaml", &eve);
    ends(&repository.diff(["HEAD"]), 2, &["owners   @eve, @shop/events"]);
}

#[test]
fn a_policy_that_waits_elsewhere_does_not_come_into_force_unseen() {
    let repository = Repository::new();
    let config = |policies: &str| format!("policies: {policies}\n");
    repository.write("doorward.yaml", &config("policies"));
    repository.commit("a configuration");
    // Nothing changes yet.
    repository.write("next/roles.yaml", ROLES);
    repository.write("next/events.yaml", &EVENTS.replace("codes: event:write", "codes: event:read"));
    repository.commit("a policy that waits");
    ends(&repository.diff(["HEAD~1..HEAD"]), 0, &["no access changed"]);
    repository.write("doorward.yaml", &config("next"));
    let differs = "`doorward.yaml` is not the same in both";
    ends(&repository.diff(["HEAD"]), 2, &["opened", "role viewer", differs]);
    repository.commit("it is in force");
    for format in ["text", "json", "markdown"] {
        ends(
            &repository.diff(["HEAD~1..HEAD", "--format", format]),
            2,
            &["opened", "is not the same in both"],
        );
    }
    // What is not compared is not passed over either.
    repository.write("doorward.yaml", "policies: next\nheader_prefixes: [x-shop-]\n");
    ends(&repository.diff(["HEAD"]), 0, &["no access changed", differs]);
    ends(&repository.diff(["HEAD", "--format", "markdown"]), 0, &["unchanged", "**Note:**"]);
}

#[test]
fn what_is_too_large_is_not_no_change() {
    let repository = Repository::new();
    // Each may match or not, whatever the others do.
    let peers = (0..13).map(|at| {
        let parts: Vec<&str> = (0..13).map(|part| if part == at { "x" } else { "*" }).collect();
        format!("  - {{ peer: 'spiffe://t/{}', roles: [admin] }}\n", parts.join("/"))
    });
    repository.write("policies/peers.yaml", &format!("bindings:\n{}", peers.collect::<String>()));
    ends(&repository.diff(["HEAD"]), 3, &["too large to be compared"]);
}

#[test]
fn each_format_says_the_same() {
    let repository = Repository::new();
    let changed = EVENTS
        .replace("codes: event:write", "codes: event:read")
        .replace("\"acme\"", "\"other\"")
        .replace("roles: admin", "access: denied")
        .replace(
            "paths: [/events]",
            "paths: [/events]\n    upstream_headers: { x-user-tenant: claims.tenant }",
        )
        + "      - route: POST /events/**\n        roles: { any: [admin, editor] }\n";
    repository.write("policies/services/events.yaml", &changed);
    repository.commit("several");
    for format in ["text", "json", "markdown", "sarif"] {
        let said = repository.diff(["HEAD~1..HEAD", "--format", format]);
        ends(&said, 2, &[]);
        golden(&format!("diff-{format}"), &said.out);
    }
}

#[test]
fn a_witness_can_be_tried() {
    let repository = Repository::new();
    repository.replace("codes: event:read", "codes: event:write");
    repository.commit("closes and opens");
    repository.write("policies/more.yaml", "bindings: [{ group: g, roles: [admin] }]\n");
    repository.commit("opens");
    let said = repository.diff(["HEAD~2..HEAD", "--format", "json"]);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let old = repository.path().join("old");
    repository.git(&["worktree", "add", "-q", old.to_str().unwrap(), "HEAD~2"]);
    let mut tried = 0;
    for change in told["changes"].as_array().unwrap() {
        for (shift, codes) in [("gained", [1, 0]), ("lost", [0, 1])] {
            let Some(command) = change[shift]["witness"]["command"].as_str() else { continue };
            if !change[shift]["witness"]["conditions"].as_array().unwrap().is_empty() {
                continue;
            }
            tried += 1;
            let run = |directory: &Path| {
                let bin = env!("CARGO_BIN_EXE_doorward");
                let command = command.replacen("doorward", bin, 1) + " --policies policies";
                let done = Command::new("sh").args(["-c", &command]).current_dir(directory).output().unwrap();
                (done.status.code().unwrap(), done)
            };
            let (before, now) = (run(&old), run(repository.path()));
            assert_eq!([before.0, now.0], codes, "{command}\n{before:?}\n{now:?}");
        }
    }
    assert!(tried >= 2, "{}", said.out);
}

#[test]
fn a_comment_on_a_pull_request_holds_no_markup_of_the_policy() {
    let repository = Repository::new();
    repository.replace("claims.tenant == \"acme\"", "claims.tenant == '<img src=x>`|@everyone'");
    let said = repository.diff(["HEAD", "--format", "markdown"]);
    ends(&said, 2, &["Condition changed"]);
    for line in said.out.lines() {
        // Whatever of it stands there stands in code, behind a fence that it can't close.
        let outside: String = line.split("``").step_by(2).collect();
        assert!(!outside.contains("<img") && !outside.contains("@everyone"), "{line}");
    }
}
