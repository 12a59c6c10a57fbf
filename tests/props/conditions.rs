//! Conditions: whatever is asked natively, the interpreter answers alike; and
//! nothing that a token or a request holds makes a fault true.

use std::borrow::Cow;

use doorward::compile::{Expression, Fact, Facts, Fault, Rule, Seen, compile, walk};
use doorward::diag::{Format, Report, Sources, render};
use doorward::policy::read_texts;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::any::nasty;
use crate::cases;

/// A request made of the few words that the expressions below speak of.
#[derive(Debug, Clone)]
struct Request {
    claims: Map<String, Value>,
    body: Option<Value>,
    id: String,
    user: String,
    roles: Vec<String>,
    kind: Option<Result<String, ()>>,
    page: Option<Vec<String>>,
}

impl Facts for Request {
    fn seen(&self, fact: &Fact) -> Result<Seen<'_>, Fault> {
        let text = |text: &'_ str| Ok(Seen::Text(Cow::Owned(text.to_owned())));
        let texts =
            |texts: &'_ [String]| Ok(Seen::Texts(texts.iter().map(|t| Cow::Owned(t.clone())).collect()));
        match fact {
            Fact::Method => text("GET"),
            Fact::Param(_) => text(&self.id),
            Fact::User => text(&self.user),
            Fact::Roles | Fact::Groups => texts(&self.roles),
            Fact::Codes => texts(&[]),
            Fact::PrimaryRole => self.roles.first().map_or(Err(Fault::Missing), |role| text(role)),
            Fact::Claims(path) => walk(&self.claims, path),
            Fact::Body(path) => match (&self.body, path.is_empty()) {
                (Some(Value::Object(members)), _) => walk(members, path),
                (Some(body), true) => Ok(Seen::Json(body)),
                (Some(_), false) => Err(Fault::Type),
                (None, _) => Err(Fault::Body),
            },
            Fact::Header(_) => match &self.kind {
                Some(Ok(value)) => text(value),
                Some(Err(())) => Err(Fault::Unusable),
                None => Err(Fault::Missing),
            },
            Fact::QueryOf(_) => self.page.as_ref().map_or(Err(Fault::Missing), |values| texts(values)),
            _ => Err(Fault::Missing),
        }
    }
}

/// Few words, so that they often meet.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![8 => select(vec!["a", "b", "ab", ""]).prop_map(str::to_owned), 1 => nasty()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => word().prop_map(Value::String),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => (-2..3_i64).prop_map(Value::from),
        1 => select(vec![json!(1.0), json!(1.5), json!(u64::MAX), json!(i64::MIN), json!(-0.0)]),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    proptest::collection::btree_map(name, value, 0..4).prop_map(|members| members.into_iter().collect())
}

prop_compose! {
    fn request()(
        claims in members(value()),
        body in proptest::option::of(value()),
        id in word(),
        user in word(),
        roles in proptest::collection::vec(select(vec!["a", "b"]).prop_map(str::to_owned), 0..3),
        kind in proptest::option::of(prop_oneof![3 => word().prop_map(Ok), 1 => Just(Err(()))]),
        page in proptest::option::of(proptest::collection::vec(word(), 1..3)),
    ) -> Request {
        Request { claims, body, id, user, roles, kind, page }
    }
}

/// Something with one value.
fn operand() -> impl Strategy<Value = &'static str> {
    select(vec![
        "path.id",
        "user.id",
        "claims.a",
        "claims.b",
        "claims.a.b",
        "claims['c'].a",
        "request.body.a",
        "request.headers['x-kind']",
        "user.primary_role",
        "'a'",
        "'ab'",
        "''",
        "1",
        "-1",
        "true",
        "null",
        "request.method",
    ])
}

/// Something with many.
fn set() -> impl Strategy<Value = &'static str> {
    select(vec![
        "claims.a",
        "claims.b",
        "claims.a.b",
        "claims",
        "request.body.a",
        "request.body",
        "user.roles",
        "user.groups",
        "request.query.page",
        "['a', 'b']",
        "[1, 2]",
        "['a', 1, true, null]",
        "[]",
    ])
}

