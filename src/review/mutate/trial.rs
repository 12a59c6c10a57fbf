//! One mutant after the other, before tests, invariants and proof.

use std::collections::BTreeSet;
use std::{iter, mem};

use super::Mutant;
use super::entry::{self, Entry, Said};
use crate::compile::{Header, Index, compile};
use crate::config::{Issuer, OnAnonymous};
use crate::denial::Denials;
use crate::diag::{Report, Sources};
use crate::engine::{HeaderPlan, Reason, Silent};
use crate::policy::Policy;
use crate::policy::invariant::Invariant;
use crate::review::invariants::{Outcome, Refuted, refuted};
use crate::review::suite::{Miss, Suite, When};
use crate::review::{Diff, Kind, Shift, Tokens, TooComplex, Witness};
use crate::trial::Court;

/// How much of what is changed becomes the name of a test. It is ASCII, and such
/// a name may have 200 bytes.
const MAX_NAME: usize = 150;

/// What mutants are tried on.
#[derive(Clone, Copy)]
pub struct Ground<'g> {
    /// The policy as it is.
    pub index: &'g Index,
    /// The same as it was written, with its invariants, which must hold.
    pub policy: &'g Policy,
    /// Its files.
    pub sources: &'g Sources,
    /// Its tests, which must hold.
    pub suite: &'g Suite,
    /// How tokens are read that are given by their claims.
    pub issuers: &'g [Issuer],
    /// What upstreams are told, where a configuration says so.
    pub headers: Option<&'g [Header]>,
    /// What becomes of a token on a route that everyone may call.
    pub on_anonymous: OnAnonymous,
    /// What tokens may carry.
    pub tokens: Tokens,
    /// When the tests run that do not say when, and from when on the proof
    /// counts; in seconds since 1970.
    pub now: u64,
    /// Ask the invariants of what a test notices, too.
    pub both: bool,
}

/// Where mutants are tried, one at a time.
pub struct Trial<'g> {
    ground: Ground<'g>,
    /// A copy to put mutants into, and which is as it was between two of them;
    /// without tests, which are in the suite.
    written: Policy,
    denials: Denials,
    /// The service that each test reaches: what changes elsewhere is nothing to it.
    reached: Vec<Option<&'g str>>,
    /// The names that tests have, those that were proposed among them.
    names: BTreeSet<String>,
}

/// What became of a mutant.
#[derive(Debug)]
pub enum Fate {
    /// It does not compile: nobody could have merged it.
    Broken,
    /// Nobody may what they could not: proved.
    Harmless,
    /// Something noticed it.
    Noticed(Notice),
    /// It opens something, and nothing noticed.
    Survived(Box<Survivor>),
}

/// What noticed a mutant: a test, an invariant, or both where both were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// The first such test, by its number in the suite.
    pub test: Option<usize>,
    /// An invariant that is false of it, by its number in the policy.
    pub invariant: Option<usize>,
}

/// What a mutant opens, and what would have noticed.
#[derive(Debug)]
pub struct Survivor {
    /// A request that the policy denies and the mutant allows.
    pub witness: Witness,
    /// The reason that it is denied for.
    pub reason: Reason,
    /// Whether the engine decided it so; not where the witness leaves it open
    /// what a condition says.
    pub confirmed: bool,
    /// The test to write, where it can be said by a test.
    pub entry: Option<Entry>,
}

impl<'g> Trial<'g> {
    /// On this ground.
    pub fn new(ground: Ground<'g>) -> Self {
        let mut written = ground.policy.clone();
        written.tests.clear();
        written.personas.clear();
        let names = ground.policy.tests.iter().map(|test| test.name.value.to_string()).collect();
        let mut trial = Self { ground, written, denials: Denials::default(), reached: Vec::new(), names };
        trial.reached = trial.reached();
        trial
    }

