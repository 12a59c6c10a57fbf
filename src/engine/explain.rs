//! The same walk, recorded: which service, route, requirement and binding
//! decided, and on a denial what was missing and who has it.

use std::sync::Arc;

use serde::Serialize;

use super::decide::decide_observed;
use super::decision::Decision;
use super::input::Input;
use super::lack::{Lack, lacks};
use super::principal::Principal;
use super::recorder::Recorder;
use crate::compile::{Index, Occasion, Service};
use crate::config::OnAnonymous;
use crate::diag::Place;
use crate::policy::RequestPath;
use crate::words::Reason;

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
    /// For a missing role or code: what would have helped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Lack>,
}

/// How it is known who calls. A decision does not depend on it; what is told
/// about it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A token was verified.
    Token,
    /// Somebody says so, to see what would be.
    Asserted,
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
    origin: Origin,
    on_anonymous: OnAnonymous,
    identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
) -> (Decision, Explanation) {
    let mut recorder = Recorder::new(index, origin);
    let decision = decide_observed(index, input, on_anonymous, identify, &mut recorder);
    let mut steps = recorder.into_notes();
    if steps.last().is_none_or(|last| last.passed) && !decision.reason.is_allowed() {
        steps.push(refusal(index, &decision));
    }
    let path = RequestPath::parse(input.path).ok();
    let route = decision.route.and_then(|id| index.route(id));
    let occasion = route.zip(path.as_ref()).map(|(route, path)| Occasion {
        template: &route.template,
        path,
        now: input.now,
    });
    let missing = lacks(index, &decision, occasion);
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
        missing,
    };
    (decision, explanation)
}

impl Explanation {
    /// Turns an allow into the denial of a value that may not become a header.
    pub fn refuse_value(&mut self, header: &str, why: &'static str) {
        let reason = Reason::ValueUnsafe;
        self.decision = "deny";
        self.reason = reason.as_str();
        self.meaning = reason.meaning();
        self.status = reason.status();
        self.detail = Some(why);
        let text = format!("{header} can't be set: {why}");
        self.steps.push(Note { step: "headers", passed: false, text, place: None });
    }

    /// Rewrites every place, such as from below the policy directory to below
    /// the current one.
    pub fn map_places(&mut self, map: impl Fn(&str) -> String) {
        let steps = self.steps.iter_mut().filter_map(|note| note.place.as_mut());
        let missing = self.missing.iter_mut().flat_map(Lack::places);
        for place in steps.chain(&mut self.place).chain(missing) {
            *place = map(place);
        }
    }
}

/// What no step told: the request went no further.
fn refusal(index: &Index, decision: &Decision) -> Note {
    let mut text = decision.detail.map_or_else(|| clause(decision.reason.meaning()), str::to_owned);
    if !decision.allow.is_empty() {
        text.push_str(&format!("; routes name {}", decision.allow));
    }
    let step = match decision.reason {
        Reason::RequestMalformed | Reason::PathAmbiguous => "request",
        Reason::ServiceUnknown => "service",
        Reason::RouteUnknown | Reason::MethodNotAllowed | Reason::RouteDenied | Reason::UpgradeDenied => {
            "route"
        }
        _ => "caller",
    };
    let place = decision.place(index).filter(|_| step == "route");
    Note { step, passed: false, text, place: place.map(Place::to_string) }
}

/// A sentence as part of another.
fn clause(sentence: &str) -> String {
    let mut chars = sentence.strip_suffix('.').unwrap_or(sentence).chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}
