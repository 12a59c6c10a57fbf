//! Claims in a line: those that are asked for, less those that are hidden.

use serde_json::{Map, Value};

use super::json::{Object, display, list, string};
use crate::config::{ClaimPath, LoggedClaims};
use crate::engine::Subject;

/// What stands in place of a claim that is hidden.
pub(super) const REDACTED: &str = "[redacted]";

/// What stands in place of a claim whose value is longer than [`LARGEST`].
const TOO_LONG: &str = "[too long]";

/// The most bytes that the value of one claim may take in a line.
const LARGEST: usize = 1024;

/// The rest of the path of a hidden claim: nothing where it is this one.
type Hidden<'p> = &'p [String];

/// Claims that are asked for.
#[derive(Debug)]
pub(super) enum Asked {
    All,
    /// These, and how each is called.
    Some(Vec<(ClaimPath, String)>),
}

impl Asked {
    pub(super) fn of(logged: &LoggedClaims) -> Self {
        match logged {
            LoggedClaims::All => Self::All,
            LoggedClaims::Some(paths) => {
                Self::Some(paths.iter().map(|path| (path.clone(), path.to_string())).collect())
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(paths) if paths.is_empty())
    }
}

/// Writes an object of the claims that are asked for and there.
pub(super) fn object(out: &mut Vec<u8>, claims: &Map<String, Value>, asked: &Asked, redacted: &[ClaimPath]) {
    let hidden: Vec<Hidden<'_>> = redacted.iter().map(ClaimPath::names).collect();
    let mut object = Object::open(out);
    match asked {
        Asked::All => {
            for (name, found) in claims {
                bounded(object.member(name), found, &below(&hidden, name));
            }
        }
        Asked::Some(paths) => {
            for (path, name) in paths {
                let Some(found) = path.find(claims) else { continue };
                let mut hidden = hidden.clone();
                for name in path.names() {
                    // What is hidden hides all that is in it.
                    if !hidden.iter().any(|rest| rest.is_empty()) {
                        hidden = below(&hidden, name);
                    }
                }
                bounded(object.member(name), found, &hidden);
            }
        }
    }
    object.close();
}

/// The user, unless a hidden claim holds the same text.
pub(super) fn user<'s>(redacted: &[ClaimPath], caller: &'s Subject) -> &'s str {
    if hides(redacted, &caller.claims, &caller.user) { REDACTED } else { &caller.user }
}

/// Whether a hidden claim holds this text, which is then not written anywhere
/// else either.
pub(super) fn hides(redacted: &[ClaimPath], claims: &Map<String, Value>, text: &str) -> bool {
    redacted.iter().any(|path| {
        let (first, rest) = path.names().split_first().unzip();
        first
            .and_then(|first| claims.get(first))
            .is_some_and(|found| leads_to(found, rest.unwrap_or_default(), text))
    })
}

/// Whether the text stands at this path below a value, in lists of objects in
/// any of the objects.
fn leads_to(value: &Value, path: Hidden<'_>, text: &str) -> bool {
    match (value, path.split_first()) {
        (found, None) => holds(found, text),
        (Value::Array(items), Some(_)) => items.iter().any(|item| leads_to(item, path, text)),
        (Value::Object(members), Some((first, rest))) => {
            members.get(first).is_some_and(|member| leads_to(member, rest, text))
        }
        _ => false,
    }
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(members) => members.values().any(|member| holds(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What is hidden of the member of this name.
fn below<'p>(hidden: &[Hidden<'p>], name: &str) -> Vec<Hidden<'p>> {
    let rest =
        |path: &Hidden<'p>| path.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest);
    hidden.iter().filter_map(rest).collect()
}

