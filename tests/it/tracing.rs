//! Spans of checks, from the real program to a real collector, behind real Envoy.

mod collector;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tonic::Request;

use self::collector::{Collector, Mood, hex, text};
use crate::admin::scraped;
use crate::serve::{Doorward, check, folder, token};
use crate::support::{Front, Stack, eventually, root};

const POLICY: &str = "
roles: { viewer: {} }
services:
  all:
    paths: [/]
    routes:
      - { route: 'GET,PUT /things/{id}', roles: viewer }
      - { route: GET /open, access: anonymous }
";

const CONFIG: &str = "
listen: { grpc: 127.0.0.1:0, admin: 127.0.0.1:0 }
shutdown: { delay: 0s }
decision_log: { allow: 1 }
identity:
  issuers:
    - issuer: https://id.test
      audiences: [shop]
      algorithms: [HS256]
      keys: { secret_env: SECRET }
      roles: roles
";

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

/// Doorward that sends to this address, with more lines of `tracing`.
fn doorward(address: &str, more: &str) -> Doorward {
    let tracing = format!("tracing:\n  otlp: {{ endpoint: \"http://{address}\", timeout: 1s }}\n{more}");
    Doorward::prepared("info", folder(&format!("{CONFIG}{tracing}"), POLICY))
}

/// A check whose request has this header.
fn sent(path: &str, token: &str, header: (&str, &str)) -> CheckRequest {
    let mut asked = check(path, token);
    let http = asked.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
    http.headers.insert(header.0.to_owned(), header.1.to_owned());
    asked
}

/// Asks; `carried` stands beside the checks, as Envoy puts its own span there. Gives the longest that one
/// took.
fn ask(address: &str, checks: Vec<CheckRequest>, carried: &[(&'static str, &str)]) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = AuthorizationClient::connect(format!("http://{address}")).await.unwrap();
        let mut longest = Duration::ZERO;
        for check in checks {
            let mut request = Request::new(check);
            for (name, value) in carried {
                request.metadata_mut().insert(*name, value.parse().unwrap());
            }
            let began = Instant::now();
            client.check(request).await.unwrap();
            longest = longest.max(began.elapsed());
        }
        longest
    })
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no `{name}` in {spans:?}"))
}

/// A number of a scrape.
fn number(server: &Doorward, name: &str) -> f64 {
    scraped(server, name, &[])
}

fn dropped(server: &Doorward, reason: &str) -> f64 {
    scraped(server, "doorward_trace_spans_dropped_total", &[("reason", reason)])
}

#[test]
fn log_2_spans_join_the_trace_and_hold_no_secret() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "  resource: { deployment.environment.name: test }\n");
    let viewer = token(&["viewer"]);
    let path = "/things/hidden-id?access_token=hidden-query";
    let asked = || sent(path, &viewer, ("x-hidden", "hidden-header"));
    let carried = traceparent("01");
    ask(&server.address, vec![asked()], &[("traceparent", &carried), ("tracestate", "vendor=1")]);
    let spans = collector.spans(3);
    let (checked, decide, verify) =
        (named(&spans, "check"), named(&spans, "decide"), named(&spans, "verify"));
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE && span.span_id.len() == 8));
    assert_eq!(hex(&checked.parent_span_id), PARENT);
    assert_eq!((&decide.parent_span_id, &verify.parent_span_id), (&checked.span_id, &decide.span_id));
    assert_eq!((checked.kind(), decide.kind()), (SpanKind::Server, SpanKind::Internal));
    assert_eq!((checked.flags, decide.flags, checked.trace_state.as_str()), (0x301, 0x101, "vendor=1"));
    assert!(checked.status.is_none() && checked.start_time_unix_nano < checked.end_time_unix_nano);
    assert!(decide.start_time_unix_nano <= verify.start_time_unix_nano);

    let line = server.decision();
    assert_eq!(line["trace_id"], TRACE, "the log and the span have one id");
    for (name, value) in [
        ("doorward.decision", "allow"),
        ("doorward.reason", "allowed"),
        ("doorward.status", "200"),
        ("doorward.decision_id", line["decision_id"].as_str().unwrap()),
        ("doorward.service", "all"),
        ("doorward.route", "GET,PUT /things/{id}"),
        ("http.route", "/things/{id}"),
        ("http.request.method", "GET"),
    ] {
        assert_eq!(text(&checked.attributes, name), value, "{name}");
    }
    assert_eq!(text(&decide.attributes, "doorward.revision"), line["revision"].as_str().unwrap());
    assert_eq!(text(&verify.attributes, "doorward.cache_hit"), "false");
    assert_eq!(text(&verify.attributes, "doorward.issuer"), "https://id.test");

    let forged = format!("{}AAAA", &viewer[..viewer.len() - 4]);
    ask(&server.address, vec![asked(), sent(path, &forged, ("a", "b"))], &[("traceparent", &carried)]);
    let spans = collector.spans(9);
    assert_eq!(text(&spans[3].attributes, "doorward.cache_hit"), "true");
    assert_eq!(text(&spans[6].attributes, "doorward.reason"), "signature_invalid");
    assert_eq!(text(&spans[6].attributes, "doorward.issuer"), "", "nobody has verified that");
    assert_eq!(text(&spans[8].attributes, "doorward.status"), "401");
    let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap().attributes;
    assert_eq!(text(&resource, "deployment.environment.name"), "test");
    assert!(!text(&resource, "service.version").is_empty());
    let parts: Vec<&str> = viewer.split('.').chain(forged.split('.')).collect();
    collector.holds_none_of(&parts);
    collector.holds_none_of(&["hidden", "access_token", "alice", "viewer", "api.test", "authorization"]);
    assert_eq!(number(&server, "doorward_trace_spans_exported_total"), 9.0);
}

