//! What stands below a matrix: conditions, and what to know of a role.

use std::collections::{BTreeMap, HashMap};

use crate::compile::{Bound, Index, Need, Role, RoleId, Route, Rule, Service};

/// How many codes or bindings of one role are named.
const NAMED: usize = 3;

/// Texts, each once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Notes {
    /// The number of a text, counted from 1.
    fn number(&mut self, text: String) -> usize {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.texts.push(text.clone());
        self.numbers.insert(text, self.texts.len());
        self.texts.len()
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}

/// What must hold beside roles and codes, each at its place.
pub(super) fn of_route(route: &Route, notes: &mut Notes) -> Vec<usize> {
    let mut found = Vec::new();
    if let Some(ip) = &route.ip {
        let text = match ip.allow {
            Some(_) => "if the address is among those of `ip`",
            None => "not from the addresses that `ip` denies",
        };
        found.push(notes.number(format!("{text} ({})", ip.place)));
    }
    let Rule::Needs { peers, when, .. } = &route.rule else { return found };
    if let Some(peers) = peers {
        let patterns: Vec<_> = peers.patterns.iter().map(|listed| listed.pattern.as_str()).collect();
        let patterns = named(&patterns, " or ");
        found.push(notes.number(format!("if the connection is that of {patterns} ({})", peers.place)));
    }
    if let Some(when) = when {
        found.push(notes.number(format!("if {} ({})", when.expression.text(), when.place)));
    }
    found
}

/// What to know of a service.
pub(super) fn of_service(service: &Service, notes: &mut Notes) -> Vec<usize> {
    let preflight = "CORS preflights pass without a token (`cors_preflight: allow`)";
    service.cors_preflight.then(|| notes.number(preflight.to_owned())).into_iter().collect()
}

/// Bindings that give a role on some requests only.
pub(super) fn scoped(index: &Index) -> BTreeMap<RoleId, Vec<(String, &Bound)>> {
    let mut found: BTreeMap<RoleId, Vec<(String, &Bound)>> = BTreeMap::new();
    let users = index.users().map(|(name, given)| ("user", name, given));
    let groups = index.groups().map(|(name, given)| ("group", name, given));
    for (kind, name, given) in users.chain(groups) {
        for bound in given.scoped.iter().flat_map(|scoped| scoped.bounds()) {
            found.entry(bound.role).or_default().push((format!("the {kind} {name}"), bound));
        }
    }
    found
}

/// What to know of a role: what it takes away, and who has it only somewhere.
pub(super) fn of_role(
    index: &Index,
    role: &Role,
    scoped: Option<&[(String, &Bound)]>,
    notes: &mut Notes,
) -> Vec<usize> {
    let mut found = Vec::new();
    let denied: Vec<&str> = index
        .codes()
        .filter(|(id, _)| role.denied.contains(id.number()))
        .map(|(_, code)| code.as_str())
        .collect();
    if !denied.is_empty() {
        let codes = named(&denied, ", ");
        found.push(notes.number(format!("{} takes {codes} away, whatever else grants it", role.name)));
    }
    let bindings: Vec<String> = scoped
        .into_iter()
        .flatten()
        .filter_map(|(who, bound)| {
            let scope = bound.scope.as_ref()?.describe(None);
            Some(format!("{who} has {} {scope} ({})", role.name, bound.place))
        })
        .collect();
    if !bindings.is_empty() {
        let texts: Vec<&str> = bindings.iter().map(String::as_str).collect();
        found.push(notes.number(named(&texts, "; ")));
    }
    found
}

/// What a route requires, in words.
pub(super) fn requires(index: &Index, rule: &Rule) -> String {
    match rule {
        Rule::Access(access) => format!("access: {}", access.as_str()),
        Rule::Needs { roles, codes, .. } => {
            let roles = roles
                .as_ref()
                .map(|need| need_of("roles", need, |id| index.role(id).map_or("?", |role| &*role.name)));
            let codes = codes
                .as_ref()
                .map(|need| need_of("codes", need, |id| index.code(id).map_or("?", |code| code.as_str())));
            let parts: Vec<String> = roles.into_iter().chain(codes).collect();
            if parts.is_empty() { "a caller who is known".to_owned() } else { parts.join("; ") }
        }
    }
}

fn need_of<'i, T: Copy>(what: &str, need: &Need<T>, name: impl Fn(T) -> &'i str) -> String {
    let names: Vec<&str> = need.ids.iter().map(|id| name(*id)).collect();
    let how = match (names.len(), need.all) {
        (1, _) => "",
        (_, true) => "all of ",
        (_, false) => "any of ",
    };
    format!("{what}: {how}{}", names.join(", "))
}

/// The first few of several, and how many more there are.
fn named(texts: &[&str], between: &str) -> String {
    let shown: Vec<&str> = texts.iter().take(NAMED).copied().collect();
    match texts.len() - shown.len() {
        0 => shown.join(between),
        more => format!("{} and {more} more", shown.join(between)),
    }
}
