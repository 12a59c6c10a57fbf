//! Scoped bindings against a model that looks at all of them on every request.

use std::cmp::Reverse;
use std::sync::Arc;

use doorward::compile::Index;
use doorward::config::OnAnonymous;
use doorward::engine::{Input, Origin, Principal, Reason, Subject, decide, explain};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::index_of;
use crate::cases;

const VALUES: [&str; 9] = ["v", "v-", "v-1", "v-11", "v-2", "w", "a b", "é", "x"];
const PATTERNS: [&str; 12] = ["v", "v*", "v-*", "v-1", "v-1*", "v-11", "v-2", "w", "*", "a b", "a b*", "é"];
/// A name, and what it inherits, grants and denies.
type Role = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);
/// Enough of them that a stretch
/// of time may hold more than are looked at one by one.
const ROLES: [Role; 14] = [
    ("r0", &[], &["read"], &[]),
    ("r1", &["r0"], &["write"], &[]),
    ("r2", &["r1"], &[], &["read"]),
    ("r3", &[], &[], &["write"]),
    ("r4", &[], &["*"], &[]),
    ("r5", &[], &[], &[]),
    ("r6", &["r5"], &[], &[]),
    ("r7", &["r6"], &[], &[]),
    ("r8", &[], &[], &[]),
    ("r9", &[], &[], &[]),
    ("ra", &[], &[], &[]),
    ("rb", &[], &[], &[]),
    ("rc", &["r8"], &["write"], &[]),
    ("rd", &[], &[], &["delete"]),
];

fn role(name: &str) -> &'static Role {
    ROLES.iter().find(|(known, ..)| *known == name).unwrap()
}

fn weight(role: &str) -> usize {
    ROLES.iter().position(|(name, ..)| *name == role).unwrap() % 3
}

const DAYS: u64 = 6;
const DAY: u64 = 86_400;

#[derive(Debug, Clone)]
struct Binding {
    holder: &'static str,
    role: &'static str,
    on: Vec<(&'static str, Vec<&'static str>)>,
    from: Option<Time>,
    until: Option<Time>,
}

/// A day in January 2030, or an hour of one, in one of two zones.
#[derive(Debug, Clone, Copy)]
struct Time {
    day: u64,
    hour: Option<(u64, bool)>,
}

const START: u64 = 1_893_456_000; // 2030-01-01

impl Time {
    /// The second, as a beginning or as an end.
    fn at(self, end: bool) -> u64 {
        let day = START + self.day * DAY;
        match self.hour {
            None => day + if end { DAY } else { 0 },
            Some((hour, utc)) => day + hour * 3600 - if utc { 0 } else { 2 * 3600 },
        }
    }

    fn text(self) -> String {
        let day = format!("2030-01-{:02}", self.day + 1);
        match self.hour {
            None => day,
            Some((hour, utc)) => format!("{day}T{hour:02}:00:00{}", if utc { "Z" } else { "+02:00" }),
        }
    }
}

fn time() -> impl Strategy<Value = Time> {
    (0..DAYS, proptest::option::of((2..24u64, any::<bool>()))).prop_map(|(day, hour)| Time { day, hour })
}

fn binding() -> impl Strategy<Value = Binding> {
    let on = prop_oneof![
        5 => Just(Vec::new()),
        3 => (select(vec!["venue", "room"]), subsequence(PATTERNS.to_vec(), 1..4)).prop_map(|one| vec![one]),
        1 => (subsequence(PATTERNS.to_vec(), 1..4), subsequence(PATTERNS.to_vec(), 1..4))
            .prop_map(|(venue, room)| vec![("room", room), ("venue", venue)]),
    ];
    let holder = select(vec![
        "user: ann",
        "user: ann",
        "user: ann",
        "user: ann",
        "user: bob",
        "group: staff",
        "group: other",
    ]);
    let times = (proptest::option::weighted(0.4, time()), proptest::option::weighted(0.4, time()));
    (holder, select(ROLES.map(|(name, ..)| name).to_vec()), on, times).prop_map(
        |(holder, role, on, (from, until))| {
            // An end before its beginning is an error, and no business of this test.
            let until = until.filter(|until| from.is_none_or(|from| from.at(false) < until.at(true)));
            Binding { holder, role, on, from, until }
        },
    )
}

