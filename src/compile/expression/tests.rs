#![expect(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "tests")]

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::*;

/// A request of which everything is known.
struct Known {
    claims: Map<String, Value>,
    body: Option<Value>,
}

impl Facts for Known {
    fn seen(&self, fact: &Fact) -> Result<Seen<'_>, Fault> {
        let text = |text| Ok(Seen::Text(Cow::Borrowed(text)));
        let texts =
            |texts: &[&'static str]| Ok(Seen::Texts(texts.iter().map(|t| Cow::Borrowed(*t)).collect()));
        match fact {
            Fact::Method => text("GET"),
            Fact::Path => text("/orders/o-1"),
            Fact::Host => text("api.test"),
            Fact::Scheme => text("https"),
            // A Tuesday, 10:30 in Berlin.
            Fact::Time => Ok(Seen::Int(1_893_835_800)),
            Fact::Query => Ok(Seen::Lists(vec![("page".into(), vec!["2".into(), "3".into()])])),
            Fact::QueryOf(name) if **name == *"page" => texts(&["2", "3"]),
            Fact::QueryOf(name) if **name == *"odd" => Err(Fault::Unusable),
            Fact::QueryOf(_) => Err(Fault::Missing),
            Fact::Header(name) => match &**name {
                "x-kind" => text("plain"),
                "x-twice" => Err(Fault::Unusable),
                _ => Err(Fault::Missing),
            },
            Fact::Body(path) => match &self.body {
                Some(Value::Object(members)) => walk(members, path),
                Some(body) if path.is_empty() => Ok(Seen::Json(body)),
                Some(_) => Err(Fault::Type),
                None => Err(Fault::Body),
            },
            Fact::Ip => text("203.0.113.7"),
            Fact::Peer | Fact::PrimaryRole => Err(Fault::Missing),
            Fact::Networks => texts(&["office"]),
            Fact::Param(name) if **name == *"id" => text("o-1"),
            Fact::Param(_) => Err(Fault::Missing),
            Fact::User => text("ann"),
            Fact::Roles => texts(&["organizer", "viewer"]),
            Fact::Groups => texts(&["/staff"]),
            Fact::Codes => texts(&["event:read"]),
            Fact::Claims(path) => walk(&self.claims, path),
            Fact::Service => text("orders"),
        }
    }
}

fn known() -> Known {
    let claims = json!({
        "tenant": "acme", "level": 3, "rate": 1.5, "huge": 18_446_744_073_709_551_615_u64, "admin": true,
        "nothing": null, "owned": ["o-1", "o-2"], "mixed": [1, "o-1", null, 2.0], "empty": [],
        "realm_access": { "roles": ["a", "b"] }, "https://x.test/y": "odd", "email": "Ann@Example.com",
        "teams": [{ "name": "red", "ids": [1, 2] }, { "name": "blue", "ids": [3] }],
    });
    let Value::Object(claims) = claims else { panic!() };
    Known { claims, body: Some(json!({ "first": "Bo", "items": [{ "n": 1 }] })) }
}

