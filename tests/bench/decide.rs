//! What a decision costs, and how the size of the policy shows in it.
//!
//! `cargo bench --bench decide`

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark")]

#[path = "support/policy.rs"]
#[allow(dead_code, reason = "other benches write it to files")]
mod policy;

use std::cell::Cell;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use divan::{AllocProfiler, Bencher, black_box};
use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use doorward::policy::{Method, RequestPath, read_texts};
use policy::Size;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Numbers of routes.
const ROUTES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

fn size(routes: usize) -> Size {
    Size::of(routes, 50)
}

/// The routes of the policy that ask for a path alone: reading a thing, of any depth.
const PLAIN: [usize; 4] = [0, 2, 5, 7];

/// A path for each of them, in no order.
fn paths(routes: usize) -> Vec<String> {
    let size = size(routes);
    // A stride that is prime to every count visits all.
    let numbers = (0..size.total()).map(|n| (n * 7_919) % size.total());
    let plain = numbers.filter(|n| PLAIN.contains(&(n / size.services % size.routes % 10)));
    plain.map(|n| size.request(n).path).collect()
}

fn index_of<F: IntoIterator<Item = (String, String)>>(files: F) -> Index {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts(files, &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    index.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)))
}

fn index_of_one(text: String) -> Index {
    index_of([("policy.yaml".to_owned(), text)])
}

/// The index of a large policy, made once for each size.
fn index(routes: usize) -> &'static Index {
    static MADE: [OnceLock<Index>; 5] = [const { OnceLock::new() }; 5];
    let at = ROUTES.iter().position(|n| *n == routes).unwrap();
    MADE[at].get_or_init(|| index_of(size(routes).files()))
}

fn caller(index: &Index, roles: &[&str]) -> Arc<Principal> {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let subject = Subject { user: "ann".to_owned(), roles, ..Subject::default() };
    Arc::new(Principal::resolve(index, subject))
}

fn request(path: &str) -> Input<'_> {
    let source = Some([192, 0, 2, 7].into());
    Input { method: "GET", host: "api.example.com", path, source, ..Input::default() }
}

/// Each call takes the next of the items.
fn turns<'i, T>(items: &'i [T]) -> impl Fn() -> &'i T {
    let turn = Cell::new(0);
    move || {
        turn.set((turn.get() + 1) % items.len());
        &items[turn.get()]
    }
}

/// From the words of a request to a decision that allows, for 64 paths spread
/// over the whole policy: what the steps themselves cost.
#[divan::bench(args = ROUTES, sample_size = 1_000)]
fn decide_some_paths(bencher: Bencher, routes: usize) {
    decide_allowed(bencher, routes, 64);
}

/// The same for every path of the policy in turn: with many routes each of
/// them has left the processor's cache before it is asked for again.
#[divan::bench(args = ROUTES, sample_size = 1_000)]
fn decide_all_paths(bencher: Bencher, routes: usize) {
    decide_allowed(bencher, routes, usize::MAX);
}

fn decide_allowed(bencher: Bencher, routes: usize, at_most: usize) {
    let index = index(routes);
    let principal = caller(index, &["all"]);
    let mut paths = paths(routes);
    paths.truncate(at_most);
    let ask =
        |path: &String| decide(index, &request(path), OnAnonymous::default(), |_| Ok(principal.clone()));
    assert!(paths.iter().all(|path| ask(path).reason == Reason::Allowed));
    let next = turns(&paths);
    bencher.bench_local(|| ask(black_box(next())));
}

/// The service and the route alone, for 64 paths that were read already.
#[divan::bench(args = ROUTES, sample_size = 1_000)]
fn look_up(bencher: Bencher, routes: usize) {
    let index = index(routes);
    let mut paths = paths(routes);
    paths.truncate(64);
    let read: Vec<RequestPath<'_>> = paths.iter().map(|path| RequestPath::parse(path).unwrap()).collect();
    let next = turns(&read);
    bencher.bench_local(|| {
        let path = black_box(next());
        let service = index.service_for("api.example.com", path).unwrap().unwrap();
        index.service(service).unwrap().trie.find(Method::Get, path).unwrap().unwrap()
    });
}

/// A path that no route matches.
#[divan::bench(args = ROUTES, sample_size = 1_000)]
fn decide_unknown(bencher: Bencher, routes: usize) {
    let index = index(routes);
    let paths: Vec<String> = paths(routes).iter().map(|path| path.replace("/c", "/else-")).collect();
    let next = turns(&paths);
    bencher.bench_local(|| {
        decide(index, &request(black_box(next())), OnAnonymous::default(), |_| {
            Err((Reason::TokenMissing, ""))
        })
    });
}

/// The one reading of a path.
#[divan::bench(sample_size = 1_000)]
fn read_path(bencher: Bencher) {
    let paths = paths(100);
    let next = turns(&paths);
    bencher.bench_local(|| RequestPath::parse(black_box(next())).map(|path| path.len()));
}

/// Numbers of scoped bindings of one user.
const BINDINGS: [usize; 3] = [10, 100, 1_000];