fn policy(bindings: &[Binding]) -> String {
    let quoted = |names: &[&str]| names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    let mut text = String::from("roles:\n");
    for (name, inherits, grants, denies) in ROLES {
        let lists = [("inherits", inherits), ("grants", grants), ("denies", denies)];
        let keys = lists.iter().filter(|(_, list)| !list.is_empty());
        let keys: Vec<String> = keys.map(|(key, list)| format!("{key}: [{}]", quoted(list))).collect();
        text.push_str(&format!("  {name}: {{ weight: {}, {} }}\n", weight(name), keys.join(", ")));
    }
    text.push_str("bindings:\n  - { user: nobody, roles: r0 }\n");
    for Binding { holder, role, on, from, until } in bindings {
        let mut keys = vec![(*holder).to_owned(), format!("roles: {role}")];
        if !on.is_empty() {
            let params = on.iter().map(|(param, values)| format!("{param}: [{}]", quoted(values)));
            keys.push(format!("on: {{ {} }}", params.collect::<Vec<_>>().join(", ")));
        }
        keys.extend(from.map(|from| format!("from: {}", from.text())));
        keys.extend(until.map(|until| format!("until: {}", until.text())));
        text.push_str(&format!("  - {{ {} }}\n", keys.join(", ")));
    }
    text.push_str("services:\n  s:\n    paths: [/]\n    routes:\n");
    for (template, _) in ROUTES {
        for (method, need) in NEEDS {
            text.push_str(&format!("      - {{ route: '{method} {template}', {need} }}\n"));
        }
    }
    text
}

/// Templates, and the parameters of each.
const ROUTES: [(&str, &[&str]); 5] = [
    ("/none", &[]),
    ("/v/{venue}", &["venue"]),
    ("/r/{room}/x", &["room"]),
    ("/b/{venue}/{room}/**", &["venue", "room"]),
    ("/o/{id}", &["id"]),
];

const NEEDS: [(&str, &str); 5] = [
    ("GET", "codes: read"),
    ("PUT", "codes: write"),
    ("POST", "roles: { any: [r0, r7] }"),
    ("PATCH", "roles: { all: [r5, r8] }"),
    ("DELETE", "roles: r1, codes: { any: [delete, write] }"),
];

// ---- the model

fn counts(binding: &Binding, groups: &[&str], params: &[(&str, &str)], now: u64) -> bool {
    let held = match binding.holder.split_once(": ").unwrap() {
        ("user", user) => user == "ann",
        (_, group) => groups.contains(&group),
    };
    let means = |pattern: &str, value: &str| match pattern.strip_suffix('*') {
        Some(prefix) => value.starts_with(prefix),
        None => pattern == value,
    };
    let there = binding.on.iter().all(|(param, patterns)| {
        params.iter().any(|(name, value)| name == param && patterns.iter().any(|p| means(p, value)))
    });
    let begun = binding.from.is_none_or(|from| from.at(false) <= now);
    let over = binding.until.is_some_and(|until| until.at(true) <= now);
    held && there && begun && !over
}

