//! `doorward schema`: the schemas say what the readers read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use doorward::diag::{Report, Sources};
use doorward::engine::Reason;
use doorward::yaml::{self, Kind, Node, Shape};
use doorward::{config, policy};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::support::{Doorward, doorward, files, root};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_command_prints_both_schemas() {
    assert_eq!(doorward(["schema"]).out, policy::SCHEMA);
    assert_eq!(doorward(["schema", "policy"]).out, policy::SCHEMA);
    let said = doorward(["schema", "config"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, config::SCHEMA, ""));
    assert_eq!(doorward(["schema", "tokens"]).code, 2);
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    assert_eq!(Doorward::new(["schema"]).run_unread(), 0);
}

/// Of each mapping the schema knows exactly the keys that the reader knows,
/// takes no others, and has words about each.
fn keys_agree(schema: &str, shapes: &[(&str, Shape)]) {
    let schema = parsed(schema);
    for (name, shape) in shapes {
        let definition = if name.is_empty() { &schema } else { &schema["$defs"][name] };
        let properties = definition["properties"].as_object().expect(name);
        let keys: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(keys, shape.known.iter().copied().collect(), "{name:?}: {}", shape.what);
        assert_eq!(definition["additionalProperties"], json!(false), "{name:?}");
        for (key, property) in properties {
            let target = property["$ref"].as_str().map(|reference| resolve(&schema, reference));
            let described =
                [Some(property), target].into_iter().flatten().any(|p| p["description"].is_string());
            assert!(described, "`{key}` of {} has no description", shape.what);
        }
    }
}

#[test]
fn every_key_that_is_read_is_in_the_schema() {
    keys_agree(policy::SCHEMA, policy::SHAPES);
    keys_agree(config::SCHEMA, config::SHAPES);
}

#[test]
fn the_schema_knows_the_reasons_that_callers_are_told() {
    let listed = &parsed(config::SCHEMA)["$defs"]["publicReason"]["enum"];
    let words: Vec<&str> = Reason::public().map(Reason::public_word).collect();
    assert_eq!(listed, &json!(words));
}

#[test]
fn the_schema_knows_the_results_that_tests_expect() {
    let listed = &parsed(policy::SCHEMA)["$defs"]["result"]["enum"];
    let reasons = Reason::ALL.iter().filter(|reason| !reason.is_allowed()).map(|reason| reason.as_str());
    assert_eq!(listed, &json!(["allow"].into_iter().chain(reasons).collect::<Vec<_>>()));
}

#[test]
fn every_mapping_that_is_read_is_compared_with_the_schema() {
    for (room, listed) in [("policy", policy::SHAPES.len()), ("config", config::SHAPES.len())] {
        let sources = files(&root().join("src").join(room), ".rs");
        let texts = sources.iter().map(|file| fs::read_to_string(file).unwrap());
        let defined: usize = texts.map(|text| text.matches(": Shape =").count()).sum();
        assert_eq!(defined, listed, "mappings in src/{room} and in its SHAPES");
    }
}

#[test]
fn every_file_that_ships_fits_its_schema() {
    let mut policies: Vec<_> = files(&root().join("policies"), ".yaml");
    policies.extend(files(&root().join("examples"), "policy.yaml"));
    policies.extend(files(&root().join("examples"), "tests.yaml"));
    policies.extend(["roles", "app", "tests"].map(|name| root().join(format!("src/cli/init/{name}.yaml"))));
    let configurations: Vec<_> = ["examples", "src/cli", "tests/golden/config/complete"]
        .into_iter()
        .flat_map(|directory| files(&root().join(directory), "doorward.yaml"))
        .collect();
    assert!(policies.len() > 3 && !configurations.is_empty());
    for (schema, files) in [(policy::SCHEMA, policies), (config::SCHEMA, configurations)] {
        let schema = parsed(schema);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let faults = faults(&schema, &instance(&text));
            assert!(faults.is_empty(), "{}: {faults:#?}", file.display());
        }
    }
}

