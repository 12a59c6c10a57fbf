//! What `lint` says is so, against all sets of roles and all short paths: what it
//! calls impossible never happens, and what it calls superfluous can go.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward::compile::{Around, Index, Linted, load_to_lint};
use doorward::config::OnAnonymous;
use doorward::diag::{Code, Format, render};
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::index_of;
use crate::cases;

fn lint(text: &str) -> Linted {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), text).unwrap();
    let linted = load_to_lint(folder.path(), 0, Around::default());
    assert!(linted.index.is_some(), "{text}\n{}", render(&linted.report, &linted.sources, Format::Short));
    linted
}

/// The lines that findings with one of the codes point at, from 1.
fn lines(linted: &Linted, codes: &[Code]) -> BTreeSet<usize> {
    let found = linted.report.diagnostics().iter().filter(|d| codes.contains(&d.code));
    found.map(|d| linted.sources.position(d.span.unwrap().file, d.span.unwrap().start).line).collect()
}

// ---- roles and codes

const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
const CODES: [&str; 5] = ["a:b", "a:c", "ab", "b:a", "b"];
const PATTERNS: [&str; 9] = ["a:b", "a:c", "ab", "b", "b:a", "a*", "a:*", "b*", "*"];

/// Roles, a pattern a line; a role inherits earlier ones alone.
fn roles() -> impl Strategy<Value = String> {
    let patterns = |most| proptest::collection::vec(select(PATTERNS.to_vec()), 0..most);
    let role = (proptest::collection::vec(0..3usize, 0..2), patterns(4), patterns(3));
    proptest::collection::vec(role, ROLES.len()).prop_map(|roles| {
        let mut text = String::from("roles:\n");
        for (number, (inherits, grants, denies)) in roles.into_iter().enumerate() {
            text.push_str(&format!("  {}:\n    weight: 0\n", ROLES[number]));
            let inherits: BTreeSet<&str> =
                inherits.into_iter().filter(|i| *i < number).map(|i| ROLES[i]).collect();
            for (key, list) in
                [("inherits", inherits.into_iter().collect()), ("grants", grants), ("denies", denies)]
            {
                if !list.is_empty() {
                    text.push_str(&format!("    {key}:\n"));
                    list.iter().for_each(|one| text.push_str(&format!("      - \"{one}\"\n")));
                }
            }
        }
        text
    })
}

fn need(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    (subsequence(of.to_vec(), 1..3), any::<bool>())
        .prop_map(|(names, all)| format!("{{ {}: [{}] }}", if all { "all" } else { "any" }, names.join(", ")))
}

/// Routes, one a line, each with codes and some with roles.
fn routes() -> impl Strategy<Value = String> {
    let route = (need(&CODES), proptest::option::of(need(&ROLES)));
    proptest::collection::vec(route, 1..5).prop_map(|routes| {
        let mut text = String::from("services:\n  s:\n    paths: [/]\n    routes:\n");
        for (number, (codes, roles)) in routes.into_iter().enumerate() {
            let roles = roles.map_or(String::new(), |roles| format!(", roles: {roles}"));
            text.push_str(&format!("      - {{ route: GET /{number}, codes: {codes}{roles} }}\n"));
        }
        text
    })
}

