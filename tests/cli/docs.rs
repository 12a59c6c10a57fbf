//! `docs/cli.md` and the READMEs of the examples show what happens: every command
//! of their `console` blocks is run, in order, in a folder of its own, and must say
//! what stands below it.
//!
//! In what stands there, `[..]` is any text within a line, and `...` alone on a
//! line is any number of lines.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_lite::Regex;

use crate::support::{doorward, root};

const PAGE: &str = "docs/cli.md";

struct Example {
    command: String,
    output: String,
}

#[test]
fn every_command_does_what_the_page_shows() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = run(PAGE, folder.path());
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 writes it anew:\n{}", wrong.join("\n"));
}

#[test]
fn every_command_of_the_guide_to_reviews_does_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = run("docs/review.md", folder.path());
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 writes it anew:\n{}", wrong.join("\n"));
}

#[test]
fn every_command_of_an_example_does_what_its_readme_shows() {
    let mut wrong = Vec::new();
    for name in crate::readme::names() {
        wrong.extend(run(&format!("examples/{name}/README.md"), &root().join("examples").join(name)));
    }
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 writes them anew:\n{}", wrong.join("\n"));

    // The index makes a key: beside a copy.
    let folder = tempfile::tempdir().unwrap();
    for file in ["doorward.yaml", "policies/policy.yaml", "policies/tests.yaml"] {
        let to = folder.path().join("multi-tenant").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root().join("examples/multi-tenant").join(file), to).unwrap();
    }
    let wrong = run("examples/README.md", folder.path());
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 writes it anew:\n{}", wrong.join("\n"));
}

/// Runs the commands of a page in a folder. What is not as the page shows it comes back, or becomes
/// the page.
fn run(name: &str, folder: &Path) -> Vec<String> {
    let mut directory = folder.to_owned();
    let mut page = fs::read_to_string(root().join(name)).unwrap();
    let examples = examples(&page);
    assert!(!examples.is_empty(), "{name} shows no command");
    let mut wrong = Vec::new();
    for Example { command, output } in examples {
        if let Some(to) = command.strip_prefix("cd ") {
            directory.push(to);
            continue;
        }
        let (fine, said) = shell(&directory, &command);
        if !fine {
            wrong.push(format!("{name}: $ {command}\n{said}ends with an error"));
        } else if !matches(&output, &said) {
            page = page.replace(&format!("$ {command}\n{output}"), &format!("$ {command}\n{said}"));
            wrong.push(format!("{name}: $ {command}\n{said}"));
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root().join(name), page).unwrap();
        return Vec::new();
    }
    wrong
}

#[test]
fn the_page_names_every_command_and_every_option() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let sections: Vec<&str> = page.split("\n## ").collect();
    let option = Regex::new("--[a-z][a-z-]+").unwrap();
    let command = Regex::new(r"(?m)^  ([a-z]+) ").unwrap();
    let help = doorward(["--help"]).out;
    let (commands, _) = help.split_once("\nOptions:").unwrap();
    let names: BTreeSet<&str> = command.captures_iter(commands).map(|c| c.get(1).unwrap().as_str()).collect();
    assert!(names.contains("check") && names.contains("init"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let section = sections.iter().find(|s| s.starts_with(&format!("`doorward {name}`"))).expect(name);
        let mut help = doorward([name, "--help"]).out;
        if name == "token" {
            help.push_str(&doorward(["token", "keygen", "--help"]).out);
            help.push_str(&doorward(["token", "inspect", "--help"]).out);
        }
        for option in option.find_iter(&help).map(|found| found.as_str()) {
            let common = ["--help", "--color"].contains(&option);
            assert!(common || section.contains(option), "{PAGE}, {name}: {option} is missing");
        }
    }
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match (open, line.strip_prefix("$ ")) {
            _ if line == "```console" => open = true,
            _ if line.starts_with("```") => open = false,
            (true, Some(command)) => {
                examples.push(Example { command: command.to_owned(), output: String::new() });
            }
            (true, None) => {
                let output = &mut examples.last_mut().expect("output before any command").output;
                output.push_str(line);
                output.push('\n');
            }
            (false, _) => {}
        }
    }
    examples
}

/// Whether it ended well, and all it said.
fn shell(directory: &Path, command: &str) -> (bool, String) {
    let binaries = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(directory)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn matches(expected: &str, said: &str) -> bool {
    let line = |line: &str| match line {
        "..." => "(?:[^\n]*\n)*?".to_owned(),
        line => {
            let parts: Vec<String> = line.split("[..]").map(regex_lite::escape).collect();
            parts.join("[^\n]*") + "\n"
        }
    };
    let pattern: String = expected.lines().map(line).collect();
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(said)
}

#[test]
fn what_differs_does_not_match() {
    assert!(matches("a[..]b\n...\nz\n", "a--b\nx\ny\nz\n") && matches("...\nz\n", "z\n") && matches("", ""));
    for said in ["", "ab\nz", "b\nz\n", "a\nb\nz\n", "ab\nz\nz2\n"] {
        assert!(!matches("a[..]b\n...\nz\n", said), "{said:?}");
    }
}
