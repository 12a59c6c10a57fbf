//! Lines of Doorward's decision log.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::seen::{Caller, Kind, Open, REDACTED, Seen, Token, Told, Words, may_be_cut};
use crate::engine::Reason;
use crate::policy::instant::rfc3339;

/// A JSON object that is no line of a decision log.
pub(super) const ANOTHER: &str = "not a line of a decision log";

/// What a replay reads of a line. What stands twice is a mistake.
#[derive(Deserialize)]
struct Line {
    time: Option<String>,
    decision_id: Option<Value>,
    decision: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    service: Option<String>,
    route: Option<String>,
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    kind: Option<String>,
    service_named: Option<String>,
    user: Option<String>,
    roles: Option<Vec<String>>,
    roles_left_out: Option<u64>,
    roles_bound: Option<Vec<String>>,
    token: Option<Names>,
    unlisted: Option<Vec<String>>,
    claims: Option<Map<String, Value>>,
    source: Option<String>,
    peer: Option<String>,
}

/// The names that a token gives.
#[derive(Deserialize, Default)]
struct Names {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    codes: Vec<String>,
    scopes: Option<Vec<String>>,
}

/// Reads a line. `trust` is whether an older line is taken to name all that a token gives.
pub(super) fn read(text: &[u8], trust: bool) -> Result<Seen, &'static str> {
    let line: Line = serde_json::from_slice(text).map_err(|error| match error.classify() {
        // Another tool's log may have other types under the same names.
        serde_json::error::Category::Data if text.first() == Some(&b'{') => ANOTHER,
        _ => "not a JSON object",
    })?;
    let (Some(_), Some(decision), Some(word), Some(time)) =
        (&line.decision_id, &line.decision, &line.reason, &line.time)
    else {
        return Err(ANOTHER);
    };
    let reason = Reason::from_word(word).ok_or("its reason is none of this version")?;
    if (decision == "allow") != reason.is_allowed() || !matches!(decision.as_str(), "allow" | "deny") {
        return Err("its decision and its reason contradict each other");
    }
    let at = rfc3339(time).ok_or("its time is not a time")?;
    let words = match (&line.method, &line.host, &line.path) {
        (Some(_), Some(_), Some(_)) => Some(words(&line)?),
        (None, None, None) => None,
        _ => return Err("it has only a part of a request line"),
    };
    let caller = caller(&line, reason, trust);
    Ok(Seen {
        at,
        allowed: reason.is_allowed(),
        reason: Some(reason),
        detail: line.detail,
        words,
        service: line.service,
        route: line.route,
        caller,
    })
}

fn words(line: &Line) -> Result<Words, &'static str> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (method, host, path) = (text(&line.method), text(&line.host), text(&line.path));
    // A hidden parameter stands as its route writes it, which no client's path can: braces and
    // brackets are percent-encoded in a canonical one.
    let hidden =
        path.split('/').any(|part| part == REDACTED || (part.starts_with('{') && part.ends_with('}')));
    let source = match &line.source {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| "its source is not an address")?),
    };
    let cut = [&host, &path].into_iter().chain(&line.peer).any(|text| may_be_cut(text));
    let kind = match &line.kind {
        None => Told::No,
        Some(words) => Told::Yes(Kind::parse(words).ok_or("its kind is none of this version")?),
    };
    let named = match (kind.is_told(), &line.service_named) {
        (true, name) => Told::Yes(name.clone()),
        (false, _) => Told::No,
    };
    Ok(Words {
        method,
        host,
        path,
        altered: cut || hidden,
        with_query: false,
        source: Told::Yes(source),
        peer: Told::Yes(line.peer.clone()),
        named,
        kind,
    })
}

fn caller(line: &Line, reason: Reason, trust: bool) -> Caller {
    let Some(user) = &line.user else {
        return if reason.is_unauthenticated() { Caller::Refused(reason) } else { Caller::Unasked };
    };
    if line.token.is_none() && line.unlisted.is_none() && line.peer.as_ref() == Some(user) {
        return Caller::Peer;
    }
    let in_force = line.roles.clone().unwrap_or_default();
    let mut open = match (&line.kind, trust) {
        (None, false) => Open::ALL,
        _ => Open::default(),
    };
    for kind in line.unlisted.iter().flatten() {
        match kind.as_str() {
            "roles" => open.roles = true,
            "groups" => open.groups = true,
            "codes" => open.codes = true,
            "scopes" => open.scopes = true,
            // A kind of a later version may change anything.
            _ => open = Open::ALL,
        }
    }
    let mut token = match &line.token {
        Some(Names { roles, groups, codes, scopes }) => Token {
            roles: roles.clone(),
            groups: groups.clone(),
            codes: codes.clone(),
            scopes: scopes.clone(),
            ..Token::default()
        },
        None => {
            open.roles |= line.roles_left_out.is_some();
            let bound = line.roles_bound.as_deref().unwrap_or_default();
            let roles = in_force.into_iter().filter(|role| !bound.contains(role)).collect();
            Token { roles, ..Token::default() }
        }
    };
    token.open = open;
    token.hidden = user == REDACTED;
    token.user.clone_from(user);
    token.claims = line.claims.iter().flatten().fold(Map::new(), |mut claims, (path, value)| {
        nest(&mut claims, path, value);
        claims
    });
    Caller::Token(Box::new(token))
}

/// Puts a claim where its path says: `a.b` below `a`. A path in another form is left
/// out, as if the line did not have it.
fn nest(claims: &mut Map<String, Value>, path: &str, value: &Value) {
    if path.contains(['[', '"']) {
        return;
    }
    let names: Vec<&str> = if path.contains("://") { vec![path] } else { path.split('.').collect() };
    let Some((last, way)) = names.split_last() else { return };
    let mut at = claims;
    for name in way {
        match at.entry(*name).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(members) => at = members,
            _ => return,
        }
    }
    at.entry(*last).or_insert_with(|| value.clone());
}
