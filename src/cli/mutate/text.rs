//! Results for people.

use super::{By, Results};
use crate::cli::{Style, Term};
use crate::diag::printable;
use crate::review::mutate::{Mutant, Survivor, percent};
use crate::review::shown;

/// Every survivor with its place, its change and the test that would notice it,
/// then the score.
pub(super) fn text(results: &Results<'_>, term: Term) -> String {
    let mut page = String::new();
    for (mutant, survivor) in &results.survivors {
        page.push_str(&survived(results, mutant, survivor, term));
    }
    let (real, survived, score) = (results.real(), results.survivors.len(), results.score());
    if results.tried < results.all {
        let share = percent(results.tried, results.all);
        page.push_str(&format!(
            "tried {} of {} ways to weaken the policy ({share} %)\n",
            results.tried, results.all
        ));
    }
    if results.harmless + results.broken > 0 {
        let left_out = [(results.harmless, "that open nothing"), (results.broken, "that do not compile")];
        let left_out = left_out.into_iter().filter(|(number, _)| *number > 0);
        let left_out: Vec<String> = left_out.map(|(number, what)| format!("{number} {what}")).collect();
        page.push_str(&format!("left out {}\n", left_out.join(", ")));
    }
    if results.has_invariants && real > 0 {
        page.push_str(&format!("{}\n", by_what(results)));
    }
    let all = match real {
        1 => "1 weakened policy".to_owned(),
        real => format!("{real} weakened policies"),
    };
    page.push_str(&match survived {
        0 if real == 0 => format!("{} nothing to notice\n", term.paint(Style::Label, "score 100 %:")),
        0 => format!("{} all of {all} noticed\n", term.paint(Style::Good, "score 100 %:")),
        survived => {
            let enough = score >= results.min_score;
            let style = if enough { Style::Label } else { Style::Bad };
            let asked = match enough {
                true => String::new(),
                false => format!(", and at least {} % are asked for", results.min_score),
            };
            let score = term.paint(style, &format!("score {score} %:"));
            format!("{score} {survived} of {all} not noticed{asked}\n")
        }
    });
    page
}

/// How many were noticed by what.
fn by_what(results: &Results<'_>) -> String {
    let By { tests, invariants, both } = results.noticed;
    let neither = results.survivors.len();
    match results.both {
        true => {
            format!(
                "noticed by tests alone {tests}, by invariants alone {invariants}, by both {both}, by neither {neither}"
            )
        }
        false => format!("noticed by tests {tests}, by invariants alone {invariants}, by neither {neither}"),
    }
}

fn survived(results: &Results<'_>, mutant: &Mutant, survivor: &Survivor, term: Term) -> String {
    let place = results.sources.place(mutant.span);
    let what = format!("{}: {}", mutant.kind.as_str(), printable(&mutant.subject));
    let mut page = format!("{} {what}\n", term.paint(Style::Label, &format!("{place}:")));
    let mut line = |line: String| page.push_str(&format!("  {line}\n"));
    line(term.paint(Style::Bad, &format!("- {}", shown(&mutant.before))));
    if let Some(after) = &mutant.after {
        line(term.paint(Style::Good, &format!("+ {}", shown(after))));
    }
    let reason = survivor.reason.as_str();
    match &survivor.entry {
        Some(entry) => {
            line("this test notices it:".to_owned());
            entry.text().lines().for_each(|of| line(format!("  {of}")));
        }
        None if survivor.confirmed => {
            line(format!("opens what is denied ({reason}), and a test can't say:"));
            line(format!("  {}", survivor.witness.command()));
            if let Some(unsaid) = survivor.witness.unsaid() {
                line(format!("  {unsaid}"));
            }
        }
        None => resting(survivor).into_iter().for_each(line),
    }
    page.push('\n');
    page
}

/// What conditions decide, too: no test can be proposed, for how a request is made
/// for which they come out so only a person can tell.
fn resting(survivor: &Survivor) -> Vec<String> {
    let (command, conditions) = (survivor.witness.command(), &survivor.witness.conditions);
    let told = |(condition, holds): &(String, bool)| format!("`{}` is {holds}", shown(condition));
    if let [one] = &conditions[..] {
        return vec![
            format!("opens this request if {}; write a test of one for which it is:", told(one)),
            format!("  {command}"),
        ];
    }
    let first =
        "opens this request if the conditions below it are so; write a test of one for which they are:";
    let conditions = conditions.iter().map(|condition| format!("  {}", told(condition)));
    [first.to_owned(), format!("  {command}")].into_iter().chain(conditions).collect()
}