/// A thousand roles, each of which grants a code of its own and the one that is
/// required, and as many bindings of one user as asked for.
fn scoped(bindings: usize, scope: impl Fn(usize) -> String) -> Index {
    let mut text = String::from(
        "services: { s: { paths: [/], routes: [{ route: 'GET /venues/{venue}', codes: read }] } }\nroles:\n",
    );
    for role in 0..1_000 {
        writeln!(text, "  r{role}: {{ grants: [read, c-{role}], denies: [d-{role}] }}").unwrap();
    }
    text.push_str("bindings:\n");
    for binding in 0..bindings {
        writeln!(text, "  - {{ user: ann, roles: r{binding}, {} }}", scope(binding)).unwrap();
    }
    index_of_one(text)
}

fn decide_scoped(bencher: Bencher, index: &Index, requests: &[(String, u64)]) {
    let principal = caller(index, &[]);
    let ask = |(path, now): &(String, u64)| {
        let input = Input { now: *now, ..request(path) };
        decide(index, &input, OnAnonymous::default(), |_| Ok(principal.clone()))
    };
    assert!(requests.iter().all(|request| ask(request).reason == Reason::Allowed));
    let next = turns(requests);
    bencher.bench_local(|| ask(black_box(next())));
}

/// Each binding for a venue of its own; every venue is asked for in turn.
#[divan::bench(args = BINDINGS, sample_size = 1_000)]
fn scoped_on_values(bencher: Bencher, bindings: usize) {
    let index = scoped(bindings, |n| format!("on: {{ venue: v-{n} }}"));
    let requests: Vec<_> = (0..bindings).map(|n| (format!("/venues/v-{}", (n * 7) % bindings), 0)).collect();
    decide_scoped(bencher, &index, &requests);
}

/// The same with a prefix for each.
#[divan::bench(args = BINDINGS, sample_size = 1_000)]
fn scoped_on_prefixes(bencher: Bencher, bindings: usize) {
    let index = scoped(bindings, |n| format!("on: {{ venue: \"v-{n}-*\" }}"));
    let requests: Vec<_> =
        (0..bindings).map(|n| (format!("/venues/v-{}-7", (n * 7) % bindings), 0)).collect();
    decide_scoped(bencher, &index, &requests);
}

/// Each binding ends in a minute of its own; asked at a time before each end,
/// so that half of them are in force on average.
#[divan::bench(args = BINDINGS, sample_size = 1_000)]
fn scoped_in_time(bencher: Bencher, bindings: usize) {
    let index = scoped(bindings, |n| format!("until: 2030-01-01T{:02}:{:02}:00Z", n / 60, n % 60));
    let start = 1_893_456_000; // 2030-01-01
    let ends = (0..bindings).map(|n| start + 60 * u64::try_from((n * 7) % bindings).unwrap());
    let requests: Vec<_> = ends.map(|end| ("/venues/v-1".to_owned(), end - 1)).collect();
    decide_scoped(bencher, &index, &requests);
}

/// A caller's roles and codes; done once for each token and policy.
#[divan::bench(args = [1, 10, 100])]
fn resolve_principal(bencher: Bencher, roles: usize) {
    let mut text =
        String::from("services: { s: { paths: [/], routes: [{ route: GET /, codes: c-1 }] } }\nroles:\n");
    for role in 0..1_000 {
        let inherits = if role % 10 == 0 { String::new() } else { format!("inherits: [r{}], ", role - 1) };
        writeln!(text, "  r{role}: {{ {inherits}grants: [c-{role}, \"d-{role}*\"] }}").unwrap();
    }
    let index = index_of_one(text);
    let names: Vec<String> = (0..roles).map(|role| format!("r{}", role * 9)).collect();
    let subject = Subject { user: "ann".to_owned(), roles: names, ..Subject::default() };
    bencher.with_inputs(|| subject.clone()).bench_local_values(|subject| Principal::resolve(&index, subject));
}

/// A service that calls by its certificate: who it is, is found for every
/// request. So many bindings of peers, half of them with a `*`.
#[divan::bench(args = [10, 1_000, 10_000], sample_size = 1_000)]
fn decide_peer(bencher: Bencher, bindings: usize) {
    let mut text = String::from(
        "services: { s: { paths: [/], routes: [{ route: GET /a, codes: a, peers: \"spiffe://cluster/ns/*/sa/s7\" }] } }\n\
         roles: { r: { grants: [a] } }\nbindings:\n",
    );
    for number in 0..bindings {
        let namespace = if number % 2 == 0 { "*".to_owned() } else { format!("n{number}") };
        writeln!(text, "- {{ peer: \"spiffe://cluster/ns/{namespace}/sa/s{number}\", roles: r }}").unwrap();
    }
    let index = index_of_one(text);
    let input = Input { peer: Some("spiffe://cluster/ns/n7/sa/s7"), ..request("/a") };
    let ask = |input: &Input<'_>| {
        decide(&index, input, OnAnonymous::default(), |_| Err((Reason::TokenMissing, "")))
    };
    assert_eq!(ask(&input).reason, Reason::Allowed);
    bencher.bench_local(|| ask(black_box(&input)));
}

/// Text to index, as on every reload.
#[divan::bench(args = [10, 1_000, 10_000], sample_count = 10)]
fn compile_policy(bencher: Bencher, routes: usize) {
    bencher.with_inputs(|| size(routes).files()).bench_local_values(index_of::<Vec<_>>);
}

/// Dropping an index frees what it holds: read its size off the `dealloc` row.
#[divan::bench(args = ROUTES, sample_count = 3, sample_size = 1)]
fn size_of_index(bencher: Bencher, routes: usize) {
    bencher.with_inputs(|| index_of(size(routes).files())).bench_local_values(drop);
}
