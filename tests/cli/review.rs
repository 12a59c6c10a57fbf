//! The scripts of `deploy/review`, run as a pipeline and as git would.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::root;

const POLICY: &str = "roles:
  viewer: { grants: [event:read] }
  editor: { inherits: [viewer], grants: [event:write] }
services:
  events:
    paths: [/events]
    owners: [\"@shop/events\"]
    routes:
      - { route: GET /events, codes: event:read }
      - { route: PUT /events, codes: event:write }
tests:
  - name: who writes
    as: { user: vera, roles: [viewer] }
    request: PUT /events
    expect: code_missing
";

struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for args in [
            &["init", "-q", "-b", "main"][..],
            &["config", "user.name", "A"],
            &["config", "user.email", "a@b.c"],
        ] {
            assert!(repository.git(args).status.success());
        }
        repository.write(POLICY);
        assert!(repository.commit().status.success());
        assert!(repository.git(&["checkout", "-q", "-b", "change"]).status.success());
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, policy: &str) {
        fs::create_dir_all(self.path().join("policies")).unwrap();
        fs::write(self.path().join("policies/policy.yaml"), policy).unwrap();
    }

    fn git(&self, args: &[&str]) -> Output {
        self.run("git", args, &[])
    }

    fn commit(&self) -> Output {
        self.git(&["add", "-A"]);
        self.git(&["-c", "commit.gpgsign=false", "commit", "-qm", "a change"])
    }

    fn run(&self, command: &str, args: &[&str], env: &[(&str, &str)]) -> Output {
        let bin = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
        let path = std::env::join_paths(
            [bin.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        Command::new(command)
            .args(args)
            .current_dir(self.path())
            .env("PATH", path.unwrap())
            .envs(env.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs the review, and gives its end and its page.
    fn review(&self, env: &[(&str, &str)]) -> (i32, String) {
        let script = root().join("deploy/review/review.sh");
        let done = self.run("bash", &[script.to_str().unwrap(), "main"], env);
        let page = fs::read_to_string(self.path().join("review.md")).unwrap();
        (done.status.code().unwrap(), page)
    }
}

#[test]
fn a_pipeline_shows_what_a_change_opens() {
    let repository = Repository::new();
    repository.write(&POLICY.replace("codes: event:write }", "roles: { any: [editor, viewer] } }"));
    repository.commit();
    let (code, page) = repository.review(&[]);
    // The test fails, which is the point of having it.
    assert_eq!(code, 1, "{page}");
    for words in [
        "## Access: opened",
        "Owners of what was opened: @shop/events",
        "### Lint",
        "### Tests",
        "who writes",
    ] {
        assert!(page.contains(words), "`{words}` is not in {page}");
    }
    for report in ["access.sarif", "findings.sarif"] {
        let text = fs::read_to_string(repository.path().join(report)).unwrap();
        let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    }
    let tests = fs::read_to_string(repository.path().join("tests.xml")).unwrap();
    assert!(tests.contains("<failure"), "{tests}");
}

#[test]
fn a_pipeline_can_expect_that_nothing_is_opened() {
    let repository = Repository::new();
    repository.write(&POLICY.replace("GET /events, codes", "\"GET,POST /events\", codes"));
    repository.commit();
    assert_eq!(repository.review(&[]).0, 0);
    assert_eq!(repository.review(&[("REVIEW_EXPECT", "closed")]).0, 1);
    repository.write(POLICY);
    repository.commit();
    let (code, page) = repository.review(&[("REVIEW_EXPECT", "none")]);
    assert_eq!(code, 0, "{page}");
    assert!(page.contains("## Access: unchanged"), "{page}");
    repository.write(&POLICY.replace("codes: event:read", "codes: Event Read"));
    repository.commit();
    let (code, page) = repository.review(&[]);
    assert_eq!(code, 1);
    assert!(page.contains("## Access: not compared") && page.contains("policies/policy.yaml"), "{page}");
}

#[test]
fn a_hook_looks_at_what_is_staged() {
    let repository = Repository::new();
    let hook = repository.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(root().join("deploy/review/pre-commit.sh"), &hook).unwrap();
    let opened = POLICY.replace("GET /events, codes", "\"GET,POST /events\", codes");
    repository.write(&opened);
    repository.git(&["add", "-A"]);
    // What lies about in the work tree does not count.
    repository.write("nonsense");
    let done = repository.git(&["commit", "-qm", "staged"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("opened"), "{said}");
    let done = repository.commit();
    assert!(!done.status.success(), "{done:?}");
    repository.write(&opened.replace("event:write }", "event:read }"));
    let done = repository.commit();
    assert!(!done.status.success(), "a failing test keeps it out: {done:?}");
}

#[test]
fn the_pipelines_name_what_there_is() {
    for pipeline in ["github/policy-review.yaml", "gitlab/policy-review.yml"] {
        let text = fs::read_to_string(root().join("deploy/review").join(pipeline)).unwrap();
        let (mut sources, mut report) = Default::default();
        let sources: &mut doorward::diag::Sources = &mut sources;
        let file = sources.add(pipeline, text.as_str());
        assert!(doorward::yaml::parse(file, &text, &mut report).is_some(), "{pipeline}");
        for script in text.split_whitespace().filter(|word| word.starts_with("deploy/")) {
            assert!(root().join(script).exists(), "{script}");
        }
    }
}
