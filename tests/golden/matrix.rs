//! Who may do what under the reference policy: every route and method, each
//! asked by one caller of every kind. A change of the policy shows here as a
//! change of access.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use doorward::compile::{Index, Route};
use doorward::config::OnAnonymous;
use doorward::engine::{Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::{Method, Segment};

use crate::decisions::{Caller, index, table};
use crate::walk::compare;

const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "192.0.2.7";
const BANNED: &str = "198.51.100.66";

/// The answer where no route names the method.
const NO_METHOD: &str = "405 method";

/// Heading, address, roles and groups; no roles at all for no token.
type Column = (&'static str, &'static str, Option<(&'static [&'static str], &'static [&'static str])>);

const COLUMNS: [Column; 12] = [
    ("no token", OFFICE, None),
    ("no role", OFFICE, Some((&[], &[]))),
    ("viewer", OFFICE, Some((&["viewer"], &[]))),
    ("organizer", OFFICE, Some((&["organizer"], &[]))),
    ("manager", OFFICE, Some((&["manager"], &[]))),
    ("admin", OFFICE, Some((&["admin"], &[]))),
    ("auditor", OFFICE, Some((&["auditor"], &[]))),
    ("admin+auditor", OFFICE, Some((&["admin", "auditor"], &[]))),
    ("staff group", OFFICE, Some((&[], &["/staff/events"]))),
    ("carol", OFFICE, Some((&[], &[]))),
    ("admin, away", ELSEWHERE, Some((&["admin"], &[]))),
    ("admin, banned", BANNED, Some((&["admin"], &[]))),
];

fn caller(index: &Index, column: &Column) -> Caller {
    let (name, _, Some((roles, groups))) = column else { return Err((Reason::TokenMissing, "")) };
    let user = if *name == "carol" { "carol@example.com" } else { "somebody" };
    let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let subject =
        Subject { user: user.to_owned(), roles: own(roles), groups: own(groups), ..Subject::default() };
    Ok(Arc::new(Principal::resolve(index, subject)))
}

/// A path that the route matches, and no more specific one.
fn path(route: &Route) -> String {
    let mut path = String::new();
    for segment in &route.template.segments {
        path.push('/');
        path.push_str(match segment {
            Segment::Literal(text) => text,
            Segment::Param(_) => "4711",
        });
    }
    if route.template.rest {
        path.push_str("/a/b");
    }
    path
}

fn cell(index: &Index, method: Method, path: &str, column: &Column) -> String {
    let grpc: [(&str, &[u8]); 1] = [("content-type", b"application/grpc")];
    let input = Input {
        method: method.wire_name(),
        host: "api.example.com",
        path,
        source: Some(column.1.parse::<IpAddr>().unwrap()),
        headers: Headers::new(if method == Method::Grpc { &grpc } else { &[] }),
        ..Input::default()
    };
    let decision = decide(index, &input, OnAnonymous::default(), |_| caller(index, column));
    match decision.reason {
        Reason::Allowed => "yes".to_owned(),
        reason => format!("{} {}", reason.status(), short(reason)),
    }
}

fn short(reason: Reason) -> &'static str {
    match reason {
        Reason::TokenMissing => "token",
        Reason::RoleMissing => "role",
        Reason::CodeMissing => "code",
        Reason::RouteDenied => "denied",
        Reason::IpDenied => "ip",
        Reason::MethodNotAllowed => "method",
        other => other.as_str(),
    }
}

fn matrix(index: &Index) -> String {
    let mut rows =
        vec![vec!["A method that is not listed is answered with 405.".to_owned()], vec![String::new()]];
    for (id, service) in index.services() {
        rows.push(vec![format!("{}:", service.name)]);
        let headings = COLUMNS.iter().map(|(name, ..)| (*name).to_owned());
        rows.push(["path", "methods"].map(str::to_owned).into_iter().chain(headings).collect());
        let mut paths: Vec<String> =
            index.routes().filter(|(_, route)| route.service == id).map(|(_, route)| path(route)).collect();
        paths.sort();
        paths.dedup();
        for path in &paths {
            rows.extend(rows_of(index, path));
        }
        rows.push(vec![String::new()]);
    }
    table(&rows)
}

/// One row for all methods of a path with the same answers.
fn rows_of(index: &Index, path: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<(Vec<Method>, Vec<String>)> = Vec::new();
    for method in Method::ROUTABLE {
        let cells: Vec<String> = COLUMNS.iter().map(|column| cell(index, method, path, column)).collect();
        match rows.iter_mut().find(|(_, before)| *before == cells) {
            Some((methods, _)) => methods.push(method),
            None => rows.push((vec![method], cells)),
        }
    }
    let named = |method: &Method| match method {
        Method::Grpc => "GRPC",
        method => method.wire_name(),
    };
    rows.into_iter()
        .filter(|(_, cells)| cells.iter().any(|cell| cell != NO_METHOD))
        .map(|(methods, cells)| {
            let methods = match methods.iter().map(named).collect::<Vec<_>>() {
                all if all.len() == Method::ROUTABLE.len() => "ANY".to_owned(),
                some => some.join(","),
            };
            [path.to_owned(), methods].into_iter().chain(cells).collect()
        })
        .collect()
}

#[test]
fn the_reference_policy_gives_this_access() {
    let index = index(Path::new("policies"));
    compare(Path::new("tests/golden/matrix/expected.txt"), &matrix(&index)).unwrap();
}
