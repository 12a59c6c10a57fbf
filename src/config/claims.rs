//! Which claims say who calls and what they may: `user`, `roles`, `groups`,
//! `codes`, `scopes`.

use super::claim_path::ClaimPath;
use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{self, Entry, Fields, Kind, Node, Shape};

/// A claim that lists names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListClaim {
    /// Where it stands.
    pub path: ClaimPath,
    /// Whether it may also be one text of names with single spaces between
    /// them.
    pub spaced: bool,
}

pub(super) const LIST: Shape = Shape { what: "a claim", known: &["claim", "separator"], later: &[] };

pub(super) const SCOPES: Shape = Shape { what: "`scopes`", known: &["claim", "mode"], later: &[] };

/// A path, or a list of them: the first that a token has is taken.
pub(super) fn paths(entry: &Entry, report: &mut Report) -> Vec<ClaimPath> {
    let what = format!("`{}`", entry.key);
    yaml::texts(&entry.value, &what, report)
        .into_iter()
        .filter_map(|text| ClaimPath::read(text, report))
        .collect()
}

/// A path, a `{ claim, separator }`, or a list of either.
pub(super) fn lists(entry: &Entry, report: &mut Report) -> Vec<ListClaim> {
    let what = format!("`{}`", entry.key);
    match &entry.value.kind {
        Kind::List(_) => yaml::items(&entry.value, &what, report)
            .unwrap_or_default()
            .iter()
            .filter_map(|node| list(node, &what, report))
            .collect(),
        Kind::Refused => Vec::new(),
        Kind::Scalar { .. } | Kind::Map(_) => list(&entry.value, &what, report).into_iter().collect(),
    }
}

fn list(node: &Node, what: &str, report: &mut Report) -> Option<ListClaim> {
    if !matches!(node.kind, Kind::Map(_)) {
        let path = yaml::text(node, what, report).and_then(|text| ClaimPath::read(text, report))?;
        return Some(ListClaim { path, spaced: false });
    }
    let fields = Fields::read(node, LIST, report)?;
    let path = fields
        .require("claim", report)
        .and_then(|entry| yaml::text(&entry.value, "`claim`", report))
        .and_then(|text| ClaimPath::read(text, report));
    let spaced = match fields.get("separator") {
        Some(entry) => word(&entry.value, "separator", "space", report)?,
        None => false,
    };
    Some(ListClaim { path: path?, spaced })
}

/// `scopes: { claim: scope, mode: limit }`.
pub(super) fn scopes(entry: &Entry, report: &mut Report) -> Option<ListClaim> {
    let fields = Fields::read(&entry.value, SCOPES, report)?;
    let path = fields
        .require("claim", report)
        .and_then(|entry| yaml::text(&entry.value, "`claim`", report))
        .and_then(|text| ClaimPath::read(text, report));
    let mode = fields.require("mode", report).and_then(|entry| word(&entry.value, "mode", "limit", report));
    mode.and(path).map(|path| ListClaim { path, spaced: true })
}

fn word(node: &Node, key: &str, only: &str, report: &mut Report) -> Option<bool> {
    let fine = matches!(&node.kind, Kind::Scalar { text, .. } if text == only);
    if !fine && node.kind != Kind::Refused {
        report.push(
            Diagnostic::at(Code::BadValue, node.span, format!("`{key}` can only be `{only}`"))
                .label("not known")
                .help(format!("write `{key}: {only}`")),
        );
    }
    fine.then_some(true)
}
