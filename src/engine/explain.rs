//! The same walk, recorded: which service, route, requirement and binding
//! decided, and on a denial what was missing and who has it.

use std::sync::Arc;

use serde::Serialize;

use super::decide::{Observer, Step, decide_observed};
use super::decision::Decision;
use super::input::Input;
use super::principal::Principal;
use super::reason::Reason;
use crate::compile::{CodeId, Index, Need, RoleId, Rule};
use crate::diag::Place;

/// A decision and how it came about, for a person or a program.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// The reason word.
    pub reason: &'static str,
    /// What the reason means.
    pub meaning: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// More about the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// The service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The place in the policy that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The steps, in order; the last one decided.
    pub steps: Vec<Note>,
    /// On a denial: what would have helped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One step in words.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// What was looked at, such as `route`.
    pub step: &'static str,
    /// Whether the request got past it.
    pub passed: bool,
    /// What was seen.
    pub text: String,
    /// Where in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Decides one request and tells how.
pub fn explain(
    index: &Index,
    input: &Input<'_>,
    identify: impl FnOnce() -> Result<Arc<Principal>, (Reason, &'static str)>,
) -> (Decision, Explanation) {
    let mut recorder = Recorder { index, notes: Vec::new() };
    let decision = decide_observed(index, input, identify, &mut recorder);
    let mut steps = recorder.notes;
    if steps.last().is_none_or(|last| last.passed) && !decision.reason.is_allowed() {
        steps.push(refusal(index, &decision));
    }
    let explanation = Explanation {
        decision: if decision.reason.is_allowed() { "allow" } else { "deny" },
        reason: decision.reason.as_str(),
        meaning: decision.reason.meaning(),
        status: decision.reason.status(),
        detail: decision.detail,
        service: decision.service_name(index).map(str::to_owned),
        route: decision.route_text(index).map(str::to_owned),
        place: decision.place(index).map(Place::to_string),
        steps,
        missing: missing(index, &decision),
    };
    (decision, explanation)
}

struct Recorder<'i> {
    index: &'i Index,
    notes: Vec<Note>,
}

impl Observer for Recorder<'_> {
    fn step(&mut self, step: Step<'_>) {
        let index = self.index;
        let mut note = |step, passed, text, place: Option<&Place>| {
            self.notes.push(Note { step, passed, text, place: place.map(Place::to_string) });
        };
        match step {
            Step::Read(method, host, path) => {
                let grpc = if method == crate::policy::Method::Grpc { " (a gRPC call)" } else { "" };
                note("request", true, format!("{} {path} on {host}{grpc}", method.wire_name()), None);
            }
            Step::Service(id, named) => {
                let name = index.service(id).map_or("?", |s| &*s.name);
                let how = if named { "named by the proxy" } else { "found by host and path" };
                note("service", true, format!("{name}, {how}"), None);
            }
            Step::Route(id, preflight) => {
                let Some(route) = index.route(id) else { return };
                let text = match preflight {
                    Some(method) => format!("{}, by a preflight for {}", route.text, method.wire_name()),
                    None => route.text.to_string(),
                };
                note("route", true, text, Some(&route.place));
                if let Rule::Access(access) = route.rule {
                    let passed = access != crate::policy::Access::Denied;
                    note("access", passed, format!("access: {}", access.as_str()), Some(&route.place));
                }
            }
            Step::Address(id, admitted) => {
                let place = index.route(id).and_then(|r| r.ip.as_ref()).map(|ip| &ip.place);
                let text = if admitted {
                    "the source address is admitted"
                } else {
                    "the source address is not admitted"
                };
                note("address", admitted, text.to_owned(), place);
            }
            Step::Caller(principal) => self.notes.extend(caller(index, principal)),
            Step::Roles(id, holds) => {
                if let Some(Rule::Needs { roles: Some(need), .. }) = index.route(id).map(|r| &r.rule) {
                    let text = required(need, |id| index.role(id).map_or("?", |r| &*r.name));
                    note("roles", holds, text, Some(&need.place));
                }
            }
            Step::Codes(id, holds) => {
                if let Some(Rule::Needs { codes: Some(need), .. }) = index.route(id).map(|r| &r.rule) {
                    let text = required(need, |id| index.code(id).map_or("?", |c| c.as_str()));
                    note("codes", holds, text, Some(&need.place));
                }
            }
        }
    }
}

