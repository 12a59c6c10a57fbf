//! The policy in force: everything a decision needs, as one value behind one
//! pointer.
//!
//! The only file that names the pointer's crate.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::candidate::disagreement;
use super::problem::{Names, Required};
use super::verdict::{Judge, Verdict};
use super::words::Words;
use crate::compile::{Index, Service};
use crate::engine::{
    Decision, HeaderPlan, Held, Input, Missing, Prepared, Principal, Reason, Subject, decide,
};
use crate::identity::{Remembered, TokenCache, Verifier};
use crate::telemetry::{Course, Keep, Lasted, Meters, Told, Verify};

/// Policy, keys and managed headers that belong together, and what they make
/// of the tokens that were verified under them. Another policy is another
/// snapshot: it has the same keys, and remembers nothing of this one's callers.
#[derive(Debug)]
pub struct Snapshot {
    index: Arc<Index>,
    verifier: Arc<Verifier>,
    headers: Arc<HeaderPlan>,
    meters: Arc<Meters>,
    /// What is decided beside and not enforced.
    candidate: Option<Arc<Index>>,
    callers: TokenCache<Caller>,
}

/// What this snapshot makes of a token.
struct Caller {
    principal: Arc<Principal>,
    /// Who that is to the candidate.
    candidate: Option<Arc<Principal>>,
    /// As far as they depend on the caller alone.
    headers: Option<Prepared>,
    /// What lines say of the caller where no scoped binding counts.
    told: Option<Told>,
}

impl Remembered for Caller {
    fn bytes(&self) -> usize {
        let Self { principal, candidate, headers, told } = self;
        size_of::<Self>()
            + principal.bytes()
            + candidate.as_ref().map_or(0, |candidate| candidate.bytes())
            + headers.as_ref().map_or(0, Prepared::bytes)
            + told.as_ref().map_or(0, Told::bytes)
    }
}

impl Snapshot {
    /// A snapshot of these.
    pub fn new(index: Index, verifier: Verifier, headers: HeaderPlan, meters: Meters) -> Self {
        let callers = verifier.new_cache();
        Self {
            index: Arc::new(index),
            verifier: Arc::new(verifier),
            headers: Arc::new(headers),
            meters: Arc::new(meters),
            candidate: None,
            callers,
        }
    }

    /// A snapshot of another policy. The keys stay the same object: what is
    /// fetched for this snapshot reaches the other too. The candidate stays.
    pub fn successor(&self, index: Index, headers: HeaderPlan, meters: Meters) -> Self {
        Self {
            index: Arc::new(index),
            verifier: Arc::clone(&self.verifier),
            headers: Arc::new(headers),
            meters: Arc::new(meters),
            candidate: self.candidate.clone(),
            callers: self.verifier.new_cache(),
        }
    }

    /// A snapshot of the same policy beside another candidate, or none.
    pub fn beside(&self, candidate: Option<Index>) -> Self {
        Self {
            index: Arc::clone(&self.index),
            verifier: Arc::clone(&self.verifier),
            headers: Arc::clone(&self.headers),
            meters: Arc::clone(&self.meters),
            candidate: candidate.map(Arc::new),
            callers: self.verifier.new_cache(),
        }
    }

    /// The policy.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The candidate.
    pub fn candidate(&self) -> Option<&Index> {
        self.candidate.as_deref()
    }

    /// How the managed headers are made.
    pub fn headers(&self) -> &HeaderPlan {
        &self.headers
    }

