//! Any small API description becomes a policy that denies it whole and goes with
//! it, and no description, however odd, makes anything panic.

use std::path::Path;
use std::sync::Arc;

use doorward::api::{Against, compare, read, skeleton};
use doorward::compile::compile;
use doorward::config::OnAnonymous;
use doorward::diag::{Format, Report, Sources, render};
use doorward::engine::{Input, Principal, Reason, Subject, decide};
use doorward::policy::{Method, Segment, Template, read_texts};
use proptest::prelude::*;

use crate::any::nasty;
use crate::cases;

/// A path out of literals and parameters, in the spellings that people use.
fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => proptest::sample::select(vec!["orders", "a", "v1", "A.b-c_d~", "no", "x:y", "z:", "'q'", "(1)"]).prop_map(str::to_owned),
        2 => proptest::sample::select(vec!["{id}", "{orderId}", "{order-id}", "{X}", "{a.b}", "{1}"]).prop_map(str::to_owned),
        1 => nasty(),
    ];
    proptest::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// A template without the names of its parameters.
fn shape(template: &Template) -> Vec<Option<&str>> {
    let texts = template.segments.iter().map(|s| match s {
        Segment::Literal(text) => Some(&**text),
        Segment::Param(_) => None,
    });
    texts.collect()
}

fn text_json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn operation() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        proptest::sample::select(vec!["order:read", "clerk", "no", "12:30", "a/b", "null", "x:"])
            .prop_map(str::to_owned),
        nasty(),
    ];
    let names = proptest::collection::vec(name.prop_map(|name| text_json(&name)), 0..3);
    (nasty(), nasty(), names.clone(), names.clone(), names, any::<u8>()).prop_map(
        |(id, summary, roles, codes, scopes, which)| {
            let mut parts =
                vec![format!("\"operationId\":{},\"summary\":{}", text_json(&id), text_json(&summary))];
            if which & 1 != 0 {
                parts.push(format!("\"x-roles\":[{}]", roles.join(",")));
            }
            if which & 2 != 0 {
                parts.push(format!("\"x-codes\":{{\"any\":[{}]}}", codes.join(",")));
            }
            if which & 4 != 0 {
                parts.push(format!("\"security\":[{{\"a\":[{}]}},{{\"b\":[]}}]", scopes.join(",")));
            }
            format!("{{{}}}", parts.join(","))
        },
    )
}

fn document() -> impl Strategy<Value = String> {
    let methods =
        proptest::sample::select(vec!["get", "post", "put", "delete", "patch", "head", "options", "trace"]);
    let item = proptest::collection::btree_map(methods, operation(), 0..4);
    let paths = proptest::collection::btree_map(path(), item, 0..6);
    let server = prop_oneof![
        Just(String::new()),
        Just("\"servers\":[{\"url\":\"https://api.example.com/v1\"}],".to_owned()),
        Just("\"servers\":[{\"url\":\"/b\"},{\"url\":\"https://b.example/\"}],".to_owned()),
        nasty().prop_map(|url| format!("\"servers\":[{{\"url\":{}}}],", text_json(&url))),
    ];
    (nasty(), server, paths).prop_map(|(title, server, paths)| {
        let paths: Vec<String> = paths
            .into_iter()
            .map(|(path, item)| {
                let item: Vec<String> = item.into_iter().map(|(m, o)| format!("\"{m}\":{o}")).collect();
                format!("{}:{{{}}}", text_json(&path), item.join(","))
            })
            .collect();
        format!(
            "{{\"openapi\":\"3.1.0\",\"info\":{{\"title\":{}}},{server}\"paths\":{{{}}}}}",
            text_json(&title),
            paths.join(",")
        )
    })
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn an_import_denies_every_operation_and_goes_with_its_description(document in document()) {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let Some(api) = read("api.json", document.clone().into_bytes(), &mut sources, &mut report) else {
            prop_assert!(report.has_errors());
            return Ok(());
        };
        let text = skeleton(&api, "shop");
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        if api.operations.is_empty() {
            return Ok(());
        }
        let (mut files, mut found) = (Sources::default(), Report::default());
        let policy = read_texts([("shop.yaml".to_owned(), text.clone())], &mut files, &mut found);
        let index = policy.as_ref().and_then(|policy| compile(policy, &files, &mut found));
        let Some((policy, index)) = policy.zip(index) else {
            panic!("{document}\n{text}\n{}", render(&found, &files, Format::Short));
        };
        let heads = api.operations.iter().filter(|o| {
            let get = |other: &&doorward::api::Operation| {
                other.method == Method::Get && shape(&other.template) == shape(&o.template)
            };
            o.method == Method::Head && api.operations.iter().find(get).is_some()
        });
        prop_assert_eq!(index.routes().count(), api.operations.len() - heads.count(), "GET covers HEAD");
        let said = api.left_out.len();
        prop_assert_eq!(report.counts(), (0, said), "what is left out is told");
        for (_, route) in index.routes() {
            prop_assert!(matches!(&route.rule, doorward::compile::Rule::Access(access) if access.as_str() == "denied"));
        }
        for operation in &api.operations {
            let path = operation.template.to_string().replace(['{', '}'], "");
            let input = Input {
                method: operation.method.wire_name(),
                path: &path,
                host: "api.example.com",
                ..Input::default()
            };
            let subject = Subject { user: "ann".to_owned(), ..Subject::default() };
            let decision = decide(&index, &input, OnAnonymous::default(), |_| {
                Ok(Arc::new(Principal::resolve(&index, subject)))
            });
            prop_assert_eq!(decision.reason, Reason::RouteDenied, "{} {}", path, text);
        }
        let place = found.adopt_and_place(&mut sources, (Report::default(), files), Path::new(""));
        let (service, (id, _)) = policy.services.iter().zip(index.services()).next().unwrap();
        let mut differences = Report::default();
        compare(&[api], Against { service, index: &index, id, place: &place }, &mut differences);
        prop_assert!(differences.is_empty(), "{}", render(&differences, &sources, Format::Short));
    }

    #[test]
    fn no_description_makes_anything_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in nasty()) {
        for bytes in [bytes, text.clone().into_bytes(), format!("openapi: 3.0.0\npaths: {text}").into_bytes()] {
            let (mut sources, mut report) = (Sources::default(), Report::default());
            for name in ["api.yaml", "api.binpb"] {
                if let Some(api) = read(name, bytes.clone(), &mut sources, &mut report) {
                    skeleton(&api, "shop");
                }
            }
        }
    }
}