/// A condition of a shape that may run natively.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => (operand(), select(vec!["==", "!="]), operand()).prop_map(|(a, is, b)| format!("{a} {is} {b}")),
        3 => (operand(), set()).prop_map(|(item, set)| format!("{item} in {set}")),
        1 => (operand(), select(vec!["startsWith", "endsWith", "contains"]), operand())
            .prop_map(|(a, test, b)| format!("{a}.{test}({b})")),
        1 => select(vec![
            "has(claims.a)", "has(claims.a.b)", "has(request.body.a)", "has(request.headers.other)",
            "has(user.primary_role)", "'x-kind' in request.headers", "claims.a", "claims.a.b", "true", "false",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), select(vec!["&&", "||"]), inner)
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
        ]
    })
}

/// A condition that only the interpreter understands.
fn interpreted() -> impl Strategy<Value = String> {
    let part = select(vec![
        "claims.a.exists(x, x == path.id)",
        "claims.a.all(x, x != 'a')",
        "claims.b.exists_one(x, x == 'b')",
        "size(claims.a) > 1",
        "claims.a + claims.b == 'ab'",
        "claims.a < claims.b",
        "claims.a[0] == 'a'",
        "claims.a.map(x, x).size() == 2",
        "claims.a.filter(x, x == 'a') == ['a']",
        "claims.a.b[0].c == 1",
        "claims.a ? true : false",
        "int(claims.a) == 1",
        "claims.a / claims.b == 1",
        "claims.a % 2 == 0",
        "claims.a.matches('^a')",
        "string(claims.a) == '1'",
        "claims[path.id] == 'a'",
        "timestamp(claims.a) > timestamp(0)",
        "request.body.all(x, x == 'a')",
        "request.query.page[0] == 'a'",
        "-claims.a < 0",
        "claims.a == claims.b",
    ]);
    (part.clone(), select(vec!["&&", "||"]), part).prop_map(|(a, op, b)| format!("{a} {op} {b}"))
}

/// The condition of a policy that has one route; `None` where the compiler
/// finds that it could never work.
fn compiled(text: &str) -> Option<std::sync::Arc<Expression>> {
    let policy = format!(
        "roles: {{ a: {{ grants: [x] }}, b: {{ grants: [x] }}, ab: {{ grants: [x] }} }}\nservices:\n  s:\n    paths: [/]\n    routes:\n      - route: GET /{{id}}\n        when: {}\n",
        serde_json::to_string(text).unwrap()
    );
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let read = read_texts([("policy.yaml".to_owned(), policy)], &mut sources, &mut report);
    let index = read.and_then(|policy| compile(&policy, &sources, &mut report));
    let Some(index) = index else {
        let told = render(&report, &sources, Format::Short);
        assert!(report.has_errors() && !told.contains("panick"), "{text}: {told}");
        return None;
    };
    let (_, route) = index.routes().next().unwrap();
    let Rule::Needs { when: Some(when), .. } = &route.rule else { panic!("{text}") };
    Some(when.expression.clone())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_native_way_and_the_interpreter_agree(
        text in condition(),
        requests in proptest::collection::vec(request(), 8),
    ) {
        if let Some(condition) = compiled(&text) {
            prop_assert!(condition.is_native(), "{}", text);
            for request in requests {
                let (native, interpreted) = (condition.holds(&request), condition.interpreted(&request));
                prop_assert_eq!(native.ok(), interpreted.ok(), "{} of {:?}: {:?}, {:?}", text, request, native, interpreted);
                // What holds can't hold when it is denied, and no fault is true either way.
                let not = compiled(&format!("!({text})")).unwrap();
                prop_assert_eq!(not.holds(&request).ok(), native.ok().map(|holds| !holds), "{}", text);
            }
        }
    }

    #[test]
    fn nothing_makes_the_interpreter_panic(text in interpreted(), request in request()) {
        if let Some(condition) = compiled(&text) {
            let first = condition.holds(&request);
            prop_assert_eq!(first, condition.holds(&request), "{}", text);
        }
    }

    #[test]
    fn any_text_is_a_condition_or_a_mistake(text in prop_oneof![nasty(), "[a-z.()'\" =&|!<>\\[\\]{}0-9,?:+*/-]{0,60}"]) {
        prop_assume!(!text.is_empty());
        compiled(&text);
    }
}
