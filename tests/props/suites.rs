//! A test holds if it expects what the engine decides, and for no other reason.

use std::net::IpAddr;
use std::sync::Arc;

use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::denial::Denials;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Headers, Input, Principal, Reason, Silent, Subject, decide};
use doorward::policy::{Policy, read_texts};
use doorward::review::suite::{Miss, Suite, When};
use doorward::trial::Court;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::cases;

const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
const CODES: [&str; 4] = ["c:0", "c:1", "d:0", "d:1"];
pub(crate) const NOW: u64 = 1_800_000_000;

fn role(at: usize) -> impl Strategy<Value = String> {
    let inherits = subsequence(ROLES.iter().take(at).copied().collect::<Vec<_>>(), 0..=at.min(2));
    let patterns = || subsequence(["c:0", "c:1", "d:0", "'c:*'", "'*'"].to_vec(), 0..3);
    (inherits, patterns(), patterns(), any::<bool>()).prop_map(move |(inherits, grants, denies, denying)| {
        let list = |key: &str, names: &[&str]| match names {
            [] => String::new(),
            names => format!("{key}: [{}], ", names.join(", ")),
        };
        let denies = if denying { denies } else { Vec::new() };
        let body = list("inherits", &inherits) + &list("grants", &grants) + &list("denies", &denies);
        format!("  r{at}: {{ {body}}}\n")
    })
}

/// What a route requires.
fn rule() -> impl Strategy<Value = String> {
    let need = |names: Vec<&'static str>| {
        let most = names.len();
        (select(vec!["any", "all"]), subsequence(names, 1..=most.min(3)))
            .prop_map(|(word, names)| format!("{{ {word}: [{}] }}", names.join(", ")))
    };
    prop_oneof![
        1 => select(vec!["anonymous", "authenticated", "denied"]).prop_map(|access| format!("access: {access}")),
        3 => need(CODES.to_vec()).prop_map(|need| format!("codes: {need}")),
        2 => need(ROLES.to_vec()).prop_map(|need| format!("roles: {need}")),
        1 => Just("codes: c:0, ip: { allow: [192.0.2.0/24] }".to_owned()),
        2 => select(vec!["path.id == user.id", "claims.level > 2", "'g1' in user.groups"])
            .prop_map(|when| format!("when: \"{when}\"")),
    ]
}

pub(crate) fn policy() -> impl Strategy<Value = String> {
    let roles = (role(0), role(1), role(2), role(3)).prop_map(|(a, b, c, d)| a + &b + &c + &d);
    let until = select(vec!["", ", until: 2027-01-20", ", from: 2027-01-10", ", on: { id: ann }"]);
    let binding = (select(ROLES.to_vec()), select(vec!["user: ann", "user: bea", "group: g1"]), until);
    let bindings = proptest::collection::vec(binding, 1..4);
    (roles, bindings, [rule(), rule(), rule()]).prop_map(|(roles, bindings, rules)| {
        let bindings = bindings.iter().map(|(role, who, scope)| format!("  - {{ {who}, roles: [{role}]{scope} }}\n"));
        let routes = ["GET /s/{id}", "PUT /s/{id}", "ANY /s/deep/{id}/**"].iter().zip(rules);
        let routes = routes.map(|(route, rule)| format!("      - {{ route: \"{route}\", {rule} }}\n"));
        format!(
            "roles:\n{roles}  all: {{ grants: [c:0, c:1, d:0, d:1] }}\nbindings:\n{}services:\n  s:\n    hosts: [h.test]\n    paths: [/s]\n    routes:\n{}",
            bindings.collect::<String>(),
            routes.collect::<String>()
        )
    })
}

#[derive(Debug, Clone)]
pub(crate) struct Asking {
    user: Option<&'static str>,
    roles: Vec<&'static str>,
    groups: Vec<&'static str>,
    codes: Vec<&'static str>,
    scopes: Option<Vec<&'static str>>,
    level: Option<i64>,
    source: Option<&'static str>,
    method: &'static str,
    path: &'static str,
    host: &'static str,
    service: Option<&'static str>,
    pub(crate) at: u64,
}

pub(crate) fn asking() -> impl Strategy<Value = Asking> {
    let who = (
        select(vec![None, Some("ann"), Some("bea"), Some("kim")]),
        subsequence(ROLES.to_vec(), 0..3),
        subsequence(vec!["g1", "g2"], 0..2),
        subsequence(CODES.to_vec(), 0..2),
        proptest::option::of(subsequence(vec!["c:0", "d:0", "openid"], 0..3)),
        proptest::option::of(0..5_i64),
        proptest::option::of(select(vec!["192.0.2.7", "198.51.100.1", "2001:db8::1"])),
    );
    let what = (
        select(vec!["GET", "PUT", "DELETE", "HEAD", "TRACE", "PURGE"]),
        select(vec![
            "/s/ann",
            "/s/bea?x=1",
            "/s/deep/a/b",
            "/s/deep",
            "/s",
            "/t/x",
            "/s/../s/ann",
            "/s/%61nn",
        ]),
        select(vec!["h.test", "H.TEST:443", "other.test"]),
        select(vec![None, None, Some("s"), Some("t")]),
        select(vec![NOW, NOW + 30 * 86_400, NOW - 30 * 86_400]),
    );
    (who, what).prop_map(|(who, what)| {
        let (user, roles, groups, codes, scopes, level, source) = who;
        let (method, path, host, service, at) = what;
        Asking { user, roles, groups, codes, scopes, level, source, method, path, host, service, at }
    })
}