/// Mistakes that an editor should mark, each in an otherwise good file.
#[test]
fn the_policy_schema_refuses_what_the_reader_refuses() {
    let schema = parsed(policy::SCHEMA);
    let route = |extra: &str| format!("services: {{ s: {{ paths: [/], routes: [{{ {extra} }}] }} }}");
    let grouped = |value: &str| {
        format!("roles: {{ x: {{}} }}\ngroups: {{ /g: {value} }}\n{}", route("route: 'GET /{b}', codes: a"))
    };
    let bound = |extra: &str| {
        format!(
            "roles: {{ x: {{}} }}\nbindings: [{{ user: u, roles: [x], {extra} }}]\n{}",
            route("route: 'GET /{b}/{c}', codes: a")
        )
    };
    let test = |test: &str| {
        format!(
            "roles: {{ x: {{}} }}\npersonas: {{ ann: {{ roles: x }} }}\ntests: [{{ name: it, {test} }}]\n{}",
            route("route: GET /a, codes: a")
        )
    };
    let says = |says: &str| {
        let policy = "roles: { x: {} }\nnetworks: { office: 10.0.0.0/8 }\ngroups: { /g: x }";
        format!("{policy}\ninvariants: [{{ name: it, {says} }}]\n{}", route("route: GET /a, codes: a"))
    };
    let asks = |who: &str| test(&format!("as: {who}, request: GET /a, expect: allow"));
    for good in [
        grouped("x"),
        grouped("[x]"),
        grouped("{ roles: [x], on: { b: v-1 }, until: 2030-01-01, reason: why }"),
        bound("until: 2030-01-01, from: '2029-12-31T23:00:00+01:00'"),
        asks("ann"),
        asks("nobody"),
        asks(
            "{ user: Zoë, roles: [x], groups: [], codes: a, scopes: [], claims: { x: 1, of: { m: [true, null] } } }",
        ),
        asks("{ token: { sub: ann }, peer: spiffe://c/d, source: '::1' }"),
        test(
            "as: nobody, request: 'PURGE https://h.example/%2e', expect: path_ambiguous, service: s, at: 2030-01-01T00:00:00Z",
        ),
        test("as: ann, request: GET /a, expect: allow, upstream_headers: { x-user-id: ann, x-user-x: '' }"),
        test(
            "host: 'h:1', headers: { x-a: [b, c], x-d: e }, body: { a: [1] }, table: { as: [nobody, ann], GET /a: [token_missing, allow] }",
        ),
        test("table: { as: ann, 'GET /a?b={c}': allow }, body: ''"),
        says("only: { roles: x }, may: GET /a"),
        says("only: authenticated, may: [GET /a, 'PUT,DELETE /a/{b}/**'], service: s, conditions: fail"),
        says("never: anyone, may: ANY /a/**, except: GET /a, ip: { deny: [office] }"),
        says("never: { roles: { any: [x] }, codes: a, groups: /g, besides: nothing }, may: ANY /a"),
        says("always: { users: [ann, bob], peers: 'spiffe://c/*' }, may: GRPC /a.B/C, conditions: hold"),
        says("public_is_exactly: [GET /a], service: s"),
        bound("on: { b: v-1, c: [v-2, 'v-*', '*', a b, café] }"),
        route("route: GET /a, codes: a"),
        route("route: 'GET,PUT /a/{b}/**', codes: { any: [a, b] }, roles: { all: [x] }"),
        route("route: GET /a, roles: [one]"),
        route("route: GET /a, access: denied, ip: { allow: [office, 10.0.0.0/8, '::1'] }"),
        route("route: GET /a, peers: spiffe://cluster.example/ns/shop/sa/till"),
        route("route: GET /a, codes: a, peers: ['spiffe://c/*', 'spiffe://c/ns/*/sa/x_-.Y', spiffe://d/...]"),
        format!(
            "bindings: [{{ peer: 'spiffe://c/ns/*', roles: [x] }}]\n{}",
            route("route: GET /a, access: denied")
        ),
    ] {
        assert!(compiles(&good), "{good}");
        assert_eq!(faults(&schema, &instance(&good)), [""; 0], "{good}");
    }
    for bad in [
        "rules: {}".to_owned(),
        "roles: {}".to_owned(),
        "roles: { a b: { grants: x } }".to_owned(),
        "roles: { a: { weight: heavy } }".to_owned(),
        "roles: { a: { grants: 'x*y' } }".to_owned(),
        "bindings: [{ roles: [x] }]".to_owned(),
        "bindings: [{ user: u, group: g, roles: [x] }]".to_owned(),
        "bindings: [{ user: u, peer: spiffe://c/d, roles: [x] }]".to_owned(),
        "bindings: [{ peer: [spiffe://c/d], roles: [x] }]".to_owned(),
        "bindings: [{ peer: c/d, roles: [x] }]".to_owned(),
        "personas: { nobody: { roles: x } }".to_owned(),
        "personas: { a b: { user: u } }".to_owned(),
        "tests: []".to_owned(),
        test(""),
        asks("{}"),
        asks("[ann]"),
        asks("{ rolls: x }"),
        asks("{ user: ann, token: { sub: ann } }"),
        asks("{ token: abc }"),
        asks("{ claims: [a] }"),
        asks("{ peer: 'spiffe://c/*' }"),
        asks("{ source: office }"),
        test("as: ann, request: GET /a"),
        test("as: ann, request: GET /a, expect: deny"),
        test("as: ann, request: GET /a, expect: allowed"),
        test("as: ann, request: GET /a, expect: 403"),
        test("as: ann, request: GET a, expect: allow"),
        test("as: ann, request: get /a, expect: allow"),
        test("as: ann, request: /a, expect: allow"),
        test("as: ann, request: GET /a, expect: allow, at: 2030-01-01"),
        test("as: ann, request: GET /a, expect: allow, service: S"),
        test("as: ann, request: GET /a, expect: allow, headers: { Host: a }"),
        test("as: ann, request: GET /a, expect: allow, headers: { authorization: a }"),
        test("as: ann, request: GET /a, expect: allow, body: 1"),
        test("as: ann, request: GET /a, expect: allow, upstream_headers: { X-User-Id: a }"),
        test("as: ann, request: GET /a, expect: allow, table: { as: ann, GET /a: allow }"),
        test("table: { as: ann }"),
        test("table: { GET /a: allow }"),
        test("table: { as: ann, GET: allow }"),
        test("table: { as: ann, GET /a: maybe }"),
        "invariants: []".to_owned(),
        says("may: GET /a"),
        says("never: anyone"),
        says("never: nobody, may: GET /a"),
        says("never: x, may: GET /a"),
        says("never: {}, may: GET /a"),
        says("never: { role: x }, may: GET /a"),
        says("never: { roles: [x, y] }, may: GET /a"),
        says("never: { roles: x, besides: all }, may: GET /a"),
        says("never: anyone, always: anyone, may: GET /a"),
        says("only: anyone, may: GET /a"),
        says("only: anonymous, may: GET /a"),
        says("only: { roles: x, besides: nothing }, may: GET /a"),
        says("only: { roles: x }, may: /a"),
        says("only: { roles: x }, may: []"),
        says("only: { roles: x }, may: get /a"),
        says("only: { roles: x }, may: GET /a, conditions: ignore"),
        says("only: { roles: x }, may: GET /a, ip: office"),
        says("only: { roles: x }, may: GET /a, except: a"),
        says("public_is_exactly: [GET /a], may: GET /a"),
        says("public_is_exactly: []"),
        grouped("{ on: { b: v-1 } }"),
        grouped("{ roles: x, user: u }"),
        grouped("[]"),
        bound("until: 2030-01-01T12:00:00"),
        bound("from: 1.1.2030"),
        bound("on: {}"),
        bound("on: { b: [] }"),
        bound("on: { b: 'v*1' }"),
        bound("on: { b: 'v%2D1' }"),
        bound("on: b"),
        "networks: { Office: 10.0.0.0/8 }".to_owned(),
        "services: { S: { paths: [/], routes: [{ route: GET /a, access: denied }] } }".to_owned(),
        "services: { s: { paths: [/] } }".to_owned(),
        "services: { s: { paths: ['/a/**'], routes: [{ route: GET /a, access: denied }] } }".to_owned(),
        "services: { s: { paths: [/], cors_preflight: yes, routes: [{ route: GET /a, access: denied }] } }"
            .to_owned(),
        route("route: get /a, codes: a"),
        route("route: GET a, codes: a"),
        route("route: 'TRACE /a', codes: a"),
        route("route: GET /a, codes: [a, b]"),
        route("route: GET /a, peers: []"),
        route("route: GET /a, peers: { any: [spiffe://c/d] }"),
        route("route: GET /a, peers: spiffe://c"),
        route("route: GET /a, peers: spiffe://c/"),
        route("route: GET /a, peers: spiffe://C/d"),
        route("route: GET /a, peers: 'spiffe://*/d'"),
        route("route: GET /a, peers: 'spiffe://c/d*'"),
        route("route: GET /a, peers: 'spiffe://c/d?'"),
        route("route: GET /a, peers: spiffe://c/d, access: authenticated"),
        route("route: GET /a, codes: 'a:*'"),
        route("route: GET /a, codes: { any: [] }"),
        route("route: GET /a, codes: { any: [a], all: [b] }"),
        route("route: GET /a, codes: { some: [a] }"),
        route("route: GET /a, access: public"),
        route("route: GET /a, access: authenticated, roles: a"),
        route("route: GET /a, access: denied, upgrade: h2c"),
        route("route: GET /a, access: denied, when: x"),
        route("route: GET /a, access: denied, ip: {}"),
        route("access: denied"),
    ] {
        assert!(!compiles(&bad), "{bad}");
        assert!(!faults(&schema, &instance(&bad)).is_empty(), "{bad}");
    }
}