    /// The keys.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn judge<T>(
        &self,
        words: &Words<'_>,
        pairs: &[(&str, &[u8])],
        keep: Keep,
        traced: bool,
        clock: impl FnOnce() -> SystemTime,
        then: impl FnOnce(Verdict<'_>) -> T,
    ) -> T {
        let time = clock();
        let Some(now) = seconds(time) else {
            return then(Verdict::bare(Reason::EngineError, "the clock stands before 1970"));
        };
        let input = words.input(pairs, now);
        let (index, on_anonymous) = (&*self.index, self.verifier.on_anonymous());
        let mut caller: Option<Arc<Caller>> = None;
        let (begun, mut verify) = (traced.then(Instant::now), None);
        let decision = decide(index, &input, on_anonymous, |service| {
            let begun = traced.then(Instant::now);
            let (known, remembered) = self.recall(service, &input);
            if let Some(begun) = begun {
                let outcome = known.as_ref().map(|_| remembered).map_err(|(reason, _)| *reason);
                verify = Some(Verify { lasted: Lasted::since(begun), outcome });
            }
            Ok(Arc::clone(&caller.insert(known?).principal))
        });
        let course = begun.map(|begun| Course { decide: Lasted::since(begun), verify });
        let mut verdict = self.in_names(&decision);
        verdict.course = course;
        verdict.now = now;
        verdict.time = Some(time);
        verdict.meter = self.meters.of(decision.service, decision.route);
        verdict.veil = self.meters.veil().map(Arc::as_ref);
        if decision.reason.is_allowed() {
            let prepared = caller.as_ref().and_then(|caller| caller.headers.as_ref());
            match self.headers.changes(prepared, index, &decision, &input) {
                Ok(changes) => verdict.changes = changes,
                Err(fault) => {
                    verdict.refuse(Reason::ValueUnsafe, format!("{}: {}", fault.header, fault.why));
                }
            }
        }
        if let Some(candidate) = &self.candidate {
            verdict.decided = Some(Instant::now());
            let identify = |service: &Service| {
                let known = self.recall(service, &input).0?;
                known
                    .candidate
                    .clone()
                    .ok_or((Reason::EngineError, "no candidate when the token was verified"))
            };
            verdict.candidate = disagreement(candidate, &input, on_anonymous, identify, &decision);
        }
        if (keep.keeps(verdict.reason) || verdict.candidate.is_some())
            && let Some(held) = decision.held(index)
        {
            let known = caller.as_deref().filter(|known| ptr::eq(&*known.principal, held.principal()));
            verdict.told = known.and_then(|known| known.told.as_ref()).filter(|_| !held.is_scoped());
            if verdict.told.is_none() {
                verdict.roles = held.role_names();
            }
        }
        verdict.caller = decision.principal.clone();
        then(verdict)
    }

    /// The caller of a request to a service, as their token was verified now or
    /// before; and whether it was before.
    fn recall(
        &self,
        service: &Service,
        input: &Input<'_>,
    ) -> (Result<Arc<Caller>, (Reason, &'static str)>, bool) {
        let Self { index, verifier, headers, candidate, callers, meters } = self;
        let remembered = Cell::new(true);
        let make = |subject: Subject| {
            remembered.set(false);
            let candidate =
                candidate.as_deref().map(|index| Arc::new(Principal::resolve(index, subject.clone())));
            let principal = Arc::new(Principal::resolve(index, subject));
            let caller = Held::everywhere(index, &principal);
            let service = index.service_named(&service.name);
            let headers = service.map(|service| headers.prepare(index, service, caller));
            let told = meters.told(caller);
            Caller { principal, candidate, headers, told }
        };
        let known = verifier
            .recall(callers, input.headers, &service.audiences, input.now, make)
            .map_err(|refusal| (refusal.reason, refusal.detail));
        (known, remembered.get())
    }

    fn in_names(&self, decision: &Decision) -> Verdict<'_> {
        let index = &*self.index;
        Verdict {
            detail: decision.detail.map(Into::into),
            service: decision.service_name(index),
            route: decision.route_text(index),
            place: decision.place(index),
            revision: Some(index.revision()),
            required: decision.required(index).map(|required| {
                let names = required.names.into_iter().map(str::to_owned).collect();
                let names = if required.all { Names::All(names) } else { Names::Any(names) };
                Required::of(decision.reason, names)
            }),
            missing: Missing::of(index, decision),
            methods: decision.allow,
            ..Verdict::of(decision.reason)
        }
    }
}

fn seconds(now: SystemTime) -> Option<u64> {
    now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// The snapshot in force. Replacing it is one store; a check that is under
/// way finishes on the one it began with.
#[derive(Debug)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// Puts the first snapshot in force.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// Puts another snapshot in force.
    pub fn replace(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }

    /// The snapshot in force.
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

impl Judge for Arc<Live> {
    fn judge<T>(
        &self,
        words: &Words<'_>,
        pairs: &[(&str, &[u8])],
        keep: Keep,
        traced: bool,
        then: impl FnOnce(Verdict<'_>) -> T,
    ) -> T {
        // INVARIANT: the only load of a check.
        self.0.load().judge(words, pairs, keep, traced, SystemTime::now, then)
    }
}
