//! The change for a comment on a pull request: what was opened at a glance, the
//! proof folded away.

use super::{Compared, words};
use crate::cli::findings::count;
use crate::review::{Change, Kind, Shift, markup, shown};

/// Comments may not be longer than this on the code hosts there are.
const LONGEST: usize = 60_000;

/// The whole comment.
pub(super) fn markdown(compared: &Compared) -> String {
    let Compared { old, new, diff, note, .. } = compared;
    let note = note.as_ref().map(|note| format!("\n**Note:** {}.\n", markup(note))).unwrap_or_default();
    let title = match (diff.opens(), diff.closes(), diff.changes.is_empty()) {
        (true, _, _) => "## Access: opened",
        (false, true, _) => "## Access: closed, nothing opened",
        (false, false, false) => "## Access: unchanged, with other effects",
        (false, false, true) => "## Access: unchanged",
    };
    let mut page = format!("{title}\n\n{} → {}", code(&old.label), code(&new.label));
    if diff.changes.is_empty() {
        page.push_str(": every request is decided as before, whoever sends it.\n");
        page.push_str(&note);
        return page;
    }
    let counted = Kind::ALL.iter().map(|kind| (kind, diff.of(*kind).count())).filter(|(_, n)| *n > 0);
    let counted: Vec<String> = counted.map(|(kind, n)| format!("{n} {}", kind.as_str())).collect();
    page.push_str(&format!(": {}.\n", counted.join(", ")));
    page.push_str(&note);
    for side in [old, new].into_iter().filter(|side| side.absent) {
        page.push_str(&format!("\n{} has no policy there, so everything is denied.\n", code(&side.label)));
    }
    let reviewers = reviewers(compared);
    if !reviewers.is_empty() {
        page.push_str(&format!("\nOwners of what was opened: {}\n", reviewers.join(" ")));
    }
    let mut left_out = 0;
    for kind in Kind::ALL {
        let changes: Vec<&Change> = diff.of(kind).collect();
        if changes.is_empty() {
            continue;
        }
        let mut part =
            format!("\n### {}\n\n| service | request | who |\n|---|---|---|\n", capital(kind.as_str()));
        for change in &changes {
            part.push_str(&row(change, compared));
        }
        part.push_str("\n<details><summary>Places, and a request for each</summary>\n");
        for change in &changes {
            let details = details(change, compared);
            if page.len() + part.len() + details.len() > LONGEST {
                left_out += 1;
            } else {
                part.push_str(&details);
            }
        }
        part.push_str("\n</details>\n");
        page.push_str(&part);
    }
    if left_out > 0 {
        page.push_str(&format!(
            "\nDetails of {} do not fit into a comment: run `doorward diff` here.\n",
            count(left_out, "change")
        ));
    }
    page
}

/// The owners of the services that were opened, each once.
fn reviewers(compared: &Compared) -> Vec<String> {
    let Compared { old, new, diff, .. } = compared;
    let opened = diff.changes.iter().filter(|change| change.gained.is_some());
    let mut owners: Vec<String> =
        opened.flat_map(|change| words::service(change, &old.index, &new.index).1).collect();
    owners.sort();
    owners.dedup();
    owners
}

fn row(change: &Change, compared: &Compared) -> String {
    let (service, _) = words::service(change, &compared.old.index, &compared.new.index);
    let request = format!("{} {}", words::asks(&change.asks), change.paths.join(", "));
    let mut who = Vec::new();
    for (label, shift) in [("gained by", &change.gained), ("lost by", &change.lost)] {
        if let Some(shift) = shift {
            let all: Vec<String> = words::who(&shift.who).iter().map(|who| markup(who)).collect();
            who.push(format!("{label} {}", all.join("; ")));
        }
    }
    who.extend(change.effects.iter().map(|effect| markup(effect)));
    format!("| {} | {} | {} |\n", code_cell(&service), code_cell(&request), who.join("<br>"))
}

fn details(change: &Change, compared: &Compared) -> String {
    let Compared { old, new, .. } = compared;
    let request = format!("{} {}", words::asks(&change.asks), change.paths.join(", "));
    let mut text = format!("\n**{}**\n\n", code(&request));
    for (label, met, side) in [("before", &change.old, old), ("now", &change.new, new)] {
        let (met, place) = words::met(met, side);
        let place = place.map(|place| format!(" at {}", code(&place))).unwrap_or_default();
        text.push_str(&format!("- {label}: {}{place}\n", code(&met)));
    }
    for (label, shift) in [("gained", &change.gained), ("lost", &change.lost)] {
        let Some(Shift { who, witness, .. }) = shift else { continue };
        if let Some(besides) = words::besides(who) {
            text.push_str(&format!("- {label} by way of {}\n", markup(&besides)));
        }
        text.push_str(&format!("- a request that is {label}: {}\n", code(&compared.command(witness))));
        for (condition, holds) in &witness.conditions {
            let holds = if *holds { "holds" } else { "does not hold" };
            text.push_str(&format!("  where {} {holds}\n", code(condition)));
        }
        if let Some(unsaid) = witness.unsaid() {
            text.push_str(&format!("  ({unsaid})\n"));
        }
    }
    text
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Text as code, whatever stands in it.
fn code(text: &str) -> String {
    let line = shown(text);
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{line}{space}{fence}")
}

/// The same where `|` parts cells, even in code.
fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}
