//! What came of the invariants, for people and for programs.

use serde::Serialize;

use super::{MAX_SHOWN, Results};
use crate::cli::check::show;
use crate::cli::findings::count;
use crate::cli::{Style, Term};
use crate::diag::{self, Report, printable};
use crate::policy::Method;
use crate::review::invariants::{Breach, Counterexample, Outcome};

/// How many requests of one invariant are shown to a person.
const SHOWN: usize = 5;

/// Every invariant that is false, with requests that break it.
pub(super) fn text(results: &Results<'_>, term: Term) -> String {
    let mut page = String::new();
    for outcome in results.proved.iter().filter(|outcome| !outcome.holds()).take(MAX_SHOWN) {
        page.push_str(&told(results, outcome, term));
        if outcome.counterexamples().next().is_some() {
            page.push('\n');
        }
    }
    page
}

/// One that is false.
pub(super) fn told(results: &Results<'_>, outcome: &Outcome, term: Term) -> String {
    let mut report = Report::default();
    outcome.finding(|place| results.place(place)).into_iter().for_each(|finding| report.push(finding));
    let mut page = diag::render(&report, results.sources, diag::Format::Text { color: term.out_color() });
    let directory = show::directory(results.directory);
    let mut line = |label: &str, text: &str| {
        let label = term.paint(Style::Label, &format!("{label:<9}"));
        page.push_str(&format!("  {label} {}\n", printable(text)));
    };
    for found in outcome.counterexamples().take(SHOWN) {
        line("breach", &found.told(|place| results.place(place)));
        line("try", &found.witness.command_in(&directory));
        if let Some(unsaid) = found.witness.unsaid() {
            line("", &format!("which can't say that {unsaid}"));
        }
    }
    let more = outcome.counterexamples().count().saturating_sub(SHOWN);
    if more > 0 {
        line("", &format!("and {more} more"));
    }
    page
}

/// The score, and what to know of invariants that hold.
pub(super) fn score(results: &Results<'_>, term: Term) -> String {
    if results.proved.is_empty() {
        return String::new();
    }
    let mut page = String::new();
    for outcome in results.proved.iter().filter(|outcome| outcome.holds() && !outcome.is_answered) {
        page.push_str(&format!("`{}` is about requests that no route answers\n", printable(&outcome.name)));
    }
    let all = count(results.proved.len(), "invariant");
    let failed = results.proved.iter().filter(|outcome| !outcome.holds()).count();
    page.push_str(&match failed {
        0 => format!("{} {all}\n", term.paint(Style::Good, "proved")),
        _ => format!("{} {failed} of {all}\n", term.paint(Style::Bad, "not proved")),
    });
    page
}

#[derive(Serialize)]
pub(super) struct Proved<'a> {
    name: &'a str,
    holds: bool,
    says: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    /// Whether any route answers requests that it is about.
    answered: bool,
    /// Whether only requests break it of which a condition decides.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rests_on_conditions: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counterexamples: Vec<Found<'a>>,
    /// Lines of `public_is_exactly` that are not public.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_public: Vec<NotPublic<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    methods: Vec<&'static str>,
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    decided: &'static str,
    /// Whether the engine was asked, and said what the proof says.
    confirmed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition<'a>>,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsaid: Option<&'static str>,
}

#[derive(Serialize)]
struct Condition<'a> {
    when: &'a str,
    is: bool,
}

#[derive(Serialize)]
struct NotPublic<'a> {
    line: &'a str,
    methods: Vec<&'static str>,
}

/// For programs.
pub(super) fn json<'a>(results: &'a Results<'_>) -> Vec<Proved<'a>> {
    results.proved.iter().map(|outcome| one(results, outcome)).collect()
}

fn one<'a>(results: &'a Results<'_>, outcome: &'a Outcome) -> Proved<'a> {
    let from = results.sources.position(outcome.span.file, outcome.span.start);
    let not_public = outcome.breaches.iter().filter_map(|breach| match breach {
        Breach::NotPublic { line, methods, .. } => {
            Some(NotPublic { line, methods: methods.iter().map(Method::word).collect() })
        }
        Breach::Request(_) | Breach::Nothing => None,
    });
    Proved {
        name: &outcome.name,
        holds: outcome.holds(),
        says: &outcome.sentence,
        file: results.sources.name(outcome.span.file),
        line: from.line,
        column: from.column,
        answered: outcome.is_answered,
        rests_on_conditions: outcome.rests_on_conditions(),
        counterexamples: outcome.counterexamples().map(|found| counterexample(results, found)).collect(),
        not_public: not_public.collect(),
    }
}

fn counterexample<'a>(results: &Results<'_>, found: &'a Counterexample) -> Found<'a> {
    let Counterexample { witness, methods, met, decided, confirmed } = found;
    Found {
        methods: methods.iter().map(Method::word).collect(),
        service: met.service.as_deref(),
        route: met.route.as_deref(),
        place: met.place.as_ref().map(|place| results.place(place)),
        decided: decided.as_str(),
        confirmed: *confirmed,
        conditions: witness.conditions.iter().map(|(when, is)| Condition { when, is: *is }).collect(),
        command: witness.command_in(&show::directory(results.directory)),
        unsaid: witness.unsaid(),
    }
}