/// Whether each set of roles may call each route, by number.
fn access(index: &Index) -> Vec<Vec<bool>> {
    let routes = index.routes().count();
    let may = |set: usize, route: usize| {
        let held = ROLES.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0);
        let roles = held.map(|(_, role)| (*role).to_owned()).collect();
        let subject = Subject { user: "ann".to_owned(), roles, ..Subject::default() };
        let path = format!("/{route}");
        let input = Input { method: "GET", path: &path, host: "a.test", ..Input::default() };
        let decision = decide(index, &input, OnAnonymous::default(), |_| {
            Ok(Arc::new(Principal::resolve(index, subject)))
        });
        decision.reason == Reason::Allowed
    };
    (0..1 << ROLES.len()).map(|set| (0..routes).map(|route| may(set, route)).collect()).collect()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn what_nobody_can_meet_nobody_meets(roles in roles(), routes in routes()) {
        let text = format!("{roles}{routes}");
        let linted = lint(&text);
        let access = access(linted.index.as_ref().unwrap());
        let first = text.lines().position(|line| line.contains("route: GET /0")).unwrap() + 1;
        for line in lines(&linted, &[Code::NeverMet]) {
            let route = line - first;
            prop_assert!(access.iter().all(|may| !may[route]), "{text}\nline {line}");
        }
        // A code that no role grants is had by nobody either.
        for finding in linted.report.diagnostics().iter().filter(|d| d.code == Code::UngrantedCode) {
            let code = finding.message.split('`').nth(1).unwrap();
            let granted = linted.index.as_ref().unwrap().code_named(code).unwrap();
            for (_, role) in linted.index.as_ref().unwrap().roles() {
                prop_assert!(!role.granted.contains(granted.number()));
            }
        }
    }

    /// The reverse, where one code and nothing else is required.
    #[test]
    fn a_code_that_nobody_can_have_is_told(roles in roles()) {
        let routes: String = CODES
            .iter()
            .enumerate()
            .map(|(number, code)| format!("      - {{ route: GET /{number}, codes: \"{code}\" }}\n"))
            .collect();
        let text = format!("{roles}services:\n  s:\n    paths: [/]\n    routes:\n{routes}");
        let linted = lint(&text);
        let access = access(linted.index.as_ref().unwrap());
        let told = lines(&linted, &[Code::NeverMet, Code::UngrantedCode, Code::SimilarNames]);
        let first = text.lines().position(|line| line.contains("route: GET /0")).unwrap() + 1;
        for route in 0..CODES.len() {
            let never = access.iter().all(|may| !may[route]);
            prop_assert_eq!(never, told.contains(&(first + route)), "{}\nroute {}", text, route);
        }
    }

    /// Grants and denies that are said to change nothing are taken out, one by
    /// one and all together.
    #[test]
    fn superfluous_grants_and_denies_can_go(roles in roles(), routes in routes()) {
        let text = format!("{roles}{routes}");
        let linted = lint(&text);
        let before = access(linted.index.as_ref().unwrap());
        let idle = lines(&linted, &[Code::DeniedGrant, Code::CoveredGrant, Code::IdleDeny]);
        for line in &idle {
            let without: String = text
                .lines()
                .enumerate()
                .map(|(at, written)| if at + 1 == *line { "      - nothing:at-all\n".to_owned() } else { format!("{written}\n") })
                .collect();
            prop_assert_eq!(&before, &access(&index_of(&without)), "{}\nline {}", text, line);
        }
        let without: String = text
            .lines()
            .enumerate()
            .map(|(at, written)| if idle.contains(&(at + 1)) { "      - nothing:at-all\n".to_owned() } else { format!("{written}\n") })
            .collect();
        prop_assert_eq!(&before, &access(&index_of(&without)), "{}\nall", text);
    }
}

// ---- paths

const SEGMENTS: [&str; 3] = ["a", "b", "{x}"];

/// Routes with shapes of up to two segments, each shape and method once.
fn shapes() -> impl Strategy<Value = String> {
    let segments = proptest::collection::vec(select(SEGMENTS.to_vec()), 0..3);
    let shape = (segments, any::<bool>(), select(vec!["GET", "PUT", "DELETE"]));
    proptest::collection::btree_set(shape, 1..12).prop_map(|shapes| {
        let mut text = String::from("services:\n  s:\n    paths: [/]\n    routes:\n");
        for (segments, rest, method) in shapes {
            let mut path: String = segments
                .iter()
                .enumerate()
                .map(|(at, segment)| format!("/{}", segment.replace('x', &format!("x{at}"))))
                .collect();
            path.push_str(if rest { "/**" } else { "" });
            let path = if path.is_empty() { "/" } else { &path };
            text.push_str(&format!("      - {{ route: \"{method} {path}\", access: denied }}\n"));
        }
        text
    })
}

/// All paths of up to five segments, one of them never spelled out.
fn paths() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut level = all.clone();
    for _ in 0..5 {
        level = level
            .iter()
            .flat_map(|path| ["a", "b", "z"].map(|segment| format!("{path}/{segment}")))
            .collect();
        all.extend(level.iter().cloned());
    }
    all.into_iter().map(|path| if path.is_empty() { "/".to_owned() } else { path }).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn what_no_request_can_reach_none_reaches_and_the_rest_is_reached(text in shapes()) {
        let linted = lint(&text);
        let index = linted.index.as_ref().unwrap();
        let mut reached = BTreeSet::new();
        for path in paths() {
            for method in ["GET", "HEAD", "PUT", "DELETE"] {
                let input = Input { method, path: &path, host: "a.test", ..Input::default() };
                let decision = decide(index, &input, OnAnonymous::default(), |_| panic!("all is denied"));
                reached.extend(decision.route.and_then(|id| index.route(id)).map(|route| route.place.line));
            }
        }
        let unreachable = lines(&linted, &[Code::UnreachableRoute]);
        for (_, route) in index.routes() {
            let told = unreachable.contains(&usize::try_from(route.place.line).unwrap());
            prop_assert_eq!(!reached.contains(&route.place.line), told, "{}\n{}", text, route.text);
        }
    }
}
