//! The router against a slow one that is plainly right: of all routes that
//! name the method and match the path segment by segment, the one that is more
//! specific from the left.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use doorward::compile::{Index, Route, compile};
use doorward::diag::{Report, Sources};
use doorward::policy::{Method, PathFault, RequestPath, Segment, read_texts};
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "GET,POST", "PUT,DELETE", "ANY", "GRPC"];

/// Few words, so that routes and paths meet.
fn segment() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "A", "a.b", "c:d", "{x}", "{x}", "{x}"])
}

/// A route as `METHODS template`; parameters get names of their own.
fn route() -> impl Strategy<Value = String> {
    let segments = proptest::collection::vec(segment(), 0..4);
    (select(&METHODS), segments, any::<bool>()).prop_map(|(methods, segments, rest)| {
        let mut path = String::new();
        for (at, segment) in segments.iter().enumerate() {
            path.push('/');
            path.push_str(&segment.replace("{x}", &format!("{{x{at}}}")));
        }
        if rest {
            path.push_str("/**");
        } else if path.is_empty() {
            path.push('/');
        }
        format!("{methods} {path}")
    })
}

fn path() -> impl Strategy<Value = String> {
    let word = select(vec!["a", "b", "A", "B", "a.b", "c:d", "z", "%C3%A9"]);
    (proptest::collection::vec(word, 0..5), any::<bool>()).prop_map(|(words, slash)| {
        let path = format!("/{}", words.join("/"));
        if slash && path.len() > 1 { path + "/" } else { path }
    })
}

/// The most of these routes that have no conflict, as one service.
fn service(routes: &[String], fold: bool) -> Option<Index> {
    let mut kept: Vec<&String> = Vec::new();
    for route in routes {
        kept.push(route);
        if compiled(&kept, fold).is_none() {
            kept.pop();
        }
    }
    compiled(&kept, fold)
}

fn compiled(routes: &[&String], fold: bool) -> Option<Index> {
    let routes: Vec<_> =
        routes.iter().map(|r| format!("{{ route: '{r}', access: authenticated }}")).collect();
    let text = format!(
        "services: {{ s: {{ paths: [/], case_insensitive: {fold}, routes: [ {} ] }} }}",
        routes.join(", ")
    );
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("p.yaml".to_owned(), text)], &mut sources, &mut report)?;
    compile(&policy, &sources, &mut report)
}

// ---- the model

fn matches(route: &Route, path: &[&str], fold: bool) -> bool {
    let template = &route.template;
    let long_enough = match template.rest {
        true => path.len() >= template.segments.len(),
        false => path.len() == template.segments.len(),
    };
    long_enough
        && template.segments.iter().zip(path).all(|(segment, text)| match segment {
            Segment::Literal(literal) if fold => literal.eq_ignore_ascii_case(text),
            Segment::Literal(literal) => **literal == **text,
            Segment::Param(_) => true,
        })
}

/// How specific a route is at each segment from the left.
fn kinds(route: &Route) -> Vec<u8> {
    let segments = route.template.segments.iter().map(|segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Param(_) => 1,
    });
    // The end of a template that ends here is more specific than `/**`.
    segments.chain([if route.template.rest { 3 } else { 2 }]).collect()
}

fn more_specific(a: &Route, b: &Route) -> Ordering {
    kinds(a).cmp(&kinds(b))
}

fn model<'i>(index: &'i Index, method: Method, path: &[&str], fold: bool) -> Option<&'i Route> {
    let all = index.routes().map(|(_, route)| route);
    all.filter(|route| route.methods.contains(method) && matches(route, path, fold))
        .min_by(|a, b| more_specific(a, b))
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_router_finds_what_the_model_finds(
        routes in proptest::collection::vec(route(), 1..12),
        paths in proptest::collection::vec(path(), 1..8),
        fold in any::<bool>(),
    ) {
        let Some(index) = service(&routes, fold) else { return Ok(()) };
        let trie = &index.service(index.service_named("s").unwrap()).unwrap().trie;
        for target in &paths {
            let path = RequestPath::parse(target).unwrap();
            let segments: Vec<&str> = path.segments().collect();
            let mut named = BTreeSet::new();
            for method in Method::ROUTABLE {
                let expected = model(&index, method, &segments, fold);
                named.extend(expected.map(|_| method));
                let found = trie.find(method, &path).unwrap();
                let found = found.map(|found| &index.route(found.route).unwrap().text);
                prop_assert_eq!(found, expected.map(|route| &route.text), "{:?} {}", method, target);
            }
            prop_assert_eq!(trie.methods(&path).iter().collect::<BTreeSet<_>>(), named, "{}", target);
        }
    }
}

