//! Finds the cases, and compares.

use std::fs;
use std::path::{Path, PathBuf};

/// Runs every case of a kind: what `actual` makes of the folder must be what
/// its `expected.txt` says.
pub(crate) fn walk(kind: &str, actual: impl Fn(&Path) -> String) {
    let results = cases(kind).into_iter().map(|case| {
        let actual = actual(&case);
        compare(&case.join("expected.txt"), &actual)
    });
    let wrong: Vec<String> = results.filter_map(Result::err).collect();
    assert!(
        wrong.is_empty(),
        "{} cases differ; if that is meant: UPDATE_GOLDEN=1 cargo test --test golden\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Whether this run is to write the files, not to compare them.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Whether a file holds what was made; in an update it is made to.
pub(crate) fn compare(expected: &Path, actual: &str) -> Result<(), String> {
    if updating() {
        fs::write(expected, actual).unwrap();
        return Ok(());
    }
    let before = fs::read_to_string(expected).unwrap_or_default();
    if before == actual {
        return Ok(());
    }
    let first = before.lines().zip(actual.lines()).position(|(b, a)| b != a);
    let line = first.unwrap_or_else(|| before.lines().count().min(actual.lines().count())) + 1;
    Err(format!("{} differs from line {line}:\n{actual}", expected.display()))
}

/// The folders of a kind, relative to the crate so that paths in messages are
/// the same everywhere.
pub(crate) fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/golden").join(kind);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}
