//! How a denied caller is told: RFC 9457 problem JSON, or a short text for a
//! gRPC caller.
//!
//! Made of prepared sentences, the decision id and, where a role or code is
//! missing, the names of the requirement. Nothing of the request or the token
//! is repeated, but in the link to request access, percent-encoded: it would be
//! an attacker's text in our answer.

use serde::Serialize;

use super::answer::Denial;
use crate::denial::Told;
use crate::engine::Reason;

/// What a route requires of those who call it, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub(crate) struct Required {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) roles: Option<Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) codes: Option<Names>,
}

impl Required {
    /// The requirement that gave a denial its reason.
    pub(super) fn of(reason: Reason, names: Names) -> Self {
        match reason {
            Reason::CodeMissing => Self { codes: Some(names), roles: None },
            _ => Self { roles: Some(names), codes: None },
        }
    }

    fn len(&self) -> usize {
        let names = self.roles.iter().chain(&self.codes);
        names.flat_map(|(Names::Any(names) | Names::All(names))| names).map(String::len).sum()
    }
}

/// Any one of several, or all of them; written as in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Names {
    Any(Vec<String>),
    All(Vec<String>),
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<&'a Required>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_access: Option<&'a str>,
    decision_id: &'a str,
}

/// The longest requirement that is told, in bytes of its names. A gRPC caller
/// gets it in a header, and Envoy may cut long bodies.
const LONGEST: usize = 2048;

/// The answer to a denied request, for whoever Envoy takes the caller for.
pub(crate) fn denial(told: &Told<'_>, id: &str, required: Option<&Required>, grpc: bool) -> Denial {
    let required = required.filter(|required| told.requirement && required.len() <= LONGEST);
    if grpc { text(told, id, required) } else { json(told, id, required) }
}

/// Envoy sends 200 with `content-type: application/grpc`, the body as
/// `grpc-message`, and our `grpc-status`. Its own guess from the HTTP status is
/// wrong for 400 and 405.
fn text(told: &Told<'_>, id: &str, required: Option<&Required>) -> Denial {
    let Told { refusal, word, title, detail, challenge, request_access, .. } = told;
    let mut headers = Vec::with_capacity(2);
    headers.extend(challenge.map(|challenge| ("www-authenticate", challenge.to_owned())));
    headers.push(("grpc-status", refusal.grpc().to_string()));
    let word = word.map_or_else(String::new, |word| format!("{word}: "));
    let words = detail.unwrap_or(title);
    let required = required.map(sentence).unwrap_or_default();
    let link = request_access.as_ref().map_or_else(String::new, |url| format!(" Request access: {url}"));
    // A title is no sentence, and others may follow.
    let stop = if words.ends_with(char::is_alphanumeric) { "." } else { "" };
    let body = format!("{word}{words}{stop}{required}{link} [decision {id}]");
    Denial::refuse(*refusal, headers, body)
}

fn json(told: &Told<'_>, id: &str, required: Option<&Required>) -> Denial {
    let Told {
        refusal,
        word,
        title,
        language,
        detail,
        challenge,
        allow,
        requirement: _,
        request_access,
        vary,
    } = told;
    let mut headers = Vec::with_capacity(4);
    headers.extend(challenge.map(|challenge| ("www-authenticate", challenge.to_owned())));
    headers.push(("content-type", "application/problem+json".to_owned()));
    headers.extend(language.map(|language| ("content-language", language.to_owned())));
    headers.push(("cache-control", "no-store".to_owned()));
    headers.extend(vary.map(|names| ("vary", names.to_owned())));
    headers.extend(allow.map(|methods| ("allow", methods.to_string())));
    // RFC 9457, section 4.2.1: a type that tells no more than the status.
    let r#type = word.map_or_else(|| "about:blank".to_owned(), |word| format!("urn:doorward:reason:{word}"));
    let problem = Problem {
        r#type: &r#type,
        title,
        status: refusal.http(),
        reason: *word,
        detail: *detail,
        required,
        request_access: request_access.as_deref(),
        decision_id: id,
    };
    // Strings and numbers always serialise; an empty body denies all the same.
    let body = serde_json::to_string(&problem).unwrap_or_default();
    Denial::refuse(*refusal, headers, body)
}

