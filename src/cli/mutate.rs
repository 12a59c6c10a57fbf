//! `doorward mutate`: would the tests and invariants of a policy notice if it were
//! weaker?

mod json;
mod text;

use std::path::{Path, PathBuf};

use super::inputs::{self, Compiled, Input, Located, locate, policy, tokens};
use super::output::As;
use super::progress::{Progress, Unit};
use super::test::{headers_are_known, named};
use super::{Exit, Failure, Term, time};
use crate::config::OnAnonymous;
use crate::diag::{self, Report, Sources, Span};
use crate::review::TooComplex;
use crate::review::mutate::{Fate, Ground, Mutant, Notice, Survivor, Trial, mutants, percent, sample};
use crate::review::suite::Suite;
use crate::words::redact;

/// Weaken the policy one rule at a time, and show what no test and no invariant notices.
///
/// A requirement is dropped, `any` written for `all`, a path widened, a deny forgotten; then all tests are run, and
/// the invariants proved of what no test notices. What opens nothing is proved to do so and left out. Each that goes
/// unnoticed is shown with its place, and with the test that would notice it.
///
/// Exit code 0: the score is high enough; 1: it is not; 2: could not run, a test fails or an invariant is false
/// already, or there are none of either.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy directory, without a configuration.
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directory: Option<PathBuf>,
    /// The configuration: where the policy is, how claims are read, and what the upstream is told.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Weaken the rules of this service alone.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Try no more than so many, chosen from all parts of the policy and the same each time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Prove the invariants of what a test notices, too, and tell how many both notice. Takes longer.
    #[arg(long)]
    both: bool,
    /// How many hundredths of the weakened policies must be noticed.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_score: u8,
    /// Run the tests that do not say when as if it were this time, and prove from then on: RFC 3339, or seconds
    /// since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// How to print the results.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// All that there is to tell.
struct Results<'a> {
    directory: &'a Path,
    /// The files of the policy by the names that they have from here.
    sources: &'a Sources,
    revision: &'a str,
    /// How many there are, before any limit.
    all: usize,
    tried: usize,
    broken: usize,
    harmless: usize,
    noticed: By,
    has_invariants: bool,
    both: bool,
    survivors: Vec<(Mutant, Survivor)>,
    min_score: u8,
}

/// How many were noticed, and by what. Of what a test notices no invariant is asked
/// unless `--both` is given.
#[derive(Debug, Default)]
struct By {
    tests: usize,
    invariants: usize,
    both: usize,
}

/// Weakens, runs and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { directory, config, service, limit, both, min_score, at, format } = args;
    if let Some(wrong) = directory.as_ref().filter(|directory| !directory.is_dir()) {
        return Err(Failure::new(format!("`{}` is not a directory", wrong.display())));
    }
    let Located { config, directory, mut found } = locate(Input::choose(config, directory)?)?;
    let now = at.map_or_else(time::now, Ok)?;
    let Some(Compiled { index, configured, written, files, .. }) =
        policy(&directory, config.as_ref(), now, &mut found)
    else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let sources = named(&directory, &files);
    inputs::service(&index, service.as_deref())?;
    let issuers = config.as_ref().map_or(&[][..], |config| &config.identity.issuers);
    let mut report = Report::default();
    let Some(suite) = Suite::new(&written, issuers, &mut report) else {
        return Err(Failure::Invalid(Box::new((report, sources))));
    };
    if suite.cases().is_empty() && written.invariants.is_empty() {
        return Err(Failure::new(format!(
            "no file below `{}` has `tests:` or `invariants:`: docs/testing.md and docs/invariants.md show how to \
             write them",
            super::check::show::directory(&directory)
        )));
    }
    headers_are_known(&suite, configured.is_some(), &sources)?;
    let ground = Ground {
        index: &index,
        policy: &written,
        sources: &files,
        suite: &suite,
        issuers,
        headers: configured.as_deref(),
        on_anonymous: config.as_ref().map_or_else(OnAnonymous::default, |c| c.identity.on_anonymous),
        tokens: tokens(config.as_ref()),
        now,
        both,
    };
    let trial = Trial::new(ground);
    all_is_well(&trial, &suite, &sources)?;
    let all = mutants(&written, service.as_deref());
    let mut results = Results {
        directory: &directory,
        sources: &sources,
        revision: index.revision(),
        all: all.len(),
        tried: 0,
        broken: 0,
        harmless: 0,
        noticed: By::default(),
        has_invariants: !written.invariants.is_empty(),
        both,
        survivors: Vec::new(),
        min_score,
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    results.run(trial, sample(all, limit))?;
    let text = match format {
        As::Text => text::text(&results, term),
        As::Json => json::json(&results),
    };
    term.out(&redact::tokens(&text))?;
    Ok(if results.score() >= min_score { Exit::Fine } else { Exit::Findings })
}

/// What fails before anything is weaker notices nothing.
fn all_is_well(trial: &Trial<'_>, suite: &Suite, sources: &Sources) -> Result<(), Failure> {
    let already = |what: &str, name: &str, span: Span, how: &str| {
        let (name, place) = (diag::printable(name), sources.place(span));
        Err(Failure::new(format!("the {what} `{name}` ({place}) {how}: `doorward test` says why")))
    };
    if let Some(case) = trial.failing().and_then(|number| suite.cases().get(number)) {
        return already("test", &case.name, case.span, "fails already");
    }
    match trial.refuted().map_err(too_large)? {
        Some(outcome) => {
            let how = if outcome.rests_on_conditions() { "can't be proved" } else { "is false already" };
            already("invariant", &outcome.name, outcome.span, how)
        }
        None => Ok(()),
    }
}

fn too_large(TooComplex: TooComplex) -> Failure {
    Failure::new(
        "this policy is too large for a proof: more than 65,000 facts, or functions of them that are too large",
    )
}

impl Results<'_> {
    fn run(&mut self, mut trial: Trial<'_>, mutants: Vec<Mutant>) -> Result<(), Failure> {
        self.tried = mutants.len();
        let mut progress = Progress::new(Unit::Mutants, u64::try_from(mutants.len()).ok());
        for mut mutant in mutants {
            match trial.judge(&mut mutant).map_err(too_large)? {
                Fate::Broken => self.broken += 1,
                Fate::Harmless => self.harmless += 1,
                Fate::Noticed(notice) => self.noticed.add(notice),
                Fate::Survived(survivor) => self.survivors.push((mutant, *survivor)),
            }
            progress.add(1);
        }
        Ok(())
    }

    /// How many open something.
    fn real(&self) -> usize {
        self.noticed.all() + self.survivors.len()
    }

    fn score(&self) -> u8 {
        percent(self.noticed.all(), self.real())
    }
}

impl By {
    fn add(&mut self, Notice { test, invariant }: Notice) {
        let by = match (test, invariant) {
            (Some(_), Some(_)) => &mut self.both,
            (None, Some(_)) => &mut self.invariants,
            (_, None) => &mut self.tests,
        };
        *by += 1;
    }

    fn all(&self) -> usize {
        let Self { tests, invariants, both } = self;
        tests + invariants + both
    }
}
