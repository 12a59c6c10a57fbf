//! The gate itself: asks the judge, whatever the judge does, and answers.
//!
//! A proxy takes an error for a fault, and may be told to open the door to
//! faults. So asking never ends in an error: panics and missed deadlines become
//! denials with 503.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Allow, Answer, Denial, Described, Outcome};
use super::id::Ids;
use super::problem;
use super::snapshot::Live;
use super::verdict::{Judge, Verdict};
use super::words::Words;
use crate::denial::{self, Denials, Denied};
use crate::engine::{Headers, Input, Reason};
use crate::telemetry::{Carried, InFlight, Keep, Record, Telemetry, Trace, TraceId};
use crate::words::Refusal;

/// The longest a check may take, where the proxy sets no shorter deadline.
const LIMIT: Duration = Duration::from_secs(1);

/// What answers for the policy in force.
#[derive(Debug)]
pub struct Gate<J = Arc<Live>> {
    judge: J,
    denials: Arc<Denials>,
    telemetry: Arc<Telemetry>,
    ids: Ids,
    limit: Duration,
    /// The most checks at once.
    checks: usize,
}

impl Gate {
    /// A gate that decides by the policy in force, tells denied callers these
    /// words, and everything to `telemetry`.
    pub fn new(policy: Arc<Live>, denials: Arc<Denials>, telemetry: Arc<Telemetry>) -> Self {
        Self::with(policy, denials, telemetry, LIMIT)
    }
}

#[expect(private_bounds, reason = "judges other than the policy are for tests")]
impl<J: Judge> Gate<J> {
    pub(crate) fn with(judge: J, denials: Arc<Denials>, telemetry: Arc<Telemetry>, limit: Duration) -> Self {
        Self { judge, denials, telemetry, ids: Ids::default(), limit, checks: usize::MAX }
    }

    /// The same gate for so many checks at once.
    #[must_use]
    pub fn at_most(self, checks: usize) -> Self {
        Self { checks, ..self }
    }

    /// A check has arrived: it is under way as long as this is kept. `None` if
    /// there are too many; it is to be refused as [`Reason::Overloaded`] then.
    pub(crate) fn admit(&self) -> Option<InFlight> {
        self.telemetry.metrics().begin(self.checks)
    }

    /// Whether it matters what carried a check says of its trace.
    pub(crate) fn tells_traces(&self) -> bool {
        self.telemetry.tells_traces()
    }

