//! The Envoy configuration that is shipped: what it says, and what it does.

use std::collections::BTreeSet;
use std::process::Command;

use doorward::diag::{Code, Format, Report, Sources, render};
use doorward::proxy::{Managed, inspect};
use serde_json::Value;

use crate::support::{Stack, envoy_binary, eventually, root};

fn shipped() -> String {
    std::fs::read_to_string(root().join("deploy/envoy/envoy.yaml")).unwrap()
}

#[test]
fn it_is_valid_as_it_stands() {
    let config = root().join("deploy/envoy/envoy.yaml");
    let output =
        Command::new(envoy_binary()).args(["--mode", "validate", "-c"]).arg(config).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn cfg_2_3_4_7_8_9_10_and_spf_8_nothing_in_it_opens_a_hole() {
    let text = shipped();
    let code: String = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(""))
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    for opens in [
        "disabled: true",
        "failure_mode_allow: true",
        "failure_mode_allow_header_add",
        "clear_route_cache: true",
        "with_request_body",
        "allowed_headers",
        "disallowed_headers",
        "upgrade_configs",
        "connect_matcher",
        "enable_trailers",
        "request_headers_to_add",
        "request_headers_to_remove",
        "internal_redirect_policy",
        "ignore_path_parameters",
        "filter_enabled",
        "UNESCAPE_AND",
        "prefix_rewrite",
        "regex_rewrite",
        "0.0.0.0",
        "case_sensitive: false",
    ] {
        assert!(!code.contains(opens), "`{opens}` stands in envoy.yaml");
    }
    for closes in [
        "failure_mode_allow: false",
        "clear_route_cache: false",
        "normalize_path: true",
        "merge_slashes: true",
        "REJECT_REQUEST # [hard] %2F",
        "headers_with_underscores_action: REJECT_REQUEST",
        "encode_raw_headers: true",
        "validate_mutations: true",
        "disallow_is_error: true",
        "deny_at_disable: { default_value: true",
        "early_header_mutation_extensions:",
        "request_trailers_mutations:",
    ] {
        assert_eq!(text.matches(closes).count(), 1, "`{closes}` stands once in envoy.yaml");
    }
    let (_, filters) = code.split_once("http_filters:").unwrap();
    let (filters, _) = filters.split_once("route_config:").unwrap();
    let filters: Vec<_> =
        filters.lines().filter_map(|line| line.strip_prefix("          - name: ")).collect();
    let expected = ["strip-client-trailers", "envoy.filters.http.ext_authz", "envoy.filters.http.router"];
    assert_eq!(filters, expected, "nothing stands between the decision and the router");
}

#[test]
fn cfg_1_and_5_every_request_is_asked_about() {
    // A direct answer of Envoy's own is behind the check too: what says no is Doorward.
    let stack = Stack::trapped();
    for path in ["/", "/other", "/eventsx", "/venues.v1.Other/Get"] {
        stack.get(path).roles(&["admin"]).send().refused(404, "service_unknown");
        stack.get(path).host("evil.example").roles(&["admin"]).send().refused(404, "service_unknown");
    }
}

#[test]
fn cfg_6_envoy_redirects_nobody() {
    let stack = Stack::trapped();
    for path in
        ["/%2fevil.example", "/%2Fevil.example/%2e%2e", "/%5cevil.example", "/events%2f%2fevil.example"]
    {
        let answer = stack.get(path).send();
        answer.refused_by_envoy(400);
        assert!(answer.header("location").is_empty(), "{answer:?}");
    }
}

/// What `doorward envoy` says of the configuration that runs.
fn told(stack: &Stack) -> (BTreeSet<&'static str>, String) {
    let dump = stack.config_dump();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let file = sources.add("config dump", dump.as_str());
    let seen = inspect(file, &dump, &Managed::default(), &[], &mut report).expect("a config dump");
    assert_eq!(seen.managers, 1, "{dump}");
    let codes = report.diagnostics().iter().map(|finding| finding.code.id()).collect();
    (codes, render(&report, &sources, Format::Text { color: false }))
}

#[test]
fn cfg_1_to_12_the_config_dump_of_what_ships_shows_no_hole() {
    assert_eq!(told(Stack::reference()), (BTreeSet::new(), String::new()));
}

#[test]
fn cfg_1_to_12_the_config_dump_of_a_careless_envoy_shows_its_holes() {
    let (codes, text) = told(Stack::careless());
    let holes = [
        Code::FailsOpen,
        Code::ChangeSkipped,
        Code::TrailersPass,
        Code::OverridesPass,
        Code::PathRaw,
        Code::HeadersLookAlike,
        Code::IdentityPasses,
        Code::Tunnels,
        Code::AnswersUnchecked,
        Code::NoLimits,
    ];
    assert_eq!(codes, holes.iter().map(|code| code.id()).collect(), "{text}");
    for opens in
        ["`normalize_path` is off", "`merge_slashes` is off", "`%2F` and", "`websocket`", "`CONNECT`"]
    {
        assert!(text.contains(opens), "{text}");
    }
}

#[test]
fn removals_of_look_alikes_pass_the_mutation_rules() {
    // Every allow removes the look-alikes of managed names; were one outside `allow_expression`, each of
    // these would be a 500.
    let stack = Stack::trapped();
    stack.get("/events/health").send().allowed("events").told_of_nobody();
    stack.get("/events/who").roles(&["admin"]).send().allowed("events").told("x-user-roles", "admin");
}

#[test]
fn the_access_log_says_what_was_decided_and_why() {
    let stack = Stack::reference();
    let mut claims = stack.claims(&["viewer"]);
    claims["aud"] = "billing".into();
    let refused = stack.get("/events/access-log-1?secret=1").token(&stack.key.sign(&claims)).send();
    stack.get("/events/access-log-2").roles(&["viewer"]).send().allowed("events");
    let line = |path: &str| -> Value {
        eventually("the access log", || {
            let log = stack.envoy_log();
            let line = log.lines().find(|line| line.contains(path)).map(str::to_owned);
            line.and_then(|line| serde_json::from_str(&line).ok()).ok_or(log)
        })
    };
    let denied = line("access-log-1");
    assert_eq!(denied["path"], "/events/access-log-1", "without its query");
    assert_eq!(
        (&denied["reason"], &denied["status"]),
        (&"audience_mismatch".into(), &401.into()),
        "{denied}"
    );
    assert_eq!(denied["decision_id"], refused.json["decision_id"], "{denied}");
    let allowed = line("access-log-2");
    assert_eq!((&allowed["reason"], &allowed["user"]), (&"allowed".into(), &"u-1".into()), "{allowed}");
    assert_eq!(
        (&allowed["service"], &allowed["route"]),
        (&"events".into(), &"GET /events/{id}".into()),
        "{allowed}"
    );
}
