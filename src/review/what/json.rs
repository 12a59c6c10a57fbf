//! What a caller may call, for programs.

use serde::Serialize;

use super::{Entry, May, OfService};

#[derive(Serialize)]
struct Told<'a> {
    revision: &'a str,
    caller: &'a str,
    services: Vec<ToldService<'a>>,
}

#[derive(Serialize)]
struct ToldService<'a> {
    name: &'a str,
    routes: Vec<&'a Entry<'a>>,
}

/// One JSON object: the routes that the caller may call, or those that they may not.
pub fn json(found: &[OfService<'_>], revision: &str, caller: &str, denied: bool) -> String {
    let services = found.iter().map(|service| ToldService {
        name: service.name,
        routes: service.routes.iter().filter(|entry| (entry.access == May::No) == denied).collect(),
    });
    let told = Told { revision, caller, services: services.collect() };
    // Texts and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}
