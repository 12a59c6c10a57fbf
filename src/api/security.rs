//! `x-roles`, `x-codes` and `security`: what a description says of who may call.

use super::openapi::{entry, items, map, scalar};
use super::skeleton::yaml_text;
use super::{Asks, one_line};
use crate::policy::Code;
use crate::yaml::{Kind, Node};

/// The nearest of each key, from the document down to the operation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Above<'n> {
    roles: Option<&'n Node>,
    codes: Option<&'n Node>,
    security: Option<&'n Node>,
}

impl<'n> Above<'n> {
    pub(super) fn of(root: &'n Node) -> Self {
        Self::default().within(root)
    }

    /// What holds below a node.
    pub(super) fn within(&self, node: &'n Node) -> Self {
        let own = |key: &str| entry(node, key).map(|entry| &entry.value);
        Self {
            roles: own("x-roles").or(self.roles),
            codes: own("x-codes").or(self.codes),
            security: own("security").or(self.security),
        }
    }
}

/// What an operation asks for. Its own codes say more than scopes do.
pub(super) fn asks(above: &Above<'_>) -> Asks {
    let mut asks = Asks::default();
    if let Some(roles) = above.roles.and_then(|node| names("x-roles", node, &mut asks)) {
        asks.keys.push(format!("roles: {}", roles.text()));
        asks.roles = roles.names;
    }
    if let Some(codes) = above.codes.and_then(|node| names("x-codes", node, &mut asks)) {
        asks.keys.push(format!("codes: {}", codes.text()));
        asks.codes = codes.names;
    } else if let Some(security) = above.security {
        scopes(security, &mut asks);
    }
    asks
}

/// Names, and how many of them are needed.
struct Names {
    all: bool,
    names: Vec<String>,
}

impl Names {
    fn text(&self) -> String {
        match &*self.names {
            [one] => yaml_text(one),
            names => {
                let names: Vec<String> = names.iter().map(|name| yaml_text(name)).collect();
                format!("{{ {}: [{}] }}", if self.all { "all" } else { "any" }, names.join(", "))
            }
        }
    }
}

/// One name, a list of which every one is needed, or `any` and `all` as in a
/// policy.
fn names(key: &str, node: &Node, asks: &mut Asks) -> Option<Names> {
    let (all, list) = match &node.kind {
        Kind::Map(_) => match (entry(node, "any"), entry(node, "all")) {
            (Some(any), None) => (false, &any.value),
            (None, Some(all)) => (true, &all.value),
            _ => {
                asks.remarks.push(format!("`{key}` is neither a name, a list, `any` nor `all`"));
                return None;
            }
        },
        _ => (true, node),
    };
    let nodes = match &list.kind {
        Kind::Scalar { .. } => std::slice::from_ref(list),
        _ => items(list),
    };
    let read: Vec<&str> = nodes.iter().filter_map(scalar).collect();
    let (fine, odd): (Vec<&str>, Vec<&str>) = read.iter().partition(|name| Code::parse(name).is_some());
    if !odd.is_empty() || fine.is_empty() || read.len() < nodes.len() {
        let odd = odd.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ");
        asks.remarks.push(one_line(&format!("`{key}` holds what a policy can't name: {odd}")));
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for name in fine {
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    Some(Names { all, names })
}

/// Each alternative lists schemes that are all needed, each with scopes that
/// are all needed.
fn scopes(security: &Node, asks: &mut Asks) {
    let alternatives: Vec<Vec<&str>> = items(security)
        .iter()
        .map(|schemes| {
            map(schemes).iter().flat_map(|scheme| items(&scheme.value)).filter_map(scalar).collect()
        })
        .collect();
    let Kind::List(_) = &security.kind else {
        asks.remarks.push("`security` is no list".to_owned());
        return;
    };
    if alternatives.is_empty() || items(security).iter().any(|schemes| map(schemes).is_empty()) {
        asks.remarks.push("the document asks for no credentials".to_owned());
        return;
    }
    let names = match &*alternatives {
        [all] => Names { all: true, names: all.iter().map(|scope| (*scope).to_owned()).collect() },
        several if several.iter().all(|scopes| scopes.len() == 1) => {
            Names { all: false, names: several.iter().flatten().map(|scope| (*scope).to_owned()).collect() }
        }
        several if several.iter().all(Vec::is_empty) => Names { all: true, names: Vec::new() },
        several => {
            let sets: Vec<String> = several.iter().map(|scopes| format!("[{}]", scopes.join(", "))).collect();
            asks.remarks.push(one_line(&format!("one of these sets of scopes: {}", sets.join(" or "))));
            return;
        }
    };
    if names.names.is_empty() {
        // Roles need a valid token anyway.
        if asks.keys.is_empty() {
            asks.keys.push("access: authenticated".to_owned());
        }
    } else if names.names.iter().any(|scope| Code::parse(scope).is_none()) {
        asks.remarks.push(one_line(&format!("scopes that can't be codes: {}", names.names.join(", "))));
    } else {
        asks.keys.push(format!("codes: {}", names.text()));
        asks.codes = names.names;
    }
}
