//! Who can make a request, for people.

use super::{Answer, Way};
use crate::diag::Place;
use crate::review::shown;

/// How many names of a list are shown.
const NAMED: usize = 10;

/// A page for a person; places are told as `place` writes them.
pub fn text(answer: &Answer, asked: &str, place: impl Fn(&Place) -> String) -> String {
    let Answer { service, route, nobody, anyone, ways, asks } = answer;
    let asked = shown(asked);
    let mut page = match (anyone, nobody) {
        (true, _) => format!("anyone can {asked}, without a token\n"),
        (false, Some(reason)) => format!("nobody can {asked}: {}\n", reason.as_str()),
        (false, None) => format!("who can {asked}: whoever has one of these\n"),
    };
    let mut line = |label: &str, text: &str, at: Option<String>| {
        let at = at.map_or_else(String::new, |at| format!("  {at}"));
        page.push_str(&format!("  {label:<8}  {}{at}\n", shown(text)));
    };
    for way in ways {
        line("", &way.words(), None);
        for given in &way.bindings {
            let role = match &given.holder {
                Some(holder) if way.users.len() > 1 || !way.groups.is_empty() => {
                    format!("gives {} to {holder}", given.role)
                }
                _ => format!("gives {}", given.role),
            };
            line("binding", &role, Some(place(&given.place)));
        }
    }
    for (number, ask) in asks.iter().enumerate() {
        let label = if number == 0 { "besides" } else { "and" };
        line(label, &ask.what, ask.place.as_ref().map(&place));
    }
    if let Some((text, at)) = route {
        line("route", text, Some(place(at)));
    }
    if let Some(service) = service {
        line("service", service, None);
    }
    page
}

impl Way {
    fn words(&self) -> String {
        let Self { users, peer, roles, groups, codes, bindings: _ } = self;
        let mut parts = Vec::new();
        if let Some(peer) = peer {
            parts.push(format!("a client certificate such as {peer}, without a token"));
        }
        if let [user] = users.as_slice() {
            parts.push(format!("user {user}"));
        } else if !users.is_empty() {
            parts.push(format!("one of the users {}", listed(users)));
        }
        let all = |what: &str, names: &[String]| match names {
            [] => None,
            [one] => Some(format!("{what} {one}")),
            several => Some(format!("{what}s {}", several.join(" + "))),
        };
        parts.extend(all("role", roles));
        parts.extend(groups.iter().filter_map(|alike| match alike.as_slice() {
            [] => None,
            [one] => Some(format!("group {one}")),
            several => Some(format!("one of the groups {}", listed(several))),
        }));
        parts.extend(all("code", codes));
        if parts.is_empty() {
            return "any valid token".to_owned();
        }
        parts.join(" + ")
    }
}

fn listed(names: &[String]) -> String {
    let told: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
