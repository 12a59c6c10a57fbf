//! The order of files, of names in them and of routes never matters.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::diag::{Report, Sources};
use doorward::engine::{Headers, Input, Principal, Subject, decide};
use doorward::policy::{Method, Segment, read_texts};
use proptest::prelude::*;

use crate::any::REFERENCE;
use crate::cases;

/// The reference policy, cut into its smallest pieces: each a whole file.
fn pieces() -> Vec<String> {
    let mut pieces = Vec::new();
    for file in
        ["roles.yaml", "bindings.yaml", "networks.yaml", "services/events.yaml", "services/venues.yaml"]
    {
        let text = std::fs::read_to_string(Path::new("policies").join(file)).unwrap();
        let mut section = String::new();
        for block in blocks(&text, 0) {
            let key = block.lines().next().unwrap().trim_end().to_owned();
            if key == "defaults:" || key == "services:" {
                pieces.push(block);
                continue;
            }
            section.clone_from(&key);
            let body: String = block.lines().skip(1).map(|line| format!("{line}\n")).collect();
            pieces.extend(blocks(&body, 2).into_iter().map(|one| format!("{section}\n{one}")));
        }
    }
    assert!(pieces.len() > 9, "{}", pieces.len());
    pieces
}

/// The items that begin at a column, with what is indented deeper.
fn blocks(text: &str, column: usize) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        if indent == column {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().unwrap();
        block.push_str(line);
        block.push('\n');
    }
    blocks
}

/// A service's text with its routes in another order.
fn with_routes(piece: &str, order: &[usize]) -> String {
    let Some((head, routes)) = piece.split_once("    routes:\n") else { return piece.to_owned() };
    let routes = blocks(routes, 6);
    let mut sorted: Vec<(usize, &String)> = order.iter().copied().cycle().zip(&routes).collect();
    sorted.sort();
    let routes: String = sorted.into_iter().map(|(_, route)| route.as_str()).collect();
    format!("{head}    routes:\n{routes}")
}

/// Every route asked by several callers: reason and route.
fn access(index: &Index) -> BTreeMap<(String, String), (&'static str, String)> {
    let mut access = BTreeMap::new();
    for (_, route) in REFERENCE.routes() {
        let path: String =
            route.template.segments.iter().fold(String::new(), |path, segment| match segment {
                Segment::Literal(text) => format!("{path}/{text}"),
                Segment::Param(_) => format!("{path}/1"),
            });
        for method in Method::ROUTABLE {
            for roles in ["", "viewer", "organizer", "manager", "admin", "auditor", "admin,auditor"] {
                let grpc: [(&str, &[u8]); 1] = [("content-type", b"application/grpc")];
                let input = Input {
                    method: method.wire_name(),
                    host: "a.test",
                    path: &path,
                    source: Some("203.0.113.7".parse().unwrap()),
                    headers: Headers::new(if method == Method::Grpc { &grpc } else { &[] }),
                    ..Input::default()
                };
                let subject = Subject {
                    user: "carol@example.com".to_owned(),
                    roles: roles.split(',').map(str::to_owned).collect(),
                    ..Subject::default()
                };
                let decision = decide(index, &input, OnAnonymous::default(), |_| {
                    Ok(Arc::new(Principal::resolve(index, subject)))
                });
                let found = decision.route_text(index).unwrap_or("").to_owned();
                access.insert(
                    (format!("{method:?} {path}"), roles.to_owned()),
                    (decision.reason.as_str(), found),
                );
            }
        }
    }
    access
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn shuffled_files_keys_and_routes_give_the_same_access(
        pieces in Just(pieces()).prop_shuffle(),
        order in proptest::collection::vec(any::<usize>(), 1..20),
    ) {
        let files = pieces.iter().enumerate().map(|(at, text)| (format!("{at}.yaml"), with_routes(text, &order)));
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let policy = read_texts(files, &mut sources, &mut report);
        let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
        prop_assert!(index.is_some(), "{:?}\n{}", report, pieces.join("---\n"));
        let index = index.unwrap();
        prop_assert_eq!(index.routes().count(), REFERENCE.routes().count());
        prop_assert_eq!(access(&index), access(&REFERENCE));
    }
}
