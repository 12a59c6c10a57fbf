//! What lies in `deploy/` refers to things that exist: commands and flags of the
//! real binary, ports, paths, keys of the configuration, metrics; and what is
//! there twice says the same twice. `.tools/manifests` renders it all and checks
//! it against the schemas of Kubernetes, Helm, Prometheus and systemd.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::compile::load;
use doorward::config::Config;
use doorward::diag::{Format, render};
use regex_lite::Regex;

/// Every metric that an operator may build upon. `docs/runbook.md`, the alerts
/// and the dashboard use these and no others; the dashboard shows each.
const METRICS: &[&str] = &[
    "doorward_build_info",
    "doorward_candidate_disagreements_total",
    "doorward_candidate_in_sync",
    "doorward_check_duration_seconds",
    "doorward_checks_in_flight",
    "doorward_checks_overloaded_total",
    "doorward_connections",
    "doorward_decision_log_dropped_total",
    "doorward_decision_log_written_total",
    "doorward_decisions_total",
    "doorward_key_fetches_total",
    "doorward_keys",
    "doorward_keys_failing",
    "doorward_keys_last_success_timestamp_seconds",
    "doorward_log_dropped_total",
    "doorward_policy_age_seconds",
    "doorward_policy_generation",
    "doorward_policy_in_sync",
    "doorward_policy_info",
    "doorward_policy_last_attempt_timestamp_seconds",
    "doorward_policy_last_success_timestamp_seconds",
    "doorward_policy_loaded_timestamp_seconds",
    "doorward_policy_reload_failures_total",
    "doorward_ready",
    "doorward_token_cache_hits_total",
    "doorward_token_cache_misses_total",
    "doorward_unreadable_claims_total",
    "process_start_time_seconds",
];

const ADMIN_PATHS: &[&str] = &["/healthz", "/readyz", "/metrics", "/policy", "/reload", "/explain"];

#[test]
fn every_command_line_is_one_that_doorward_takes() {
    let mut lines = vec![words_of_docker(), words_of_systemd()];
    for file in files("kubernetes").into_iter().chain(files("helm")) {
        for args in find(r"args: \[(serve,[^\]]*)\]", &read(&file)) {
            let args = Regex::new(r"\{\{.*?\}\}").unwrap().replace_all(&args, "info").into_owned();
            lines.push(args.split(',').map(|w| w.trim().trim_matches('"').to_owned()).collect());
        }
    }
    assert!(lines.len() >= 5, "only {lines:?} found");
    for line in lines {
        takes(&line);
    }
}

