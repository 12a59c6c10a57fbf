//! Findings for a terminal, for a log line, and for a program.
//!
//! The only file that names the snippet crate.

use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::sarif::sarif;
use super::{Diagnostic, Position, Report, Severity, Sources, Span};

/// How to print a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Source line, caret, help; coloured or not.
    Text {
        /// Whether to use terminal colours.
        color: bool,
    },
    /// One line a finding: `file:line:column: severity[code]: message`.
    Short,
    /// One JSON object with all findings.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// How many findings are printed for a person. A program gets all that the
/// report kept.
pub const MAX_SHOWN: usize = 100;

/// The whole report as text.
pub fn render(report: &Report, sources: &Sources, format: Format) -> String {
    match format {
        Format::Text { color } => text(report, sources, color) + &more(report),
        Format::Short => short(report, sources) + &more(report),
        Format::Json => json(report, sources),
        Format::Sarif => sarif(report, sources),
    }
}

/// How many findings are not shown, where there are any.
fn more(report: &Report) -> String {
    let (errors, warnings) = report.counts();
    match (errors + warnings).saturating_sub(MAX_SHOWN) {
        0 => String::new(),
        more => format!("and {more} more findings: mend these first\n"),
    }
}

fn text(report: &Report, sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in report.diagnostics().iter().take(MAX_SHOWN) {
        let level = match diagnostic.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(printable(&diagnostic.message)).id(diagnostic.code.id());
        let group = match diagnostic.span {
            Some(span) => annotate(Group::with_title(title), diagnostic, span, sources),
            None => Group::with_title(title),
        };
        let mut groups = vec![group];
        if let Some(help) = &diagnostic.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(printable(help))));
        }
        out.push_str(&renderer.render(&groups));
        out.push_str("\n\n");
    }
    out
}

fn annotate<'a>(
    mut group: Group<'a>,
    diagnostic: &'a Diagnostic,
    span: Span,
    sources: &'a Sources,
) -> Group<'a> {
    let annotation = |kind: AnnotationKind, span: Span, label: &'a str| {
        let annotation = kind.span(clip(span, sources));
        if label.is_empty() { annotation } else { annotation.label(label) }
    };
    let mut snippet = Snippet::source(visible(sources.text(span.file)))
        .path(printable(sources.name(span.file)))
        .annotation(annotation(AnnotationKind::Primary, span, &diagnostic.label));
    for (other, label) in diagnostic.related.iter().filter(|(other, _)| other.file == span.file) {
        snippet = snippet.annotation(annotation(AnnotationKind::Context, *other, label));
    }
    group = group.element(snippet);
    for (other, label) in diagnostic.related.iter().filter(|(other, _)| other.file != span.file) {
        group = group.element(
            Snippet::source(visible(sources.text(other.file)))
                .path(printable(sources.name(other.file)))
                .annotation(annotation(AnnotationKind::Context, *other, label)),
        );
    }
    group
}

/// A range that lies inside the text and on character boundaries.
fn clip(span: Span, sources: &Sources) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// Characters that steer a terminal, or are not seen and look like nothing.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A message in which the hostile characters of a file are spelled out.
fn printable(message: &str) -> String {
    message
        .chars()
        .flat_map(|c| {
            let escaped: Box<dyn Iterator<Item = char>> =
                if is_hostile(c) { Box::new(c.escape_unicode()) } else { Box::new(std::iter::once(c)) };
            escaped
        })
        .collect()
}

/// A file in which hostile characters are seen. What stands for them is as many
/// bytes long, so that places stay what they are; those of one byte are left to
/// the snippet crate.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| is_hostile(c) && !c.is_ascii()) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| match c.len_utf8() {
        2 if is_hostile(c) => '\u{bf}',
        3 if is_hostile(c) => '\u{fffd}',
        _ => c,
    });
    Cow::Owned(shown.collect())
}

fn short(report: &Report, sources: &Sources) -> String {
    let mut out = String::new();
    for diagnostic in report.diagnostics().iter().take(MAX_SHOWN) {
        if let Some(span) = diagnostic.span {
            let at = sources.position(span.file, span.start);
            let name = printable(sources.name(span.file));
            out.push_str(&format!("{name}:{}:{}: ", at.line, at.column));
        }
        let severity = diagnostic.code.severity().as_str();
        let message = printable(&diagnostic.message).replace('\n', " ");
        out.push_str(&format!("{severity}[{}]: {message}\n", diagnostic.code.id()));
    }
    out
}

#[derive(Serialize)]
struct JsonReport<'a> {
    errors: usize,
    warnings: usize,
    diagnostics: Vec<JsonDiagnostic<'a>>,
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    name: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<JsonLocation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<JsonLocation<'a>>,
}

#[derive(Serialize)]
struct JsonLocation<'a> {
    file: &'a str,
    start: Position,
    end: Position,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
}

fn json(report: &Report, sources: &Sources) -> String {
    let location = |span: Span, label| JsonLocation {
        file: sources.name(span.file),
        start: sources.position(span.file, span.start),
        end: sources.position(span.file, span.end),
        label,
    };
    let (errors, warnings) = report.counts();
    let report = JsonReport {
        errors,
        warnings,
        diagnostics: report
            .diagnostics()
            .iter()
            .map(|d| JsonDiagnostic {
                code: d.code.id(),
                name: d.code.name(),
                severity: d.code.severity().as_str(),
                message: &d.message,
                location: d.span.map(|span| location(span, d.label.as_str())),
                help: d.help.as_deref(),
                related: d.related.iter().map(|(span, label)| location(*span, label.as_str())).collect(),
            })
            .collect(),
    };
    // A struct of strings and numbers always serialises.
    let mut out = serde_json::to_string_pretty(&report).unwrap_or_default();
    out.push('\n');
    out
}