#[test]
fn what_is_not_recorded_gives_nothing_and_a_share_of_the_rest_begins_a_trace() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "");
    let (sampled, unsampled) = (traceparent("01"), traceparent("00"));
    let open = |header| sent("/open", "", header);
    ask(&server.address, vec![open(("traceparent", &unsampled)), open(("a", "b"))], &[]);
    ask(&server.address, vec![open(("traceparent", &sampled))], &[("traceparent", &unsampled)]);
    ask(&server.address, vec![open(("traceparent", &sampled))], &[]);
    let spans = collector.spans(2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(collector.spans_of("doorward").len(), 2, "of the last alone: {spans:?}");
    assert!(!spans.iter().any(|span| span.name == "verify"), "nobody was asked who they are");
    assert_eq!(hex(&named(&spans, "check").parent_span_id), PARENT);

    let collector = Collector::start();
    let server = doorward(&collector.address, "  sample: 1\n  parent: ignore\n");
    ask(&server.address, vec![open(("traceparent", &unsampled))], &[("traceparent", &sampled)]);
    let spans = collector.spans(2);
    let line = server.decision();
    assert_eq!(hex(&spans[0].trace_id), line["decision_id"].as_str().unwrap());
    assert_eq!(line["trace_id"], line["decision_id"]);
    assert!(named(&spans, "check").parent_span_id.is_empty());
}

#[test]
fn dos_8_a_client_can_not_have_every_request_traced() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "  max_per_second: 2\n");
    let sampled = traceparent("01");
    ask(&server.address, vec![sent("/open", "", ("traceparent", &sampled)); 200], &[]);
    let traced = 200.0 - number(&server, "doorward_trace_checks_limited_total");
    assert!((2.0..=40.0).contains(&traced), "{traced} of 200");
    let taken = collector.spans(4).len();
    assert!(taken <= 80, "{taken}");
}

#[test]
fn dos_8_a_collector_that_hangs_slows_nobody_and_what_finds_no_room_is_counted() {
    let collector = Collector::start();
    collector.is(Mood::Hangs);
    let server = doorward(&collector.address, "  sample: 1\n  max_per_second: 10000\n");
    let checks = vec![check("/open", ""); 4600];
    let longest = ask(&server.address, checks, &[]);
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    eventually("no room", || {
        let lost = dropped(&server, "queue_full");
        if lost > 0.0 { Ok(()) } else { Err(format!("{lost}")) }
    });
    // It recovers, and takes what waited.
    collector.is(Mood::Takes);
    eventually("it goes on", || {
        let sum = number(&server, "doorward_trace_spans_exported_total")
            + dropped(&server, "queue_full")
            + dropped(&server, "export_failed");
        if sum == 9200.0 { Ok(()) } else { Err(format!("{sum}")) }
    });
    assert!(number(&server, "doorward_trace_spans_exported_total") >= 7000.0);
}

