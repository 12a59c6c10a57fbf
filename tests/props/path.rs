//! A path that is taken has one reading: readers who decode, merge, resolve or
//! cut off what ours refuses to see the same segments.

use doorward::policy::{RequestPath, decode_segment};
use proptest::prelude::*;

use crate::any::{index_of, nasty};
use crate::cases;

/// One way to read the path of a request target into segments.
type Reader = (&'static str, fn(&str) -> Vec<String>);

const READERS: [Reader; 8] = [
    ("decodes, then splits", |path| split(&decoded(path))),
    ("decodes twice, then splits", |path| split(&decoded(&decoded(path)))),
    ("resolves dots, then decodes", |path| split(&resolved(path)).iter().map(|s| decoded(s)).collect()),
    ("decodes, then resolves dots", |path| split(&resolved(&decoded(path)))),
    ("merges slashes, then resolves dots, then decodes", |path| {
        split(&resolved(&merged(path))).iter().map(|s| decoded(s)).collect()
    }),
    ("cuts parameters, decodes, resolves", |path| split(&resolved(&decoded(&without_parameters(path))))),
    ("decodes, cuts parameters, resolves", |path| split(&resolved(&without_parameters(&decoded(path))))),
    ("turns backslashes, after decoding", |path| {
        split(&resolved(&merged(&decoded(path).replace('\\', "/"))))
    }),
];

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap()
}

/// The segments, a final slash folded.
fn split(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        match value.filter(|_| *first == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = behind.get(2..).unwrap();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 3986, section 5.2.4, in effect.
fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    kept.join("/")
}

fn merged(path: &str) -> String {
    path.chars().fold(String::new(), |mut out, c| {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
        out
    })
}

fn without_parameters(path: &str) -> String {
    let cut = path.split('/').map(|segment| segment.split(';').next().unwrap());
    cut.collect::<Vec<_>>().join("/")
}

proptest! {
    #![proptest_config(cases(8_000))]

    #[test]
    fn every_reader_sees_the_segments_that_we_see(target in nasty().prop_map(|path| format!("/{path}"))) {
        let Ok(path) = RequestPath::parse(&target) else { return Ok(()) };
        // Only a service that opts in lets these through: see the next test.
        if path.parameters().is_some() || path.encoded_slash().is_some() {
            return Ok(());
        }
        prop_assert_eq!(path.as_str(), path_of(&target));
        let ours: Vec<String> = path.segments().map(|s| decode_segment(s).into_owned()).collect();
        for (name, reader) in READERS {
            prop_assert_eq!(&reader(path.as_str()), &ours, "a reader that {} of {:?}", name, target);
        }
    }

    #[test]
    fn no_reader_of_a_parameter_or_slash_comes_to_another_route(
        value in nasty(),
    ) {
        // With both opt-ins: whatever `{x}` holds, no reader leaves /open/.
        let index = index_of(
            "services: { s: { paths: [/open, /admin], encoded_slash: keep, path_parameters: keep, routes: [
               { route: 'GET /open/{x}', access: anonymous }, { route: 'ANY /admin/**', access: denied } ] } }",
        );
        let target = format!("/open/{value}");
        let Ok(path) = RequestPath::parse(&target) else { return Ok(()) };
        let Ok(Some(service)) = index.service_for("api.test", &path) else { return Ok(()) };
        let trie = &index.service(service).unwrap().trie;
        if let Ok(Some(_)) = trie.find(doorward::policy::Method::Get, &path) {
            for (name, reader) in READERS {
                let seen = reader(path.as_str());
                prop_assert_eq!(seen.first().map(String::as_str), Some("open"), "{} of {:?}", name, target);
                prop_assert!(seen.len() >= 2, "{} of {:?}: {:?}", name, target, seen);
            }
        }
    }

    #[test]
    fn two_spellings_never_select_one_literal(
        segment in "[a-z@!$+,=][a-z@:!$+,=]{0,3}",
        spelled in nasty(),
    ) {
        let index = index_of(&format!(
            "services: {{ s: {{ paths: [/], routes: [
               {{ route: 'GET /{segment}/x', access: denied }}, {{ route: 'GET /{{p}}/x', access: authenticated }} ] }} }}",
        ));
        let trie = &index.service(index.service_named("s").unwrap()).unwrap().trie;
        // The literal with some of its characters escaped, and anything at all.
        let escaped: String = segment.chars().map(|c| format!("%{:02x}", u32::from(c))).collect();
        let mixed = segment.char_indices().map(|(at, c)| if at == 0 { format!("%{:02X}", u32::from(c)) } else { c.to_string() });
        let mixed: String = mixed.collect();
        for other in [escaped, mixed, format!("{segment};v=1"), format!("{segment}%20"), spelled] {
            let target = format!("/{other}/x");
            let Ok(path) = RequestPath::parse(&target) else { continue };
            if let Ok(Some(found)) = trie.find(doorward::policy::Method::Get, &path) {
                let literal = index.route(found.route).unwrap().template.to_string() == format!("/{segment}/x");
                prop_assert_eq!(literal, path.segment(0) == Some(segment.as_str()), "{}", target);
                // And whoever decodes does not see the literal where we do not.
                prop_assert_eq!(literal, decode_segment(path.segment(0).unwrap()) == segment, "{}", target);
            }
        }
    }
}
