//! A decision for programs: one JSON object, the same wherever it is asked for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::court::Outcome;
use crate::compile::Index;
use crate::denial::{self, Answer};
use crate::engine::{Explanation, Origin, Proof};

/// A decision for a program.
#[derive(Serialize)]
pub struct Told<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    /// What the caller is told, unless no reason is.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_reason: Option<&'a str>,
    #[serde(flatten)]
    answer: JsonAnswer<'a>,
    request: Words<'a>,
    /// Who called, where the route asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<JsonCaller<'a>>,
    /// On an allow, where a configuration was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<JsonHeaders<'a>>,
    policy: JsonPolicy<'a>,
}

/// On a denial, what the caller gets.
#[derive(Serialize, Default)]
struct JsonAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_access: Option<&'a str>,
    /// Where a browser is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
}

/// The request as it is told: nothing of its headers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Words<'a> {
    /// The method.
    pub method: &'a str,
    /// The host.
    pub host: &'a str,
    /// The path, with the query where that may be told.
    pub path: &'a str,
    /// The service that the proxy names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'a str>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<IpAddr>,
    /// Who is at the other end of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonCaller<'a> {
    verified: bool,
    user: &'a str,
    /// Those of the policy that count on this request, the primary role first.
    roles: Vec<&'a str>,
    groups: &'a [String],
    codes: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonHeaders<'a> {
    set: BTreeMap<&'a str, &'a str>,
    remove: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonPolicy<'a> {
    directory: String,
    revision: &'a str,
}

impl<'a> Told<'a> {
    /// The outcome for a request by the policy of a directory.
    pub fn new(
        outcome: &'a Outcome<'_>,
        request: Words<'a>,
        origin: Origin,
        index: &'a Index,
        directory: String,
    ) -> Self {
        let Outcome { decision, explanation, changes, answer } = outcome;
        let (word, answer) = match answer {
            None => (Some(decision.reason.public_word()), JsonAnswer::default()),
            Some(Answer::Login(to)) => {
                (None, JsonAnswer { location: Some(to.as_str()), ..JsonAnswer::default() })
            }
            Some(Answer::Refuse(denial::Told { word, title, request_access, .. })) => {
                let request_access = request_access.as_deref();
                (*word, JsonAnswer { public_title: Some(title), request_access, location: None })
            }
        };
        Self {
            explanation,
            public_reason: word,
            answer,
            request,
            caller: decision.held(index).map(|held| JsonCaller {
                verified: origin == Origin::Token && held.principal().subject().proof == Proof::Token,
                user: &held.principal().subject().user,
                roles: held.role_names(),
                groups: &held.principal().subject().groups,
                codes: held.codes().collect(),
            }),
            headers: changes.as_ref().map(|changes| JsonHeaders {
                set: changes.set.iter().map(|(name, value)| (&**name, &**value)).collect(),
                remove: changes.remove.iter().map(|name| &**name).collect(),
            }),
            policy: JsonPolicy { directory, revision: index.revision() },
        }
    }
}
