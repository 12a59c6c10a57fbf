//! The Envoy configuration that is shipped: what it says, and what it does.

use std::process::Command;

use crate::support::{Stack, envoy_binary, root};

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
    let filters: Vec<_> =
        code.lines().filter(|line| line.starts_with("          - name: ")).map(|line| line.trim()).collect();
    let expected = [
        "- name: strip-client-identity",
        "- name: strip-client-trailers",
        "- name: envoy.filters.http.ext_authz",
        "- name: envoy.filters.http.router",
    ];
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

#[test]
fn removals_of_look_alikes_pass_the_mutation_rules() {
    // Every allow removes the look-alikes of managed names; were one outside `allow_expression`, each of
    // these would be a 500.
    let stack = Stack::trapped();
    stack.get("/events/health").send().allowed("events").told_of_nobody();
    stack.get("/events/who").roles(&["admin"]).send().allowed("events").told("x-user-roles", "admin");
}
