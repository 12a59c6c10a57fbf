//! Changes of policy that were made to look like none. Each must be told.

use doorward::compile::compile;
use doorward::diag::{Report, Sources};
use doorward::policy::read_texts;
use doorward::review::invariants::{Outcome, prove};
use doorward::review::{Diff, Kind, Tokens};

use crate::any::index_of;
use crate::small::NOW;

fn diff(old: &str, new: &str) -> Diff {
    let diff = Diff::new(&index_of(old), &index_of(new), Tokens::ANY, NOW).unwrap();
    assert!(diff.unconfirmed().next().is_none(), "{diff:#?}");
    diff
}

/// A policy that gives a role to somebody.
fn given(binding: &str, routes: &str) -> String {
    format!(
        "roles: {{ admin: {{ grants: [x:y] }} }}
bindings:
  - {{ roles: [admin], {binding} }}
services:
  s:
    paths: [/]
    routes:
      {routes}
"
    )
}

/// What comes of the invariants of a policy.
fn proved(policy: &str, invariants: &[&str]) -> Vec<Outcome> {
    let lines: String = invariants.iter().map(|line| format!("  - {{ {line} }}\n")).collect();
    let text = format!("{policy}invariants:\n{lines}");
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text)], &mut sources, &mut report).unwrap();
    let index = compile(&policy, &sources, &mut report).unwrap();
    prove(&index, &policy, &sources, Tokens::ANY, NOW).unwrap()
}

#[test]
fn an_invariant_is_about_any_other_value_too() {
    for (values, invariant) in [
        ("[x]", "name: a, always: { users: eve }, may: 'GET /{p}'"),
        ("[x, 'v*', vx]", "name: a, always: { users: eve }, may: 'GET /{p}'"),
        ("['v*']", "name: a, never: { users: eve }, may: 'GET /{p}', except: GET /vx"),
        ("[l1]", "name: a, never: { users: eve }, may: 'GET /{p}'"),
    ] {
        let policy = given(
            &format!("user: eve, on: {{ p: {values} }}"),
            "- { route: 'GET /{p}', roles: admin }\n      - { route: GET /vx, access: denied }
      - { route: POST /l1, access: denied }",
        );
        let outcomes = proved(&policy, &[invariant]);
        assert!(!outcomes[0].holds() && outcomes[0].counterexamples().all(|found| found.confirmed));
    }
}

#[test]
fn a_public_route_may_stand_on_the_list_twice() {
    let policy = given("user: eve", "- { route: 'ANY /{p}/**', access: anonymous }");
    let list = "name: a, public_is_exactly: ['ANY /{p}/**', 'ANY /{q}/**']";
    assert!(proved(&policy, &[list])[0].holds());
}

#[test]
fn preflights_are_for_a_diff_and_not_for_invariants() {
    let policy = |option: &str| {
        format!(
            "services: {{ s: {{ paths: [/], {option} routes: [{{ route: ANY /a, access: denied }}, \
                 {{ route: ANY /b, access: authenticated }}] }} }}\n"
        )
    };
    let (old, new) = (policy(""), policy("cors_preflight: allow,"));
    let diff = diff(&old, &new);
    let opened: Vec<&str> =
        diff.of(Kind::Opened).flat_map(|change| change.paths.iter().map(String::as_str)).collect();
    assert_eq!(opened, ["/b"], "not what is denied to everybody");
    assert!(proved(&new, &["name: a, only: authenticated, may: ANY /**"])[0].holds());
}

#[test]
fn a_scope_that_grows_is_told_whatever_its_values_are_called() {
    let one = "- { route: 'GET /{p}', roles: admin }";
    // Behind a literal that leads no further.
    let behind = "- { route: 'GET /{p}/{q}', roles: admin }\n      - { route: POST /l1, access: denied }";
    let literal = "- { route: 'GET /{p}', roles: admin }\n      - { route: GET /vx, access: denied }";
    for (old, new, routes) in [
        // What stands for any other value.
        ("on: { p: [x] }", "reason: all", one),
        ("on: { p: [x] }", "on: { p: ['*'] }", one),
        ("on: { p: [x, x1, x2] }", "reason: all", one),
        // What stands for a prefix.
        ("on: { p: [vx] }", "on: { p: ['v*'] }", one),
        ("on: { p: ['vx*'] }", "on: { p: ['v*'] }", one),
        ("on: { p: [vx, v] }", "on: { p: ['v*'] }", one),
        ("on: { p: [w] }", "on: { p: [w, 'v*'] }", literal),
        ("on: { p: [w] }", "on: { p: [w, l1] }", behind),
    ] {
        let [old, new] = [old, new].map(|on| given(&format!("user: eve, {on}"), routes));
        assert!(diff(&old, &new).opens(), "{old}{new}");
        assert!(diff(&new, &old).closes(), "{old}{new}");
    }
}

