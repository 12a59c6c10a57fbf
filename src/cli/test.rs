//! `doorward test`: do the tests of a policy hold, are its invariants true, and what
//! is left untried.

mod json;
mod junit;
mod proved;
mod text;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::check::show;
use super::inputs::{Compiled, Input, Located, locate, policy, tokens};
use super::{Exit, Failure, Term, time};
use crate::config::OnAnonymous;
use crate::denial::Denials;
use crate::diag::{self, Diagnostic, MAX_SHOWN, Place, Report, Sources};
use crate::engine::Origin;
use crate::policy::Policy;
use crate::review::TooComplex;
use crate::review::coverage::{Coverage, Touched};
use crate::review::invariants::{Outcome, prove};
use crate::review::suite::{Case, Miss, Session, Suite, When};
use crate::trial::{self, Court, Verdict};
use crate::words::redact;

/// Run the tests of a policy and prove its invariants: the `tests:` and `invariants:` in its files.
///
/// Without arguments `doorward.yaml` is taken and the policy directory that it names; where there is
/// none, the directory `policies`.
///
/// Exit code 0: all hold; 1: some do not, or too little is covered; 2: could not run, or there is nothing to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy directory, without a configuration.
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directory: Option<PathBuf>,
    /// The configuration: where the policy is, how claims are read, and what the upstream is told.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run the tests and prove the invariants with this text in their names. May be given several times.
    #[arg(long, short, value_name = "TEXT")]
    name: Vec<String>,
    /// Run the tests that do not say when as if it were this time: RFC 3339, or seconds since 1970. Default: now,
    /// and a test whose result depends on the time fails.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// Tell which routes, roles, bindings and conditions no test touches.
    #[arg(long)]
    coverage: bool,
    /// Fail where the tests touch fewer hundredths of all that than this.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// How to print the results.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// JUnit XML, for CI systems.
    Junit,
}

/// Stands where the id of a decision would: what is only tried has none.
const NO_ID: &str = "00000000000000000000000000000000";

/// How many failures are explained in a report for programs. A broken policy
/// fails every test, and a million explanations help nobody.
const EXPLAINED: usize = 1000;

/// All that there is to tell.
struct Results<'a> {
    session: &'a Session<'a>,
    index: &'a crate::compile::Index,
    directory: &'a Path,
    /// The files of the policy by the names that they have from here.
    sources: &'a Sources,
    now: u64,
    ran: Vec<Ran<'a>>,
    proved: Vec<Outcome>,
    coverage: Option<Coverage>,
    min_coverage: Option<u8>,
}

/// A test that ran.
struct Ran<'a> {
    case: &'a Case,
    verdict: Verdict,
    misses: Vec<Miss>,
}

/// Runs the tests and prints what came of them.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { directory, config, name, at, coverage, min_coverage, format } = args;
    if let Some(wrong) = directory.as_ref().filter(|directory| !directory.is_dir()) {
        let hint = if wrong.is_file() { ": tests are run with their whole policy" } else { "" };
        return Err(Failure::new(format!("`{}` is not a directory{hint}", wrong.display())));
    }
    let Located { config, directory, mut found } = locate(Input::choose(config, directory)?)?;
    let when = at.map_or_else(|| time::now().map(When::Any), |at| Ok(When::At(at)))?;
    let Some(Compiled { index, headers, mut written, files, .. }) =
        policy(&directory, config.as_ref(), when.time(), &mut found)
    else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let sources = named(&directory, &files);
    let issuers = config.as_ref().map_or(&[][..], |config| &config.identity.issuers);
    let mut report = Report::default();
    let Some(mut suite) = Suite::new(&written, issuers, &mut report) else {
        return Err(Failure::Invalid(Box::new((report, sources))));
    };
    something_to_run(&mut suite, &mut written, &name, &directory)?;
    headers_are_known(&suite, headers.is_some(), &sources)?;

    let denials = config.as_ref().map_or_else(Denials::default, |config| Denials::new(&config.deny));
    let court = Court {
        index: &index,
        headers: headers.as_ref(),
        denials: &denials,
        on_anonymous: config.as_ref().map_or_else(OnAnonymous::default, |c| c.identity.on_anonymous),
    };
    let session = suite.before(court, when);
    let mut touched = Touched::new(&index);
    let ran = suite.cases().iter().map(|case| {
        let verdict = session.run(case, &mut touched);
        let misses = session.misses(case, &verdict);
        Ran { case, verdict, misses }
    });
    let ran: Vec<Ran<'_>> = ran.collect();
    let proved = prove(&index, &written, &files, tokens(config.as_ref()), when.time()).map_err(|TooComplex| {
        Failure::new(
            "the invariants can't be proved: the policy has more roles, bindings and conditions on one route than can \
             be compared",
        )
    })?;
    let wanted = coverage || min_coverage.is_some();
    let results = Results {
        session: &session,
        index: &index,
        directory: &directory,
        sources: &sources,
        now: when.time(),
        ran,
        proved,
        coverage: wanted.then(|| touched.coverage(&written, &files)),
        min_coverage,
    };
    let text = match format {
        As::Text => text::text(&results, term),
        As::Json => json::json(&results),
        As::Junit => junit::junit(&results),
    };
    term.out(&redact::tokens(&text))?;
    Ok(if results.failed() == 0 && results.is_proved() && results.is_covered() {
        Exit::Fine
    } else {
        Exit::Findings
    })
}

