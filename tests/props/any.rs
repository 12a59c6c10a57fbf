//! The engine answers anything that a request could hold, and never panics.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use doorward::compile::{Index, Service, compile, load};
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Headers, Input, Origin, Principal, Reason, Subject, decide, explain};
use doorward::policy::read_texts;
use proptest::prelude::*;

use crate::cases;

/// The index of one policy file.
pub(crate) fn index_of(text: &str) -> Index {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    index.unwrap_or_else(|| panic!("{text}\n{}", render(&report, &sources, Format::Short)))
}

/// The reference policy.
pub(crate) static REFERENCE: LazyLock<Index> = LazyLock::new(|| load(Path::new("policies")).0.unwrap());

/// Opts in to everything, so that every step of the engine is taken.
static GENEROUS: LazyLock<Index> = LazyLock::new(|| {
    index_of(
        "services: { s: { paths: [/], case_insensitive: true, cors_preflight: allow, encoded_slash: keep,
           path_parameters: keep, routes: [
             { route: 'ANY /**', access: anonymous, upgrade: websocket },
             { route: 'GET /{a}/b', access: authenticated },
             { route: 'GET /admin/**', access: denied } ] } }",
    )
});

/// Text out of what readers of requests stumble over, between arbitrary text.
pub(crate) fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "/", "//", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "%25", "%252e", "%3b", "%00", "%0a", "%7f",
            "%20", "%c0%af", "%C3%A9", "%", "%4", "%zz", "\\", ";", ";x=1", "?", "#", "*", "**", "{id}", " ", "\t",
            "\0", "é", "\u{ff0f}", "\u{202e}", ":", "@", ",", "[", "::1", "]", "events", "venues", "admin", "health",
            "internal", "events.v1.EventService", "GetEvent", "GET", "POST", "a", "A", "api.test", "443", "&",
            "_method=DELETE", "=", "|", "\"", "<", "\u{7f}", "-", "~", "+",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn header() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        proptest::sample::select(vec![
            "content-type",
            "origin",
            "access-control-request-method",
            "upgrade",
            "connection",
            "x-http-method",
            "x-http-method-override",
            "x-method-override",
            "authorization",
            "x-user-id",
        ])
        .prop_map(str::to_owned),
        nasty(),
    ];
    let value = prop_oneof![
        proptest::sample::select(vec![
            "application/grpc",
            "websocket",
            "upgrade",
            "GET",
            "DELETE",
            "h2c",
            ""
        ])
        .prop_map(str::to_owned),
        nasty(),
    ];
    (name, value)
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn the_engine_answers_whatever_is_asked(
        method in prop_oneof![
            proptest::sample::select(vec!["GET", "POST", "OPTIONS", "TRACE", "HEAD"]).prop_map(str::to_owned),
            nasty(),
        ],
        host in prop_oneof![Just("api.test".to_owned()), nasty()],
        path in prop_oneof![nasty().prop_map(|p| format!("/{p}")), nasty()],
        service in proptest::option::of(prop_oneof![
            proptest::sample::select(vec!["events", "venues", "s"]).prop_map(str::to_owned),
            nasty(),
        ]),
        source in any::<Option<IpAddr>>(),
        headers in proptest::collection::vec(header(), 0..4),
        roles in proptest::option::of(proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec!["viewer", "admin", "auditor"]).prop_map(str::to_owned),
                nasty(),
            ],
            0..4,
        )),
        refusal in proptest::sample::select(Reason::ALL.to_vec()),
    ) {
        let pairs: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let input = Input {
            method: &method,
            host: &host,
            path: &path,
            service: service.as_deref(),
            source,
            headers: Headers::new(&pairs),
            ..Input::default()
        };
        for index in [&*REFERENCE, &*GENEROUS] {
            let identify = |_: &Service| match &roles {
                Some(roles) => {
                    let subject = Subject { user: "ann".to_owned(), roles: roles.clone(), ..Subject::default() };
                    Ok(Arc::new(Principal::resolve(index, subject)))
                }
                None => Err((refusal, "")),
            };
            let decision = decide(index, &input, OnAnonymous::default(), identify);
            let (same, told) = explain(index, &input, Origin::Token, OnAnonymous::default(), identify);
            prop_assert_eq!(decision.reason, same.reason);
            prop_assert_eq!(told.reason, decision.reason.as_str());
            // What was allowed has a route, and a caller unless everyone may call.
            if decision.reason.is_allowed() {
                let route = decision.route.and_then(|id| index.route(id)).unwrap();
                let preflight = method == "OPTIONS" && headers.iter().any(|(n, _)| n == "origin");
                prop_assert!(route.rule.is_anonymous() || preflight || decision.principal.is_some());
                prop_assert!(decision.principal.is_none() || roles.is_some());
            }
        }
    }
}
