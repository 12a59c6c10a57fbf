//! What must hold for any bytes at all. Used by the fuzz targets, and by a
//! plain test that replays the committed corpus.
//!
//! No check can fail by chance: the time and the secret are fixed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use doorward::compile::{compile, upstream_headers};
use doorward::config::Config;
use doorward::denial::Denials;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::HeaderPlan;
use doorward::gate::{Gate, Live, Snapshot};
use doorward::identity::Verifier;
use doorward::policy::{RequestPath, decode_segment, read_texts};
use doorward::telemetry::Telemetry;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use prost::Message;

/// Signs for the issuer of the fixture.
pub(crate) const SECRET: &str = "a-secret-of-the-fuzz-fixture-that-everybody-knows";

/// 2027-01-15: the tokens of the corpus are valid then.
pub(crate) const NOW: u64 = 1_800_000_000;

/// A token is refused, or it is one of those that were signed.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match verifier().verify(text.trim_end_matches('\n'), &[], NOW) {
        Ok(subject) => assert!(!subject.user.is_empty()),
        Err(refusal) => assert!(!refusal.reason.is_allowed()),
    }
}

/// A path that is accepted has the same segments for every careless reader.
pub(crate) fn path(data: &[u8]) {
    let Ok(target) = std::str::from_utf8(data) else { return };
    let target = target.trim_end_matches('\n');
    let Ok(path) = RequestPath::parse(target) else { return };
    assert!(target.starts_with(path.as_str()));
    if path.parameters().is_some() || path.encoded_slash().is_some() {
        return;
    }
    let ours: Vec<String> = path.segments().map(|s| decode_segment(s).into_owned()).collect();
    let raw = path.as_str();
    let once = decode_segment(raw).into_owned();
    for read in [raw.to_owned(), once.clone(), decode_segment(&once).into_owned()] {
        let read = read.replace('\\', "/");
        let mut theirs: Vec<&str> = Vec::new();
        for segment in read.split('/').map(|s| s.split(';').next().unwrap_or(s)) {
            match segment {
                "" | "." => {}
                ".." => drop(theirs.pop()),
                _ => theirs.push(segment),
            }
        }
        let theirs: Vec<String> = theirs.iter().map(|s| decode_segment(s).into_owned()).collect();
        assert_eq!(theirs, ours, "{target:?}");
    }
}

/// A policy compiles, or there is at least one error; findings can be shown.
pub(crate) fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("fuzz.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    let index = policy.as_ref().and_then(|policy| compile(policy, &sources, &mut report));
    assert_eq!(index.is_some(), !report.has_errors());
    report.sort(&sources);
    for format in [Format::Text { color: true }, Format::Short, Format::Json] {
        let shown = render(&report, &sources, format);
        assert_eq!(shown.is_empty() && format != Format::Json, report.is_empty() && format != Format::Json);
    }
}

/// Whatever Envoy or somebody else sends, the answer is complete.
pub(crate) fn check(data: &[u8]) {
    location(data);
}

/// The same; tells where the caller is sent.
pub(crate) fn location(data: &[u8]) -> Option<String> {
    let answer = doorward::envoy::answer(gate(), data);
    let answer = CheckResponse::decode(answer.as_slice()).expect("an answer is protobuf");
    let code = answer.status.expect("an answer has a status").code;
    match answer.http_response {
        Some(HttpResponse::OkResponse(ok)) => {
            assert_eq!(code, 0);
            for name in ["x-user-id", "x-user-roles"] {
                let set =
                    ok.headers.iter().filter(|o| o.header.as_ref().is_some_and(|h| h.key == name)).count();
                let removed = ok.headers_to_remove.iter().filter(|removed| *removed == name).count();
                assert_eq!(set + removed, 1, "{name} is either set or removed");
            }
            None
        }
        Some(HttpResponse::DeniedResponse(denied)) => {
            assert_ne!(code, 0);
            let status = denied.status.expect("a denial has an HTTP status").code;
            assert!([302, 400, 401, 403, 404, 405, 503].contains(&status), "{status}");
            let headers: Vec<_> = denied.headers.into_iter().filter_map(|option| option.header).collect();
            assert!(
                headers.iter().all(|h| h.value.bytes().all(|b| (b' '..=b'~').contains(&b))),
                "{headers:?}"
            );
            let location = headers.into_iter().find(|h| h.key == "location").map(|h| h.value);
            assert_eq!(location.is_some(), status == 302);
            let leads = |to: &String| to.starts_with("https://login.example.com/?to=https%3A%2F%2F");
            assert!(location.as_ref().is_none_or(leads), "{location:?}");
            location
        }
        other => panic!("an answer that is neither: {other:?}"),
    }
}

/// Whether a check is answered with an allow.
pub(crate) fn allows(data: &[u8]) -> bool {
    let answer = doorward::envoy::answer(gate(), data);
    let answer = CheckResponse::decode(answer.as_slice()).expect("an answer is protobuf");
    answer.status.expect("an answer has a status").code == 0
}

/// Where the fixture lies, whichever crate this is compiled into.
fn fixture() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = here.join("fixture");
    if inside.is_dir() { inside } else { here.join("tests/fuzz/fixture") }
}

fn secret(name: &str) -> Option<String> {
    (name == "FUZZ_SECRET").then(|| SECRET.to_owned())
}

fn config() -> Config {
    let (config, sources, report) = Config::load(&fixture().join("doorward.yaml"), &secret);
    config.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)))
}

fn load_verifier() -> Verifier {
    let mut report = Report::default();
    Verifier::load(&config().identity, &fixture(), &secret, &mut report).expect("the fixture's keys")
}

fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(load_verifier)
}

fn gate() -> &'static Arc<Gate> {
    static GATE: OnceLock<Arc<Gate>> = OnceLock::new();
    GATE.get_or_init(|| {
        let (index, sources, report) = doorward::compile::load(&fixture().join("policies"));
        let index = index.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)));
        let (sources, mut report) = (Sources::default(), Report::default());
        let headers = upstream_headers(&config().upstream_headers, &sources, &mut report).unwrap();
        let plan = HeaderPlan::new(&headers, &index);
        let telemetry = Arc::new(Telemetry::default());
        let meters = telemetry.meters(&index);
        let live = Arc::new(Live::new(Snapshot::new(index, load_verifier(), plan, meters)));
        Arc::new(Gate::new(live, Arc::new(Denials::new(&config().deny)), telemetry))
    })
}