#[test]
fn the_configuration_schema_refuses_what_the_reader_refuses() {
    let schema = parsed(config::SCHEMA);
    let issuer = |extra: &str| format!("identity: {{ issuers: [{{ {extra} }}] }}");
    let token = |extra: &str| {
        issuer(&format!("issuer: i, audiences: a, algorithms: HS256, keys: {{ secret_env: S }}, {extra}"))
    };
    let deny = |extra: &str| format!("deny: {{ {extra} }}");
    let tracing = |endpoint: &str, extra: &str| {
        format!(
            "tracing: {{ otlp: {{ endpoint: '{endpoint}', timeout: 1s, headers_env: {{ a: B }} }}, {extra} }}"
        )
    };
    let good = [
        "policies: p".to_owned(),
        "listen: { grpc: { address: 'unix:/a', mode: '660' }, admin: 127.0.0.1:2 }".to_owned(),
        "listen: { grpc: 127.0.0.1:1, http: { address: 127.0.0.1:2, proxy: nginx }, admin: { address: 'unix:@a', secret_env: S } }"
            .to_owned(),
        "listen: { grpc: { address: 0.0.0.0:1, tls: { certificate: a, key: b, client_ca: c, clients: ['spiffe://d/e', f.g] } } }"
            .to_owned(),
        "limits: { connections: 1, streams: 1, checks: 1, check_size: 16KiB, header_size: 4KiB, http_head_size: 8KiB, connection_age: 1s }"
            .to_owned(),
        "shutdown: { delay: 0s, limit: 1s }".to_owned(),
        "policies: p\nupstream_headers: { x-user-id: user.id, x-user-t: claims.a.b }".to_owned(),
        issuer("issuer: i, audiences: a, algorithms: HS256, keys: { secret_env: S }, roles: a.b"),
        token("roles: a, role_prefixes: 'ROLE_', roles_map: { realm-admin: admin, 'Shop Staff': [a, b/c] }"),
        token("roles: a, role_prefixes: ['ROLE_', 'shop:']"),
        deny("reveal: none, status: { role_missing: 404, token_invalid: 401, service_unknown: 421 }"),
        deny("request_access: 'https://a.example:8443/{service}?u={user}', titles: { role_missing: Denied }"),
        deny(
            "login: { url: 'http://localhost/?u={url}', hosts: [a.example, '*.b.example', 'http://[::1]:80'] }",
        ),
        deny("titles: { token_missing: { en: Hello, pt-BR: Oi }, overloaded: Later }"),
        tracing("https://c.example:4317", "sample: 0.5, parent: ignore, max_per_second: 1, resource: { a.b/c: d }"),
        tracing("http://[::1]:4317", "service_name: door"),
    ];
    for text in &good {
        assert!(loads(text), "{text}");
        assert_eq!(faults(&schema, &instance(text)), [""; 0], "{text}");
    }
    for text in [
        "listen: {}".to_owned(),
        "listen: { grpc: 127.0.0.1:1, http: 127.0.0.1:2 }".to_owned(),
        "listen: { grpc: 127.0.0.1:1, http: { address: 127.0.0.1:2, proxy: squid } }".to_owned(),
        "listen: { grpc: { tls: { certificate: a, key: b } } }".to_owned(),
        "listen: { grpc: { address: 'unix:/a', mode: '0060' } }".to_owned(),
        "listen: { grpc: { address: 127.0.0.1:1, tls: { certificate: a } } }".to_owned(),
        "listen: { grpc: { address: 127.0.0.1:1, tls: { certificate: a, key: b, client_ca: c, clients: ['*.d'] } } }"
            .to_owned(),
        "limits: { connections: 0 }".to_owned(),
        "limits: { check_size: 1024 }".to_owned(),
        "shutdown: { delay: 5 }".to_owned(),
        "policy: p".to_owned(),
        "upstream_headers: {}".to_owned(),
        "upstream_headers: { X-User-Id: user.id }".to_owned(),
        "upstream_headers: { x-user-id: [user.id] }".to_owned(),
        "identity: { tokens: [{ header: cookie }] }".to_owned(),
        issuer("issuer: i, audiences: a, algorithms: none, keys: { file: k }"),
        issuer("issuer: i, audiences: a, algorithms: RS256, keys: { file: k, pem: k }"),
        issuer("issuer: i, audiences: a, algorithms: RS256, keys: {}"),
        issuer("issuer: i, audiences: a, algorithms: RS256, keys: { file: k }, user: a..b"),
        issuer("issuer: i, algorithms: RS256, keys: { file: k }"),
        token("roles: a, role_prefixes: []"),
        token("roles: a, role_prefixes: 'ROLE_*'"),
        token("roles: a, roles_map: {}"),
        token("roles: a, roles_map: [admin]"),
        token("roles: a, roles_map: { boss: 'a b' }"),
        token("roles: a, roles_map: { boss: [] }"),
        deny("reveal: all"),
        deny("status: {}"),
        deny("status: { role_missing: 200 }"),
        deny("status: { role_missing: 302 }"),
        deny("status: { signature_invalid: 401 }"),
        deny("status: { engine_error: 404 }"),
        deny("request_access: 'ftp://a.example/?u={user}'"),
        deny("request_access: 'https://{service}.example/'"),
        deny("request_access: 'https://a.example/#{user}'"),
        deny("login: { url: 'https://a.example/?u={url}' }"),
        deny("login: { hosts: [a.example] }"),
        deny("login: { url: 'https://a.example/?u={url}', hosts: [] }"),
        deny("login: { url: 'https://a.example/?u={url}', hosts: [a.example/x] }"),
        deny("login: { url: 'https://a.example/?u={url}', hosts: ['*'] }"),
        deny("titles: { allowed: Welcome }"),
        deny("titles: { role_missing: {} }"),
        deny("titles: { role_missing: { english!: Denied } }"),
        "tracing: {}".to_owned(),
        "tracing: { otlp: 'http://127.0.0.1:4317' }".to_owned(),
        tracing("https://c.example:4317/v1/traces", "sample: 1"),
        tracing("https://c.example", "sample: 1"),
        tracing("https://c.example:4317", "sample: 2"),
        tracing("https://c.example:4317", "parent: trust"),
        tracing("https://c.example:4317", "max_per_second: 0"),
        tracing("https://c.example:4317", "resource: { service.name: a }"),
    ] {
        assert!(!loads(&text), "{text}");
        assert!(!faults(&schema, &instance(&text)).is_empty(), "{text}");
    }
}