fn compiled(text: &str) -> Expression {
    with_deep_stack(|| Expression::condition(text))
        .unwrap()
        .unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

fn holds(text: &str) -> Result<bool, Fault> {
    let (expression, facts) = (compiled(text), known());
    let (holds, interpreted) = (expression.holds(&facts), expression.interpreted(&facts));
    assert_eq!(holds.ok(), interpreted.ok(), "{text}");
    holds
}

/// What is wrong: the words that are pointed at, and the message.
fn wrong(text: &str) -> Vec<(String, String)> {
    let mistakes = with_deep_stack(|| Expression::condition(text)).unwrap().err().unwrap_or_default();
    let words = |(from, to): (usize, usize)| text[from..to].to_owned();
    mistakes.into_iter().map(|m| (words(m.at), m.message)).collect()
}

#[test]
fn conditions_hold_or_do_not() {
    for text in [
        "path.id in claims.owned",
        "path.id == 'o-1' && user.id != 'bob'",
        "claims.tenant == \"acme\"",
        "claims[\"https://x.test/y\"] == 'odd'",
        "claims.level >= 3 && claims.level == 3.0 && claims.rate < 2",
        "claims.huge > 1 && claims.huge != 1",
        "claims.admin",
        "!claims.admin || claims.admin == true",
        "claims.nothing == null",
        "has(claims.tenant) && !has(claims.missing) && has(claims.nothing)",
        "has(claims.realm_access.roles)",
        "'a' in claims.realm_access.roles",
        "'roles' in claims.realm_access",
        "'tenant' in claims",
        "'organizer' in user.roles && '/staff' in user.groups && 'event:read' in user.codes",
        "'office' in source.networks && source.ip.startsWith('203.')",
        "request.method in ['GET', 'HEAD'] && request.path.endsWith('/o-1')",
        "request.host == 'api.test' && request.scheme == 'https' && service == 'orders'",
        "request.query.page == ['2', '3'] && '2' in request.query.page && request.query['page'][0] == '2'",
        "'page' in request.query && size(request.query) == 1",
        "request.headers['x-kind'] == 'plain' && !has(request.headers.other) && 'x-twice' in request.headers",
        "request.body.first != 'Ann' && request.body.items[0].n == 1 && size(request.body.items) == 1",
        "request.body.items.all(item, item.n > 0)",
        "claims.teams.exists(team, team.name == 'blue' && 3 in team.ids)",
        "claims.teams.exists_one(team, team.name == 'red')",
        "claims.teams.filter(team, team.name == 'red').map(team, size(team.ids)) == [2]",
        "claims.teams.map(team, team.name == 'blue', team.ids[0]) == [3]",
        "claims.owned.map(o, o + '!')[1] == 'o-2!'",
        "request.time < timestamp('2031-01-01T00:00:00Z')",
        "request.time - timestamp('2030-01-05T00:00:00Z') < duration('48h')",
        "request.time.getHours('Europe/Berlin') == 10 && request.time.getHours() == 9",
        "request.time.getDayOfWeek('Europe/Berlin') in [1, 2, 3, 4, 5] || request.time.getDayOfWeek() == 6",
        "claims.email.lowerAscii() == 'ann@example.com'",
        "claims.email.matches('^[A-Z][a-z]+@')",
        "claims.level == 3 ? path.id == 'o-1' : false",
        "string(claims.level) == '3' && int('3') == claims.level && double('1.5') == claims.rate",
        "'o-1' in claims.mixed && 2 in claims.mixed && null in claims.mixed && !('x' in claims.empty)",
        "!(claims.level in ['3']) && !('x' in claims)",
        "has(claims.missing) && claims.missing == 1 || true",
        "claims.missing == 1 || path.id == 'o-1'",
        "path.id == 'o-1' || claims.missing == 1",
        "!(claims.missing == 1 && path.id == 'o-2')",
        "claims.owned == ['o-1', 'o-2'] && claims.owned != ['o-2', 'o-1']",
        "size(claims.owned) + 1 == 3 && 'o-1'.size() == 3 && 7 % 4 == 3 && -1 < 0",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
        let not = format!("!({text})");
        assert_eq!(holds(&not), Ok(false), "{not}");
    }
}

#[test]
fn what_can_not_be_told_is_a_fault_and_never_true() {
    for (text, fault) in [
        ("claims.missing == 'x'", Fault::Missing),
        ("claims.missing != 'x'", Fault::Missing),
        ("!(claims.missing == 'x')", Fault::Missing),
        ("claims.tenant.deeper == 'x'", Fault::Type),
        ("claims.missing.deeper == 'x'", Fault::Missing),
        ("has(claims.missing.deeper)", Fault::Missing),
        ("has(claims.tenant.deeper)", Fault::Type),
        ("path.id in claims.tenant", Fault::Type),
        ("path.id in claims.missing", Fault::Missing),
        ("claims.tenant", Fault::Type),
        ("claims.nothing", Fault::Type),
        ("claims.level", Fault::Type),
        ("claims.tenant && true", Fault::Type),
        ("claims.level.startsWith('3')", Fault::Type),
        ("claims.tenant < 3", Fault::Type),
        ("request.query.other == ['x']", Fault::Missing),
        ("'x' in request.query.other", Fault::Missing),
        ("request.headers['x-other'] == 'x'", Fault::Missing),
        ("request.headers['x-twice'] == 'x'", Fault::Unusable),
        ("claims.owned[7] == 'x'", Fault::Missing),
        ("source.principal == 'x'", Fault::Missing),
        ("1 / (claims.level - 3) == 1", Fault::Failed),
        ("claims.level + 9223372036854775807 == 0", Fault::Failed),
        ("claims.missing == 1 && path.id == 'o-1'", Fault::Missing),
        ("claims.tenant.all(x, x == 1)", Fault::Type),
        ("int(claims.tenant) == 1", Fault::Failed),
    ] {
        assert_eq!(holds(text), Err(fault), "{text}");
    }
    for body in [None, Some(json!([1])), Some(json!("text"))] {
        let facts = Known { claims: Map::new(), body };
        assert!(compiled("request.body.first != 'x'").holds(&facts).is_err());
    }
}

#[test]
fn mistakes_are_found_when_the_policy_is_loaded() {
    for (text, words, message) in [
        ("claims.a =", "=", "this is not CEL"),
        ("path.id = 'x'", "=", "this is not CEL"),
        ("path.id == 'x' and user.id == 'y'", "and", "this is not CEL"),
        ("(path.id == 'x'", "'", "this is not CEL"),
        ("path.id == 'x", "'", "this is not CEL"),
        ("user.name == 'x'", "user.name", "`user` has no member `name`"),
        ("claim.a == 'x'", "claim.a", "there is no variable `claim`"),
        ("jwt.sub == 'x'", "jwt.sub", "there is no variable `jwt`"),
        ("request == 'x'", "request", "`request` is used by its members"),
        ("path == '/x'", "path", "`path` is used by its parameters"),
        ("request.path.id == 'x'", "request.path.id", "this has no member `id`"),
        ("request.headers['X-A'] == 'x'", "request.headers['X-A']", "no header is called `X-A`"),
        ("request.headers == 'x'", "request.headers", "headers are asked for one by one"),
        (
            "request.headers['x-user-id'] == 'x'",
            "request.headers['x-user-id']",
            "`x-user-id` is what Doorward tells the upstream",
        ),
        ("has(path.id)", "has(path.id)", "this is always there"),
        ("path.id", "path.id", "the condition is text, not true or false"),
        ("size(claims.a)", "size(claims.a)", "the condition is a number, not true or false"),
        ("path.id == 5", "path.id == 5", "text is never equal to a number"),
        ("path.id in 'abc'", "path.id in 'abc'", "`in` looks in lists, not in text"),
        ("path.id in [1, 2]", "path.id in [1, 2]", "text is never in a list"),
        ("path.id && true", "path.id", "this is text, not true or false"),
        ("path.id < 5", "path.id < 5", "text is neither more nor less than a number"),
        ("path.id + 1 == 'x'", "path.id + 1", "these can't be reckoned together"),
        ("startsWith(path.id, 'x')", "startsWith(path.id, 'x')", "`startsWith` is not called this way"),
        ("path.id.startswith('x')", "path.id.startswith('x')", "there is no function `startswith`"),
        ("path.id.startsWith(1)", "1", "`startsWith` can't be asked of a number"),
        ("path.id.startsWith()", "path.id.startsWith()", "`startsWith` does not take that many arguments"),
        ("path.id.matches('(')", "'('", "this is not a regular expression"),
        ("path.id.matches('(?=a)')", "'(?=a)'", "this is not a regular expression"),
        ("path.id.matches(claims.pattern)", "claims.pattern", "`matches` needs its argument written out"),
        (
            "request.time.getHours('Berlin') == 8",
            "request.time.getHours('Berlin')",
            "`getHours` can't read its argument",
        ),
        (
            "request.time < timestamp('tomorrow')",
            "timestamp('tomorrow')",
            "`timestamp` can't read its argument",
        ),
        ("duration('1 day') > duration('1h')", "duration('1 day')", "`duration` can't read its argument"),
        ("request.time > 5", "request.time > 5", "a time is neither more nor less than a number"),
        ("path.id.all(c, c == 'x')", "path.id.all(c, c == 'x')", "text has no items to go through"),
        (
            "claims.a.exists(user, user == 'x')",
            "claims.a.exists(user, user == 'x')",
            "the loop's variable `user` hides",
        ),
        ("claims.a.exists(x, y == 'x')", "y", "there is no variable `y`"),
        ("b'x' == claims.a", "b'x'", "a policy has no use for bytes"),
        ("{'a': 1} == claims.a", "{", "a policy has no use for maps"),
        ("type(claims.a) == string", "type(claims.a)", "there is no function `type`"),
        ("claims.?a == 1", ".", "this is not CEL"),
        ("'Event Read' in user.codes", "'Event Read'", "`Event Read` is not a code"),
        ("service.name == 'x'", "service.name", "this has no member `name`"),
        ("", "", "this is not CEL"),
    ] {
        let mistakes = wrong(text);
        let (at, said) = mistakes.first().unwrap_or_else(|| panic!("no mistake in {text}"));
        assert!(said.starts_with(message), "{text}: {said}");
        assert_eq!(at, words, "{text}");
    }
    let both = wrong("user.nam == 'x' && claims.a.mathces('x')");
    assert_eq!(both.len(), 2, "{both:?}");
}

#[test]
fn size_and_depth_are_bounded_when_the_policy_is_loaded() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    let long = |part: &str, n: usize| format!("claims.a == {}1", part.repeat(n));
    for text in [
        format!("path.id == '{}'", "x".repeat(MAX_BYTES)),
        nested(400),
        format!("claims.a{} == 1", "[0]".repeat(400)),
        format!("{}1{} == claims.a", "[".repeat(300), "]".repeat(300)),
        long("1 + ", 400),
        format!("{}true", "claims.a ? true : ".repeat(100)),
        format!("claims.a{}", ".map(x, x)".repeat(100)),
        format!("{}x{}", "claims.a.all(x, ".repeat(100), ")".repeat(100)),
    ] {
        assert!(!wrong(&text).is_empty(), "{}", &text[..40]);
    }
    for text in [nested(40), nested(400), long("1 + ", 400)] {
        let (_, said) = wrong(&text).remove(0);
        assert_eq!(said, "nested more than 32 deep", "{}", &text[..40]);
    }
    // As deep as it may be, on the small stack of a worker.
    for text in [
        nested(20),
        format!("claims.owned{} == []", ".map(x, x)".repeat(12)),
        format!("claims.teams{} == 1", "[0]".repeat(25)),
        format!("claims.level == {}1", "1 + ".repeat(25)),
        format!("{}true", "claims.admin ? true : ".repeat(25)),
        vec!["claims.level == 3"; 80].join(" && "),
    ] {
        let expression = compiled(&text);
        let small = std::thread::Builder::new().stack_size(1 << 20);
        small.spawn(move || expression.interpreted(&known())).unwrap().join().unwrap().ok();
    }
}