#[test]
fn a_value_among_very_many_is_told() {
    let mut routes = String::new();
    let mut policy = |last: &str| {
        let mut text = String::from("roles: { admin: {} }\nbindings:\n");
        routes.clear();
        for name in 0..20 {
            let values: Vec<String> = (0..10).map(|value| format!("w{name}-{value}")).collect();
            text.push_str(&format!("  - {{ user: ann, roles: [admin], on: {{ p{name}: {values:?} }} }}\n"));
            routes.push_str(&format!("      - {{ route: 'GET /{{p{name}}}/r{name}', roles: admin }}\n"));
        }
        format!("{text}{last}services:\n  s:\n    paths: [/]\n    routes:\n{routes}")
    };
    let new = policy("  - { user: eve, roles: [admin], on: { p19: ['zz'] } }\n");
    assert!(diff(&policy(""), &new).opens());
}

#[test]
fn workloads_are_told_whatever_they_are_called() {
    let routes = "- { route: GET /a, roles: admin }";
    for (old, new) in [
        ("spiffe://t/other", "spiffe://t/*"),
        ("spiffe://t/ns/other", "spiffe://t/ns/*"),
        ("spiffe://t/other/x", "spiffe://t/*/x"),
        ("spiffe://elsewhere/x", "spiffe://elsewhere/*"),
    ] {
        let [old, new] = [old, new].map(|peer| given(&format!("peer: '{peer}'"), routes));
        assert!(diff(&old, &new).opens(), "{old}{new}");
        let listed = |peer: &str| {
            format!("services: {{ s: {{ paths: [/], routes: [{{ route: GET /, peers: ['{peer}'] }}] }} }}")
        };
        let peers = [("spiffe://t/other", "spiffe://t/*")].map(|(old, new)| (listed(old), listed(new)));
        let [(old, new)] = peers;
        assert!(diff(&old, &new).opens(), "{old}{new}");
    }
}

#[test]
fn a_user_may_be_called_like_nobody() {
    let routes = "- { route: GET /a, roles: admin }";
    let [old, new] = ["ann", "somebody"].map(|user| given(&format!("user: {user}"), routes));
    let diff = diff(&old, &new);
    assert!(diff.opens() && diff.closes());
    let gained = diff.changes[0].gained.as_ref().unwrap();
    assert_eq!(gained.who.sets[0].user.as_deref(), Some("somebody"));
}

#[test]
fn conditions_that_look_for_roles_are_told_apart_on_every_path() {
    let policy = |user: &str| {
        let binding = |user: &str, value: &str| {
            format!("  - {{ user: {user}, roles: [admin], on: {{ p: [{value}] }} }}\n")
        };
        format!(
            "roles: {{ admin: {{}} }}
bindings:
{}{}services:
  s:
    paths: [/]
    routes:
      - {{ route: 'GET /{{p}}', when: '\"admin\" in user.roles' }}
      - {{ route: POST /l1, access: denied }}
      - {{ route: POST /l2, access: denied }}
",
            binding("u2", "l1"),
            binding(user, "l2")
        )
    };
    assert!(diff(&policy("u4"), &policy("u5")).opens());
}

#[test]
fn a_condition_is_about_the_place_of_a_parameter() {
    let policy = |path: &str| {
        given("user: ann", &format!("- {{ route: 'GET {path}', roles: admin, when: path.p == claims.own }}"))
    };
    let kinds: Vec<Kind> =
        diff(&policy("/{p}/{q}"), &policy("/{q}/{p}")).changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [Kind::ConditionChanged]);
}

#[test]
fn a_condition_that_goes_opens() {
    let with = |when: &str| format!("- {{ route: GET /a, roles: admin{when} }}");
    let [old, new, other] =
        [", when: claims.x == 1", "", ", when: claims.x == 2"].map(|when| given("user: ann", &with(when)));
    let kind = |diff: Diff| diff.changes[0].kind;
    assert_eq!(kind(diff(&old, &new)), Kind::Opened);
    assert_eq!(kind(diff(&new, &old)), Kind::Closed);
    assert_eq!(kind(diff(&old, &other)), Kind::ConditionChanged);
}

#[test]
fn what_an_upstream_is_told_is_more_than_the_text_of_a_header() {
    let policy = |weights: [i64; 2], route: &str, binding: &str| {
        format!(
            "roles: {{ a: {{ weight: {} }}, b: {{ weight: {} }} }}
bindings:
  - {{ user: ann, roles: {binding} }}
services:
  s:
    paths: [/]
    upstream_headers: {{ x-user-venue: path.venue, x-user-roles: user.roles }}
    routes:
      - {{ route: 'GET {route}', access: authenticated }}
",
            weights[0], weights[1]
        )
    };
    let old = policy([1, 2], "/{venue}/{x}", "[a]");
    for new in [
        policy([1, 2], "/{x}/{venue}", "[a]"),
        policy([2, 1], "/{venue}/{x}", "[a]"),
        policy([1, 2], "/{venue}/{x}", "[a, b]"),
    ] {
        let diff = diff(&old, &new);
        let kinds: Vec<Kind> = diff.changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Kind::EffectsOnly], "{new}");
    }
    assert!(diff(&old, &old).changes.is_empty());
}