/// The files of a policy by the names that they have from here.
pub(super) fn named(directory: &Path, files: &Sources) -> Sources {
    let mut sources = Sources::default();
    Report::default().adopt(&mut sources, (Report::default(), files.clone()), directory);
    sources
}

/// A test of headers that could not be asked for must not look as if it held.
pub(super) fn headers_are_known(suite: &Suite, known: bool, sources: &Sources) -> Result<(), Failure> {
    match suite.cases().iter().find(|case| !case.told.is_empty()) {
        Some(case) if !known => Err(Failure::new(format!(
            "`{}` ({}) expects headers, and a configuration says what the upstream is told: name it with `--config`",
            diag::printable(&case.name),
            sources.place(case.span),
        ))),
        _ => Ok(()),
    }
}

/// Nothing that ran must not look like everything that holds.
fn something_to_run(
    suite: &mut Suite,
    written: &mut Policy,
    names: &[String],
    directory: &Path,
) -> Result<(), Failure> {
    let (tests, invariants) = (suite.cases().len(), written.invariants.len());
    if tests + invariants == 0 {
        return Err(Failure::new(format!(
            "no file below `{}` has `tests:` or `invariants:`: docs/testing.md and docs/invariants.md show how to \
             write them",
            show::directory(directory)
        )));
    }
    suite.keep(names);
    let is_named = |name: &str| names.is_empty() || names.iter().any(|word| name.contains(word.as_str()));
    written.invariants.retain(|invariant| is_named(&invariant.name.value));
    if suite.cases().is_empty() && written.invariants.is_empty() {
        let names: Vec<String> = names.iter().map(|name| format!("`{}`", diag::printable(name))).collect();
        let all = match invariants {
            0 => format!("{tests} tests"),
            _ => format!("{} tests and invariants", tests + invariants),
        };
        return Err(Failure::new(format!("none of the {all} has {} in its name", names.join(" or "))));
    }
    Ok(())
}

impl Results<'_> {
    fn failed(&self) -> usize {
        self.ran.iter().filter(|ran| !ran.passed()).count()
    }

    fn is_proved(&self) -> bool {
        self.proved.iter().all(Outcome::holds)
    }

    fn is_covered(&self) -> bool {
        let least = self.min_coverage.unwrap_or(0);
        self.coverage.as_ref().is_none_or(|coverage| coverage.total().percent() >= least)
    }

    /// A place of the policy as a person in the current directory writes it.
    fn place(&self, place: &Place) -> String {
        diag::below(self.directory, &place.to_string())
    }

    fn findings(&self, ran: &Ran<'_>) -> Vec<Diagnostic> {
        ran.misses.iter().map(|miss| miss.finding(ran.case, self.now, |place| self.place(place))).collect()
    }

    /// The findings of a test with source lines and carets.
    fn rendered(&self, ran: &Ran<'_>, color: bool) -> String {
        let mut report = Report::default();
        self.findings(ran).into_iter().for_each(|finding| report.push(finding));
        diag::render(&report, self.sources, diag::Format::Text { color })
    }

    /// What `doorward check` tells of the request.
    fn explained(&self, ran: &Ran<'_>, term: Term) -> String {
        self.explain(ran, |outcome| show::text(outcome, term))
    }

    fn explain<T>(&self, ran: &Ran<'_>, tell: impl FnOnce(&show::Outcome<'_>) -> T) -> T {
        let case = ran.case;
        let mut trial: trial::Outcome<'_> = self.session.explain(case, NO_ID);
        trial.explanation.map_places(|place| diag::below(self.directory, place));
        tell(&show::Outcome {
            trial: &trial,
            request: &case.asked,
            service: case.service.as_deref(),
            source: case.connection.source,
            source_assumed: false,
            peer: case.connection.peer.as_deref(),
            origin: Origin::Asserted,
            anybody: None,
            directory: self.directory,
            index: self.index,
        })
    }
}

impl Ran<'_> {
    fn passed(&self) -> bool {
        self.misses.is_empty()
    }
}
