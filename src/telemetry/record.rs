//! One decision, as it is told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::correlation::TraceId;
use super::course::Course;
use super::line::Told;
use super::meter::Meter;
use super::veil::Veil;
use crate::diag::Place;
use crate::engine::{Input, Principal, Subject};
use crate::words::Reason;

/// Everything there is to tell about one decision. What is `None` was not got
/// to, or is not known.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The decision's id: 32 hexadecimal digits.
    pub id: &'a str,
    /// Why it ended as it did.
    pub reason: Reason,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What exactly was wrong, in words of ours.
    pub detail: Option<&'a str>,
    /// The service.
    pub service: Option<&'a str>,
    /// The route as the policy writes it.
    pub route: Option<&'a str>,
    /// Where to count it; for a decision without route or service, elsewhere.
    pub meter: Option<&'a Meter>,
    /// What of paths is hidden; where that is not known and something
    /// is to be, all of them are.
    pub veil: Option<&'a Veil>,
    /// The place in the policy that decided.
    pub place: Option<&'a Place>,
    /// The content hash of the policy that decided.
    pub revision: Option<&'a str>,
    /// Who called.
    pub caller: Option<&'a Subject>,
    /// The same with what the policy makes of them, for whoever keeps it.
    pub principal: Option<&'a Arc<Principal>>,
    /// The roles in force for this request, the primary role first. Filled where
    /// [`Keep`] asks for it.
    pub roles: &'a [&'a str],
    /// What lines say of the caller with these roles, where it was kept.
    pub told: Option<&'a Told>,
    /// The request's words, query and credentials included: whoever writes them
    /// down leaves those out. `None` where nothing could be read.
    pub request: Option<&'a Input<'a>>,
    /// The trace that it belongs to, where that is known from elsewhere than the
    /// request's own header.
    pub trace_id: Option<TraceId>,
    /// Where the candidate decides otherwise.
    pub candidate: Option<&'a Disagreement>,
    /// When its parts began and ended, where that was noted.
    pub course: Option<&'a Course>,
    /// When it was decided; now where that is not known.
    pub time: Option<SystemTime>,
    /// From the arrival of the request to its answer.
    pub took: Duration,
}

impl<'a> Record<'a> {
    /// A decision of which nothing else is known: what a test or a bench knows
    /// besides is set on it. The gate names every field.
    pub fn bare(id: &'a str, reason: Reason) -> Self {
        Self {
            id,
            reason,
            status: reason.status(),
            detail: None,
            service: None,
            route: None,
            meter: None,
            veil: None,
            place: None,
            revision: None,
            caller: None,
            principal: None,
            roles: &[],
            told: None,
            request: None,
            trace_id: None,
            candidate: None,
            course: None,
            time: None,
            took: Duration::ZERO,
        }
    }
}

/// A decision of the candidate that is not the one in force.
#[derive(Debug, Clone)]
pub struct Disagreement {
    /// Which way they differ.
    pub direction: Direction,
    /// The candidate's reason.
    pub reason: Reason,
    /// The service: of an allow that would be.
    pub service: Option<Arc<str>>,
    /// The candidate's route.
    pub route: Option<Arc<str>>,
    /// The place in the candidate that decided.
    pub place: Option<Place>,
    /// The content hash of the candidate.
    pub revision: Arc<str>,
}

/// What the candidate would do to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It is denied, and the candidate allows it.
    WouldOpen,
    /// It is allowed, and the candidate denies it.
    WouldClose,
}

impl Direction {
    /// The word, as labels and logs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldOpen => "would_open",
            Self::WouldClose => "would_close",
        }
    }
}

/// Which outcomes of one decision are told at length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// An allow is.
    pub allow: bool,
    /// A denial is.
    pub deny: bool,
    /// A fault of ours is.
    pub fault: bool,
}

impl Keep {
    /// None is.
    pub const NOTHING: Self = Self { allow: false, deny: false, fault: false };

    /// All are.
    pub const ALL: Self = Self { allow: true, deny: true, fault: true };

    /// Whether an outcome of this reason is.
    pub fn keeps(self, reason: Reason) -> bool {
        match reason.status() {
            503 => self.fault,
            _ if reason.is_allowed() => self.allow,
            _ => self.deny,
        }
    }
}
