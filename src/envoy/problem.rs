//! What the caller of a denied request is told: RFC 9457 problem JSON, or a
//! short text for a gRPC caller.
//!
//! Made of constant sentences, the decision id and, where a role or code is
//! missing, the names of the requirement. Nothing of the request or the token
//! is repeated: it would be an attacker's text in our answer.

use serde::Serialize;

use super::id::DecisionId;
use super::response::Denial;
use crate::engine::Reason;
use crate::policy::MethodSet;
use crate::words::Refusal;

/// What a route requires of those who call it, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub(super) struct Required {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) codes: Option<Names>,
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
pub(super) enum Names {
    Any(Vec<String>),
    All(Vec<String>),
}

/// What is to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) reason: Reason,
    pub(super) id: DecisionId,
    pub(super) required: Option<&'a Required>,
    pub(super) methods: MethodSet,
    pub(super) grpc: bool,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    reason: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<&'a Required>,
    decision_id: &'a str,
}

/// The longest requirement that is told, in bytes of its names. A gRPC caller
/// gets it in a header, and Envoy may cut long bodies.
const LONGEST: usize = 2048;

/// The answer to a denied request.
pub(super) fn denial(told: Told<'_>) -> Denial {
    let Told { reason, id, required, methods, grpc } = told;
    let required = required.filter(|required| required.len() <= LONGEST);
    let refusal = Refusal::of(reason);
    let (title, detail) = sentences(reason);
    let (word, id) = (reason.public_word(), id.to_string());
    let mut headers = Vec::with_capacity(4);
    if let Some(challenge) = challenge(reason) {
        headers.push(("www-authenticate", challenge.to_owned()));
    }
    if grpc {
        // Envoy sends 200 with `content-type: application/grpc`, the body as
        // `grpc-message`, and this status unless it is left out; its own guess
        // from the HTTP status is wrong for 400 and 405.
        headers.push(("grpc-status", refusal.grpc().to_string()));
        let required = required.map(sentence).unwrap_or_default();
        return Denial { refusal, headers, body: format!("{word}: {detail}{required} [decision {id}]") };
    }
    headers.push(("content-type", "application/problem+json".to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    if reason == Reason::MethodNotAllowed {
        headers.push(("allow", methods.to_string()));
    }
    let r#type = format!("urn:doorward:reason:{word}");
    let problem = Problem {
        r#type: &r#type,
        title,
        status: refusal.http(),
        reason: word,
        detail,
        required,
        decision_id: &id,
    };
    // Strings and numbers always serialise; an empty body denies all the same.
    let body = serde_json::to_string(&problem).unwrap_or_default();
    Denial { refusal, headers, body }
}

/// RFC 6750, section 3: an error is named only where a token was presented.
fn challenge(reason: Reason) -> Option<&'static str> {
    let invalid = "Bearer realm=\"doorward\", error=\"invalid_token\"";
    let expired =
        "Bearer realm=\"doorward\", error=\"invalid_token\", error_description=\"The token has expired\"";
    match reason {
        Reason::TokenMissing => Some("Bearer realm=\"doorward\""),
        Reason::TokenExpired => Some(expired),
        _ => reason.is_unauthenticated().then_some(invalid),
    }
}

/// Title and detail of a reason. All failed token checks share one pair: what
/// exactly failed would help only somebody who forges tokens.
fn sentences(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::RequestMalformed => ("Malformed request", "The request is not one that can be checked."),
        Reason::PathAmbiguous => {
            ("Ambiguous path", "The path could be read in two ways; send it in its canonical form.")
        }
        Reason::ServiceUnknown => ("Unknown service", "No service answers for this host and path."),
        Reason::RouteUnknown => ("Unknown route", "No route of the service matches this path."),
        Reason::MethodNotAllowed => ("Method not allowed", "The path does not take this method."),
        Reason::RouteDenied => ("Route closed", "Nobody may call this route."),
        Reason::UpgradeDenied => ("Upgrade not allowed", "The route does not permit a protocol upgrade."),
        Reason::IpDenied => ("Address not allowed", "Requests from this address are not accepted here."),
        Reason::PeerDenied => ("Peer not allowed", "Only certain client certificates may call this."),
        Reason::TokenMissing => ("Token missing", "The route needs a bearer token."),
        Reason::TokenExpired => ("Token expired", "The token has expired."),
        Reason::TokenAmbiguous
        | Reason::TokenMalformed
        | Reason::TokenNotYetValid
        | Reason::SignatureInvalid
        | Reason::AlgorithmNotAllowed
        | Reason::IssuerUnknown
        | Reason::AudienceMismatch
        | Reason::KeyUnknown
        | Reason::TokenRevoked => ("Token not accepted", "The token is not accepted."),
        Reason::RoleMissing => ("Role missing", "A role is needed that the caller does not hold."),
        Reason::CodeMissing => {
            ("Permission missing", "A permission is needed that the caller does not have.")
        }
        Reason::ConditionFalse | Reason::ConditionError => {
            ("Condition not met", "The condition of the route does not hold for this request.")
        }
        Reason::ValueUnsafe => {
            ("Value not allowed", "A value of the caller's identity can't be passed on safely.")
        }
        Reason::KeysUnavailable => ("Temporarily unavailable", "Tokens can't be verified at the moment."),
        Reason::Overloaded => ("Temporarily unavailable", "The request could not be checked in time."),
        // An allow is not told here. Should it ever be, it is a fault of ours.
        Reason::EngineError | Reason::Allowed => {
            ("Temporarily unavailable", "The request could not be checked.")
        }
    }
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
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::super::id::Ids;
    use super::*;
    use serde_json::Value;

    fn told(reason: Reason) -> Told<'static> {
        Told { reason, id: Ids::default().next(), required: None, methods: MethodSet::default(), grpc: false }
    }

    fn header<'a>(denial: &'a Denial, name: &str) -> Option<&'a str> {
        denial.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    fn denials() -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(|r| !r.is_allowed())
    }

    #[test]
    fn every_denial_is_problem_json_with_its_own_status() {
        for reason in denials() {
            let told = told(reason);
            let denial = denial(told);
            let body: Value = serde_json::from_str(&denial.body).unwrap();
            assert_eq!(body["type"], format!("urn:doorward:reason:{}", reason.public_word()));
            assert_eq!(body["reason"], reason.public_word());
            assert_eq!(body["status"], reason.status());
            assert_eq!(body["decision_id"], told.id.to_string());
            assert_eq!(denial.refusal.http(), reason.status());
            assert_eq!(header(&denial, "content-type"), Some("application/problem+json"));
            assert_eq!(header(&denial, "cache-control"), Some("no-store"));
            for text in ["title", "detail"] {
                assert!(body[text].as_str().is_some_and(|t| !t.is_empty()), "{reason:?}");
            }
            assert_eq!(body.get("required"), None);
        }
    }

    #[test]
    fn log_4_failed_token_checks_can_not_be_told_apart() {
        let answer = |reason| {
            let denial = denial(Told { reason, ..told(Reason::Allowed) });
            let body: Value = serde_json::from_str(&denial.body).unwrap();
            (body["title"].clone(), body["detail"].clone(), body["type"].clone(), denial.headers)
        };
        let expected = answer(Reason::SignatureInvalid);
        let secret = |r: &Reason| r.is_unauthenticated() && r.public_word() == "token_invalid";
        for reason in denials().filter(secret) {
            assert_eq!(answer(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn a_401_and_nothing_else_carries_a_challenge() {
        for reason in denials() {
            let denial = denial(told(reason));
            let challenge = header(&denial, "www-authenticate");
            assert_eq!(challenge.is_some(), reason.is_unauthenticated(), "{reason:?}");
            let names_an_error = challenge.is_some_and(|c| c.contains("error="));
            assert_eq!(names_an_error, reason.is_unauthenticated() && reason != Reason::TokenMissing);
        }
    }

    #[test]
    fn a_405_says_which_methods_there_are() {
        let methods = MethodSet::of_word("GET").unwrap();
        let refused = denial(Told { methods, ..told(Reason::MethodNotAllowed) });
        assert_eq!(header(&refused, "allow"), Some("GET, HEAD"));
        assert_eq!(header(&denial(told(Reason::RouteUnknown)), "allow"), None);
    }

    #[test]
    fn what_was_required_is_told_as_a_policy_writes_it() {
        let required = Required {
            roles: Some(Names::Any(vec!["admin".into(), "organizer".into()])),
            codes: Some(Names::All(vec!["event:read".into()])),
        };
        let told = Told { required: Some(&required), ..told(Reason::RoleMissing) };
        let body: Value = serde_json::from_str(&denial(told).body).unwrap();
        let expected =
            serde_json::json!({"roles": {"any": ["admin", "organizer"]}, "codes": {"all": ["event:read"]}});
        assert_eq!(body["required"], expected);
        let grpc = denial(Told { grpc: true, ..told }).body;
        assert!(grpc.contains("Required role: admin or organizer. Required code: event:read."), "{grpc}");
    }

    #[test]
    fn a_requirement_that_is_too_long_to_tell_is_left_out_whole() {
        let names = vec!["a-role-with-a-long-name".to_owned(); 100];
        let required = Required::of(Reason::RoleMissing, Names::Any(names));
        let told = Told { required: Some(&required), ..told(Reason::RoleMissing) };
        let body: Value = serde_json::from_str(&denial(told).body).unwrap();
        assert_eq!(body.get("required"), None);
        assert!(denial(Told { grpc: true, ..told }).body.len() < 200);
    }

    #[test]
    fn rsp_15_a_grpc_caller_gets_a_status_and_one_short_line() {
        for reason in denials() {
            let told = Told { grpc: true, ..told(reason) };
            let denial = denial(told);
            let expected = match reason.status() {
                400 => "3",
                401 => "16",
                403 => "7",
                404 | 405 => "12",
                _ => "14",
            };
            assert_eq!(header(&denial, "grpc-status"), Some(expected), "{reason:?}");
            assert_eq!(header(&denial, "content-type"), None, "envoy sets it");
            assert!(denial.body.starts_with(reason.public_word()), "{}", denial.body);
            assert!(denial.body.bytes().all(|b| matches!(b, b' '..=b'~')) && denial.body.len() < 200);
        }
    }
}
