//! Results for programs: one JSON object.

use serde::Serialize;

use super::Results;
use crate::cli::check::show;
use crate::review::mutate::{Mutant, Survivor};

#[derive(Serialize)]
struct Told<'a> {
    score: u8,
    at_least: u8,
    /// How many ways to weaken the policy there are, and how many were tried.
    all: usize,
    tried: usize,
    noticed: usize,
    noticed_by: By,
    survived: usize,
    harmless: usize,
    broken: usize,
    survivors: Vec<Of<'a>>,
    policy: Policy<'a>,
}

/// What noticed. Without `both`, no invariant was asked of what a test notices.
#[derive(Serialize)]
struct By {
    tests: usize,
    invariants: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    both: Option<usize>,
}

#[derive(Serialize)]
struct Of<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    subject: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    before: &'a str,
    after: Option<&'a str>,
    witness: Witness<'a>,
    /// The test that would have noticed it, as YAML below `tests:`.
    test: Option<&'a str>,
}

#[derive(Serialize)]
struct Witness<'a> {
    /// What the policy says of it.
    reason: &'a str,
    /// Of `doorward check`.
    arguments: Vec<String>,
    /// Whether the engine decided it so.
    confirmed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition<'a>>,
    /// What such arguments can't say.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsaid: Option<&'static str>,
}

#[derive(Serialize)]
struct Condition<'a> {
    condition: &'a str,
    holds: bool,
}

#[derive(Serialize)]
struct Policy<'a> {
    directory: String,
    revision: &'a str,
}

/// One JSON object.
pub(super) fn json(results: &Results<'_>) -> String {
    let Results { directory, all, tried, broken, harmless, noticed, survivors, min_score, both, .. } =
        results;
    let told = Told {
        score: results.score(),
        at_least: *min_score,
        all: *all,
        tried: *tried,
        noticed: noticed.all(),
        noticed_by: By {
            tests: noticed.tests,
            invariants: noticed.invariants,
            both: both.then_some(noticed.both),
        },
        survived: survivors.len(),
        harmless: *harmless,
        broken: *broken,
        survivors: survivors.iter().map(|(mutant, survivor)| of(results, mutant, survivor)).collect(),
        policy: Policy { directory: show::directory(directory), revision: results.revision },
    };
    // Texts, numbers and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}

fn of<'a>(results: &'a Results<'_>, mutant: &'a Mutant, survivor: &'a Survivor) -> Of<'a> {
    let Survivor { witness, reason, confirmed, entry } = survivor;
    let from = results.sources.position(mutant.span.file, mutant.span.start);
    let conditions = witness.conditions.iter();
    Of {
        kind: mutant.kind.as_str(),
        service: mutant.service.as_deref(),
        subject: &mutant.subject,
        file: results.sources.name(mutant.span.file),
        line: from.line,
        column: from.column,
        before: &mutant.before,
        after: mutant.after.as_deref(),
        witness: Witness {
            reason: reason.as_str(),
            arguments: witness.arguments(),
            confirmed: *confirmed,
            conditions: conditions.map(|(condition, holds)| Condition { condition, holds: *holds }).collect(),
            unsaid: witness.unsaid(),
        },
        test: entry.as_ref().map(|entry| entry.text()),
    }
}