/// The requirement in one line for a gRPC caller.
fn sentence(required: &Required) -> String {
    let Required { roles, codes } = required;
    let part = |what: &str, names: &Option<Names>| match names {
        None => String::new(),
        Some(Names::Any(names)) => format!(" Required {what}: {}.", names.join(" or ")),
        Some(Names::All(names)) => format!(" Required {what}: {}.", names.join(" and ")),
    };
    part("role", roles) + &part("code", codes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::{Deny, Reveal};
    use crate::denial::{Answer, Denials, Denied};
    use crate::engine::Missing;
    use crate::policy::MethodSet;
    use serde_json::Value;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    static NOTHING: Missing = Missing { roles: Vec::new(), codes: Vec::new() };

    fn denied(reason: Reason) -> Denied<'static> {
        Denied {
            reason,
            id: ID,
            request: None,
            service: None,
            route: None,
            user: None,
            missing: &NOTHING,
            methods: MethodSet::default(),
        }
    }

    fn told(deny: &Deny, denied: Denied<'_>, required: Option<&Required>, grpc: bool) -> Denial {
        let denials = Denials::new(deny);
        let Answer::Refuse(told) = denials.answer(denied) else { panic!("a redirect") };
        denial(&told, ID, required, grpc)
    }

    fn usual(reason: Reason) -> Denial {
        told(&Deny::default(), denied(reason), None, false)
    }

    fn header<'a>(denial: &'a Denial, name: &str) -> Option<&'a str> {
        denial.headers().iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    fn denials() -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(|r| !r.is_allowed())
    }

    #[test]
    fn every_denial_is_problem_json_with_its_own_status() {
        for reason in denials() {
            let denial = usual(reason);
            let body: Value = serde_json::from_str(denial.body()).unwrap();
            assert_eq!(body["type"], format!("urn:doorward:reason:{}", reason.public_word()));
            assert_eq!(body["reason"], reason.public_word());
            assert_eq!(body["status"], reason.status());
            assert_eq!(body["decision_id"], ID);
            assert_eq!(denial.status(), reason.status());
            assert_eq!(header(&denial, "content-type"), Some("application/problem+json"));
            assert_eq!(header(&denial, "cache-control"), Some("no-store"));
            for text in ["title", "detail"] {
                assert!(body[text].as_str().is_some_and(|t| !t.is_empty()), "{reason:?}");
            }
            assert_eq!(body.as_object().unwrap().len(), 6, "{body}");
        }
    }

    /// The bytes that callers get where the configuration says nothing.
    #[test]
    fn without_a_configuration_nothing_is_added() {
        let denial = usual(Reason::TokenExpired);
        let expected = "{\"type\":\"urn:doorward:reason:token_expired\",\"title\":\"Token expired\",\"status\":401,\
                        \"reason\":\"token_expired\",\"detail\":\"The token has expired.\",\
                        \"decision_id\":\"0123456789abcdef0123456789abcdef\"}";
        assert_eq!(denial.body(), expected);
        let names: Vec<_> = denial.headers().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["www-authenticate", "content-type", "cache-control"]);
    }

    #[test]
    fn log_4_failed_token_checks_can_not_be_told_apart() {
        let expected = usual(Reason::SignatureInvalid);
        let secret = |r: &Reason| r.is_unauthenticated() && r.public_word() == "token_invalid";
        for reason in denials().filter(secret) {
            assert_eq!(usual(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn a_401_and_nothing_else_carries_a_challenge() {
        for reason in denials() {
            let denial = usual(reason);
            let challenge = header(&denial, "www-authenticate");
            assert_eq!(challenge.is_some(), reason.is_unauthenticated(), "{reason:?}");
            let names_an_error = challenge.is_some_and(|c| c.contains("error="));
            assert_eq!(names_an_error, reason.is_unauthenticated() && reason != Reason::TokenMissing);
        }
    }

    #[test]
    fn a_405_says_which_methods_there_are() {
        let methods = MethodSet::of_word("GET").unwrap();
        let refused = Denied { methods, ..denied(Reason::MethodNotAllowed) };
        assert_eq!(header(&told(&Deny::default(), refused, None, false), "allow"), Some("GET, HEAD"));
        assert_eq!(header(&usual(Reason::RouteUnknown), "allow"), None);
    }

    #[test]
    fn what_was_required_is_told_as_a_policy_writes_it() {
        let required = Required {
            roles: Some(Names::Any(vec!["admin".into(), "organizer".into()])),
            codes: Some(Names::All(vec!["event:read".into()])),
        };
        let told =
            |grpc| told(&Deny::default(), denied(Reason::RoleMissing), Some(&required), grpc).into_parts().1;
        let body: Value = serde_json::from_str(&told(false)).unwrap();
        let expected =
            serde_json::json!({"roles": {"any": ["admin", "organizer"]}, "codes": {"all": ["event:read"]}});
        assert_eq!(body["required"], expected);
        let grpc = told(true);
        assert!(grpc.contains("Required role: admin or organizer. Required code: event:read."), "{grpc}");
    }

    #[test]
    fn a_requirement_that_is_too_long_to_tell_is_left_out_whole() {
        let names = vec!["a-role-with-a-long-name".to_owned(); 100];
        let required = Required::of(Reason::RoleMissing, Names::Any(names));
        let told =
            |grpc| told(&Deny::default(), denied(Reason::RoleMissing), Some(&required), grpc).into_parts().1;
        let body: Value = serde_json::from_str(&told(false)).unwrap();
        assert_eq!(body.get("required"), None);
        assert!(told(true).len() < 200);
    }

    #[test]
    fn rsp_15_a_grpc_caller_gets_a_status_and_one_short_line() {
        for reason in denials() {
            let denial = told(&Deny::default(), denied(reason), None, true);
            let expected = match reason.status() {
                400 => "3",
                401 => "16",
                403 => "7",
                404 | 405 => "12",
                _ => "14",
            };
            assert_eq!(header(&denial, "grpc-status"), Some(expected), "{reason:?}");
            assert_eq!(header(&denial, "content-type"), None, "envoy sets it");
            assert!(denial.body().starts_with(reason.public_word()), "{}", denial.body());
            assert!(denial.body().bytes().all(|b| matches!(b, b' '..=b'~')) && denial.body().len() < 200);
        }
    }

    #[test]
    fn with_reveal_none_reasons_of_one_status_can_not_be_told_apart() {
        let deny = Deny { reveal: Reveal::None, ..Deny::default() };
        let required = Required::of(Reason::RoleMissing, Names::Any(vec!["admin".into()]));
        let methods = MethodSet::of_word("GET").unwrap();
        for grpc in [false, true] {
            let all = denials().map(|reason| {
                let missing = Missing { roles: vec!["admin".into()], codes: Vec::new() };
                let denied = Denied {
                    methods,
                    missing: &missing,
                    service: Some("events"),
                    route: Some("GET /events"),
                    user: Some("ann"),
                    ..denied(reason)
                };
                told(&deny, denied, Some(&required), grpc)
            });
            let all: Vec<Denial> = all.collect();
            for denial in &all {
                let same: Vec<_> = all.iter().filter(|other| other.status() == denial.status()).collect();
                assert!(same.iter().all(|other| *other == denial), "{denial:?}");
                assert_eq!(header(denial, "allow"), None);
                assert_ne!(denial.status(), 405);
                let challenge = header(denial, "www-authenticate");
                let expected = (denial.status() == 401).then_some("Bearer realm=\"doorward\"");
                assert_eq!(challenge, expected);
            }
        }
        let body: Value =
            serde_json::from_str(told(&deny, denied(Reason::RoleMissing), Some(&required), false).body())
                .unwrap();
        let expected = serde_json::json!(
            {"type": "about:blank", "title": "Forbidden", "status": 403, "decision_id": ID});
        assert_eq!(body, expected);
        let text = told(&deny, denied(Reason::RoleMissing), Some(&required), true).into_parts().1;
        assert_eq!(text, format!("Forbidden. [decision {ID}]"));
    }

    #[test]
    fn with_reveal_reason_names_are_left_out() {
        let deny = Deny { reveal: Reveal::Reason, ..Deny::default() };
        let required = Required::of(Reason::RoleMissing, Names::Any(vec!["admin".into()]));
        for grpc in [false, true] {
            let reason = denied(Reason::RoleMissing);
            assert_eq!(
                told(&deny, reason, Some(&required), grpc),
                told(&Deny::default(), reason, None, grpc)
            );
        }
    }
}
