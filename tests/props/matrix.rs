//! The matrix against the engine: what a cell says is what happens to somebody who holds that one
//! role, on a path of that route.

use std::fmt::Write;
use std::sync::Arc;

use doorward::compile::{Index, Route};
use doorward::config::OnAnonymous;
use doorward::engine::{Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::{Method, Segment};
use doorward::review::matrix::{Cell, Matrix, Part};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::{REFERENCE, index_of};
use crate::cases;

const CODES: [&str; 5] = ["a:read", "a:write", "b:read", "b:write", "c"];
const PATTERNS: [&str; 7] = ["a:read", "a:write", "a:*", "b:read", "b:*", "*", "c"];
const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];

/// The admitted address, and one that no list has.
const INSIDE: &str = "203.0.113.7";
const OUTSIDE: &str = "192.0.2.7";
const PEER: &str = "spiffe://cluster/ns/shop/sa/web";

/// A policy in text: roles that inherit earlier ones, and routes that ask for anything.
pub(crate) fn policy() -> impl Strategy<Value = String> {
    let role = (subsequence(PATTERNS.to_vec(), 0..3), subsequence(PATTERNS.to_vec(), 0..2), any::<u8>());
    let need = |names: &[&'static str]| {
        (subsequence(names.to_vec(), 1..3), any::<bool>()).prop_map(|(names, all)| match names.as_slice() {
            [one] => format!("\"{one}\""),
            some => format!("{{ {}: [{}] }}", if all { "all" } else { "any" }, quoted(some)),
        })
    };
    let rule = prop_oneof![
        1 => select(vec!["anonymous", "authenticated", "denied"]).prop_map(|word| format!("access: {word}")),
        6 => (
            proptest::option::of(need(&ROLES)),
            proptest::option::of(need(&CODES)),
            proptest::option::weighted(0.3, select(vec!["user.id == 'ann'", "request.method == 'GET'", "'r1' in user.roles", "path.id == 'x'"])),
            proptest::bool::weighted(0.2),
        ).prop_map(|(roles, codes, when, peers)| {
            let mut parts: Vec<String> = Vec::new();
            parts.extend(roles.map(|need| format!("roles: {need}")));
            parts.extend(codes.map(|need| format!("codes: {need}")));
            parts.extend(when.map(|when| format!("when: \"{when}\"")));
            if peers || parts.is_empty() {
                parts.push(format!("peers: [\"{PEER}\"]"));
            }
            parts.join(", ")
        }),
    ];
    let ip = select(vec!["", "", ", ip: { allow: [203.0.113.0/24] }", ", ip: { deny: [198.51.100.0/24] }"]);
    let method = select(vec!["GET", "POST", "PUT,PATCH", "ANY", "DELETE"]);
    (proptest::collection::vec(role, ROLES.len()), proptest::collection::vec((method, rule, ip), 1..6))
        .prop_map(|(roles, routes)| {
            let mut text = String::from("roles:\n");
            for (number, (grants, denies, parent)) in roles.iter().enumerate() {
                let earlier = usize::from(*parent) % number.max(1);
                let parent = ROLES.get(earlier).filter(|_| number > 0 && parent % 3 == 0).copied();
                let lists = [
                    ("inherits", parent.into_iter().collect::<Vec<&str>>()),
                    ("grants", grants.clone()),
                    ("denies", denies.clone()),
                ];
                let lists = lists.iter().filter(|(_, names)| !names.is_empty());
                let lists: Vec<String> =
                    lists.map(|(key, names)| format!("{key}: [{}]", quoted(names))).collect();
                writeln!(text, "  r{number}: {{ {} }}", lists.join(", ")).unwrap();
            }
            text.push_str("services:\n  s:\n    paths: [/s]\n    routes:\n");
            for (number, (method, rule, ip)) in routes.iter().enumerate() {
                writeln!(text, "      - {{ route: '{method} /s/{number}/{{id}}', {rule}{ip} }}").unwrap();
            }
            // Every code is known to the policy.
            writeln!(text, "      - {{ route: GET /s/codes, codes: {{ any: [{}] }} }}", quoted(&CODES))
                .unwrap();
            text
        })
}

pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn path(route: &Route, id: &str) -> String {
    let segments = route.template.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => &**text,
        Segment::Param(_) => id,
    });
    segments.fold(String::new(), |path, segment| path + "/" + segment)
}

/// Whether somebody may make some of these requests, and whether all.
fn may(index: &Index, route: &Route, role: Option<&str>) -> (bool, bool) {
    let grpc: [(&str, &[u8]); 1] = [("content-type", b"application/grpc")];
    let mut ends = Vec::new();
    for method in route.methods.iter() {
        for (source, peer, user, id) in [
            (INSIDE, Some(PEER), "ann", "x"),
            (INSIDE, Some(PEER), "bob", "x"),
            (INSIDE, Some(PEER), "ann", "y"),
            (INSIDE, None, "ann", "x"),
            (OUTSIDE, Some(PEER), "ann", "x"),
        ] {
            let input = Input {
                method: method.wire_name(),
                host: "h.test",
                path: &path(route, id),
                source: source.parse().ok(),
                peer,
                headers: Headers::new(if method == Method::Grpc { &grpc } else { &[] }),
                ..Input::default()
            };
            let decision = decide(index, &input, OnAnonymous::default(), |_| match role {
                None => Err((Reason::TokenMissing, "")),
                Some(role) => {
                    let roles =
                        [role].into_iter().filter(|role| !role.is_empty()).map(str::to_owned).collect();
                    Ok(Arc::new(Principal::resolve(
                        index,
                        Subject { user: user.to_owned(), roles, ..Subject::default() },
                    )))
                }
            });
            assert_eq!(decision.route.and_then(|id| index.route(id)), Some(route), "another route");
            ends.push(decision.reason.is_allowed());
        }
    }
    (ends.iter().any(|end| *end), ends.iter().all(|end| *end))
}

fn compare(index: &Index, uses_conditions: bool) {
    let matrix = Matrix::of(index, &Part::default());
    for block in &matrix.blocks {
        for row in &block.rows {
            let text = format!("{} {}", row.methods, row.path);
            let (_, route) = index.routes().find(|(_, route)| *route.text == *text).unwrap();
            for (number, column) in matrix.columns.iter().enumerate() {
                let role = match column.name {
                    "anonymous" => None,
                    "any user" => Some(""),
                    name => Some(name),
                };
                let (some, all) = may(index, route, role);
                match row.cell(number) {
                    Cell::Yes => assert!(all, "{} may always: {text}", column.name),
                    Cell::No => assert!(!some, "{} never may: {text}", column.name),
                    // A condition may ask for what nobody here is.
                    Cell::If => assert!(uses_conditions || some, "{} may: {text}", column.name),
                }
                assert!(!some || row.cell(number) != Cell::No, "{}: {text}", column.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_cell_says_what_the_engine_decides(text in policy()) {
        let index = index_of(&text);
        compare(&index, text.contains("when:"));
        let matrix = Matrix::of(&index, &Part::default());
        for told in [matrix.text(80), matrix.csv(), matrix.markdown(), matrix.html(), matrix.json()] {
            prop_assert!(told.contains("r4"));
        }
    }
}

#[test]
fn hostile_names_are_data_in_every_form() {
    // What a role may be called is narrow; a condition's text is not.
    let index = index_of(
        "roles: { r: {} }\nservices:\n  s:\n    paths: [/]\n    routes:\n      - route: GET /a\n        roles: r\n        when: \"user.id == '</script><img src=x onerror=alert(1)>@all|`=1+1'\"\n",
    );
    let matrix = Matrix::of(&index, &Part::default());
    let page = matrix.html();
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img"), "markup out of a policy");
    let markdown = matrix.markdown();
    assert!(!markdown.contains("<img") && !markdown.contains("@all"), "{markdown}");
}

#[test]
fn a_part_is_a_part() {
    let all = Matrix::of(&REFERENCE, &Part::default());
    let part = Part { service: REFERENCE.service_named("venues"), roles: vec!["admin".to_owned()] };
    let some = Matrix::of(&REFERENCE, &part);
    assert_eq!(
        some.columns.iter().map(|column| column.name).collect::<Vec<_>>(),
        ["anonymous", "any user", "admin"]
    );
    assert!(some.routes() < all.routes() && some.routes() > 5);
}