fn compiles(text: &str) -> bool {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    policy::read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    !report.has_errors()
}

fn loads(text: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    fs::write(&file, text).unwrap();
    config::Config::load(Path::new(&file), &|_| None).0.is_some()
}

/// A YAML text as an editor's checker sees it.
fn instance(text: &str) -> Value {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let file = sources.add("file.yaml", text);
    let node = yaml::parse(file, text, &mut report);
    assert!(report.is_empty(), "{text}: {report:?}");
    node.as_ref().map_or(Value::Null, value)
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Map(entries) => entries.iter().map(|e| (e.key.clone(), value(&e.value))).collect(),
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Scalar { text, plain: true } => match text.as_str() {
            _ if node.is_null() => Value::Null,
            "true" => json!(true),
            "false" => json!(false),
            text if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.contains('.') => {
                text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number))
            }
            text => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        },
        Kind::Scalar { text, .. } => json!(text),
        Kind::Refused => Value::Null,
    }
}

fn resolve<'s>(root: &'s Value, reference: &str) -> &'s Value {
    root.pointer(reference.strip_prefix('#').unwrap()).expect(reference)
}

/// Where and how a value does not fit: the keywords of JSON Schema that our
/// schemas use, and a panic for any other.
fn faults(schema: &Value, instance: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, instance, "", &mut found);
    found
}