/// The caller, and each role with what gave it.
fn caller(index: &Index, principal: &Principal) -> Vec<Note> {
    let user = format!("{}, by a verified token", principal.subject().user);
    let mut notes = vec![Note { step: "caller", passed: true, text: user, place: None }];
    for assignment in principal.assigned() {
        let name = index.role(assignment.role).map_or("?", |r| &*r.name);
        let by = if assignment.binding.is_some() { "by a binding" } else { "by the token" };
        let place = assignment.binding.as_ref().map(Place::to_string);
        notes.push(Note { step: "role", passed: true, text: format!("{name}, {by}"), place });
    }
    for unknown in principal.subject().roles.iter().filter(|name| index.role_named(name).is_none()) {
        let text = format!("{}, in the token but not in the policy: gives nothing", unknown.escape_debug());
        notes.push(Note { step: "role", passed: true, text, place: None });
    }
    notes
}

fn refusal(index: &Index, decision: &Decision) -> Note {
    let meaning = decision.reason.meaning();
    let text = match decision.detail {
        Some(detail) => format!("{meaning} ({detail})"),
        None if decision.allow.is_empty() => meaning.to_owned(),
        None => format!("{meaning} Routes name {}.", decision.allow),
    };
    let step = match decision.reason {
        Reason::RequestMalformed | Reason::PathAmbiguous => "request",
        Reason::ServiceUnknown => "service",
        Reason::RouteUnknown | Reason::MethodNotAllowed | Reason::RouteDenied | Reason::UpgradeDenied => {
            "route"
        }
        _ => "caller",
    };
    Note { step, passed: false, text, place: decision.place(index).map(Place::to_string) }
}

fn required<'i, T: Copy>(need: &Need<T>, name: impl Fn(T) -> &'i str) -> String {
    let names: Vec<_> = need.ids.iter().map(|id| name(*id)).collect();
    match (names.as_slice(), need.all) {
        ([one], _) => format!("requires {one}"),
        (_, true) => format!("requires all of {}", names.join(", ")),
        (_, false) => format!("requires any of {}", names.join(", ")),
    }
}

/// What the caller lacks, and which roles have it.
fn missing(index: &Index, decision: &Decision) -> Vec<String> {
    let (Some(principal), Some(route)) = (&decision.principal, decision.route.and_then(|id| index.route(id)))
    else {
        return Vec::new();
    };
    match (&route.rule, decision.reason) {
        (Rule::Needs { roles: Some(need), .. }, Reason::RoleMissing) => need
            .ids
            .iter()
            .filter(|id| !principal.has_role(**id))
            .map(|id| missing_role(index, *id))
            .collect(),
        (Rule::Needs { codes: Some(need), .. }, Reason::CodeMissing) => need
            .ids
            .iter()
            .filter(|id| !principal.has_code(**id))
            .map(|id| missing_code(index, principal, *id))
            .collect(),
        _ => Vec::new(),
    }
}

fn missing_role(index: &Index, id: RoleId) -> String {
    let name = index.role(id).map_or("?", |r| &*r.name);
    let heirs: Vec<_> = index
        .roles()
        .filter(|(other, r)| *other != id && r.closure.contains(id.number()))
        .map(|(_, r)| &*r.name)
        .collect();
    if heirs.is_empty() {
        format!("the role {name}, which no other role includes")
    } else {
        format!("the role {name}, which is also included in {}", heirs.join(", "))
    }
}

fn missing_code(index: &Index, principal: &Principal, id: CodeId) -> String {
    let name = index.code(id).map_or("?", |c| c.as_str());
    let denying: Vec<_> = principal
        .assigned()
        .iter()
        .filter_map(|a| index.role(a.role))
        .filter(|r| r.denied.contains(id.number()))
        .map(|r| format!("{} ({})", r.name, r.place))
        .collect();
    if !denying.is_empty() {
        return format!("the code {name}, which is denied by the caller's role {}", denying.join(", "));
    }
    let holders: Vec<_> = index
        .roles()
        .filter(|(_, r)| r.granted.contains(id.number()) && !r.denied.contains(id.number()))
        .map(|(_, r)| &*r.name)
        .collect();
    if holders.is_empty() {
        format!("the code {name}, which no role grants")
    } else {
        format!("the code {name}, which is granted by {}", holders.join(", "))
    }
}