#[test]
fn loops_end() {
    let many: Vec<Value> = (0..3_000).map(Value::from).collect();
    let Value::Object(claims) = json!({ "many": many }) else { panic!() };
    let facts = Known { claims, body: None };
    let holds = |text: &str| compiled(text).holds(&facts);
    assert_eq!(holds("claims.many.all(n, n >= 0)"), Ok(true));
    assert_eq!(holds("size(claims.many.map(n, n + 1).filter(n, n > 0)) == 3000"), Ok(true));
    for text in [
        "claims.many.all(a, claims.many.all(b, a + b >= 0))",
        "claims.many.exists(a, claims.many.exists(b, a + b < 0))",
        "claims.many.exists_one(a, claims.many.exists_one(b, a == b))",
        "size(claims.many.map(a, claims.many.map(b, a + b))) == 3000",
        "size(claims.many.filter(a, size(claims.many.filter(b, a == b)) == 1)) == 3000",
        "size(claims.many.map(a, size(claims.many.map(b, a == b, b)) == 1, a)) == 3000",
    ] {
        assert_eq!(holds(text), Err(Fault::TooLong), "{text}");
    }
}

/// What costs time in each round is paid for, not the round alone.
#[test]
fn dos_work_in_loops_ends() {
    let list: Vec<Value> = (0..3_000).map(Value::from).collect();
    let rows: Vec<Value> = (0..100).map(|n| json!({ "id": n, "in": [n, 1, 2], "name": "row" })).collect();
    let Value::Object(claims) =
        json!({ "list": list, "text": "a".repeat(30_000), "few": [1, 2, 3], "rows": rows })
    else {
        panic!()
    };
    let facts = Known { claims, body: None };
    let holds = |text: &str| compiled(text).holds(&facts);
    for text in [
        "claims.list.all(n, n in claims.list)",
        "claims.list.all(n, claims.list == claims.list)",
        "claims.list.all(n, claims.size() > 0)",
        "claims.list.map(n, claims.list).size() > 0",
        "claims.list.map(n, claims.text + claims.text).size() > 0",
        "[claims.list].all(v, v.all(n, n in v))",
        "[claims.list].all(v, v.all(n, v == v))",
        "[claims.list].all(v, claims.list.all(n, [v, v].size() == 2))",
        "[claims.list].all(v, claims.list.all(n, size(v + v) > 0))",
        "[claims.list].all(v, claims.list.all(n, [v].all(w, true)))",
        "[claims.text].all(t, claims.list.all(n, t.contains('a')))",
        "[claims.text].all(t, claims.list.all(n, t.matches('^a*$')))",
        "claims.list.all(n, !claims.text.contains('b'))",
    ] {
        assert_eq!(holds(text), Err(Fault::TooLong), "{text}");
    }
    for text in [
        "claims.few.all(n, n in claims.list)",
        "claims.rows.all(r, r.id in claims.list && r.name.startsWith('r') && r.name.matches('^r'))",
        "claims.rows.all(r, r.id in r['in'] && r['in'].all(n, n + 1 > 0))",
        "claims.rows.map(r, r.name + '/').all(n, n == 'row/')",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
}

/// Each step would double what the one before it made.
#[test]
fn dos_loops_do_not_multiply() {
    for text in [
        "[claims.email].map(t, t + t).map(t, t + t).size() > 0",
        "[claims.owned].map(t, [t, t]).filter(t, true).map(t, [t, t]).size() > 0",
        "[claims.owned].all(t, [t + t].all(u, size(u + u) > 0))",
    ] {
        assert_eq!(wrong(text).first().unwrap().1, "the values of this loop would grow and grow", "{text}");
    }
}

/// YAML folds lines: what stands behind a comment would be part of it.
#[test]
fn comments_hide_nothing() {
    for text in ["claims.admin // only\n&& false", "claims.admin && '\\'//' == \"//\" //", "//\nclaims.admin"]
    {
        assert!(wrong(text).first().unwrap().1.contains("no comments"), "{text}");
    }
    for text in ["'//' in claims.owned", r#"claims.email != r'\' && "a\"//" != '''/'/'//''' && 4 / 2 == 2"#] {
        compiled(text);
    }
}

#[test]
fn nothing_is_known_of_a_query_that_is_not_well_formed() {
    assert_eq!(holds("has(request.query.odd)"), Err(Fault::Unusable));
    assert_eq!(holds("!has(request.query.odd)"), Err(Fault::Unusable));
}

#[test]
fn values_that_are_no_conditions_are_text_lists_or_nothing() {
    let give = |text: &str| with_deep_stack(|| Expression::compile(text)).unwrap().unwrap().output(&known());
    let list = |items: &[&str]| Ok(Output::List(items.iter().map(|i| (*i).to_owned()).collect()));
    assert_eq!(give("user.id"), Ok(Output::Text("ann".to_owned())));
    assert_eq!(give("user.roles"), list(&["organizer", "viewer"]));
    assert_eq!(give("claims.tenant + '/' + path.id"), Ok(Output::Text("acme/o-1".to_owned())));
    assert_eq!(give("claims.mixed"), Err(Fault::Type), "a list with nothing in it");
    assert_eq!(give("claims.realm_access.roles"), list(&["a", "b"]));
    assert_eq!(give("claims.level"), Ok(Output::Text("3".to_owned())));
    assert_eq!(give("claims.rate"), Ok(Output::Text("1.5".to_owned())));
    assert_eq!(give("claims.admin"), Ok(Output::Text("true".to_owned())));
    assert_eq!(give("claims.nothing"), Ok(Output::Nothing));
    assert_eq!(give("claims.missing"), Err(Fault::Missing));
    assert_eq!(give("claims.realm_access"), Err(Fault::Type));
}