fn fits(root: &Value, schema: &Value, instance: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, instance, "", &mut found);
    found.is_empty()
}

fn check(root: &Value, schema: &Value, instance: &Value, at: &str, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        if schema == &json!(false) {
            found.push(format!("{at}: not allowed"));
        }
        return;
    };
    let text = instance.as_str();
    let (list, map) = (instance.as_array(), instance.as_object());
    let size = |n: usize| u64::try_from(n).unwrap();
    for (keyword, wanted) in schema {
        let limit = wanted.as_u64();
        let all = |holds: fn(&Value, &Value, &Value) -> bool| {
            wanted.as_array().unwrap().iter().filter(|s| holds(root, s, instance)).count()
        };
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" | "then" => true,
            "$ref" => {
                check(root, resolve(root, wanted.as_str().unwrap()), instance, at, found);
                true
            }
            "type" => match wanted.as_str().unwrap() {
                "object" => map.is_some(),
                "array" => list.is_some(),
                "string" => text.is_some(),
                "integer" => instance.is_i64(),
                "number" => instance.is_number(),
                "boolean" => instance.is_boolean(),
                other => panic!("the type {other}"),
            },
            "enum" => wanted.as_array().unwrap().contains(instance),
            "const" => wanted == instance,
            "pattern" => text.is_none_or(|t| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(t)),
            "minLength" => text.is_none_or(|t| size(t.chars().count()) >= limit.unwrap()),
            "maxLength" => text.is_none_or(|t| size(t.chars().count()) <= limit.unwrap()),
            "minimum" => instance.as_f64().is_none_or(|n| n >= wanted.as_f64().unwrap()),
            "maximum" => instance.as_f64().is_none_or(|n| n <= wanted.as_f64().unwrap()),
            "minItems" => list.is_none_or(|l| size(l.len()) >= limit.unwrap()),
            "maxItems" => list.is_none_or(|l| size(l.len()) <= limit.unwrap()),
            "minProperties" => map.is_none_or(|m| size(m.len()) >= limit.unwrap()),
            "maxProperties" => map.is_none_or(|m| size(m.len()) <= limit.unwrap()),
            "required" => map.is_none_or(|m| {
                wanted.as_array().unwrap().iter().all(|key| m.contains_key(key.as_str().unwrap()))
            }),
            "dependentRequired" => map.is_none_or(|m| {
                let needed = wanted.as_object().unwrap().iter().filter(|(key, _)| m.contains_key(*key));
                let mut needed = needed.flat_map(|(_, keys)| keys.as_array().unwrap());
                needed.all(|key| m.contains_key(key.as_str().unwrap()))
            }),
            "not" => !fits(root, wanted, instance),
            "anyOf" => all(fits) > 0,
            "oneOf" => all(fits) == 1,
            "if" => {
                if fits(root, wanted, instance) {
                    check(root, &schema["then"], instance, at, found);
                }
                true
            }
            "items" => {
                for (n, item) in list.into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{at}/{n}"), found);
                }
                true
            }
            "propertyNames" => map.is_none_or(|m| m.keys().all(|key| fits(root, wanted, &json!(key)))),
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = map.and_then(|m| m.get(key)) {
                        check(root, schema, value, &format!("{at}/{key}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (key, value) in map.into_iter().flatten() {
                    if !known.is_some_and(|known| known.contains_key(key)) {
                        check(root, wanted, value, &format!("{at}/{key}"), found);
                    }
                }
                true
            }
            other => panic!("the keyword {other}"),
        };
        if !holds {
            found.push(format!("{at}: {keyword}"));
        }
    }
}
