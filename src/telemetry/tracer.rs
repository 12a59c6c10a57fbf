//! Which checks are traced, and what their spans say.
//!
//! Who asks says whether a trace is recorded, and a client may have written that:
//! so many checks are traced in one second and no more, whoever asks for it.
//! Spans hold words of the policy and of Doorward, the request's method where it is
//! a known one, and nothing else of the request: no path, no query, no header, no
//! part of a token. The issuer is told once its signature was good.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::correlation::{Parent, TraceId, trace_state};
use super::course::{Lasted, Verify};
use super::record::Record;
use super::spans::{Kind, Span, Spans, Value};
use crate::config::{ParentTrace, Share, Tracing};
use crate::engine::{Headers, Proof};
use crate::policy::Method;

/// What whoever carried a check here says of its trace: the proxy, whose span this
/// is, and not the client. Values of headers as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried<'h> {
    /// `traceparent`.
    pub parent: Option<&'h [u8]>,
    /// `tracestate`.
    pub state: Option<&'h [u8]>,
}

impl Carried<'_> {
    /// The trace, where it says one.
    pub fn trace_id(self) -> Option<TraceId> {
        self.parent.and_then(Parent::parse).map(|parent| parent.trace)
    }
}

/// Who decides what is traced.
#[derive(Debug)]
pub(super) struct Tracer {
    sample: Share,
    parent: ParentTrace,
    pace: Pace,
    /// Makes ids of spans.
    keys: RandomState,
    spans: Arc<Spans>,
}

/// A check that is traced.
#[derive(Debug)]
pub struct Trace {
    id: TraceId,
    parent: Option<NonZero<u64>>,
    flags: u8,
    state: String,
}

impl Trace {
    /// Its id.
    pub fn id(&self) -> TraceId {
        self.id
    }
}

impl Tracer {
    pub(super) fn new(config: &Tracing) -> Self {
        let Tracing { span: _, otlp: _, sample, parent, max_per_second, service_name: _, resource: _ } =
            config;
        Self {
            sample: *sample,
            parent: *parent,
            pace: Pace::new(*max_per_second),
            keys: RandomState::new(),
            spans: Arc::default(),
        }
    }

    pub(super) fn spans(&self) -> &Arc<Spans> {
        &self.spans
    }

    /// Whether the decision of this id is traced, and as a part of what. What
    /// carried the check counts more than what the request says.
    pub(super) fn begin(&self, carried: Carried<'_>, headers: Headers<'_>, id: u128) -> Option<Trace> {
        let (parent, carried_here) = match (self.parent, carried.parent.and_then(Parent::parse)) {
            (ParentTrace::Ignore, _) => (None, false),
            (ParentTrace::Follow, Some(parent)) => (Some(parent), true),
            (ParentTrace::Follow, None) => (Parent::of(headers), false),
        };
        let wanted = parent.map_or_else(|| self.sample.has(id), Parent::is_sampled);
        if !wanted {
            return None;
        }
        if !self.pace.admits(Instant::now()) {
            self.spans.limited();
            return None;
        }
        Some(match parent {
            Some(parent) => Trace {
                id: parent.trace,
                parent: Some(parent.span),
                flags: parent.flags(),
                state: if carried_here {
                    trace_state(carried.state.into_iter())
                } else {
                    trace_state(headers.all("tracestate"))
                },
            },
            // A trace of its own is called like the decision: who has one finds the
            // other.
            None => Trace { id: TraceId::new(id)?, parent: None, flags: SAMPLED, state: String::new() },
        })
    }

    /// Tells the spans of a check that is answered.
    pub(super) fn end(&self, trace: Trace, record: &Record<'_>) {
        let clocks = Clocks::now();
        let Trace { id, parent, flags, state } = trace;
        let span = |number: u8, name, lasted: Lasted| Span {
            trace: id,
            id: self.span_id(record.id, number),
            parent: None,
            state: String::new(),
            flags: u32::from(flags) | KNOWS_WHERE,
            name,
            kind: Kind::Internal,
            from: clocks.nanos(lasted.from),
            to: clocks.nanos(lasted.to),
            attributes: Vec::new(),
            fault: false,
        };
        let whole = Lasted {
            from: clocks.steady.checked_sub(record.took).unwrap_or(clocks.steady),
            to: clocks.steady,
        };
        let remote = if parent.is_some() { ELSEWHERE } else { 0 };
        let check = span(0, "check", whole);
        let check = Span {
            parent,
            state,
            flags: check.flags | remote,
            kind: Kind::Server,
            attributes: attributes(record),
            // A denial is what was asked for.
            fault: record.status == 503,
            ..check
        };
        let mut spans = vec![];
        if let Some(course) = record.course {
            let decide = span(1, "decide", course.decide);
            let revision = record.revision.map(|revision| ("doorward.revision", text(revision)));
            let decide =
                Span { parent: Some(check.id), attributes: revision.into_iter().collect(), ..decide };
            if let Some(verify) = course.verify {
                let inner = span(2, "verify", verify.lasted);
                spans.push(Span { parent: Some(decide.id), attributes: of_verify(verify, record), ..inner });
            }
            spans.push(decide);
        }
        spans.push(check);
        self.spans.push(spans);
    }

