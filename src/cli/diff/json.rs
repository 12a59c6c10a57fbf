//! The change for programs.

use serde_json::{Value, json};

use super::{Compared, Loaded, words};
use crate::policy::instant;
use crate::review::{Asking, Change, Kind, Met, Shift, Token};

/// One JSON object.
pub(super) fn json(compared: &Compared) -> String {
    let Compared { old, new, diff, note, .. } = compared;
    let counts: serde_json::Map<String, Value> =
        Kind::ALL.iter().map(|kind| (word(*kind), json!(diff.of(*kind).count()))).collect();
    let all = json!({
        "old": side(old),
        "new": side(new),
        "opens": diff.opens(),
        "closes": diff.closes(),
        "note": note,
        "counts": counts,
        "changes": diff.changes.iter().map(|change| one(change, compared)).collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

fn side(loaded: &Loaded) -> Value {
    json!({ "version": loaded.label, "revision": &**loaded.index.revision(), "absent": loaded.absent })
}

fn word(kind: Kind) -> String {
    kind.as_str().replace(' ', "_")
}

fn one(change: &Change, compared: &Compared) -> Value {
    let Compared { old, new, .. } = compared;
    let methods = change.asks.iter().filter_map(|asking| match asking {
        Asking::Method(method) => Some(words::method(*method)),
        Asking::Preflight(_) => None,
    });
    let preflights = change.asks.iter().filter_map(|asking| match asking {
        Asking::Preflight(method) => Some(method.wire_name()),
        Asking::Method(_) => None,
    });
    json!({
        "kind": word(change.kind),
        "service": change.service,
        "methods": methods.collect::<Vec<_>>(),
        "preflight_for": preflights.collect::<Vec<_>>(),
        "paths": change.paths,
        "before": met(&change.old, old),
        "after": met(&change.new, new),
        "gained": change.gained.as_ref().map(|gained| shift(gained, compared)),
        "lost": change.lost.as_ref().map(|lost| shift(lost, compared)),
        "effects": change.effects,
        "owners": words::service(change, &old.index, &new.index).1,
    })
}

fn met(met: &Met, side: &Loaded) -> Value {
    json!({
        "service": met.service,
        "route": met.route,
        "place": met.place.as_ref().map(|place| words::place_of(place, side)),
        "reason": met.reason.map(|reason| reason.as_str()),
    })
}

fn shift(shift: &Shift, compared: &Compared) -> Value {
    let Shift { who, witness, confirmed } = shift;
    let sets = who.sets.iter().map(|set| {
        json!({
            "user": set.user, "other_users": set.others, "peer": set.peer,
            "roles": set.roles, "groups": set.groups, "codes": set.codes,
        })
    });
    let token = |token: &Token| {
        json!({
            "user": token.user, "roles": token.roles, "groups": token.groups, "codes": token.codes,
            "scopes": token.scopes,
        })
    };
    let conditions = witness.conditions.iter().map(|(text, holds)| json!({ "when": text, "holds": holds }));
    json!({
        "anyone": who.anyone,
        "any_of": sets.collect::<Vec<_>>(),
        "more": who.more,
        "conditions": who.besides.conditions,
        "depends_on": who.besides.facts,
        "witness": {
            "method": witness.method,
            "preflight_for": witness.preflight,
            "host": witness.host,
            "path": witness.path,
            "service": witness.service,
            "token": witness.token.as_ref().map(token),
            "peer": witness.peer,
            "source_ip": witness.source,
            "at": instant::utc(witness.at),
            "websocket": witness.websocket,
            "conditions": conditions.collect::<Vec<_>>(),
            "command": compared.command(witness),
            "unsaid": witness.unsaid(),
            "confirmed": confirmed,
        },
    })
}
