//! What a caller may call against the engine: a plain yes is every request's end, a plain no is
//! none's.

use std::sync::Arc;

use doorward::config::OnAnonymous;
use doorward::engine::{Headers, Input, Principal, Reason, Subject, decide};
use doorward::policy::{Method, Segment};
use doorward::review::what::{From, May, json, text, what};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::any::index_of;
use crate::cases;
use crate::matrix::{policy, quoted};

const NOW: u64 = 1_900_000_000;
const VALUES: [&str; 4] = ["x", "y", "v-1", "v-2"];

/// Bindings of one user, everywhere, on some values, or in time.
fn bindings() -> impl Strategy<Value = String> {
    let binding = (
        select(vec!["r0", "r1", "r2", "r3", "r4"]),
        proptest::option::weighted(0.7, subsequence(VALUES.to_vec(), 1..3)),
        select(vec!["", ", until: 2020-01-01", ", until: 2099-01-01", ", from: 2099-01-01"]),
    );
    let binding = binding.prop_map(|(role, on, time)| {
        let on = on.map(|values| format!(", on: {{ id: [{}] }}", quoted(&values))).unwrap_or_default();
        format!("  - {{ user: ann, roles: [{role}]{on}{time} }}\n")
    });
    proptest::collection::vec(binding, 1..5).prop_map(|bindings| format!("bindings:\n{}", bindings.concat()))
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn yes_and_no_are_what_the_engine_decides(
        policy in policy(),
        bindings in bindings(),
        roles in proptest::option::of(subsequence(vec!["r0", "r1", "r2", "r3", "r4"], 0..3)),
        peer in proptest::option::of(select(vec!["spiffe://cluster/ns/shop/sa/web", "spiffe://other/x"])),
        source in proptest::option::of(select(vec!["203.0.113.7", "192.0.2.7"])),
    ) {
        let index = index_of(&format!("{policy}{bindings}"));
        let known = || match &roles {
            None => Err((Reason::TokenMissing, "")),
            Some(roles) => {
                let roles = roles.iter().map(|role| (*role).to_owned()).collect();
                Ok(Arc::new(Principal::resolve(&index, Subject { user: "ann".to_owned(), roles, ..Subject::default() })))
            }
        };
        let from = From { source: source.map(|source| source.parse().unwrap()), peer, now: NOW };
        let found = what(&index, None, from, |_| known());
        prop_assert!(!text(&found, "ann", false).is_empty() && json(&found, "", "ann", true).contains("services"));
        for entry in found.iter().flat_map(|service| &service.routes) {
            let name = format!("{} {}", entry.methods, entry.path);
            let (_, route) = index.routes().find(|(_, route)| *route.text == *name).unwrap();
            let mut ends = Vec::new();
            for method in route.methods.iter() {
                for value in VALUES {
                    let segments = route.template.segments.iter().map(|segment| match segment {
                        Segment::Literal(text) => &**text,
                        Segment::Param(_) => value,
                    });
                    let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
                    let grpc: [(&str, &[u8]); 1] = [("content-type", b"application/grpc")];
                    let input = Input {
                        method: method.wire_name(),
                        host: "h.test",
                        path: &path,
                        // What is not said is in neither list.
                        source: from.source.or("192.0.2.7".parse().ok()),
                        peer,
                        headers: Headers::new(if method == Method::Grpc { &grpc } else { &[] }),
                        now: NOW,
                        ..Input::default()
                    };
                    ends.push(decide(&index, &input, OnAnonymous::default(), |_| known()).reason);
                }
            }
            match entry.access {
                May::Yes => prop_assert!(ends.iter().all(|end| end.is_allowed()), "{name}: {ends:?}"),
                May::No => prop_assert!(!ends.iter().any(|end| end.is_allowed()), "{name}: {ends:?}"),
                May::If => {}
            }
            prop_assert_eq!(entry.access == May::No, !entry.missing.is_empty());
        }
    }
}
