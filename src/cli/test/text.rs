//! Results for people.

use super::{MAX_SHOWN, Results, proved};
use crate::cli::findings::count;
use crate::cli::{Style, Term};
use crate::diag::printable;
use crate::review::coverage::Coverage;

/// Every failure with its place and its explanation, invariants that are false, then
/// what was not touched, then the score.
pub(super) fn text(results: &Results<'_>, term: Term) -> String {
    let mut page = String::new();
    let failed = results.failed();
    for ran in results.ran.iter().filter(|ran| !ran.passed()).take(MAX_SHOWN) {
        page.push_str(&results.rendered(ran, term.out_color()));
        page.push_str(&results.explained(ran, term));
        page.push('\n');
    }
    if failed > MAX_SHOWN {
        page.push_str(&format!("and {} more: mend these first\n\n", failed - MAX_SHOWN));
    }
    page.push_str(&proved::text(results, term));
    if let Some(coverage) = &results.coverage {
        page.push_str(&covered(results, coverage, term));
    }
    page.push_str(&proved::score(results, term));
    let all = count(results.ran.len(), "test");
    page.push_str(&match failed {
        // Where there are none, nobody need hear that they passed.
        _ if results.ran.is_empty() => String::new(),
        0 => format!("{} {all}\n", term.paint(Style::Good, "passed")),
        _ => format!("{} {failed} of {all}\n", term.paint(Style::Bad, "failed")),
    });
    page
}

fn covered(results: &Results<'_>, coverage: &Coverage, term: Term) -> String {
    let mut page = String::new();
    // Of nothing, nothing is missing.
    for (name, kind) in coverage.kinds().into_iter().filter(|(_, kind)| kind.all > 0) {
        let of = if name == "conditions" { "outcomes of conditions" } else { name };
        page.push_str(&format!("touched {} of {} {of} ({} %)\n", kind.touched, kind.all, kind.percent()));
        let width = kind.missed.iter().map(|missed| missed.what.chars().count()).filter(|w| *w <= 64).max();
        for missed in &kind.missed {
            let (what, place) = (printable(&missed.what), results.place(&missed.place));
            let width = width.unwrap_or(0);
            page.push_str(&format!("  {what:<width$}  {}\n", term.paint(Style::Quiet, &place)));
        }
    }
    let total = coverage.total();
    let line = format!("coverage {} %", total.percent());
    page.push_str(&match results.min_coverage {
        Some(least) if !results.is_covered() => {
            format!("{}, and at least {least} % are asked for\n", term.paint(Style::Bad, &line))
        }
        _ => format!("{}\n", term.paint(Style::Label, &line)),
    });
    page
}
