//! Changes of access in words.

use crate::compile::Index;
use crate::diag::{Place, below};
use crate::engine::Reason;
use crate::policy::Method;
use crate::review::{Asking, Change, Met, Set, Who};

use super::Loaded;

/// Methods as a policy names them.
pub(super) fn asks(asks: &[Asking]) -> String {
    let plain = |asking: &Asking| match asking {
        Asking::Method(method) => Some(*method),
        Asking::Preflight(_) => None,
    };
    let announced = |asking: &Asking| match asking {
        Asking::Preflight(method) => Some(*method),
        Asking::Method(_) => None,
    };
    let methods: Vec<Method> = asks.iter().filter_map(plain).collect();
    let preflights: Vec<Method> = asks.iter().filter_map(announced).collect();
    let mut words = Vec::new();
    if !methods.is_empty() {
        words.push(names(&methods));
    }
    if !preflights.is_empty() {
        words.push(format!("OPTIONS as preflight for {}", names(&preflights)));
    }
    words.join(" and ")
}

fn names(methods: &[Method]) -> String {
    if Method::ROUTABLE.iter().all(|method| methods.contains(method)) {
        return "ANY".to_owned();
    }
    let has = |method: Method| methods.contains(&method);
    // `GET` covers `HEAD`, and `POST` gRPC calls.
    let covered = |method: &Method| {
        (*method == Method::Head && has(Method::Get)) || (*method == Method::Grpc && has(Method::Post))
    };
    methods.iter().filter(|m| !covered(m)).map(|m| method(*m)).collect::<Vec<_>>().join(",")
}

/// A method as a policy calls it.
pub(super) fn method(method: Method) -> &'static str {
    if method == Method::Grpc { "GRPC" } else { method.wire_name() }
}

/// Who, each on a line of its own.
pub(super) fn who(who: &Who) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if who.anyone {
        lines.push("anyone, without a token".to_owned());
    }
    lines.extend(who.sets.iter().map(set));
    if who.more > 0 {
        lines.push(format!("and {} other combinations", who.more));
    }
    lines
}

fn set(set: &Set) -> String {
    let mut parts = Vec::new();
    if let Some(user) = &set.user {
        let others = match set.others {
            0 => String::new(),
            1 => " and 1 other".to_owned(),
            others => format!(" and {others} others"),
        };
        parts.push(format!("user {user}{others}"));
    }
    parts.extend(set.peer.as_ref().map(|peer| format!("peer {peer}, without a token")));
    let named = |what: &str, names: &[String]| match names {
        [] => None,
        [one] => Some(format!("{what} {one}")),
        several => Some(format!("{what}s {}", several.join(" and "))),
    };
    parts.extend(named("role", &set.roles));
    parts.extend(named("group", &set.groups));
    parts.extend(named("code", &set.codes));
    if parts.is_empty() { "any user with a token".to_owned() } else { parts.join(" with ") }
}

/// What else counts.
pub(super) fn besides(who: &Who) -> Option<String> {
    let conditions = who.besides.conditions.iter().map(|text| format!("`{text}`"));
    let facts = who.besides.facts.iter().map(|fact| (*fact).to_owned());
    let words: Vec<String> = facts.chain(conditions).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What requests meet, and where it stands.
pub(super) fn met(met: &Met, side: &Loaded) -> (String, Option<String>) {
    let place = met.place.as_ref().map(|place| place_of(place, side));
    let text = match (&met.route, met.reason) {
        (Some(route), _) => route.clone(),
        (None, Some(Reason::RouteUnknown)) => "no route".to_owned(),
        (None, Some(Reason::ServiceUnknown)) => "no service".to_owned(),
        (None, Some(reason)) => format!("no route ({})", reason.as_str()),
        (None, None) => "no route".to_owned(),
    };
    (text, place)
}

/// A place as it is seen from here.
pub(super) fn place_of(place: &Place, side: &Loaded) -> String {
    below(&side.directory, &place.to_string())
}

/// The service that a change is about, and who must look at it.
pub(super) fn service(change: &Change, old: &Index, new: &Index) -> (String, Vec<String>) {
    let owners = |index: &Index, name: &str| -> Vec<String> {
        let service = index.service_named(name).and_then(|id| index.service(id));
        service
            .map(|service| service.owners.iter().map(|owner| owner.to_string()).collect())
            .unwrap_or_default()
    };
    // Whoever takes somebody off the list does not take the change from their eyes.
    let of_both = |name: &str| {
        let (mut all, old) = (owners(new, name), owners(old, name));
        let gone: Vec<String> = old.into_iter().filter(|owner| !all.contains(owner)).collect();
        all.extend(gone);
        all
    };
    let Some(name) = &change.service else {
        let names = [&change.old.service, &change.new.service].into_iter().flatten();
        return ("by host and path".to_owned(), names.flat_map(|name| of_both(name)).collect());
    };
    (name.clone(), of_both(name))
}
