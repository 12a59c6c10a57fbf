//! The examples as their READMEs tell them: who calls, what is asked, and what must come of it.
//!
//! Each README below `examples/` holds two tables, for people and for the tests. One begins with
//! `caller` and says what each caller has: nothing, the claims of a token, a client certificate. The
//! other begins with `who` and holds the requests:
//!
//! - *request*: method and path; then, in any order, from `ADDRESS`, at `TIME`, with `BODY`;
//! - *decision*: `allow`, or the reason of the denial;
//! - *what for*: words. On an allow, `name: value` is a header that the upstream is told, and a name
//!   alone is one that it must not see.
//!
//! Nothing in these cells is skipped in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One folder.
pub(crate) struct Example {
    pub(crate) folder: PathBuf,
    pub(crate) callers: BTreeMap<String, Caller>,
    pub(crate) rows: Vec<Row>,
}

/// What a caller comes with.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    /// Claims of a token, but for those that every token has: issuer, audience, times.
    pub(crate) claims: Option<Value>,
    /// The URI of a client certificate.
    pub(crate) peer: Option<String>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Row {
    /// File and line.
    pub(crate) place: String,
    pub(crate) who: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) source: Option<String>,
    pub(crate) at: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) decision: String,
    pub(crate) told: Vec<(String, String)>,
    pub(crate) not_told: Vec<String>,
}

/// Every folder with a README, by name. The quickstart has none: it tells its own story.
pub(crate) fn names() -> Vec<String> {
    let folders = fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().join("README.md").exists());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

impl Example {
    pub(crate) fn read(name: &str) -> Self {
        let folder = examples().join(name);
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let (mut callers, mut rows) = (BTreeMap::new(), Vec::new());
        let mut table = String::new();
        for (number, line) in readme.lines().enumerate() {
            let place = format!("examples/{name}/README.md:{}", number + 1);
            let Some(cells) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
                table.clear();
                continue;
            };
            if line.starts_with("|-") {
                continue;
            }
            let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
            match (table.as_str(), cells.as_slice()) {
                ("", [first, ..]) => (*first).clone_into(&mut table),
                ("caller", [name, has]) => {
                    let known = callers.insert((*name).to_owned(), Caller::read(has, &place));
                    assert!(known.is_none(), "{place}: `{name}` stands twice");
                }
                ("who", [who, request, decision, told]) => {
                    assert!(callers.contains_key(*who), "{place}: nobody is called `{who}`");
                    rows.push(Row::read(place, who, request, decision, told));
                }
                ("caller" | "who", cells) => panic!("{place}: {} cells", cells.len()),
                _ => {}
            }
        }
        let unused = callers.keys().find(|caller| rows.iter().all(|row| row.who != **caller));
        assert_eq!(unused, None, "{name}: a caller who asks for nothing");
        assert!(rows.len() > 4, "{name}: {} requests", rows.len());
        assert!(rows.iter().any(|row| row.decision == "allow"), "{name}: nothing is allowed");
        Self { folder, callers, rows }
    }
}

impl Caller {
    fn read(cell: &str, place: &str) -> Self {
        let mut caller = Self::default();
        for (_, code) in codes(cell) {
            if code.starts_with('{') {
                let claims = serde_json::from_str(code);
                caller.claims = Some(claims.unwrap_or_else(|error| panic!("{place}: {error}: {code}")));
            } else if code.starts_with("spiffe://") {
                caller.peer = Some(code.to_owned());
            } else {
                panic!("{place}: neither claims nor a SPIFFE id: `{code}`");
            }
        }
        caller
    }
}

impl Row {
    fn read(place: String, who: &str, request: &str, decision: &str, told: &str) -> Self {
        let codes = codes(request);
        let ((_, first), rest) = codes.split_first().unwrap_or_else(|| panic!("{place}: no request"));
        let (method, path) = first.split_once(' ').unwrap_or_else(|| panic!("{place}: no path"));
        let mut row = Self {
            who: who.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            source: None,
            at: None,
            body: None,
            decision: decision.trim_matches('`').to_owned(),
            told: Vec::new(),
            not_told: Vec::new(),
            place,
        };
        for (word, code) in rest {
            let which = match *word {
                "from" => &mut row.source,
                "at" => &mut row.at,
                "with" => &mut row.body,
                word => panic!("{}: `{word}` says nothing about a request", row.place),
            };
            assert_eq!(which.replace((*code).to_owned()), None, "{}: `{word}` twice", row.place);
        }
        if row.decision == "allow" {
            for (_, code) in self::codes(told) {
                match code.split_once(": ") {
                    Some((name, value)) => row.told.push((name.to_owned(), value.to_owned())),
                    None => row.not_told.push(code.to_owned()),
                }
            }
            let headers = row.told.iter().map(|(name, _)| name).chain(&row.not_told);
            headers.for_each(|name| assert!(name.starts_with("x-"), "{}: no header: `{name}`", row.place));
        }
        row
    }
}

/// The code spans of a cell, each with the words before it.
fn codes(cell: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = cell.split('`').collect();
    parts.chunks_exact(2).map(|pair| (pair[0].trim(), pair[1])).collect()
}