#[test]
fn a_collector_that_refuses_costs_its_spans_and_one_that_is_busy_a_little_time() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "  sample: 1\n");
    collector.is(Mood::Busy);
    ask(&server.address, vec![check("/open", "")], &[]);
    eventually(
        "it is asked again",
        || if collector.asked() > 1 { Ok(()) } else { Err("not yet".to_owned()) },
    );
    collector.is(Mood::Takes);
    collector.spans(2);
    assert_eq!(dropped(&server, "export_failed"), 0.0);

    collector.is(Mood::Refuses);
    ask(&server.address, vec![check("/open", "")], &[]);
    let said = server.line(|line| line.get("error").is_some());
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("InvalidArgument") && !error.contains(['\n', '\u{9b}', '\u{202e}']), "{error:?}");
    assert_eq!(dropped(&server, "export_failed"), 2.0);
    collector.is(Mood::Takes);
    ask(&server.address, vec![check("/open", "")], &[]);
    server.line(|line| line["message"] == "the collector takes spans again");

    collector.is(Mood::RefusesOne);
    ask(&server.address, vec![check("/open", "")], &[]);
    let said = server.line(|line| line.get("error").is_some());
    assert!(said["error"].as_str().unwrap().contains("one is odd") && said["spans"] == 1, "{said}");
    assert_eq!(dropped(&server, "export_failed"), 3.0);
    assert_eq!(number(&server, "doorward_trace_spans_exported_total"), 5.0);
}

#[test]
fn a_collector_that_answers_at_length_is_not_listened_to() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "  sample: 1\n");
    let mut lost = 0.0;
    for mood in [Mood::Trailers, Mood::Babbles] {
        collector.is(mood);
        ask(&server.address, vec![check("/open", "")], &[]);
        lost += 2.0;
        eventually("it is lost", || match dropped(&server, "export_failed") {
            found if found == lost => Ok(()),
            found => Err(format!("{found} of {lost}")),
        });
        collector.is(Mood::Takes);
        ask(&server.address, vec![check("/open", "")], &[]);
        server.line(|line| line["message"] == "the collector takes spans again");
    }
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0));
    assert!(lines.iter().all(|line| line.len() < 2000), "{lines:?}");
}

#[test]
fn a_collector_that_comes_later_goes_or_talks_nonsense_changes_no_answer() {
    // Somebody listens who speaks something else.
    let nonsense = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nonsense.local_addr().unwrap().to_string();
    let talks = std::thread::spawn(move || {
        for stream in nonsense.incoming().take(2) {
            let _ = stream.unwrap().write_all(b"SSH-2.0-nonsense\r\n");
        }
    });
    let server = doorward(&address, "  sample: 1\n");
    ask(&server.address, vec![check("/open", "")], &[]);
    talks.join().unwrap();
    // Nobody listens any more, and then a collector does.
    ask(&server.address, vec![check("/open", "")], &[]);
    let collector = Collector::at(&address, None);
    eventually("it is found", || {
        ask(&server.address, vec![check("/open", "")], &[]);
        if collector.spans_of("doorward").is_empty() { Err("no span".to_owned()) } else { Ok(()) }
    });
    drop(collector);
    ask(&server.address, vec![check("/open", "")], &[]);
    assert_eq!(server.stop().0, Some(0), "and the end is as ever");
}

#[test]
fn fail_7_the_last_spans_are_sent_before_the_end() {
    let collector = Collector::start();
    let server = doorward(&collector.address, "  sample: 1\n");
    ask(&server.address, vec![check("/open", ""); 40], &[]);
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(collector.spans_of("doorward").len(), 80);
}