/// Whether the roles, and whether the codes that a method needs are there.
fn verdict(method: &str, held: &[&'static str], token_codes: &[&str], scopes: Option<&[&str]>) -> Reason {
    let mut roles: Vec<&str> = Vec::new();
    let mut waiting = held.to_vec();
    while let Some(name) = waiting.pop() {
        roles.push(name);
        waiting.extend(role(name).1);
    }
    let has_role = |name: &str| roles.contains(&name);
    let has_code = |code: &str| {
        let granted = roles.iter().any(|name| role(name).2.iter().any(|grant| [code, "*"].contains(grant)));
        let granted = granted || token_codes.contains(&code);
        let denied = roles.iter().any(|name| role(name).3.contains(&code));
        granted && !denied && scopes.is_none_or(|scopes| scopes.contains(&code))
    };
    let (roles_hold, codes_hold) = match method {
        "GET" => (true, has_code("read")),
        "PUT" => (true, has_code("write")),
        "POST" => (has_role("r0") || has_role("r7"), true),
        "PATCH" => (has_role("r5") && has_role("r8"), true),
        _ => (has_role("r1"), has_code("delete") || has_code("write")),
    };
    match (roles_hold, codes_hold) {
        (false, _) => Reason::RoleMissing,
        (true, false) => Reason::CodeMissing,
        (true, true) => Reason::Allowed,
    }
}

#[derive(Debug, Clone)]
struct Asked {
    method: &'static str,
    route: (&'static str, &'static [&'static str]),
    values: [&'static str; 2],
    now: u64,
}

fn asked() -> impl Strategy<Value = Asked> {
    // On the hour, a second before, and any.
    let second = prop_oneof![
        (0..(DAYS + 1) * 24, 0..2u64).prop_map(|(hour, early)| START + hour * 3600 - early),
        START - 10..START + (DAYS + 2) * DAY,
        Just(0),
    ];
    let method = select(NEEDS.map(|(method, _)| method).to_vec());
    (method, select(ROUTES.to_vec()), [select(VALUES.to_vec()), select(VALUES.to_vec())], second)
        .prop_map(|(method, route, values, now)| Asked { method, route, values, now })
}

impl Asked {
    fn path(&self) -> String {
        let encoded = self.values.map(|value| value.replace(' ', "%20").replace('é', "%C3%A9"));
        let template = self.route.0.replace("/**", "/below/it");
        template.replace("{venue}", &encoded[0]).replace("{room}", &encoded[1]).replace("{id}", &encoded[0])
    }

    fn params(&self) -> Vec<(&'static str, &'static str)> {
        let value = |name: &str| if name == "room" { self.values[1] } else { self.values[0] };
        self.route.1.iter().map(|name| (*name, value(name))).collect()
    }
}

fn check(
    index: &Index,
    caller: &Arc<Principal>,
    asked: &Asked,
    held: &[&'static str],
    expected: Reason,
) -> Result<(), TestCaseError> {
    let path = asked.path();
    let input = Input { method: asked.method, host: "a", path: &path, now: asked.now, ..Input::default() };
    let decision = decide(index, &input, OnAnonymous::default(), |_| Ok(caller.clone()));
    prop_assert_eq!(decision.reason, expected, "{:?}", asked);

    // The heaviest first, then by name, each once.
    let mut names: Vec<&str> = held.to_vec();
    names.sort_by_key(|name| (Reverse(weight(name)), *name));
    names.dedup();
    prop_assert_eq!(&decision.held(index).unwrap().role_names(), &names);

    let (same, told) = explain(index, &input, Origin::Token, OnAnonymous::default(), |_| Ok(caller.clone()));
    prop_assert_eq!(same.reason, expected);
    // What is offered does not count already, and says why.
    for binding in told.missing.iter().flat_map(|lack| &lack.bindings().bindings) {
        prop_assert!(!binding.why.is_empty() && !names.contains(&binding.role.as_str()), "{:?}", binding);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn scoped_roles_count_where_and_when_the_model_says_so(
        bindings in proptest::collection::vec(binding(), 0..60),
        token_roles in subsequence(ROLES.map(|(name, ..)| name).to_vec(), 0..3),
        token_codes in subsequence(vec!["read", "write", "delete"], 0..2),
        scopes in proptest::option::weighted(0.2, subsequence(vec!["read", "write", "delete"], 0..3)),
        groups in subsequence(vec!["staff", "other", "none"], 0..4),
        requests in proptest::collection::vec(asked(), 1..12),
    ) {
        let index = index_of(&policy(&bindings));
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let caller = Arc::new(Principal::resolve(&index, Subject {
            user: "ann".to_owned(),
            roles: own(&token_roles),
            groups: own(&groups),
            codes: own(&token_codes),
            scopes: scopes.as_ref().map(|scopes| own(scopes)),
            ..Subject::default()
        }));
        for asked in &requests {
            let counting = bindings.iter().filter(|b| counts(b, &groups, &asked.params(), asked.now));
            let held: Vec<&str> = token_roles.iter().copied().chain(counting.map(|b| b.role)).collect();
            let expected = verdict(asked.method, &held, &token_codes, scopes.as_deref());
            check(&index, &caller, asked, &held, expected)?;
        }
    }
}
