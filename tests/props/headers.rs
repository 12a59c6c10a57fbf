//! Managed headers: whatever the token and the client say, the upstream sees
//! our word or none.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use doorward::compile::{Index, upstream_headers};
use doorward::config::{Config, OnAnonymous};
use doorward::engine::{
    Decision, HeaderPlan, Headers, Held, Input, MAX_HEADER_BYTES, Principal, Reason, Subject, decide,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::any::{REFERENCE, index_of, nasty};
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
    let (config, sources, mut report) = Config::load(&path, &|_| None);
    let config = config.unwrap_or_else(|| {
        panic!("{}", doorward::diag::render(&report, &sources, doorward::diag::Format::Short))
    });
    let headers = upstream_headers(&config.upstream_headers, &sources, &mut report);
    HeaderPlan::new(&headers.unwrap(), &REFERENCE)
}

/// Services that are told different things, and bindings that count for some
/// items only.
static SCOPED: LazyLock<(Index, HeaderPlan)> = LazyLock::new(|| {
    let index = index_of(
        r#"roles:
  reader: { grants: [read] }
  writer: { weight: 5, grants: [read, write] }
bindings:
  - { user: ann, roles: [writer], on: { id: [a, "b*"] } }
  - { group: staff, roles: [reader], until: 2030-01-01 }
services:
  plain:
    paths: [/plain]
    routes: [{ route: "GET /plain/{id}", access: authenticated }]
  like:
    paths: [/like]
    routes: [{ route: "GET /like/{id}", access: authenticated }]
  own:
    paths: [/own]
    upstream_headers: { x-user-id: "user.id + '@' + service", x-user-item: path.id, x-user-mail: "null" }
    routes: [{ route: "GET /own/{id}", access: authenticated }, { route: GET /own, access: authenticated }]
"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    let text = r#"upstream_headers:
  x-user-id: user.id
  x-user-roles: user.roles
  x-user-first: user.primary_role
  x-user-codes: "user.codes.map(c, c + '!')"
  x-user-mail: claims.mail
  x-user-service: service
"#;
    std::fs::write(&path, text).unwrap();
    let (config, sources, mut report) = Config::load(&path, &|_| None);
    let headers = upstream_headers(&config.unwrap().upstream_headers, &sources, &mut report).unwrap();
    let plan = HeaderPlan::new(&headers, &index);
    (index, plan)
});

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
        let mut decision = Decision::refused(Reason::EngineError, None);
        decision.reason = Reason::Allowed;
        decision.service = REFERENCE.services().next().map(|(id, _)| id);
        decision.principal = (!anonymous).then(|| Arc::new(principal));
        let input = Input { headers: Headers::new(&sent), ..Input::default() };
        // A value that can't be a header is a refusal.
        let Ok(changes) = plan.changes(None, &REFERENCE, &decision, &input) else {
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

    /// What is rendered once for a token is what would be rendered anew.
    #[test]
    fn remembered_headers_are_those_of_the_request(
        user in select(vec!["ann", "bob"]),
        groups in select(vec![vec![], vec!["staff".to_owned()]]),
        mail in claim(),
        paths in proptest::collection::vec(
            select(vec!["/plain/a", "/plain/bb", "/plain/c", "/like/a", "/like/c", "/own/a", "/own/bx", "/own/c%20d", "/own"]), 1..5),
        now in select(vec![0, 1_800_000_000, 1_893_455_999, 1_893_456_000, 2_000_000_000]),
    ) {
        let (index, plan) = &*SCOPED;
        let mut claims = serde_json::Map::new();
        claims.insert("mail".to_owned(), mail);
        let subject = Subject { user: user.to_owned(), groups, claims, ..Subject::default() };
        let principal = Arc::new(Principal::resolve(index, subject));
        for (service, _) in index.services() {
            let prepared = plan.prepare(index, service, Held::everywhere(index, &principal));
            for path in &paths {
                let input = Input { method: "GET", host: "a", path, now, ..Input::default() };
                let decision = decide(index, &input, OnAnonymous::Unseen, |_| Ok(Arc::clone(&principal)));
                prop_assert_eq!(decision.reason, Reason::Allowed);
                let remembered = plan.changes(Some(&prepared), index, &decision, &input);
                prop_assert_eq!(&remembered, &plan.changes(None, index, &decision, &input), "{}", path);
                // And it is what the policy says.
                let own = path.starts_with("/own");
                let Ok(changes) = remembered else { continue };
                let value = |name: &str| {
                    changes.set.iter().find(|(n, _)| **n == *name).map(|(_, value)| &**value)
                };
                let id = if own { format!("{user}@own") } else { user.to_owned() };
                prop_assert_eq!(value("x-user-id"), Some(id.as_str()));
                prop_assert_eq!(value("x-user-service"), path.split('/').nth(1));
                let item = path.strip_prefix("/own/").map(|item| item.replace("%20", " "));
                prop_assert_eq!(value("x-user-item"), item.as_deref());
                let writes = user == "ann" && (path.ends_with("/a") || path.contains("/b"));
                prop_assert_eq!(value("x-user-first") == Some("writer"), writes, "{}", path);
                prop_assert!(!own || value("x-user-mail").is_none());
            }
        }
    }
}