fn bounded(out: &mut Vec<u8>, found: &Value, hidden: &[Hidden<'_>]) {
    let start = out.len();
    value(out, found, hidden);
    if out.len() - start > LARGEST {
        out.truncate(start);
        string(out, TOO_LONG);
    }
}

/// No deeper than the reader of tokens goes. What is hidden in a list of
/// objects is hidden in each of them.
fn value(out: &mut Vec<u8>, found: &Value, hidden: &[Hidden<'_>]) {
    if hidden.iter().any(|rest| rest.is_empty()) {
        return string(out, REDACTED);
    }
    match found {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(yes) => display(out, yes),
        Value::Number(number) => display(out, number),
        Value::String(text) => string(out, text),
        Value::Array(items) => list(out, items, |out, item| value(out, item, hidden)),
        Value::Object(members) => {
            let mut object = Object::open(out);
            for (name, member) in members {
                value(object.member(name), member, &below(hidden, name));
            }
            object.close();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use serde_json::json;

    fn path(names: &[&str]) -> ClaimPath {
        ClaimPath::of(names)
    }

    fn written(claims: &Value, logged: &LoggedClaims, redacted: &[ClaimPath]) -> Value {
        let mut out = Vec::new();
        object(&mut out, claims.as_object().unwrap(), &Asked::of(logged), redacted);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn those_that_are_asked_for_and_there() {
        let claims = json!({"sub": "u", "n": 1.5, "deep": {"er": [true, null]}, "x": "secret"});
        let some = LoggedClaims::Some(vec![path(&["n"]), path(&["deep", "er"]), path(&["none"])]);
        assert_eq!(written(&claims, &some, &[]), json!({"n": 1.5, "deep.er": [true, null]}));
        assert_eq!(written(&claims, &LoggedClaims::default(), &[]), json!({}));
        assert_eq!(written(&claims, &LoggedClaims::All, &[]), claims);
    }

    #[test]
    fn hidden_claims_are_hidden_wherever_they_would_stand() {
        let claims = json!({
            "email": "a@b", "sub": "u",
            "address": {"street": "s", "city": {"name": "c"}},
            "phones": [{"number": 1, "kind": "home"}, [{"number": 2}]],
        });
        let hidden = [path(&["email"]), path(&["address", "street"]), path(&["phones", "number"])];
        let all = json!({
            "email": REDACTED, "sub": "u",
            "address": {"street": REDACTED, "city": {"name": "c"}},
            "phones": [{"number": REDACTED, "kind": "home"}, [{"number": REDACTED}]],
        });
        assert_eq!(written(&claims, &LoggedClaims::All, &hidden), all);
        let asked = LoggedClaims::Some(vec![path(&["address"]), path(&["address", "street"])]);
        let some = json!({"address": all["address"], "address.street": REDACTED});
        assert_eq!(written(&claims, &asked, &hidden), some);
        let inside = LoggedClaims::Some(vec![path(&["address", "city", "name"])]);
        assert_eq!(
            written(&claims, &inside, &[path(&["address"])]),
            json!({"address.city.name": REDACTED}),
            "what holds it is hidden"
        );
    }

    #[test]
    fn a_text_of_a_hidden_claim_is_known_wherever_it_stands_in_it() {
        let claims = json!({"email": "a@b", "ids": {"all": ["x", "y"]}});
        let claims = claims.as_object().unwrap();
        let hidden = [path(&["email"]), path(&["ids"])];
        for (text, is_hidden) in [("a@b", true), ("y", true), ("a", false), ("", false)] {
            assert_eq!(hides(&hidden, claims, text), is_hidden, "{text}");
        }
        assert!(!hides(&[], claims, "a@b"));
    }

    #[test]
    fn a_text_is_known_in_each_of_a_list_of_objects() {
        let claims = json!({"mails": [{"kind": "home", "at": "a@b"}, [{"at": ["c@d"]}]], "at": "e@f"});
        let claims = claims.as_object().unwrap();
        let hidden = [path(&["mails", "at"])];
        for (text, is_hidden) in [("a@b", true), ("c@d", true), ("home", false), ("e@f", false)] {
            assert_eq!(hides(&hidden, claims, text), is_hidden, "{text}");
        }
    }

    #[test]
    fn a_huge_value_does_not_make_a_huge_line() {
        let long = "x".repeat(1000);
        let claims = json!({"text": long, "list": vec![long.as_str(); 10]});
        let found = written(&claims, &LoggedClaims::All, &[]);
        assert_eq!(found, json!({"text": "x".repeat(256), "list": TOO_LONG}));
    }
}