impl Asking {
    /// The caller, as a test has it.
    fn written(&self) -> String {
        let list = |names: &[&str]| names.join(", ");
        let Self { user, roles, groups, codes, scopes, level, source, .. } = self;
        let mut keys: Vec<String> = Vec::new();
        if let Some(user) = user {
            keys.push(format!("user: {user}, roles: [{}], groups: [{}]", list(roles), list(groups)));
            keys.push(format!("codes: [{}]", list(codes)));
            keys.extend(scopes.as_ref().map(|scopes| format!("scopes: [{}]", list(scopes))));
            keys.extend(level.map(|level| format!("claims: {{ level: {level} }}")));
        }
        keys.extend(source.map(|source| format!("source: \"{source}\"")));
        if keys.is_empty() { "nobody".to_owned() } else { format!("{{ {} }}", keys.join(", ")) }
    }

    /// What the engine decides, asked without any of the code that tests go through.
    pub(crate) fn decided(&self, index: &Index) -> Reason {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let subject = self.user.map(|user| {
            let claims = self.level.map(|level| ("level".to_owned(), level.into()));
            Subject {
                user: user.to_owned(),
                roles: owned(&self.roles),
                groups: owned(&self.groups),
                codes: owned(&self.codes),
                scopes: self.scopes.as_deref().map(owned),
                claims: claims.into_iter().collect(),
                ..Subject::default()
            }
        });
        let source: IpAddr = self.source.unwrap_or("127.0.0.1").parse().unwrap();
        let input = Input {
            method: self.method,
            host: self.host,
            path: self.path,
            service: self.service,
            source: Some(source),
            headers: Headers::default(),
            scheme: "https",
            now: self.at,
            ..Input::default()
        };
        let decision = decide(index, &input, OnAnonymous::default(), |_| match subject {
            Some(subject) => Ok(Arc::new(Principal::resolve(index, subject))),
            None => Err((Reason::TokenMissing, "")),
        });
        decision.reason
    }

    /// A test that expects something, as people write it.
    pub(crate) fn test(&self, name: &str, expect: Reason, at: bool) -> String {
        let result = if expect.is_allowed() { "allow" } else { expect.as_str() };
        let Self { method, path, host, .. } = self;
        let service = self.service.map(|service| format!("service: {service}, ")).unwrap_or_default();
        let at =
            if at { format!("at: {}, ", doorward::policy::instant::utc(self.at)) } else { String::new() };
        let who = self.written();
        format!(
            "  - {{ name: {name}, as: {who}, request: \"{method} {path}\", host: \"{host}\", {service}{at}expect: {result} }}\n"
        )
    }
}

pub(crate) fn compiled(text: &str) -> (Policy, Index) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    let index = policy.as_ref().and_then(|policy| compile(policy, &sources, &mut report));
    let index = index.unwrap_or_else(|| panic!("{text}\n{}", render(&report, &sources, Format::Short)));
    (policy.unwrap(), index)
}

pub(crate) fn suite_of(policy: &Policy) -> Suite {
    Suite::new(policy, &[], &mut Report::default()).unwrap()
}

pub(crate) fn court<'a>(index: &'a Index, denials: &'a Denials) -> Court<'a> {
    Court { index, headers: None, denials, on_anonymous: OnAnonymous::default() }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_test_holds_for_the_reason_that_the_engine_gives_and_no_other(
        text in policy(),
        asked in proptest::collection::vec(asking(), 1..8),
    ) {
        let (_, index) = compiled(&text);
        let mut tests = String::from("tests:\n");
        let mut right = Vec::new();
        for (number, asking) in asked.iter().enumerate() {
            let decided = asking.decided(&index);
            for reason in Reason::ALL {
                tests.push_str(&asking.test(&format!("t{number} {}", reason.as_str()), *reason, true));
                right.push(*reason == decided);
            }
        }
        let (policy, with_tests) = compiled(&(text + &tests));
        let suite = suite_of(&policy);
        let denials = Denials::default();
        let session = suite.before(court(&with_tests, &denials), When::Any(NOW));
        for (case, right) in suite.cases().iter().zip(right) {
            let misses = session.misses(case, &session.run(case, &mut Silent));
            prop_assert_eq!(misses.is_empty(), right, "{}: {:?}", case.name, misses);
        }
    }

    /// What holds today without `at` holds at any later time; and only what could come out
    /// otherwise later must say when.
    #[test]
    fn a_suite_that_holds_goes_on_holding(
        text in policy(),
        asked in proptest::collection::vec(asking(), 1..8),
    ) {
        let (_, index) = compiled(&text);
        let tests = asked.iter().enumerate().map(|(number, asking)| {
            let decided = Asking { at: NOW, ..asking.clone() }.decided(&index);
            asking.test(&format!("t{number}"), decided, false)
        });
        let (policy, index) = compiled(&(text + "tests:\n" + &tests.collect::<String>()));
        let suite = suite_of(&policy);
        let denials = Denials::default();
        let session = suite.before(court(&index, &denials), When::Any(NOW));
        // Every second at which something begins or ends, and the one before it.
        let moments = (0..40).flat_map(|day| [NOW + day * 86_400 - NOW % 86_400, NOW + day * 86_400]);
        let moments: Vec<u64> = moments.filter(|at| *at >= NOW).collect();
        for (case, asking) in suite.cases().iter().zip(&asked) {
            let misses = session.misses(case, &session.run(case, &mut Silent));
            let ever = |at: &u64| Asking { at: *at, ..asking.clone() }.decided(&index) != case.expect;
            let changes = moments.iter().any(ever);
            let told = matches!(misses.as_slice(), [Miss::Time { .. }]);
            prop_assert_eq!(told, changes, "{}: {:?}", case.name, misses);
            prop_assert!(told || misses.is_empty(), "{:?}", misses);
        }
    }
}
