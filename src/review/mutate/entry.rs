//! A witness as a test, in the YAML of `tests:`.

use std::fmt::Write;

use crate::config::Issuer;
use crate::diag::{Report, Sources};
use crate::engine::Reason;
use crate::policy::{instant, read_texts};
use crate::review::Witness;
use crate::review::suite::{Suite, result};

/// An item of `tests:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(String);

/// What of a witness is said in a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    at: bool,
    service: bool,
    host: bool,
    source: bool,
}

impl Said {
    /// All of it.
    pub(super) const ALL: Self = Self { at: true, service: true, host: true, source: true };

    /// The same without one thing, for each.
    pub(super) const LESS: [fn(Self) -> Self; 4] = [
        |said| Self { at: false, ..said },
        |said| Self { service: false, ..said },
        |said| Self { host: false, ..said },
        |said| Self { source: false, ..said },
    ];
}

/// The test that a witness is denied for a reason.
pub(super) fn of(witness: &Witness, reason: Reason, name: &str, said: Said) -> Entry {
    let mut text = String::new();
    let mut add = |key: &str, value: &str| {
        let _ = writeln!(text, "{} {key}: {value}", if key == "name" { "-" } else { " " });
    };
    add("name", &quoted(name));
    add("as", &caller(witness, said));
    let host = if said.host { format!("https://{}", witness.host) } else { String::new() };
    add("request", &quoted(&format!("{} {host}{}", witness.method, witness.path)));
    if let Some(service) = witness.service.as_ref().filter(|_| said.service) {
        add("service", service);
    }
    let mut headers = Vec::new();
    if let Some(announced) = witness.preflight {
        headers.push("origin: \"https://example.com\"".to_owned());
        headers.push(format!("access-control-request-method: {announced}"));
    }
    if witness.websocket {
        headers.extend(["connection: upgrade".to_owned(), "upgrade: websocket".to_owned()]);
    }
    if !headers.is_empty() {
        add("headers", &format!("{{ {} }}", headers.join(", ")));
    }
    if said.at {
        add("at", &instant::utc(witness.at));
    }
    add("expect", result(reason));
    Entry(text)
}

/// Who calls, written out.
fn caller(witness: &Witness, said: Said) -> String {
    let mut parts = Vec::new();
    if let Some(token) = &witness.token {
        parts.push(format!("user: {}", quoted(&token.user)));
        let lists = [("roles", &token.roles), ("groups", &token.groups), ("codes", &token.codes)];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        parts.extend(lists.chain(token.scopes.iter().map(|scopes| ("scopes", scopes))).map(
            |(key, names)| {
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                format!("{key}: [{}]", names.join(", "))
            },
        ));
    }
    parts.extend(witness.peer.as_ref().map(|peer| format!("peer: {}", quoted(peer))));
    parts.extend(
        witness
            .source
            .filter(|_| said.source)
            .map(|source| format!("source: {}", quoted(&source.to_string()))),
    );
    if parts.is_empty() { "nobody".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// A text as YAML takes it anywhere: in quotes, unless it is one plain word.
fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let letters = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let plain =
        letters && chars.all(|c| c.is_ascii_alphanumeric() || " -_./@".contains(c)) && !text.ends_with(' ');
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !word.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    // JSON is YAML.
    serde_json::to_string(text).unwrap_or_default()
}

impl Entry {
    /// Its lines, as they stand below `tests:`.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The test alone, ready to run. `None` for what is no test.
    pub fn suite(&self, issuers: &[Issuer]) -> Option<Suite> {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let text = format!("tests:\n{}", self.0);
        let policy = read_texts([("tests.yaml".to_owned(), text)], &mut sources, &mut report)?;
        let suite = Suite::new(&policy, issuers, &mut report)?;
        (!report.has_errors() && !suite.cases().is_empty()).then_some(suite)
    }
}
