//! The table form of tests: a line with the callers, and for each request a
//! line with as many results.

use std::collections::HashMap;

use super::super::name::Located;
use super::{Asks, Caller, Line, result};
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::words::Reason;
use crate::yaml::{Entry, Fields, Kind, Node, Text, entries, key_name, texts, word};

/// A request, and what must become of it for each caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The request.
    pub request: Located<Line>,
    /// A result for each caller, in their order.
    pub results: Vec<Located<Reason>>,
}

/// The key of the line with the callers.
const CALLERS: &str = "as";

impl Asks {
    pub(super) fn table(fields: &Fields<'_>, entry: &Entry, report: &mut Report) -> Option<Self> {
        let mut fine = true;
        for key in [CALLERS, "request", "expect", "upstream_headers"] {
            if let Some(other) = fields.get(key) {
                fine = false;
                report.push(
                    Diagnostic::at(Diag::BadTest, other.key_span, format!("`{key}` beside `table`"))
                        .label("not here")
                        .related(entry.key_span, "a table")
                        .help("callers, requests and results of a table stand in it; write a test of its own for the other"),
                );
            }
        }
        let help =
            "write a line `as: [nobody, viewer]`, and lines such as `GET /events: [token_missing, allow]`";
        let lines = entries(entry, "requests to results", help, report)?;
        let Some(header) = lines.iter().find(|line| line.key == CALLERS) else {
            let first = lines.first().map_or(entry.key_span, |line| line.key_span);
            report.push(
                Diagnostic::at(Diag::MissingKey, first, format!("a table needs the line `{CALLERS}`"))
                    .label("missing here")
                    .help(help),
            );
            return None;
        };
        let callers = callers(&header.value, report);
        let wide = width(&header.value);
        let read = |line: &Entry, report: &mut Report| row(line, wide, header, report);
        let rows: Vec<_> =
            lines.iter().filter(|line| line.key != CALLERS).map(|line| read(line, report)).collect();
        if rows.is_empty() {
            report.push(
                Diagnostic::at(Diag::EmptyValue, header.key_span, "a table without requests")
                    .label("nothing is asked")
                    .help(help),
            );
            return None;
        }
        let rows: Option<Vec<Row>> = rows.into_iter().collect();
        let (callers, rows) = (callers?, rows?);
        fine.then_some(Self::Table { callers, rows })
    }
}

/// How many cells a line has.
fn width(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => items.len(),
        _ => 1,
    }
}

fn callers(node: &Node, report: &mut Report) -> Option<Vec<Located<Caller>>> {
    if let Kind::Scalar { text, .. } = &node.kind
        && text.contains(',')
    {
        let shown = text.escape_debug();
        report.push(
            Diagnostic::at(Diag::BadTest, node.span, format!("`{shown}` is not a list"))
                .label("several")
                .help(format!("write brackets around them: `[{shown}]`")),
        );
        return None;
    }
    let written = texts(node, "a persona", report);
    let mut seen = HashMap::new();
    let mut callers = Vec::new();
    for text in &written {
        if let Some(first) = seen.insert(text.value, text.span) {
            report.push(
                Diagnostic::at(
                    Diag::BadTest,
                    text.span,
                    format!("the column `{}` stands here twice", text.value.escape_debug()),
                )
                .label("second")
                .related(first, "first")
                .help("keep one of them"),
            );
            continue;
        }
        callers.extend(Caller::named(*text, report));
    }
    (callers.len() == width(node)).then_some(callers)
}

fn row(line: &Entry, wide: usize, header: &Entry, report: &mut Report) -> Option<Row> {
    let request = key_name(line, "a request", report).and_then(|text| Line::read(text, report));
    let cells = cells(&line.value, report)?;
    let results: Vec<_> = cells.iter().map(|cell| result(*cell, report)).collect();
    if cells.len() != wide {
        let results = if cells.len() == 1 { "result" } else { "results" };
        let callers = if wide == 1 { "caller" } else { "callers" };
        let message = format!("{} {results} for {wide} {callers}", cells.len());
        report.push(
            Diagnostic::at(Diag::BadTest, line.value.span, message)
                .label(if cells.len() < wide { "too few" } else { "too many" })
                .related(header.value.span, "the callers")
                .help("write one result below each caller"),
        );
        return None;
    }
    Some(Row { request: request?, results: results.into_iter().collect::<Option<_>>()? })
}

/// The results of a line. They are words that a list of all results is
/// compared with, so that none needs quotes.
fn cells<'a>(node: &'a Node, report: &mut Report) -> Option<Vec<Text<'a>>> {
    let one = |node: &'a Node, report: &mut Report| {
        word(node, "a result", "`allow` or the reason of a denial", report)
    };
    let read: Vec<_> = match &node.kind {
        Kind::List(items) => items.iter().map(|item| one(item, report)).collect(),
        _ => vec![one(node, report)],
    };
    read.into_iter().collect()
}
