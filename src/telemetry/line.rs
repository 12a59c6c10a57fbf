//! The line of one decision: a JSON object, the same fields in the same order.
//!
//! `docs/decision-log.md` describes them, and a test compares. A line holds the
//! words of the decision, the request line without its query, two headers that
//! were looked at closely, and what the configuration asks for of the claims:
//! nothing else of the request, and never a part of a token.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::claims::{self, Asked, REDACTED};
use super::correlation::{Parent, request_id};
use super::json::{self, Name, Object, name};
use super::record::{Disagreement, Record};
use super::token;
use crate::config::{DecisionLog, Redact};
use crate::engine::{Input, Proof, Subject, kinds};
use crate::policy::instant;

/// The most roles that a line names.
pub(super) const MAX_ROLES: usize = 64;

/// How much room a thread keeps for lines.
const MOST_KEPT: usize = 8 << 10;

/// The longest that is kept of what lines say of a caller.
const MOST_TOLD: usize = 1 << 10;

/// What lines say of a caller, where it is the same for all that they ask: written
/// once, when the token is verified, and copied into each line.
#[derive(Debug, Clone)]
pub struct Told(Box<[u8]>);

impl Told {
    /// The memory that it takes beside itself, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// What lines are to hold.
#[derive(Debug)]
pub(super) struct Style {
    claims: Asked,
    redact: Redact,
    replay: bool,
}

impl Style {
    pub(super) fn of(config: &DecisionLog) -> Self {
        let DecisionLog { to: _, allow: _, deny: _, claims, redact, replay } = config;
        Self { claims: Asked::of(claims), redact: redact.clone(), replay: *replay }
    }

    /// Gives `then` the line of a decision.
    pub(super) fn line<T>(&self, record: &Record<'_>, then: impl FnOnce(&[u8]) -> T) -> T {
        thread_local! {
            /// Room for a line, empty in between.
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            // What a panic may have left.
            line.clear();
            self.write(line, record);
            let told = then(line);
            line.clear();
            line.shrink_to(MOST_KEPT);
            told
        })
    }

    fn write(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        let Record { id, reason, status, detail, service, route, meter: _, place, revision, .. } = *record;
        let Record { caller, roles, told, request, trace_id, candidate, time, took, .. } = *record;
        let mut line = Object::open(out);
        let some = |line: &mut Object<'_>, name: Name, value: Option<&str>| {
            value.into_iter().for_each(|value| line.text(name, value));
        };
        rfc3339(line.ours(name!("time")), time.unwrap_or_else(SystemTime::now));
        line.word(name!("decision_id"), id);
        line.word(name!("decision"), if reason.is_allowed() { "allow" } else { "deny" });
        line.word(name!("reason"), reason.as_str());
        some(&mut line, name!("detail"), detail);
        line.number(name!("status"), status.into());
        some(&mut line, name!("service"), service);
        some(&mut line, name!("route"), route);
        if let Some(request) = request {
            line.text(name!("method"), request.method);
            line.text(name!("host"), request.host);
            line.text(name!("path"), &self.path(request.path, record));
            kind(line.ours(name!("kind")), request);
            some(&mut line, name!("service_named"), request.service);
        }
        match (told, caller) {
            (Some(Told(members)), _) => line.members(members),
            (None, Some(caller)) => self.caller(&mut line, caller, roles),
            (None, None) => {}
        }
        if let Some(place) = place {
            json::place(line.ours(name!("place")), place);
        }
        if let Some(revision) = revision {
            line.word(name!("revision"), revision);
        }
        if let Some(request) = request {
            if let Some(id) = request_id(request.headers) {
                line.word(name!("request_id"), id);
            }
            let asked = || Parent::of(request.headers).map(|parent| parent.trace);
            if let Some(trace) = trace_id.or_else(asked) {
                line.word(name!("trace_id"), trace.digits());
            }
            if let Some(source) = request.source {
                json::address(line.ours(name!("source")), source);
            }
            some(&mut line, name!("peer"), request.peer);
        }
        if let Some(candidate) = candidate {
            disagreement(line.ours(name!("candidate")), candidate);
        }
        line.number(name!("duration_us"), u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        line.close();
        out.push(b'\n');
    }

    /// What lines say of a caller who has these roles, for as long as that is so;
    /// nothing where it is too long to be kept.
    pub(super) fn told(&self, caller: &Subject, roles: &[&str]) -> Option<Told> {
        let mut members = Vec::new();
        self.caller(&mut Object::rest(&mut members), caller, roles);
        (members.len() <= MOST_TOLD).then(|| Told(members.into()))
    }

    fn caller(&self, line: &mut Object<'_>, caller: &Subject, roles: &[&str]) {
        line.text(name!("user"), claims::user(&self.redact.claims, caller));
        json::list(line.ours(name!("roles")), roles.iter().take(MAX_ROLES), |out, role| {
            json::string(out, role)
        });
        if roles.len() > MAX_ROLES {
            line.number(name!("roles_left_out"), (roles.len() - MAX_ROLES).try_into().unwrap_or(u64::MAX));
        }
        if caller.proof == Proof::Token {
            token::members(line, caller, roles, &self.redact.claims, self.replay);
            if !self.claims.is_empty() {
                claims::object(line.ours(name!("claims")), &caller.claims, &self.claims, &self.redact.claims);
            }
        }
    }

    /// The path without its query, and without the parameters that are hidden.
    /// Where no route was found, and something is to be hidden, all of it is.
    fn path<'r>(&self, target: &'r str, record: &Record<'_>) -> Cow<'r, str> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
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
    object.text(name!("direction"), direction.as_str());
    object.text(name!("reason"), reason.as_str());
    for (name, value) in [(name!("service"), service), (name!("route"), route)] {
        value.iter().for_each(|value| object.text(name, value));
    }
    if let Some(place) = place {
        json::place(object.ours(name!("place")), place);
    }
    object.text(name!("revision"), revision);
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