#[test]
fn fail_7_a_collector_that_hangs_does_not_keep_the_process() {
    let collector = Collector::start();
    collector.is(Mood::Hangs);
    let server = doorward(&collector.address, "  sample: 1\n");
    ask(&server.address, vec![check("/open", ""); 40], &[]);
    let began = Instant::now();
    let (code, _) = server.stop();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// A certificate for `localhost` of an authority of its own: its PEM, and what accepts connections with it.
fn secured() -> (String, tokio_rustls::TlsAcceptor) {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (pem, tokio_rustls::TlsAcceptor::from(Arc::new(config)))
}

/// With a secret header, over TLS, to whom the configuration trusts.
fn over_tls(port: &str, ca: &str) -> Doorward {
    let otlp = format!(
        "tracing:\n  otlp: {{ endpoint: \"https://localhost:{port}\", ca_file: ca.pem, timeout: 1s, \
         headers_env: {{ authorization: SECRET }} }}\n  sample: 1\n"
    );
    let folder = folder(&format!("{CONFIG}{otlp}"), POLICY);
    fs::write(folder.path().join("ca.pem"), ca).unwrap();
    Doorward::prepared("trace", folder)
}

#[test]
fn over_tls_a_secret_goes_to_the_right_collector_and_to_no_other() {
    let (ca, acceptor) = secured();
    let collector = Collector::at("127.0.0.1:0", Some(acceptor));
    let port = collector.address.rsplit(':').next().unwrap();
    let server = over_tls(port, &ca);
    ask(&server.address, vec![check("/open", "")], &[]);
    collector.spans(2);
    let secret = collector.authorization();
    assert!(!secret.is_empty() && secret.iter().all(|value| value.contains("long enough")), "{secret:?}");
    // Nor is it told where the collector says it.
    collector.is(Mood::Echoes);
    ask(&server.address, vec![check("/open", "")], &[]);
    let mut before = Vec::new();
    let said = server.line(|line| {
        before.push(line.to_string());
        line["message"] == "the collector does not take spans, which are lost"
    });
    assert!(said["error"].as_str().unwrap().contains("who is"), "{said}");
    let (code, lines) = server.stop();
    assert_eq!(code, Some(0));
    let told = [before, lines].concat();
    let secret = told.iter().find(|line| line.to_ascii_lowercase().contains("long enough"));
    assert!(told.len() > 100 && secret.is_none(), "{secret:?}");

    let stranger = over_tls(port, &secured().0);
    let taken = collector.requests().len();
    ask(&stranger.address, vec![check("/open", "")], &[]);
    let said = stranger.line(|line| line.get("error").is_some());
    assert!(said["error"].as_str().unwrap().contains("certificate"), "{said}");
    assert_eq!(collector.requests().len(), taken);
}

#[test]
fn a_missing_secret_keeps_doorward_from_starting_and_lint_says_so_too() {
    let tracing = "tracing:\n  otlp: { endpoint: \"https://c.example:4317\", headers_env: { authorization: NOT_SET_ANYWHERE } }\n";
    let folder = folder(&format!("{CONFIG}{tracing}"), POLICY);
    let config = folder.path().join("doorward.yaml");
    for command in ["serve", "lint"] {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args([command, "--config"])
            .arg(&config)
            .env("SECRET", "not a secret but long enough for one")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_ne!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("NOT_SET_ANYWHERE") && said.contains("[DW301]"), "{said}");
    }
}

/// The configuration of the shared policy, with tracing, in a file of its own.
fn traced(base: &str, collector: &Collector) -> tempfile::TempDir {
    let base = fs::read_to_string(root().join(base)).unwrap();
    let policies = root().join("tests/it/policy");
    let whole = base.replace("policies: policy", &format!("policies: {}", policies.display()));
    let text = format!("{whole}tracing: {{ otlp: {{ endpoint: \"http://{}\" }} }}\n", collector.address);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("doorward.yaml"), text).unwrap();
    folder
}

/// The shipped Envoy with the lines that `docs/envoy.md` has for its own spans.
fn with_tracer(shipped: String, collector: &str, share: u32) -> String {
    let page = fs::read_to_string(root().join("docs/envoy.md")).unwrap();
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("\n```yaml {kind}\n")).expect("the block");
        rest.split_once("```").unwrap().0.to_owned()
    };
    let indented = |block: String, by: usize| -> String {
        block.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
    };
    let port = collector.rsplit(':').next().unwrap();
    let tracer = indented(block("envoy-tracer"), 10).replace("value: 100", &format!("value: {share}"));
    let cluster = indented(block("envoy-collector"), 2).replace("4317", port);
    let put = |text: String, before: &str, lines: String| {
        assert_eq!(text.matches(before).count(), 1, "{before}");
        text.replace(before, &format!("{lines}{before}"))
    };
    let text = put(shipped, "          http_filters:\n", tracer);
    put(text, "  - name: doorward\n    type: STATIC\n", cluster)
}