/// Lines of shell in the READMEs that begin with `doorward`.
#[test]
fn every_command_of_the_readmes_is_one_that_doorward_takes() {
    let mut pages: Vec<PathBuf> = files("").into_iter().filter(|f| f.ends_with("README.md")).collect();
    pages.extend([root().join("docs/runbook.md"), root().join("docs/deploy.md")]);
    let mut seen = 0;
    for page in pages {
        for line in find(r"(?m)^doorward ([^|\n]+)", &read(&page)) {
            seen += 1;
            takes(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        }
    }
    assert!(seen > 0);
}

#[test]
fn ports_are_those_that_the_shipped_configurations_listen_on() {
    let named = Regex::new(r"name: (grpc|http-mode|[a-z-]*admin), (?:containerPort|port): (\d+)").unwrap();
    let mut seen = 0;
    for file in files("") {
        for found in named.captures_iter(&read(&file)) {
            seen += 1;
            let expected = if found[1].ends_with("admin") { "9193" } else { "9191" };
            assert_eq!(&found[2], expected, "{}: {}", file.display(), &found[0]);
        }
    }
    assert!(seen >= 8, "only {seen} ports found");
    for config in configs() {
        let text = read(&config);
        assert!(
            text.contains(":9191") || text.contains("unix:/run/doorward/doorward.sock"),
            "{}",
            config.display()
        );
        assert!(text.contains(":9193"), "{}", config.display());
    }
}

#[test]
fn probes_and_scrapes_ask_for_pages_of_the_admin_listener() {
    let asked = Regex::new(r"path: (/\w+), port: (?:\{\{ \$admin \}\}|[a-z-]*admin)").unwrap();
    let scraped = Regex::new(r"port: [a-z-]*admin, path: (/\w+)").unwrap();
    let mut seen = BTreeSet::new();
    for file in files("") {
        let text = read(&file);
        for found in asked.captures_iter(&text).chain(scraped.captures_iter(&text)) {
            assert!(ADMIN_PATHS.contains(&&found[1]), "{}: {}", file.display(), &found[0]);
            seen.insert(found[1].to_owned());
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["/healthz", "/metrics", "/readyz"]);
}

#[test]
fn every_configuration_and_policy_is_read_without_a_finding() {
    for path in configs() {
        let (config, sources, report) = Config::load(&path, &|_| None);
        let text = render(&report, &sources, Format::Short);
        // DW311: other machines may ask. In Kubernetes a NetworkPolicy says which.
        let findings: Vec<&str> = text.lines().filter(|l| !l.contains("[DW311]")).collect();
        assert!(config.is_some() && findings.is_empty(), "{}: {text}", path.display());
    }
    let (index, sources, report) = load(&root().join("deploy/kubernetes/base/policies"));
    assert!(index.is_some() && report.is_empty(), "{}", render(&report, &sources, Format::Short));
    // Each file that lies there is in the ConfigMap.
    let generator = read(&root().join("deploy/kubernetes/base/kustomization.yaml"));
    for file in fs::read_dir(root().join("deploy/kubernetes/base/policies")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(generator.contains(&format!("policies/{name}")), "{name}");
    }
}

/// The socket, the user and the group that Doorward and Envoy must agree on.
#[test]
fn one_socket_and_one_user_everywhere() {
    for file in files("") {
        let text = read(&file);
        for socket in find(r"(/run/doorward/[\w.]+)", &text) {
            assert_eq!(socket, "/run/doorward/doorward.sock", "{}", file.display());
        }
        for group in find(r"fsGroup: (\d+)", &text) {
            assert_eq!(group, "65532", "{}", file.display());
        }
    }
    assert!(read(&root().join("deploy/docker/Dockerfile")).contains("\nUSER 65532:65532\n"));
}

#[test]
fn the_image_is_one_static_binary_built_from_the_lock_file() {
    let dockerfile = read(&root().join("deploy/docker/Dockerfile"));
    let build = find(r"(?m)^RUN (cargo build .*)$", &dockerfile);
    let [line] = build.as_slice() else { panic!("{build:?}") };
    for flag in ["--locked", "--release", "--bin doorward", "-unknown-linux-musl\""] {
        assert!(line.contains(flag), "`{line}` lacks {flag}");
    }
    assert!(dockerfile.contains("\nFROM scratch\n"));
    for image in find(r"(?m)^FROM (\S+:\S+)", &dockerfile) {
        assert!(!image.ends_with(":latest"), "{image}");
    }
    // Whatever the manifest names must be in the context, or cargo does not start.
    let context = read(&root().join("deploy/docker/Dockerfile.dockerignore"));
    for path in find(r#"(?m)^path = "([^/"]+)/"#, &read(&root().join("Cargo.toml"))) {
        assert!(context.contains(&format!("\n!{path}\n")), "{path} is not in the context");
    }
}

#[test]
fn dashboard_alerts_and_runbook_use_metrics_that_exist() {
    let dashboard = read(&root().join("deploy/observability/dashboard.json"));
    for metric in METRICS {
        assert!(metrics(&dashboard).contains(*metric), "the dashboard does not show {metric}");
    }
    for file in ["dashboard.json", "alerts.yaml", "alerts_test.yaml"] {
        exist(&root().join("deploy/observability").join(file));
    }
    exist(&root().join("docs/runbook.md"));
}

#[test]
fn every_alert_has_its_section_in_the_runbook() {
    let alerts = find(r"- alert: (\w+)", &read(&root().join("deploy/observability/alerts.yaml")));
    let sections = find(r"(?m)^## (Doorward\w+)$", &read(&root().join("docs/runbook.md")));
    assert_eq!(alerts, sections, "alerts, and sections of docs/runbook.md in the same order");
}

#[test]
fn links_of_the_readmes_lead_somewhere() {
    for page in files("").into_iter().filter(|f| f.ends_with("README.md")) {
        for link in find(r"\]\(([^)#]+)[^)]*\)", &read(&page)) {
            let target = page.parent().unwrap().join(&link);
            assert!(link.starts_with("http") || target.exists(), "{}: {link}", page.display());
        }
    }
}

/// Copies that tools need: the rules for the Prometheus Operator and the chart,
/// and Envoy's configuration for the example with a sidecar.
/// `UPDATE_GOLDEN=1` writes them.
#[test]
fn copies_say_what_the_originals_say() {
    let rules = read(&root().join("deploy/observability/alerts.yaml"));
    let groups = rules.split_once("\ngroups:\n").unwrap().1;
    let groups = format!("groups:\n{groups}");
    copy("deploy/helm/doorward/files/alerts.yaml", &groups);
    let indented: Vec<String> =
        groups.lines().map(|l| if l.is_empty() { String::new() } else { format!("  {l}") }).collect();
    copy("deploy/kubernetes/monitoring/rules.yaml", &format!("{OPERATOR_HEAD}{}\n", indented.join("\n")));

    let envoy = read(&root().join("deploy/envoy/envoy.yaml"));
    let mut envoy = format!("{SIDECAR_HEAD}\nadmin:\n{}", envoy.split_once("\nadmin:\n").unwrap().1);
    for (from, to) in SIDECAR {
        assert_eq!(envoy.matches(from).count(), 1, "{from}");
        envoy = envoy.replace(from, to);
    }
    copy("deploy/kubernetes/examples/sidecar/envoy.yaml", &envoy);
}

const OPERATOR_HEAD: &str = "\
# deploy/observability/alerts.yaml for the Prometheus Operator; a test keeps the two alike.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: doorward
  labels: { app.kubernetes.io/name: doorward }
spec:
";

const SIDECAR_HEAD: &str = "\
# deploy/envoy/envoy.yaml for the pod of this example: clients from everywhere, Doorward on the Unix socket,
# the services by their names in the cluster. A test keeps the two alike; [hard] is explained there.
";

const SIDECAR: &[(&str, &str)] = &[
    (
        "address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }",
        "address: { socket_address: { address: 0.0.0.0, port_value: 10000 } }",
    ),
    (
        "socket_address: { address: 127.0.0.1, port_value: 9191 }",
        "pipe: { path: /run/doorward/doorward.sock }",
    ),
    (
        "socket_address: { address: 127.0.0.1, port_value: 18081 }",
        "socket_address: { address: events, port_value: 8080 }",
    ),
    (
        "socket_address: { address: 127.0.0.1, port_value: 18082 }",
        "socket_address: { address: venues, port_value: 8080 }",
    ),
    ("- name: events\n    type: STATIC", "- name: events\n    type: STRICT_DNS"),
    ("- name: venues\n    type: STATIC", "- name: venues\n    type: STRICT_DNS"),
    ("# Your own names; localhost and the addresses are for trying it out.", "# Your own names."),
    ("[api.example.com, localhost, 127.0.0.1, \"[::1]\"]", "[api.example.com]"),
];

/// Real Envoy takes what is shipped for it (`tests/run` names one).
#[test]
fn envoy_takes_the_configuration_of_the_sidecar_example() {
    let Ok(envoy) = std::env::var("ENVOY_BIN") else { return };
    let config = root().join("deploy/kubernetes/examples/sidecar/envoy.yaml");
    let done = Command::new(envoy).args(["--mode", "validate", "-c"]).arg(&config).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder of `deploy`.
fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join("deploy").join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn configs() -> Vec<PathBuf> {
    let found: Vec<PathBuf> = files("").into_iter().filter(|f| f.ends_with("doorward.yaml")).collect();
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// What the first group of a pattern matches, wherever it does.
fn find(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

fn words_of_docker() -> Vec<String> {
    let text = read(&root().join("deploy/docker/Dockerfile"));
    assert_eq!(find(r"(?m)^ENTRYPOINT (.*)$", &text), [r#"["/usr/local/bin/doorward"]"#]);
    let command = find(r"(?m)^CMD \[(.*)\]$", &text);
    command.first().unwrap().split(',').map(|w| w.trim().trim_matches('"').to_owned()).collect()
}

fn words_of_systemd() -> Vec<String> {
    let text = read(&root().join("deploy/systemd/doorward.service"));
    let start = find(r"(?m)^ExecStart=/usr/local/bin/doorward (.*)$", &text);
    start.first().unwrap().split_whitespace().map(str::to_owned).collect()
}

/// Whether the arguments parse: with `--help` behind them, `doorward` prints its
/// help if it has understood everything before.
fn takes(arguments: &[String]) {
    let done = Command::new(env!("CARGO_BIN_EXE_doorward")).args(arguments).arg("--help").output().unwrap();
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "doorward {}: {words}", arguments.join(" "));
}

/// Metrics that a text names, a histogram's series by the histogram's name.
fn metrics(text: &str) -> BTreeSet<String> {
    find(r"\b(doorward_[a-z_]+|process_start_time_seconds)\b", text)
        .into_iter()
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            base.unwrap_or(&name).to_owned()
        })
        .collect()
}

fn exist(file: &Path) {
    for metric in metrics(&read(file)) {
        assert!(METRICS.contains(&metric.as_str()), "{}: no metric is called {metric}", file.display());
    }
}

fn copy(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, expected).unwrap();
    }
    assert!(read(&file) == expected, "{path} is not what it should be (UPDATE_GOLDEN=1 writes it)");
}