    /// The answer to a request that arrived at `arrived`, as `write` writes it.
    /// `read` gives its words, or says why it has none; `deadline` is how long the
    /// proxy waits.
    pub(crate) fn answer<'m, T>(
        &self,
        read: impl FnOnce() -> Result<Words<'m>, &'static str>,
        arrived: Instant,
        deadline: Option<Duration>,
        carried: Carried<'_>,
        write: impl Fn(Answer<'_>) -> T,
    ) -> T {
        // A tenth is kept for the way back.
        let budget = deadline.map_or(self.limit, |t| self.limit.min(t - t / 10));
        let id = self.ids.next();
        let keep = self.telemetry.keep(id.bits());
        let digits = id.digits();
        let asked = Asked { id: digits.as_str(), keep, arrived, trace_id: carried.trace_id() };
        let mut grpc = false;
        // It is told even if the check panics.
        let mut trace = None;
        // Unwinding leaves nothing half-done behind: a check only reads, and
        // what it reads never changes.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let words = match read() {
                Ok(words) => words,
                Err(why) => return self.bare(asked, Reason::RequestMalformed, why, false, None, &write),
            };
            let pairs = words.pairs();
            grpc = words.wants_grpc();
            trace = self.telemetry.trace(carried, Headers::new(&pairs), id.bits());
            self.judge.judge(&words, &pairs, keep, trace.is_some(), |mut verdict| {
                let took = verdict.decided.unwrap_or_else(Instant::now).saturating_duration_since(arrived);
                if verdict.reason.is_allowed() && took >= budget {
                    // The proxy has given up or is about to. An allow that nobody
                    // waits for must not be one that somebody else is given.
                    verdict.refuse(Reason::Overloaded, "the check took longer than its deadline");
                }
                let request = words.input(&pairs, verdict.now);
                self.respond(asked, verdict, Some(&request), grpc, trace.take(), &write)
            })
        }));
        answer.unwrap_or_else(|_| {
            self.bare(asked, Reason::EngineError, "the check panicked", grpc, trace, &write)
        })
    }

    /// The answer to a request of which nothing is known.
    pub(crate) fn refuse<T>(
        &self,
        reason: Reason,
        why: &'static str,
        arrived: Instant,
        write: impl Fn(Answer<'_>) -> T,
    ) -> T {
        let id = self.ids.next();
        let (digits, keep) = (id.digits(), self.telemetry.keep(id.bits()));
        let asked = Asked { id: digits.as_str(), keep, arrived, trace_id: None };
        self.bare(asked, reason, why, false, None, &write)
    }

    fn bare<T>(
        &self,
        asked: Asked<'_>,
        reason: Reason,
        why: &'static str,
        grpc: bool,
        trace: Option<Trace>,
        write: &impl Fn(Answer<'_>) -> T,
    ) -> T {
        let answer = || self.respond(asked, Verdict::bare(reason, why), None, grpc, trace, write);
        catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| {
            let denial = Denial::refuse(Refusal::ServiceUnavailable, Vec::new(), String::new());
            write(Answer { outcome: Outcome::Deny(denial), id: "", described: Described::default() })
        })
    }

    /// The answer to a verdict, told as it is given. A verdict that can't be
    /// carried out becomes a denial.
    fn respond<T>(
        &self,
        asked: Asked<'_>,
        mut verdict: Verdict<'_>,
        request: Option<&Input<'_>>,
        grpc: bool,
        trace: Option<Trace>,
        write: &impl Fn(Answer<'_>) -> T,
    ) -> T {
        let changes = std::mem::take(&mut verdict.changes);
        let allow = verdict.reason.is_allowed().then(|| Allow::new(changes));
        let outcome = match allow {
            Some(Ok(allow)) => Outcome::Allow(allow),
            Some(Err(_)) => {
                verdict.refuse(Reason::ValueUnsafe, "a managed header was not safe to send");
                Outcome::Deny(self.denial(asked.id, &verdict, request, grpc))
            }
            None => Outcome::Deny(self.denial(asked.id, &verdict, request, grpc)),
        };
        let status = match &outcome {
            Outcome::Allow(_) => 200,
            Outcome::Deny(denial) => denial.status(),
        };
        self.telemetry.decided(
            &Record {
                id: asked.id,
                reason: verdict.reason,
                status,
                detail: verdict.detail.as_deref(),
                service: verdict.service,
                route: verdict.route,
                meter: verdict.meter,
                veil: verdict.veil,
                place: verdict.place,
                revision: verdict.revision,
                caller: verdict.caller.as_ref().map(|caller| caller.subject()),
                principal: verdict.caller.as_ref(),
                roles: &verdict.roles,
                told: verdict.told,
                request,
                trace_id: trace.as_ref().map(Trace::id).or(asked.trace_id),
                candidate: verdict.candidate.as_ref(),
                course: verdict.course.as_ref(),
                time: verdict.time,
                took: asked.arrived.elapsed(),
            },
            asked.keep,
            trace,
        );
        let user = verdict.caller.as_ref().map(|caller| self.telemetry.user(caller.subject()));
        write(Answer { outcome, id: asked.id, described: describe(asked.id, &verdict, user) })
    }

    fn denial(&self, id: &str, verdict: &Verdict<'_>, request: Option<&Input<'_>>, grpc: bool) -> Denial {
        let answer = self.denials.answer(Denied {
            reason: verdict.reason,
            id,
            request,
            service: verdict.service,
            route: verdict.route,
            user: verdict.user(),
            missing: &verdict.missing,
            methods: verdict.methods,
        });
        match &answer {
            denial::Answer::Login(location) => Denial::redirect(location),
            denial::Answer::Refuse(told) => problem::denial(told, id, verdict.required.as_ref(), grpc),
        }
    }
}

/// One question, as the gate knows it.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    id: &'a str,
    keep: Keep,
    arrived: Instant,
    /// Of whoever carried it.
    trace_id: Option<TraceId>,
}

fn describe<'a>(id: &'a str, verdict: &'a Verdict<'_>, user: Option<&'a str>) -> Described<'a> {
    let candidate = verdict.candidate.as_ref();
    [
        ("reason", Some(verdict.reason.as_str())),
        ("decision_id", Some(id)),
        ("service", verdict.service),
        ("route", verdict.route),
        ("user", user),
        ("revision", verdict.revision),
        ("candidate", candidate.map(|candidate| candidate.direction.as_str())),
        ("candidate_reason", candidate.map(|candidate| candidate.reason.as_str())),
    ]
}