/// What Envoy and Doorward tell of one request.
fn joined(front: Front, base: &str) {
    let collector = Collector::start();
    let folder = traced(base, &collector);
    let config = folder.path().join("doorward.yaml");
    let edit = |shipped| with_tracer(shipped, &collector.address, 100);
    let stack = Stack::start_behind(front, config.to_str().unwrap(), "info", &edit);
    let token = stack.token(&["viewer"]);
    stack.get("/events/things/hidden-id?q=hidden-query").token(&token).send().allowed("events");
    let (ours, envoys) = eventually("both tell", || {
        let ours = collector.spans_of("doorward").into_iter();
        let ours: Vec<Span> =
            ours.filter(|span| text(&span.attributes, "http.route") == "/events/things/{id}").collect();
        let envoys = collector.spans_of("edge");
        let parents = |span: &&Span| ours.iter().any(|our| our.parent_span_id == span.span_id);
        match envoys.iter().find(parents) {
            Some(_) => Ok((ours.clone(), envoys)),
            None => Err(format!("{ours:#?} has no parent in {envoys:#?}")),
        }
    });
    let check = &ours[0];
    let parent = envoys.iter().find(|span| span.span_id == check.parent_span_id).unwrap();
    assert_eq!(parent.trace_id, check.trace_id);
    assert_eq!(parent.kind(), SpanKind::Client, "the call that Envoy makes: {parent:?}");
    let outer = envoys.iter().find(|span| span.span_id == parent.parent_span_id).expect("the request itself");
    assert_eq!(outer.kind(), SpanKind::Server);
    // One machine, one clock: the check lies in the call. Envoy counts in microseconds.
    assert!(check.end_time_unix_nano <= parent.end_time_unix_nano + 1_000_000);
    // A trace that the client began is gone on with.
    let request = stack.get("/events/health").header("traceparent", &traceparent("01"));
    request.send().allowed("events");
    eventually("the client's trace", || {
        let told =
            |service: &str| collector.spans_of(service).iter().any(|span| hex(&span.trace_id) == TRACE);
        if told("doorward") && told("edge") { Ok(()) } else { Err("not yet".to_owned()) }
    });
    let parts: Vec<&str> = token.split('.').collect();
    let spans = format!("{:?}", collector.spans_of("doorward"));
    assert!(parts.iter().chain(&["hidden"]).all(|word| !spans.contains(word)), "{spans}");
}

#[test]
fn a_check_is_a_part_of_envoys_own_trace() {
    joined(Front::Grpc, "tests/it/doorward.yaml");
}

#[test]
fn a_check_in_http_mode_is_a_part_of_envoys_own_trace() {
    joined(Front::Http, "tests/it/forward.yaml");
}

#[test]
fn envoy_that_does_not_record_a_trace_is_followed_whatever_the_client_says() {
    let collector = Collector::start();
    let folder = traced("tests/it/doorward.yaml", &collector);
    let edit = |shipped| with_tracer(shipped, &collector.address, 0);
    let config = folder.path().join("doorward.yaml");
    let stack = Stack::start_with(config.to_str().unwrap(), "info", &edit);
    for flags in ["01", "00"] {
        let request = stack.get("/events/health").header("traceparent", &traceparent(flags));
        request.send().allowed("events");
    }
    stack.get("/events/health").send().allowed("events");
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(collector.requests(), []);
}

#[test]
fn without_a_tracer_in_envoy_the_clients_trace_is_joined() {
    let collector = Collector::start();
    let folder = traced("tests/it/doorward.yaml", &collector);
    let stack = Stack::start(folder.path().join("doorward.yaml").to_str().unwrap());
    stack.get("/events/health").header("traceparent", &traceparent("01")).header("tracestate", "a=b").send();
    let spans = collector.spans(2);
    assert_eq!(hex(&named(&spans, "check").parent_span_id), PARENT);
    assert_eq!(named(&spans, "check").trace_state, "a=b");
}

/// Passes bytes on to a collector. Connections that are open when the number changes stay open and are
/// dead, as behind a balancer that has forgotten them.
fn relay(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let epoch = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&epoch);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(&to).unwrap();
            let born = now.load(Ordering::Relaxed);
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                let now = Arc::clone(&now);
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        if now.load(Ordering::Relaxed) == born && to.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    (address, epoch)
}

#[test]
fn a_connection_that_is_dead_is_replaced() {
    let collector = Collector::start();
    let (address, epoch) = relay(collector.address.clone());
    let server = doorward(&address, "  sample: 1\n");
    ask(&server.address, vec![check("/open", "")], &[]);
    collector.spans(2);
    epoch.fetch_add(1, Ordering::Relaxed);
    ask(&server.address, vec![check("/open", "")], &[]);
    collector.spans(4);
    assert_eq!(dropped(&server, "export_failed"), 0.0);
}
