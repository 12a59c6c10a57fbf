//! The change for a person at a terminal.

use super::{Compared, words};
use crate::cli::findings::count;
use crate::cli::{Style, Term};
use crate::review::{Change, Kind, Shift, shown};

/// Every change, and a last line that sums up.
pub(super) fn text(compared: &Compared, term: Term) -> String {
    let Compared { old, new, diff, note, .. } = compared;
    let mut page = String::new();
    for side in [old, new].into_iter().filter(|side| side.absent) {
        page.push_str(&format!("{}: no policy there, so everything is denied\n\n", shown(&side.label)));
    }
    for change in Kind::ALL.iter().flat_map(|kind| diff.of(*kind)) {
        page.push_str(&one(change, compared, term));
        page.push('\n');
    }
    page.push_str(&summary(compared, term));
    if let Some(note) = note {
        page.push_str(&format!("note: {}\n", shown(note)));
    }
    page
}

fn one(change: &Change, compared: &Compared, term: Term) -> String {
    let Compared { old, new, .. } = compared;
    let (service, owners) = words::service(change, &old.index, &new.index);
    let style = match change.kind {
        Kind::Opened => Style::Bad,
        Kind::ConditionChanged => Style::Label,
        Kind::Closed => Style::Good,
        Kind::EffectsOnly => Style::Quiet,
    };
    let mut lines = vec![format!(
        "{}  {}  {} {}",
        term.paint(style, change.kind.as_str()),
        term.paint(Style::Label, &service),
        words::asks(&change.asks),
        change.paths.join(", "),
    )];
    let mut line = |label: &str, text: &str, place: Option<&str>| {
        let place = place.map(|place| format!("  {}", term.paint(Style::Quiet, place))).unwrap_or_default();
        lines.push(format!("  {} {}{place}", term.paint(Style::Label, &format!("{label:<8}")), shown(text)));
    };
    for (label, met, side) in [("before", &change.old, old), ("now", &change.new, new)] {
        let (text, place) = words::met(met, side);
        line(label, &text, place.as_deref());
    }
    for (label, shift) in [("gained", &change.gained), ("lost", &change.lost)] {
        let Some(Shift { who, witness, .. }) = shift else { continue };
        for (at, text) in words::who(who).iter().enumerate() {
            line(if at == 0 { label } else { "or" }, text, None);
        }
        if let Some(besides) = words::besides(who) {
            line("by way", &format!("of {besides}"), None);
        }
        line("try", &compared.command(witness), None);
        for (condition, holds) in &witness.conditions {
            line("where", &format!("`{condition}` {}", if *holds { "holds" } else { "does not hold" }), None);
        }
        if let Some(unsaid) = witness.unsaid() {
            line("note", unsaid, None);
        }
    }
    for effect in &change.effects {
        line("effect", effect, None);
    }
    if !owners.is_empty() && change.gained.is_some() {
        line("owners", &owners.join(", "), None);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn summary(compared: &Compared, term: Term) -> String {
    let diff = &compared.diff;
    if diff.changes.is_empty() {
        return format!("{}\n", term.paint(Style::Good, "no access changed"));
    }
    let counted = Kind::ALL.iter().map(|kind| (kind, diff.of(*kind).count())).filter(|(_, n)| *n > 0);
    let counted: Vec<String> = counted.map(|(kind, n)| format!("{n} {}", kind.as_str())).collect();
    let style = match (diff.opens(), diff.closes()) {
        (true, _) => Style::Bad,
        (false, true) => Style::Label,
        (false, false) => Style::Good,
    };
    let all = count(diff.changes.len(), "change");
    format!("{}\n", term.paint(style, &format!("{all}: {}", counted.join(", "))))
}
