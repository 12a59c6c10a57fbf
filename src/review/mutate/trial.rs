//! One mutant after the other, before tests and proof.

use std::collections::BTreeSet;
use std::iter;

use super::entry::{self, Entry, Said};
use super::{Mutant, Watch};
use crate::compile::{Header, Index, compile};
use crate::config::{Issuer, OnAnonymous};
use crate::denial::Denials;
use crate::diag::{Report, Sources};
use crate::engine::{HeaderPlan, Reason, Silent};
use crate::policy::Policy;
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
    /// The same as it was written.
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
    /// Whatever else may notice.
    pub watch: Option<&'g Watch<'g>>,
}

/// Where mutants are tried, one at a time.
pub struct Trial<'g> {
    ground: Ground<'g>,
    /// A copy to put mutants into; without tests, which are in the suite.
    written: Policy,
    denials: Denials,
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

/// What noticed a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The test with this number in the suite.
    Test(usize),
    /// What watches beside tests.
    Watch,
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
        written.invariants.clear();
        let names = ground.policy.tests.iter().map(|test| test.name.value.to_string()).collect();
        Self { ground, written, denials: Denials::default(), names }
    }

    /// Whether every test holds for the policy as it is; else the first that
    /// does not.
    pub fn failing(&self) -> Option<usize> {
        self.noticed(self.ground.index).map(|(test, _)| test)
    }

    /// Tries a mutant.
    pub fn judge(&mut self, mutant: &mut Mutant) -> Result<Fate, TooComplex> {
        let Some(weaker) = self.weaker(mutant) else { return Ok(Fate::Broken) };
        let test = match self.noticed(&weaker) {
            // What was to be denied is allowed: it opens something for sure.
            Some((test, true)) => return Ok(Fate::Noticed(Notice::Test(test))),
            Some((test, false)) => Some(test),
            None => None,
        };
        let Ground { index, tokens, now, watch, .. } = self.ground;
        let diff = Diff::new(index, &weaker, tokens, now)?;
        let Some(shift) = best(&diff) else { return Ok(Fate::Harmless) };
        if let Some(test) = test {
            return Ok(Fate::Noticed(Notice::Test(test)));
        }
        if watch.is_some_and(|watch| watch(&weaker)) {
            return Ok(Fate::Noticed(Notice::Watch));
        }
        let witness = shift.witness.clone();
        let reason = witness.decide(index).reason;
        let entry = shift.confirmed.then(|| self.entry(mutant, &witness, reason, &weaker)).flatten();
        Ok(Fate::Survived(Box::new(Survivor { witness, reason, confirmed: shift.confirmed, entry })))
    }

    /// The weaker policy, where it compiles.
    pub fn weaker(&mut self, mutant: &mut Mutant) -> Option<Index> {
        mutant.piece.swap(&mut self.written);
        let weaker = compile(&self.written, self.ground.sources, &mut Report::default());
        mutant.piece.swap(&mut self.written);
        weaker
    }

    /// The first test that notices, and whether it saw a door open: such a test
    /// goes before all others.
    fn noticed(&self, index: &Index) -> Option<(usize, bool)> {
        let plan = self.ground.headers.map(|headers| HeaderPlan::new(headers, index));
        let court = self.court(index, plan.as_ref());
        let suite = self.ground.suite;
        let session = suite.before(court, When::At(self.ground.now));
        let mut first = None;
        for (number, case) in suite.cases().iter().enumerate() {
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

/// What a diff opens, shown best by what the engine confirms and no condition has
/// a part in.
fn best(diff: &Diff) -> Option<&Shift> {
    let gained = diff.changes.iter().filter_map(|change| Some((change.kind, change.gained.as_ref()?)));
    let rank =
        |(kind, shift): &(Kind, &Shift)| (!shift.confirmed, !shift.witness.conditions.is_empty(), *kind);
    gained.min_by_key(rank).map(|(_, shift)| shift)
}
