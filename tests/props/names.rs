//! Roles and codes against a model that follows names, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorward::config::OnAnonymous;
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::index_of;
use crate::cases;

const CODES: [&str; 7] = ["a", "ab", "a:b", "a:c", "b", "b:a", "A"];
const PATTERNS: [&str; 10] = ["a", "ab", "a:b", "b", "a*", "a:*", "b*", "*", "A", "b:a"];

/// A role: what it inherits (by number, only of earlier roles), grants, denies.
#[derive(Debug, Clone)]
struct Role {
    inherits: Vec<prop::sample::Index>,
    grants: Vec<&'static str>,
    denies: Vec<&'static str>,
}

fn role() -> impl Strategy<Value = Role> {
    let inherits = proptest::collection::vec(any::<prop::sample::Index>(), 0..3);
    let grants = subsequence(PATTERNS.to_vec(), 0..4);
    let denies = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(PATTERNS.to_vec(), 1..3)];
    (inherits, grants, denies).prop_map(|(inherits, grants, denies)| Role { inherits, grants, denies })
}

// ---- the model

/// Names of roles to what they inherit, grant and deny.
type Roles = BTreeMap<String, (Vec<String>, Vec<&'static str>, Vec<&'static str>)>;

fn closure(roles: &Roles, held: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut waiting: Vec<&String> = held.iter().collect();
    while let Some(name) = waiting.pop() {
        if let Some((parents, ..)) = roles.get(name)
            && all.insert(name.clone())
        {
            waiting.extend(parents);
        }
    }
    all
}

fn means(pattern: &str, code: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == code, |prefix| code.starts_with(prefix))
}

fn has_code(roles: &Roles, held: &BTreeSet<String>, code: &str) -> bool {
    let all = closure(roles, held);
    let granted = all.iter().flat_map(|role| &roles[role].1).any(|pattern| means(pattern, code));
    let denied = all.iter().flat_map(|role| &roles[role].2).any(|pattern| means(pattern, code));
    granted && !denied
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn requirements_hold_where_the_model_says_so(
        written in proptest::collection::vec(role(), 1..6),
        token in subsequence(vec!["r0", "r1", "r2", "r3", "r4", "r5", "unknown", "*", "r"], 0..4),
        bound in subsequence(vec!["r0", "r1", "r2"], 0..2),
        grouped in subsequence(vec!["r0", "r1", "r2"], 0..2),
        needed_roles in subsequence(vec!["r0", "r1", "r2"], 1..3),
        needed_codes in subsequence(CODES.to_vec(), 1..3),
        all in any::<(bool, bool)>(),
        kind in select(vec!["roles", "codes", "both"]),
    ) {
        let mut roles: Roles = BTreeMap::new();
        for (at, role) in written.iter().enumerate() {
            let parents: BTreeSet<String> = match at {
                0 => BTreeSet::new(),
                _ => role.inherits.iter().map(|parent| format!("r{}", parent.index(at))).collect(),
            };
            let parents = parents.into_iter().collect();
            roles.insert(format!("r{at}"), (parents, role.grants.clone(), role.denies.clone()));
        }
        let known = |names: &[&str]| -> Vec<String> {
            names.iter().map(|n| (*n).to_owned()).filter(|n| roles.contains_key(n)).collect()
        };
        let (bound, grouped, mut needed) = (known(&bound), known(&grouped), known(&needed_roles));
        if needed.is_empty() {
            needed.push("r0".to_owned());
        }

        let mut text = String::from("roles:\n");
        let list = |key: &str, items: &[&str]| match items {
            [] => String::new(),
            items => format!("{key}: [\"{}\"], ", items.join("\", \"")),
        };
        for (name, (parents, grants, denies)) in &roles {
            let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
            text.push_str(&format!(
                "  {name}: {{ {}{}{}weight: 0 }}\n",
                list("inherits", &parents), list("grants", grants), list("denies", denies),
            ));
        }
        text.push_str("bindings:\n  - { user: nobody, roles: r0 }\n");
        for (holder, names) in [("user: ann", &bound), ("group: staff", &grouped)] {
            if !names.is_empty() {
                text.push_str(&format!("  - {{ {holder}, roles: [{}] }}\n", names.join(", ")));
            }
        }
        let join = |all: bool, names: &str| format!("{{ {}: [{names}] }}", if all { "all" } else { "any" });
        let mut need = String::new();
        if kind != "codes" {
            need.push_str(&format!(", roles: {}", join(all.0, &needed.join(", "))));
        }
        if kind != "roles" {
            need.push_str(&format!(", codes: {}", join(all.1, &needed_codes.join(", "))));
        }
        text.push_str(&format!("services: {{ s: {{ paths: [/], routes: [{{ route: GET /{need} }}] }} }}\n"));
        let index = index_of(&text);

        let held: BTreeSet<String> =
            token.iter().map(|n| (*n).to_owned()).chain(bound).chain(grouped).collect();
        let roles_hold = {
            let all_held = closure(&roles, &held);
            let has = |name: &String| all_held.contains(name);
            if all.0 { needed.iter().all(has) } else { needed.iter().any(has) }
        };
        let codes_hold = {
            let has = |code: &&str| has_code(&roles, &held, code);
            if all.1 { needed_codes.iter().all(has) } else { needed_codes.iter().any(has) }
        };
        let expected = match (kind != "codes" && !roles_hold, kind != "roles" && !codes_hold) {
            (true, _) => Reason::RoleMissing,
            (false, true) => Reason::CodeMissing,
            (false, false) => Reason::Allowed,
        };

        let input = Input { method: "GET", host: "a", path: "/", ..Input::default() };
        let decision = decide(&index, &input, OnAnonymous::default(), |_| {
            let subject = Subject {
                user: "ann".to_owned(),
                roles: token.iter().map(|n| (*n).to_owned()).collect(),
                groups: vec!["staff".to_owned()],
                ..Subject::default()
            };
            Ok(Arc::new(Principal::resolve(&index, subject)))
        });
        prop_assert_eq!(decision.reason, expected, "{}", text);
    }
}