    fn span_id(&self, decision: &str, number: u8) -> NonZero<u64> {
        NonZero::new(self.keys.hash_one((decision, number))).unwrap_or(NonZero::<u64>::MIN)
    }
}

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 0b01;

/// Flags of OTLP beside those of W3C: it is known whether the parent is in another
/// process, and it is.
const KNOWS_WHERE: u32 = 0x100;
const ELSEWHERE: u32 = 0x200;

fn attributes(record: &Record<'_>) -> Vec<(&'static str, Value)> {
    let decision = if record.reason.is_allowed() { "allow" } else { "deny" };
    let mut told = vec![
        ("doorward.decision", Value::Text(decision.into())),
        ("doorward.reason", Value::Text(record.reason.as_str().into())),
        ("doorward.status", Value::Number(record.status.into())),
        ("doorward.decision_id", text(record.id)),
    ];
    if record.status == 503 {
        told.push(("error.type", Value::Text(record.reason.as_str().into())));
    }
    if let Some(service) = record.service {
        told.push(("doorward.service", text(service)));
    }
    if let Some(route) = record.route {
        told.push(("doorward.route", text(route)));
        // Methods, a space, and the template.
        if let Some((_, template)) = route.rsplit_once(' ') {
            told.push(("http.route", text(template)));
        }
    }
    if let Some(request) = record.request {
        // What is no method of HTTP may be anything.
        let method = Method::of_request(request.method).map_or("_OTHER", Method::wire_name);
        told.push(("http.request.method", Value::Text(method.into())));
    }
    if let Some(candidate) = record.candidate {
        told.push(("doorward.candidate", Value::Text(candidate.direction.as_str().into())));
    }
    told
}

fn of_verify(verify: Verify, record: &Record<'_>) -> Vec<(&'static str, Value)> {
    match verify.outcome {
        Ok(remembered) => {
            let issuer = record.caller.filter(|caller| caller.proof == Proof::Token);
            let issuer = issuer.and_then(|caller| caller.claims.get("iss")?.as_str());
            let cached = ("doorward.cache_hit", Value::Flag(remembered));
            [cached].into_iter().chain(issuer.map(|issuer| ("doorward.issuer", text(issuer)))).collect()
        }
        Err(reason) => vec![("doorward.reason", Value::Text(reason.as_str().into()))],
    }
}

fn text(text: &str) -> Value {
    Value::Text(Cow::Owned(text.to_owned()))
}

/// The time of day of moments.
struct Clocks {
    steady: Instant,
    wall: Duration,
}

impl Clocks {
    fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { steady: Instant::now(), wall }
    }

    /// Nanoseconds since 1970 of a moment that is not ahead.
    fn nanos(&self, moment: Instant) -> u64 {
        let ago = self.steady.saturating_duration_since(moment);
        u64::try_from(self.wall.saturating_sub(ago).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// So many in every second and no more.
#[derive(Debug)]
struct Pace {
    most: u32,
    began: Instant,
    /// The number of the second, and how many were admitted in it: 32 bits each.
    now: AtomicU64,
}

impl Pace {
    fn new(most: u32) -> Self {
        Self { most, began: Instant::now(), now: AtomicU64::new(0) }
    }

    fn admits(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.began).as_secs() << 32;
        let admit = |held: u64| {
            // A clock that is read later may be told earlier: its second counts on.
            let (at, admitted) = (held & !u64::from(u32::MAX), held & u64::from(u32::MAX));
            let (at, admitted) = if second > at { (second, 0) } else { (at, admitted) };
            (admitted < u64::from(self.most)).then_some(at | (admitted + 1))
        };
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).is_ok()
    }
}

#[cfg(test)]
mod tests;
