//! `doorward envoy`.

use std::fs;

use serde_json::Value;

use crate::support::{Doorward, doorward, golden, root};

const SHIPPED: &str = "deploy/envoy/envoy.yaml";

fn shipped() -> String {
    fs::read_to_string(root().join(SHIPPED)).unwrap()
}

/// The shipped file with one text in place of another, from standard input.
fn changed(from: &str, to: &str, args: &[&str]) -> crate::support::Said {
    let text = shipped();
    assert!(text.contains(from), "`{from}` stands in {SHIPPED}");
    Doorward::new([&["envoy", "-"], args].concat()).run_with_input(&text.replace(from, to))
}

#[test]
fn what_ships_has_no_holes() {
    let sidecar = "deploy/kubernetes/examples/sidecar/envoy.yaml";
    let http = "deploy/envoy/envoy-http.yaml";
    for file in [SHIPPED, http, sidecar, "src/cli/init/envoy.yaml", "tests/golden/envoy/clean/envoy.yaml"] {
        let said = doorward(["envoy", file]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
        assert!(said.out.starts_with("no findings in 1 HTTP connection manager, "), "{}", said.out);
    }
}

#[test]
fn fail_4_a_hole_is_shown_with_its_place_and_ends_with_1() {
    let open =
        |format| changed("failure_mode_allow: false", "failure_mode_allow: true", &["--format", format]);
    golden("envoy-text", &open("text").transcript());
    golden("envoy-short", &open("short").transcript());
    golden("envoy-json", &open("json").transcript());
    let sarif: Value = serde_json::from_str(&open("sarif").out).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "DW413");
}

