//! What policies decide. A case is a policy, and a file `requests`:
//!
//! ```text
//! # a comment
//! caller ann   = roles viewer,editor; groups /staff      # `user` is her name if not given
//! caller late  = refused token_expired
//!
//! ann  GET  /shop/1
//! -    GET  /shop/1  | host api.test:443 | service shop | from 192.0.2.7 | x-header: value
//! -    GET  /shop/1  | peer spiffe://cluster/ns/shop/sa/web
//! ann  POST /shop/1  | at 2026-11-21T10:00:00Z | json {"first": "Bo"}
//! ```
//!
//! A caller may have `claims {..}`, last of its parts; `json` is a whole body that
//! says it is JSON.
//!
//! `-` calls without a token. `""` is an empty word; `\s`, `\t`, `\n`, `\0` and
//! `\x7f` stand for characters that a table can't show, and `\*200` behind a
//! character for that many of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use doorward::compile::{Index, load};
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Place, render};
use doorward::engine::{Decision, Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::instant::rfc3339;

use crate::walk::{cases, updating, walk};

/// A caller: the principal, or the reason why there is none.
pub(crate) type Caller = Result<Arc<Principal>, (Reason, &'static str)>;

/// One request of a table.
struct Request {
    caller: String,
    method: String,
    path: String,
    host: String,
    service: Option<String>,
    from: Option<IpAddr>,
    peer: Option<String>,
    at: u64,
    body: Option<String>,
    headers: Vec<(String, String)>,
    line: String,
}

fn decisions(case: &Path) -> String {
    let index = index(case);
    let text = fs::read_to_string(case.join("requests")).unwrap();
    let mut callers: BTreeMap<String, Caller> = BTreeMap::new();
    callers.insert("-".to_owned(), Err((Reason::TokenMissing, "")));
    let mut rows = Vec::new();
    for line in text.lines() {
        let line = line.split(" # ").next().unwrap().trim_end();
        if let Some(rest) = line.strip_prefix("caller ") {
            let (name, words) = rest.split_once('=').unwrap();
            callers.insert(name.trim().to_owned(), caller(&index, name.trim(), words));
        } else if line.starts_with("# ") || line.is_empty() {
            rows.push(vec![line.to_owned()]);
        } else {
            let request = Request::read(line);
            let caller = callers.get(&request.caller).unwrap_or_else(|| panic!("no such caller: {line}"));
            rows.push(row(&index, &request, &ask(&index, &request, caller)));
        }
    }
    table(&rows)
}

/// The index of a case, whose policy must be without an error.
pub(crate) fn index(root: &Path) -> Index {
    let (index, sources, report) = load(root);
    index.unwrap_or_else(|| {
        panic!("{}\n{}", root.display(), render(&report, &sources, Format::Text { color: false }))
    })
}

fn caller(index: &Index, name: &str, words: &str) -> Caller {
    let mut subject = Subject { user: name.to_owned(), ..Subject::default() };
    for part in words.split(';').map(str::trim) {
        let (key, value) = part.split_once(' ').unwrap_or((part, ""));
        let list = || value.split(',').map(|v| unescape(v.trim())).collect();
        match key {
            "user" => subject.user = unescape(value),
            "roles" => subject.roles = list(),
            "groups" => subject.groups = list(),
            "claims" => subject.claims = serde_json::from_str(value).unwrap(),
            "codes" => subject.codes = list(),
            "scopes" => subject.scopes = Some(list()),
            "nothing" => {}
            "refused" => return Err((Reason::from_word(value).unwrap(), "as the table says")),
            _ => panic!("caller {name}: `{part}`"),
        }
    }
    Ok(Arc::new(Principal::resolve(index, subject)))
}

impl Request {
    fn read(line: &str) -> Self {
        let mut parts = line.split(" | ");
        let mut words = parts.next().unwrap().split_whitespace().map(unescape);
        let mut word = || words.next().unwrap_or_else(|| panic!("`{line}`: caller, method, path"));
        let mut request = Self {
            caller: word(),
            method: word(),
            path: word(),
            host: "api.test".to_owned(),
            service: None,
            from: None,
            peer: None,
            at: 0,
            body: None,
            headers: Vec::new(),
            line: line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "),
        };
        for part in parts.map(str::trim) {
            if let Some(body) = part.strip_prefix("json ") {
                request.body = Some(body.to_owned());
                request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
                continue;
            }
            if let Some((name, value)) = part.split_once(": ") {
                request.headers.push((name.to_owned(), unescape(value)));
                continue;
            }
            let (key, value) = part.split_once(' ').unwrap();
            match key {
                "host" => request.host = unescape(value),
                "service" => request.service = Some(unescape(value)),
                "peer" => request.peer = Some(unescape(value)),
                "at" => request.at = rfc3339(value).unwrap_or_else(|| panic!("`{line}`: `{part}`")),
                "from" => request.from = Some(value.parse().unwrap()),
                _ => panic!("`{line}`: `{part}`"),
            }
        }
        request
    }
}

fn ask(index: &Index, request: &Request, caller: &Caller) -> Decision {
    let headers: Vec<(&str, &[u8])> =
        request.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let input = Input {
        method: &request.method,
        host: &request.host,
        path: &request.path,
        service: request.service.as_deref(),
        source: request.from,
        peer: request.peer.as_deref(),
        headers: Headers::new(&headers),
        scheme: "https",
        body: request.body.as_deref().map(str::as_bytes),
        now: request.at,
    };
    decide(index, &input, OnAnonymous::default(), |_| caller.clone())
}

fn row(index: &Index, request: &Request, decision: &Decision) -> Vec<String> {
    let route = decision.route_text(index).or_else(|| decision.service_name(index)).unwrap_or("");
    let place = decision.place(index).map_or_else(String::new, Place::to_string);
    let detail = match decision.detail {
        Some(detail) => detail.to_owned(),
        None if decision.allow.is_empty() => String::new(),
        None => format!("allow: {}", decision.allow),
    };
    let cells = [&request.caller, &request.line, decision.reason.as_str(), route, &place, &detail];
    cells.map(str::to_owned).to_vec()
}

/// Rows of one cell stand as they are, the columns of all others are aligned.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
        // One very long path must not push everything to the right.
        cells.map(|cell| cell.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn unescape(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word.trim_matches('"').chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next().unwrap() {
                's' => out.push(' '),
                't' => out.push('\t'),
                'n' => out.push('\n'),
                '0' => out.push('\0'),
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    out.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
                }
                '*' => {
                    let digits: String = rest.by_ref().take_while(char::is_ascii_digit).collect();
                    let last = out.pop().unwrap();
                    (0..digits.parse().unwrap()).for_each(|_| out.push(last));
                }
                other => out.push(other),
            },
            _ => out.push(c),
        }
    }
    out
}

#[test]
fn decisions_are_as_written() {
    walk("decisions", decisions);
}

/// Reasons that no decision of the engine gives in this version: there are no
/// conditions yet, header values are rendered after the decision, and it is
/// the server that is overloaded.
const ELSEWHERE: [Reason; 2] = [Reason::ValueUnsafe, Reason::Overloaded];

#[test]
fn every_reason_has_a_case() {
    if updating() {
        return; // the files are being written
    }
    let texts: Vec<String> = cases("decisions")
        .iter()
        .filter_map(|case| fs::read_to_string(case.join("expected.txt")).ok())
        .collect();
    let told: BTreeSet<&str> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
    let missing: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| !ELSEWHERE.contains(reason))
        .map(|reason| reason.as_str())
        .filter(|word| !told.contains(word))
        .collect();
    assert!(missing.is_empty(), "no case in tests/golden/decisions shows {missing:?}");
}
