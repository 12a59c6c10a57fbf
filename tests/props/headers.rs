//! Managed headers: whatever the token and the client say, the upstream sees
//! our word or none.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use doorward::config::Config;
use doorward::engine::{HeaderPlan, Headers, Held, MAX_HEADER_BYTES, Principal, Subject};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::any::{REFERENCE, nasty};
use crate::cases;

const MANAGED: [&str; 8] = [
    "x-user-id",
    "x-user-roles",
    "x-user-groups",
    "x-user-codes",
    "x-user-role",
    "x-user-mail",
    "x-user-any",
    "x-tenant-id",
];

static PLAN: LazyLock<HeaderPlan> = LazyLock::new(plan);

fn plan() -> HeaderPlan {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    let text = "listen: { grpc: 127.0.0.1:9191 }
policies: policies
identity:
  issuers:
    - { issuer: https://id.example.com, audiences: [a], algorithms: [RS256], keys: { file: jwks.json } }
header_prefixes: [x-tenant-]
upstream_headers:
  x-user-id: user.id
  x-user-roles: user.roles
  x-user-groups: user.groups
  x-user-codes: user.codes
  x-user-role: user.primary_role
  x-user-mail: claims.mail
  x-user-any: claims.deep.er
  x-tenant-id: claims.tenant
";
    std::fs::write(&path, text).unwrap();
    let (config, sources, report) = Config::load(&path, &|_| None);
    let config = config.unwrap_or_else(|| {
        panic!("{}", doorward::diag::render(&report, &sources, doorward::diag::Format::Short))
    });
    HeaderPlan::new(&config.upstream_headers)
}

fn claim() -> impl Strategy<Value = Value> {
    let text = prop_oneof![nasty(), "[a-z@ ,;é%]{0,20}", Just("x".repeat(9_000))];
    prop_oneof![
        4 => text.clone().prop_map(Value::String),
        1 => Just(Value::Null),
        1 => any::<f64>().prop_map(|n| json!(n)),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => proptest::collection::vec(text, 0..4).prop_map(|list| json!(list)),
        1 => Just(json!({"a": 1})),
        1 => Just(json!([["a"], null])),
    ]
}

/// A name that a client may send: ours, spelled in every way that some server
/// takes for the same, and others.
fn client_name() -> impl Strategy<Value = String> {
    let ours =
        (select(&MANAGED), proptest::collection::vec(select(vec!['-', '_', '.', '-', '_', '~', '!']), 8))
            .prop_map(|(name, with)| {
                let mut with = with.into_iter().cycle();
                name.chars().map(|c| if c == '-' { with.next().unwrap() } else { c }).collect::<String>()
            });
    prop_oneof![3 => ours, 1 => "[a-z_.-]{1,12}", 1 => Just("x-user-id".to_owned())]
}

/// As a server reads a name that folds everything into variables.
fn folded(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn the_upstream_sees_our_word_or_none(
        user in nasty(),
        roles in proptest::collection::vec(prop_oneof![Just("admin".to_owned()), Just("viewer".to_owned()), nasty()], 0..4),
        groups in proptest::collection::vec(nasty(), 0..3),
        mail in claim(),
        deep in claim(),
        tenant in claim(),
        anonymous in proptest::bool::weighted(0.2),
        client in proptest::collection::vec((client_name(), "[ -~]{0,8}"), 0..12),
    ) {
        let plan = &*PLAN;
        let mut claims = serde_json::Map::new();
        claims.insert("mail".to_owned(), mail);
        claims.insert("deep".to_owned(), json!({ "er": deep }));
        claims.insert("tenant".to_owned(), tenant);
        let principal = Principal::resolve(&REFERENCE, Subject { user, roles, groups, claims, ..Subject::default() });
        let sent: Vec<(&str, &[u8])> = client.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let caller = (!anonymous).then(|| Held::everywhere(&REFERENCE, &principal));
        // A value that can't be a header is a refusal.
        let Ok(changes) = plan.render(caller, Headers::new(&sent)) else {
            prop_assert!(!anonymous, "nothing can be wrong with no values");
            return Ok(());
        };

        for (name, value) in &changes.set {
            prop_assert!(!changes.remove.contains(name), "{} is set and removed", name);
            prop_assert!(!value.is_empty() && !value.starts_with(' ') && !value.ends_with(' '), "{:?}", value);
            prop_assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)), "{:?}", value);
        }
        let bytes: usize = changes.set.iter().map(|(name, value)| name.len() + value.len()).sum();
        prop_assert!(bytes <= MAX_HEADER_BYTES);
        prop_assert!(!anonymous || changes.set.is_empty());
        for name in MANAGED {
            let set = changes.set.iter().filter(|(n, _)| **n == *name).count();
            let removed = changes.remove.iter().filter(|n| ***n == *name).count();
            prop_assert_eq!(set + removed, 1, "{}", name);
        }

        // What Envoy does: overwrite, then remove, names without regard to case.
        let mut upstream: BTreeMap<String, String> =
            client.iter().map(|(n, v)| (n.to_ascii_lowercase(), format!("client:{v}"))).collect();
        for (name, value) in &changes.set {
            upstream.insert(name.to_string(), format!("ours:{value}"));
        }
        for name in &changes.remove {
            upstream.remove(&name.to_ascii_lowercase());
        }
        for (name, value) in &upstream {
            let managed = MANAGED.contains(&folded(name).as_str());
            prop_assert!(!managed || value.starts_with("ours:"), "{}: {}", name, value);
        }
    }
}
