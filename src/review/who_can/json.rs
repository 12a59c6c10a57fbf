//! Who can make a request, for programs.

use serde::Serialize;

use super::{Answer, Given, Way};
use crate::diag::Place;

#[derive(Serialize)]
struct Told<'a> {
    revision: &'a str,
    request: &'a str,
    somebody: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// Why nobody can.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    anyone: bool,
    ways: Vec<ToldWay<'a>>,
    asks: Vec<ToldAsk<'a>>,
}

#[derive(Serialize)]
struct ToldWay<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    users: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    roles: &'a [String],
    /// Of each inner list, one.
    groups: &'a [Vec<String>],
    codes: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bindings: Vec<ToldGiven<'a>>,
}

#[derive(Serialize)]
struct ToldGiven<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<&'a str>,
    role: &'a str,
    place: String,
}

#[derive(Serialize)]
struct ToldAsk<'a> {
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// One JSON object; places are told as `place` writes them.
pub fn json(answer: &Answer, asked: &str, revision: &str, place: impl Fn(&Place) -> String) -> String {
    let Answer { service, route, nobody, anyone, ways, asks } = answer;
    let told = Told {
        revision,
        request: asked,
        somebody: answer.is_somebody(),
        service: service.as_deref(),
        route: route.as_ref().map(|(text, _)| text.as_str()),
        place: route.as_ref().map(|(_, at)| place(at)),
        reason: nobody.map(crate::engine::Reason::as_str),
        anyone: *anyone,
        ways: ways.iter().map(|way| told_way(way, &place)).collect(),
        asks: asks
            .iter()
            .map(|ask| ToldAsk { what: &ask.what, place: ask.place.as_ref().map(&place) })
            .collect(),
    };
    // Texts and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}

fn told_way<'a>(way: &'a Way, place: impl Fn(&Place) -> String) -> ToldWay<'a> {
    let Way { users, peer, roles, groups, codes, bindings } = way;
    let given = |given: &'a Given| ToldGiven {
        holder: given.holder.as_deref(),
        role: &given.role,
        place: place(&given.place),
    };
    let bindings = bindings.iter().map(given).collect();
    ToldWay { users, peer: peer.as_deref(), roles, groups, codes, bindings }
}
