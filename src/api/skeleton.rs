//! A description as a policy that denies everything until it is edited.
//!
//! Every route is `access: denied`; what the description says of who may call
//! stands behind it in a comment, to be put in its place. Words of others are
//! only ever written into comments, on one line and without odd characters.

use std::collections::{BTreeSet, HashSet};

use super::compare::word;
use super::openapi::shape;
use super::{Api, Operation};
use crate::policy::{Method, Segment};

/// The text of a policy file with one service.
pub fn skeleton(api: &Api, service: &str) -> String {
    let mut text = format!(
        "# Made of {}.\n# Every route denies until it is edited: what the description says of who may call stands behind\n\
         # `instead:`; put it, or something better, in the place of `access: denied`.\n",
        api.title
    );
    text.push_str(&roles(api));
    text.push_str("\nservices:\n");
    text.push_str(&format!("  {}:\n", yaml_text(service)));
    if !api.hosts.is_empty() {
        text.push_str(&format!("    # hosts: [{}] # the servers of the description\n", api.hosts.join(", ")));
    }
    let paths = paths(api);
    if !paths.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| yaml_text(path)).collect();
        text.push_str(&format!("    paths: [{}]\n", paths.join(", ")));
    }
    text.push_str("    routes:\n");
    let told: HashSet<(Method, String)> =
        api.operations.iter().map(|operation| (operation.method, shape(&operation.template))).collect();
    for operation in &api.operations {
        // `GET` covers `HEAD`, `POST` covers `GRPC`.
        let covering = match operation.method {
            Method::Head => Some(Method::Get),
            Method::Grpc => Some(Method::Post),
            _ => None,
        };
        if !covering.is_some_and(|method| told.contains(&(method, shape(&operation.template)))) {
            text.push_str(&route(operation));
        }
    }
    if !api.left_out.is_empty() {
        text.push_str("\n# Left out, because no route can be so:\n");
        api.left_out.iter().for_each(|what| text.push_str(&format!("# - {what}\n")));
    }
    text
}

fn route(operation: &Operation) -> String {
    let mut text = String::new();
    if let Some(note) = &operation.note {
        // An `allow:` of somebody else must not be taken for one of ours.
        let front = if note.starts_with("allow") { "summary: " } else { "" };
        text.push_str(&format!("      # {front}{note}\n"));
    }
    for remark in &operation.asks.remarks {
        text.push_str(&format!("      # note: {remark}\n"));
    }
    let line = format!("{} {}", word(operation.method), operation.template);
    text.push_str(&format!("      - route: {}\n", yaml_text(&line)));
    match &*operation.asks.keys {
        [] => text.push_str("        access: denied\n"),
        keys => text.push_str(&format!("        access: denied # instead: {}\n", keys.join("; "))),
    }
    text
}

/// The roles and codes that are spoken of: somebody must define them.
fn roles(api: &Api) -> String {
    let all = |list: fn(&Operation) -> &[String]| -> BTreeSet<&str> {
        api.operations.iter().flat_map(|operation| list(operation).iter().map(String::as_str)).collect()
    };
    let mut text = String::new();
    for (what, names) in [("Roles", all(|o| &o.asks.roles)), ("Codes", all(|o| &o.asks.codes))] {
        if !names.is_empty() {
            text.push_str(&format!("#\n# {what} that it speaks of, for `roles:` of the policy:\n"));
            names.iter().for_each(|name| text.push_str(&format!("#   {name}\n")));
        }
    }
    text
}

/// The path prefixes of the HTTP routes: the base paths, or the first segments.
fn paths(api: &Api) -> Vec<String> {
    let http: Vec<&Operation> = api.operations.iter().filter(|o| o.method != Method::Grpc).collect();
    let literal = |segment: &Segment| match segment {
        Segment::Literal(text) => Some(text.to_string()),
        Segment::Param(_) => None,
    };
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for operation in http {
        let text = operation.template.to_string();
        let base = api.bases.iter().filter(|base| !base.is_empty());
        let base = base
            .filter(|base| text.strip_prefix(&***base).is_some_and(|r| r.is_empty() || r.starts_with('/')));
        let first = operation.template.segments.first().and_then(literal);
        match (base.max_by_key(|base| base.len()), first) {
            (Some(base), _) if !base.contains('{') => paths.insert(base.clone()),
            (_, Some(first)) => paths.insert(format!("/{first}")),
            (_, None) => return vec!["/".to_owned()],
        };
    }
    paths.into_iter().collect()
}

/// Text as YAML takes it for text: quoted where a reader might see something
/// else in it.
pub(super) fn yaml_text(text: &str) -> String {
    let word = text.to_ascii_lowercase();
    let odd = matches!(word.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~:{} ".contains(c);
    if starts && !odd && text.chars().all(plain) && !text.ends_with(':') {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}
