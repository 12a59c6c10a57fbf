//! The bar that tells how far something long is, on a terminal: `script` is one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A policy, a log of some seconds, and one that can't be read.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let policy = "services: { s: { paths: [/], routes: [{ route: \"GET /**\", access: anonymous }] } }\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let line = r#"{"time":"2026-03-31T12:00:00Z","decision_id":"1","decision":"allow","reason":"allowed","service":"s","method":"GET","host":"localhost","path":"/a","kind":"http"}"#;
    fs::write(folder.path().join("long.log"), format!("{line}\n").repeat(60_000)).unwrap();
    fs::write(folder.path().join("other.log"), [0x1f, 0x8b, 0]).unwrap();
    folder
}

/// What stands on a terminal of so many columns after `replay`, byte for byte.
fn drawn(folder: &Path, logs: &str, columns: u8, env: (&str, &str)) -> String {
    let binary = env!("CARGO_BIN_EXE_doorward");
    let command = format!("stty cols {columns}; {binary} replay {logs} --policy . --color auto");
    let said = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .env(env.0, env.1)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap()
}

const CLEAR: &str = "\r\u{1b}[K";
const CUT: &str = "\u{1b}[?7l";
const UNCUT: &str = "\u{1b}[?7h";

#[test]
fn a_bar_is_one_line_on_every_terminal_and_gone_at_the_end() {
    let folder = folder();
    for columns in [30, 200] {
        let page = drawn(folder.path(), "long.log", columns, ("LANG", "C"));
        let (bars, rest) = page.rsplit_once(CLEAR).expect("no bar");
        assert!(rest.starts_with("60000 requests replayed"), "{page:?}");
        for bar in bars.split(CLEAR).skip(1) {
            // Whatever is too long is cut by the terminal, and nothing after it.
            let line = bar.strip_prefix(CUT).and_then(|bar| bar.strip_suffix(UNCUT)).expect("not cut");
            assert!(line.contains(" % [") && line.ends_with(" left"), "{line:?}");
            assert!(!line.contains(['\n', '\u{1b}']), "{line:?}");
        }
    }
}

#[test]
fn an_error_stands_on_a_line_of_its_own() {
    let folder = folder();
    for env in [("LANG", "C"), ("NO_COLOR", "1")] {
        let page = drawn(folder.path(), "long.log other.log", 60, env);
        let (bars, error) = page.rsplit_once(CLEAR).expect("no bar");
        assert!(bars.contains(UNCUT), "{page:?}");
        assert!(error.contains("`other.log` is compressed"), "{page:?}");
        assert_eq!(error.contains("\u{1b}["), env.0 != "NO_COLOR", "{page:?}");
    }
}

#[test]
fn a_terminal_that_can_do_nothing_gets_no_bar() {
    let folder = folder();
    let page = drawn(folder.path(), "long.log", 80, ("TERM", "dumb"));
    assert!(page.starts_with("60000 requests replayed") && !page.contains('\u{1b}'), "{page:?}");
}
