//! The change for code hosts: SARIF 2.1.0, a result where each change stands.

use serde_json::{Value, json};

use super::{Compared, Loaded, words};
use crate::diag::{Place, below, uri};
use crate::review::{Change, Kind};

/// One log with one run.
pub(super) fn sarif(compared: &Compared) -> String {
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "doorward diff",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": Kind::ALL.iter().map(|kind| rule(*kind)).collect::<Vec<_>>(),
            } },
            "results": compared.diff.changes.iter().map(|change| result(change, compared)).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn id(kind: Kind) -> String {
    format!("access-{}", kind.as_str().replace(' ', "-"))
}

fn rule(kind: Kind) -> Value {
    let meaning = match kind {
        Kind::Opened => "Somebody may who could not.",
        Kind::ConditionChanged => "The same callers may, on other conditions.",
        Kind::Closed => "Somebody may not who could.",
        Kind::EffectsOnly => "The same callers may; what they or the upstream are told is different.",
    };
    json!({
        "id": id(kind),
        "shortDescription": { "text": meaning },
        "defaultConfiguration": { "level": level(kind) },
    })
}

fn level(kind: Kind) -> &'static str {
    match kind {
        Kind::Opened | Kind::ConditionChanged => "warning",
        Kind::Closed | Kind::EffectsOnly => "note",
    }
}

fn result(change: &Change, compared: &Compared) -> Value {
    let Compared { old, new, .. } = compared;
    let (service, _) = words::service(change, &old.index, &new.index);
    let mut text = format!(
        "{}: {} {} ({service})",
        change.kind.as_str(),
        words::asks(&change.asks),
        change.paths.join(", ")
    );
    for (label, shift) in [("gained by", &change.gained), ("lost by", &change.lost)] {
        if let Some(shift) = shift {
            text.push_str(&format!(
                "\n{label} {}\n{}",
                words::who(&shift.who).join("; "),
                compared.command(&shift.witness)
            ));
        }
    }
    change.effects.iter().for_each(|effect| text.push_str(&format!("\n{effect}")));
    // Where it stands now; what is gone stands nowhere but in the old version.
    let place = change.new.place.as_ref().map(|place| (place, new));
    let place = place.or(change.old.place.as_ref().map(|place| (place, old)));
    let location = |(place, side): (&Place, &Loaded)| {
        json!({ "physicalLocation": {
            "artifactLocation": { "uri": uri(&below(&side.directory, &place.file)) },
            "region": { "startLine": place.line },
        } })
    };
    json!({
        "ruleId": id(change.kind),
        "ruleIndex": Kind::ALL.iter().position(|kind| *kind == change.kind),
        "level": level(change.kind),
        "message": { "text": text },
        "locations": place.into_iter().map(location).collect::<Vec<_>>(),
    })
}