// ---- services

fn host_pattern() -> impl Strategy<Value = Vec<&'static str>> {
    let some = select(vec!["a.test", "b.a.test", "*.a.test", "*.b.a.test", "*.test.x"]);
    proptest::collection::btree_set(some, 0..3).prop_map(|hosts| hosts.into_iter().collect())
}

fn prefixes() -> impl Strategy<Value = Vec<&'static str>> {
    let some = select(vec!["/", "/a", "/a/b", "/A", "/b", "/a/b/a"]);
    proptest::collection::btree_set(some, 1..3).prop_map(|paths| paths.into_iter().collect())
}

type Claims = (Vec<&'static str>, Vec<&'static str>);

/// How specific each of a service's hosts is, of those that fit.
fn host_fits(hosts: &[&str], host: &str) -> BTreeSet<usize> {
    let fit = |pattern: &&str| match pattern.strip_prefix('*') {
        None => (*pattern == host).then_some(usize::MAX),
        Some(below) => host.ends_with(below).then_some(below.len()),
    };
    if hosts.is_empty() { BTreeSet::from([0]) } else { hosts.iter().filter_map(fit).collect() }
}

/// The most specific host first, then the longest prefix; a prefix that fits
/// but for letter case is a near miss.
fn model_of_service(services: &[Claims], host: &str, path: &[&str]) -> Result<Option<usize>, PathFault> {
    let levels: BTreeSet<usize> = services.iter().flat_map(|(hosts, _)| host_fits(hosts, host)).collect();
    for level in levels.into_iter().rev() {
        let mut best = None;
        for length in 0..=path.len() {
            let claims =
                services.iter().enumerate().filter(|(_, (hosts, _))| host_fits(hosts, host).contains(&level));
            let prefixes =
                claims.flat_map(|(at, (_, prefixes))| prefixes.iter().map(move |prefix| (at, prefix)));
            let same: Vec<(usize, bool)> = prefixes
                .map(|(at, prefix)| (at, prefix.split('/').filter(|s| !s.is_empty()).collect::<Vec<_>>()))
                .filter(|(_, prefix)| prefix.len() == length)
                .filter(|(_, prefix)| prefix.iter().zip(path).all(|(a, b)| a.eq_ignore_ascii_case(b)))
                .map(|(at, prefix)| (at, path.starts_with(&prefix)))
                .collect();
            match same.iter().find(|(_, exact)| *exact) {
                Some((at, _)) => best = Some(*at),
                None if !same.is_empty() => return Err(PathFault::NearMiss),
                None => {}
            }
        }
        if best.is_some() {
            return Ok(best);
        }
    }
    Ok(None)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_service_is_the_one_the_model_finds(
        services in proptest::collection::vec((host_pattern(), prefixes()), 1..5),
        host in select(vec!["a.test", "b.a.test", "c.a.test", "c.b.a.test", "x.test", "test"]),
        target in path(),
    ) {
        let mut text = String::from("services:\n");
        for (at, (hosts, paths)) in services.iter().enumerate() {
            text.push_str(&format!("  s{at}: {{ "));
            if !hosts.is_empty() {
                text.push_str(&format!("hosts: [\"{}\"], ", hosts.join("\", \"")));
            }
            let first = paths.first().unwrap().trim_end_matches('/');
            text.push_str(&format!(
                "paths: [\"{}\"], routes: [{{ route: 'GET {first}/**', access: denied }}] }}\n",
                paths.join("\", \""),
            ));
        }
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let policy = read_texts([("p.yaml".to_owned(), text)], &mut sources, &mut report).unwrap();
        // Services that answer for the same host and path are an error.
        let Some(index) = compile(&policy, &sources, &mut report) else { return Ok(()) };

        let path = RequestPath::parse(&target).unwrap();
        let segments: Vec<&str> = path.segments().collect();
        let expected = model_of_service(&services, host, &segments).map(|found| found.map(|at| format!("s{at}")));
        let found = index.service_for(host, &path);
        let found = found.map(|found| found.map(|id| index.service(id).unwrap().name.to_string()));
        prop_assert_eq!(found, expected, "{} {}", host, target);
    }
}
