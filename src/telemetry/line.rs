//! The line of one decision: a JSON object, the same fields in the same order.
//!
//! `docs/decision-log.md` describes them, and a test compares. A line holds the
//! words of the decision, the request line without its query, two headers that
//! were looked at closely, and what the configuration asks for of the claims:
//! nothing else of the request, and never a part of a token.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::claims::{self, REDACTED};
use super::correlation::{Parent, request_id};
use super::json::{self, Object};
use super::record::{Disagreement, Record};
use super::token;
use crate::config::{DecisionLog, LoggedClaims, Redact};
use crate::engine::{Input, Proof, kinds};
use crate::policy::instant;

/// The most roles that a line names.
pub(super) const MAX_ROLES: usize = 64;

/// Room for a usual line.
const USUAL: usize = 768;

/// What lines are to hold.
#[derive(Debug)]
pub(super) struct Style {
    claims: LoggedClaims,
    redact: Redact,
    replay: bool,
}

impl Style {
    pub(super) fn of(config: &DecisionLog) -> Self {
        let DecisionLog { to: _, allow: _, deny: _, claims, redact, replay } = config;
        Self { claims: claims.clone(), redact: redact.clone(), replay: *replay }
    }

    /// The line of a decision that was made at `time`.
    pub(super) fn line(&self, record: &Record<'_>, time: SystemTime) -> Vec<u8> {
        let Record { id, reason, status, detail, service, route, meter: _, place, revision, .. } = *record;
        let Record { caller, roles, request, trace_id, candidate, took, .. } = *record;
        let mut out = Vec::with_capacity(USUAL);
        let mut line = Object::open(&mut out);
        let some = |line: &mut Object<'_>, name: &'static str, value: Option<&str>| {
            value.into_iter().for_each(|value| line.text(name, value));
        };
        rfc3339(line.ours("time"), time);
        line.text("decision_id", id);
        line.text("decision", if reason.is_allowed() { "allow" } else { "deny" });
        line.text("reason", reason.as_str());
        some(&mut line, "detail", detail);
        line.number("status", status.into());
        some(&mut line, "service", service);
        some(&mut line, "route", route);
        if let Some(request) = request {
            line.text("method", request.method);
            line.text("host", request.host);
            line.text("path", &self.path(request.path, record));
            kind(line.ours("kind"), request);
            some(&mut line, "service_named", request.service);
        }
        if let Some(caller) = caller {
            line.text("user", claims::user(&self.redact.claims, caller));
            json::list(line.ours("roles"), roles.iter().take(MAX_ROLES), |out, role| json::string(out, role));
            if roles.len() > MAX_ROLES {
                line.number("roles_left_out", (roles.len() - MAX_ROLES).try_into().unwrap_or(u64::MAX));
            }
            if caller.proof == Proof::Token {
                token::members(&mut line, caller, roles, &self.redact.claims, self.replay);
            }
            let is_asked = !matches!(&self.claims, LoggedClaims::Some(paths) if paths.is_empty());
            if is_asked && caller.proof == Proof::Token {
                claims::object(line.ours("claims"), &caller.claims, &self.claims, &self.redact.claims);
            }
        }
        if let Some(place) = place {
            line.text("place", &place.to_string());
        }
        some(&mut line, "revision", revision);
        if let Some(request) = request {
            some(&mut line, "request_id", request_id(request.headers));
            let asked = || Parent::of(request.headers).map(|parent| parent.trace);
            if let Some(trace) = trace_id.or_else(asked) {
                line.text("trace_id", trace.digits().as_str());
            }
            if let Some(source) = request.source {
                json::display(line.ours("source"), format_args!("\"{source}\""));
            }
            some(&mut line, "peer", request.peer);
        }
        if let Some(candidate) = candidate {
            disagreement(line.ours("candidate"), candidate);
        }
        line.number("duration_us", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        line.close();
        out.push(b'\n');
        out
    }

    /// The path without its query, and without the parameters that are hidden.
    /// Where no route was found, and something is to be hidden, all of it is.
    fn path<'r>(&self, target: &'r str, record: &Record<'_>) -> Cow<'r, str> {
        let path = target.split('?').next().unwrap_or_default();
        if self.redact.parameters.is_empty() {
            return Cow::Borrowed(path);
        }
        // A route is its methods, a space, and its template.
        let template = record.route.and_then(|route| route.rsplit_once(' ')).map(|(_, template)| template);
        match (record.veil, template) {
            (Some(veil), Some(_)) if veil.is_empty() => Cow::Borrowed(path),
            (Some(veil), Some(template)) => Cow::Owned(veil.over(path, template)),
            _ => Cow::Borrowed(REDACTED),
        }
    }
}

/// What kind of request it is, in the words of the engine.
fn kind(out: &mut Vec<u8>, request: &Input<'_>) {
    let before = out.len();
    out.push(b'"');
    for (at, word) in kinds(request).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
    if out.len() == before + 1 {
        out.extend_from_slice(b"http");
    }
    out.push(b'"');
}

fn disagreement(out: &mut Vec<u8>, candidate: &Disagreement) {
    let Disagreement { direction, reason, service, route, place, revision } = candidate;
    let mut object = Object::open(out);
    object.text("direction", direction.as_str());
    object.text("reason", reason.as_str());
    for (name, value) in [("service", service), ("route", route)] {
        value.iter().for_each(|value| object.text(name, value));
    }
    if let Some(place) = place {
        object.text("place", &place.to_string());
    }
    object.text("revision", revision);
    object.close();
}

/// A time as RFC 3339 writes it: UTC, microseconds.
fn rfc3339(out: &mut Vec<u8>, time: SystemTime) {
    thread_local! {
        /// The last second and its text without the zone: many lines have the
        /// same one.
        static LAST: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    LAST.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            *text = instant::utc(*second);
            text.truncate(text.len().saturating_sub(1));
        }
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        let point = out.len();
        // The leading digit makes place for six more, and becomes the point.
        json::number(out, 1_000_000 + u64::from(since.subsec_micros()));
        out.get_mut(point).into_iter().for_each(|digit| *digit = b'.');
        out.extend_from_slice(b"Z\"");
    });
}

#[cfg(test)]
mod tests;