#[test]
fn a_risk_alone_ends_with_1_too() {
    let said = changed("merge_slashes: true", "merge_slashes: false", &["--format", "short"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains(": warning[DW430]: ") && said.out.lines().count() == 1, "{}", said.out);
}

/// The shipped file, and a listener beside it whose manager asks nobody.
fn mesh() -> String {
    let outbound = "  - name: outbound
    address: { socket_address: { address: 127.0.0.1, port_value: 15001 } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: outbound
          route_config: { name: outbound, virtual_hosts: [{ name: all, domains: [\"*\"], routes: [{ match: { prefix: / }, route: { cluster: out } }] }] }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
";
    shipped().replacen("  listeners:\n", &format!("  listeners:\n{outbound}"), 1)
}

#[test]
fn listeners_are_chosen_by_name_and_those_that_are_not_there_are_told() {
    let text = shipped();
    let listeners = text.lines().skip_while(|line| *line != "  listeners:");
    let name = listeners.filter_map(|line| line.strip_prefix("  - name: ")).next().unwrap();
    let look = |args: &[&str]| {
        let all = [&["envoy", "-", "--format", "short"], args].concat();
        Doorward::new(all).run_with_input(&mesh())
    };
    let said = look(&[]);
    assert!(said.code == 1 && said.out.contains("error[DW410]"), "{}", said.out);
    let said = look(&["--listener", name]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.out);
    let said = look(&["--listener", name, "--listener", "outbound"]);
    assert!(said.code == 1 && said.out.contains("error[DW410]"), "{}", said.out);
    // A name that is written wrongly leaves nothing looked at, which must not look like nothing found.
    let said = look(&["--listener", "inbond"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no listener is called `inbond`"), "{}", said.out);
    let said = look(&["--listener", name, "--listener", "inbond"]);
    assert!(said.code == 1 && said.out.lines().count() == 1, "{}", said.out);
}

#[test]
fn a_listener_that_hands_connections_to_others_is_not_looked_at_alone() {
    let handing = mesh().replacen("- name: outbound\n", "- name: outbound\n    use_original_dst: true\n", 1);
    let look = |args: &[&str]| {
        let all = [&["envoy", "-", "--format", "short", "--listener", "outbound"], args].concat();
        Doorward::new(all).run_with_input(&handing)
    };
    let handed = "`outbound` hands connections on to listeners that are not named";
    let said = look(&[]);
    assert!(said.code == 1 && said.out.contains(handed), "{}", said.out);
    let text = shipped();
    let listeners = text.lines().skip_while(|line| *line != "  listeners:");
    let name = listeners.filter_map(|line| line.strip_prefix("  - name: ")).next().unwrap();
    let said = look(&["--listener", name]);
    assert!(said.code == 1 && !said.out.contains(handed), "{}", said.out);
}

#[test]
fn what_is_meant_to_be_so_can_be_allowed_by_its_code() {
    let off = |args: &[&str]| changed("merge_slashes: true", "merge_slashes: false", args);
    let said = off(&["--allow", "DW430,tunnels"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.starts_with("no findings in ") && said.out.ends_with("; not told: DW430, DW439\n"));
    assert_eq!(off(&["--allow", "DW413"]).code, 1);
    for code in ["DW999", "DW101", "DW401", ""] {
        let said = doorward(["envoy", SHIPPED, "--allow", code]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{code}: {}", said.err);
    }
}

#[test]
fn what_can_not_be_read_ends_with_2() {
    let garbage = [
        "",
        "- a",
        "a: [",
        "services: {}",
        "\u{feff}",
        "{\"configs\": 3}",
        "&a [*a]",
        "\"static_resources\"",
    ];
    for text in garbage {
        let said = Doorward::new(["envoy", "-"]).run_with_input(text);
        assert!(said.code == 2 || text.contains("configs"), "{text:?}: {} {}", said.out, said.err);
        assert!(said.err.starts_with("error") || text.contains("configs"), "{text:?}: {}", said.err);
    }
    for args in
        [&["envoy"][..], &["envoy", "none.yaml"], &["envoy", "src"], &["envoy", "-", "--config", "none.yaml"]]
    {
        let said = doorward(args.iter().copied());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("envoy.yaml");
    fs::write(&binary, b"admin: \xff").unwrap();
    assert_eq!(doorward(["envoy", binary.to_str().unwrap()]).code, 2);
    let deep = "[".repeat(100_000);
    assert_eq!(Doorward::new(["envoy", "-"]).run_with_input(&deep).code, 2);
}

#[test]
fn a_large_dump_is_read() {
    let route = "{\"match\":{\"prefix\":\"/\"},\"direct_response\":{\"status\":404}},";
    let routes = route.repeat(20_000);
    let text = format!(
        "{{\"name\":\"r\",\"virtual_hosts\":[{{\"name\":\"all\",\"domains\":[\"*\"],\"routes\":[{}]}}]}}",
        routes.trim_end_matches(',')
    );
    let said = Doorward::new(["envoy", "-"]).run_with_input(&text);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no route of `all`") && said.out.contains(", 20000 routes"), "{}", said.out);
}

/// Headers of `doorward.yaml` and of services are managed, and tokens may stand elsewhere.
#[test]
fn a_configuration_says_what_is_managed() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    let config = "header_prefixes: [x-tenant]\nupstream_headers: { x-tenant: claims.tenant }\n\
                  identity: { tokens: [{ header: x-token, scheme: none }, { cookie: session }] }\n";
    fs::write(folder.path().join("doorward.yaml"), config).unwrap();
    let policy = "services:\n  s:\n    paths: [/]\n    upstream_headers: { x-user-id: user.id }\n    \
                  routes: [{ route: GET /, access: authenticated }]\n";
    fs::write(policies.join("a.yaml"), policy).unwrap();
    let path = folder.path().join("doorward.yaml");
    let envoy =
        |file: &str| doorward(["envoy", file, "--format", "short", "--config", path.to_str().unwrap()]);
    let said = envoy(SHIPPED);
    assert_eq!(said.code, 1, "{}", said.err);
    let codes: Vec<&str> = said.out.lines().filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert_eq!(codes, ["DW433", "DW419", "DW415"], "{}", said.out);
    assert!(said.out.contains("`x-tenant`, `x-token`") && !said.out.contains("x-user-id"), "{}", said.out);
    // The reference configuration fits what ships.
    assert_eq!(doorward(["envoy", SHIPPED, "--config", "examples/quickstart/doorward.yaml"]).code, 0);
    // One with mistakes says nothing about Envoy.
    fs::write(policies.join("a.yaml"), "services: 3\n").unwrap();
    let said = envoy(SHIPPED);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
}