    fn reached(&self) -> Vec<Option<&'g str>> {
        let Ground { index, suite, now, .. } = self.ground;
        let session = suite.before(self.court(index, None), When::At(now));
        let reached = |case| session.run(case, &mut Silent).decision.service_name(index);
        suite.cases().iter().map(reached).collect()
    }

    /// Whether every test holds for the policy as it is; else the first that
    /// does not.
    pub fn failing(&self) -> Option<usize> {
        self.noticed(self.ground.index, None).map(|(test, _)| test)
    }

    /// The first invariant that is false of the policy as it is.
    pub fn refuted(&self) -> Result<Option<Outcome>, TooComplex> {
        let Ground { index, policy, .. } = self.ground;
        Ok(self.broken(index, policy, None)?.map(|Refuted { outcome, .. }| outcome))
    }

    /// Tries a mutant.
    pub fn judge(&mut self, mutant: &mut Mutant) -> Result<Fate, TooComplex> {
        mutant.piece.swap(&mut self.written);
        let fate = self.fate(mutant);
        mutant.piece.swap(&mut self.written);
        fate
    }

    /// The weaker policy as it would be written, without tests.
    pub fn weaker(&mut self, mutant: &mut Mutant) -> Policy {
        mutant.piece.swap(&mut self.written);
        let weaker = self.written.clone();
        mutant.piece.swap(&mut self.written);
        weaker
    }

    /// Tests are asked first, for they cost least; then invariants, of which one
    /// that is false is enough; then the proof that it opens anything, unless one
    /// of the others has shown a request.
    fn fate(&mut self, mutant: &Mutant) -> Result<Fate, TooComplex> {
        let Ground { index, tokens, now, both, .. } = self.ground;
        let Some((weaker, refused)) = self.compiled() else { return Ok(Fate::Broken) };
        let test = self.noticed(&weaker, mutant.reach());
        let is_asked = test.is_none() || both;
        let refused = refused.filter(|_| is_asked);
        let refuted = match refused {
            None if is_asked => self.broken(&weaker, &self.written, mutant.reach())?,
            _ => None,
        };
        let notice = Notice {
            test: test.map(|(number, _)| number),
            invariant: refused.or(refuted.as_ref().map(|refuted| refuted.number)),
        };
        // What was to be denied is allowed: it opens something for sure.
        let opens = test.is_some_and(|(_, opens)| opens)
            || refuted.is_some_and(|refuted| shows_more(&refuted.outcome, index));
        if opens {
            return Ok(Fate::Noticed(notice));
        }
        let diff = Diff::of_service(index, &weaker, tokens, now, mutant.reach())?;
        let Some(shift) = best(&diff) else { return Ok(Fate::Harmless) };
        if notice.test.is_some() || notice.invariant.is_some() {
            return Ok(Fate::Noticed(notice));
        }
        let witness = shift.witness.clone();
        let reason = witness.decide(index).reason;
        let entry = shift.confirmed.then(|| self.entry(mutant, &witness, reason, &weaker)).flatten();
        Ok(Fate::Survived(Box::new(Survivor { witness, reason, confirmed: shift.confirmed, entry })))
    }

    /// The weaker policy, where it compiles, and the invariant that refuses it: one
    /// that names what is there no more, so that the two do not compile together.
    fn compiled(&mut self) -> Option<(Index, Option<usize>)> {
        let sources = self.ground.sources;
        let compiled = |policy: &Policy| compile(policy, sources, &mut Report::default());
        if let Some(index) = compiled(&self.written) {
            return Some((index, None));
        }
        let all = mem::take(&mut self.written.invariants);
        let index = compiled(&self.written);
        let refuses = |one: &Invariant| {
            self.written.invariants = vec![one.clone()];
            compiled(&self.written).is_none()
        };
        let refused = index.as_ref().and_then(|_| all.iter().position(refuses));
        self.written.invariants = all;
        index.map(|index| (index, refused))
    }

    /// An invariant that is false, where all held before this service changed.
    fn broken(
        &self,
        index: &Index,
        written: &Policy,
        changed: Option<&str>,
    ) -> Result<Option<Refuted>, TooComplex> {
        let Ground { sources, tokens, now, .. } = self.ground;
        refuted(index, written, sources, (tokens, now), changed)
    }

    /// The first test that notices, and whether it saw a door open: such a test
    /// goes before all others. With the name of a service, of those that reach it.
    fn noticed(&self, index: &Index, changed: Option<&str>) -> Option<(usize, bool)> {
        let plan = self.ground.headers.map(|headers| HeaderPlan::new(headers, index));
        let court = self.court(index, plan.as_ref());
        let suite = self.ground.suite;
        let session = suite.before(court, When::At(self.ground.now));
        let mut first = None;
        let concerns = |reached: &Option<&str>| changed.is_none() || *reached == changed;
        let cases = suite.cases().iter().zip(&self.reached).enumerate();
        for (number, (case, _)) in cases.filter(|(_, (_, reached))| concerns(reached)) {
            let verdict = session.run(case, &mut Silent);
            let reason = verdict.decision.reason;
            if reason.is_allowed() && !case.expect.is_allowed() {
                return Some((number, true));
            }
            if first.is_none() && !session.misses(case, &verdict).is_empty() {
                first = Some((number, false));
            }
        }
        first
    }

    fn court<'c>(&'c self, index: &'c Index, headers: Option<&'c HeaderPlan>) -> Court<'c> {
        Court { index, headers, denials: &self.denials, on_anonymous: self.ground.on_anonymous }
    }

    /// The test to write: it holds for the policy, whenever it runs, and fails for
    /// the mutant. Of time, service, host and address it says what it must.
    fn entry(&mut self, mutant: &Mutant, witness: &Witness, reason: Reason, weaker: &Index) -> Option<Entry> {
        let name = self.free_name(&mutant.told());
        let notices = |said: Said| {
            let entry = entry::of(witness, reason, &name, said);
            self.notices(&entry, weaker).then_some(entry)
        };
        let mut said = Said::ALL;
        let mut best = notices(said)?;
        for less in Said::LESS {
            if let Some(entry) = notices(less(said)) {
                (said, best) = (less(said), entry);
            }
        }
        self.names.insert(name);
        Some(best)
    }

    /// Whether a test holds for the policy and sees the mutant allow.
    fn notices(&self, entry: &Entry, weaker: &Index) -> bool {
        let Ground { index, issuers, now, .. } = self.ground;
        let Some(suite) = entry.suite(issuers) else { return false };
        let misses = |index: &Index, when| -> Vec<Miss> {
            let session = suite.before(self.court(index, None), when);
            suite
                .cases()
                .iter()
                .flat_map(|case| session.misses(case, &session.run(case, &mut Silent)))
                .collect()
        };
        misses(index, When::Any(now)).is_empty()
            && misses(weaker, When::At(now)).contains(&Miss::Reason(Reason::Allowed))
    }

    /// A name that no test has.
    fn free_name(&self, told: &str) -> String {
        let told: String = told.chars().take(MAX_NAME).collect();
        let numbered = (2..).map(|number| format!("{told} ({number})"));
        let mut names = iter::once(told.clone()).chain(numbered);
        names.find(|name| !self.names.contains(name)).unwrap_or_default()
    }
}

impl Mutant {
    /// What a test says that would have noticed it.
    fn told(&self) -> String {
        let rule = self.before.split(':').next().unwrap_or_default();
        format!("{}: {rule} of {}", self.kind.as_str(), self.subject.replace('`', ""))
    }
}

/// Whether what breaks an invariant is a request that is denied as yet.
fn shows_more(outcome: &Outcome, index: &Index) -> bool {
    let is_new = |witness: &Witness| !witness.decide(index).reason.is_allowed();
    outcome
        .counterexamples()
        .any(|found| found.confirmed && found.decided.is_allowed() && is_new(&found.witness))
}

/// What a diff opens, shown best by what the engine confirms and no condition has
/// a part in.
fn best(diff: &Diff) -> Option<&Shift> {
    let gained = diff.changes.iter().filter_map(|change| Some((change.kind, change.gained.as_ref()?)));
    let rank =
        |(kind, shift): &(Kind, &Shift)| (!shift.confirmed, !shift.witness.conditions.is_empty(), *kind);
    gained.min_by_key(rank).map(|(_, shift)| shift)
}
