//! Findings for a terminal, for a log line, and for a program.
//!
//! The only file that names the snippet crate.

use std::borrow::Cow;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
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

fn annotate<'a>(group: Group<'a>, diagnostic: &'a Diagnostic, span: Span, sources: &'a Sources) -> Group<'a> {
    let mut group = group;
    let close = |other: Span| other.file == span.file && other.start.abs_diff(span.start) <= TOGETHER;
    let primary = (AnnotationKind::Primary, span, diagnostic.label.as_str());
    let related =
        diagnostic.related.iter().map(|(other, label)| (AnnotationKind::Context, *other, label.as_str()));
    let (near, far): (Vec<_>, Vec<_>) = related.partition(|(_, other, _)| close(*other));
    group = group.element(snippet(&[&[primary], &*near].concat(), sources));
    for other in far {
        group = group.element(snippet(&[other], sources));
    }
    group
}

/// How many bytes apart two places may be to be shown in one piece of text.
const TOGETHER: usize = 64 << 10;

/// The lines around some places of one file. Only these lines are handed on:
/// whoever gets a whole file looks at the whole file.
fn snippet<'a>(
    places: &[(AnnotationKind, Span, &'a str)],
    sources: &'a Sources,
) -> Snippet<'a, Annotation<'a>> {
    let Some((_, first, _)) = places.first() else { return Snippet::source("") };
    let text = sources.text(first.file);
    let spans: Vec<_> = places.iter().map(|(_, span, _)| clip(*span, sources)).collect();
    let (start, end) =
        spans.iter().fold((text.len(), 0), |(start, end), span| (start.min(span.start), end.max(span.end)));
    let start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text.get(end..).and_then(|behind| behind.find('\n')).map_or(text.len(), |at| end + at);
    let end = start + text.get(start..end).map_or(0, |lines| lines.trim_end_matches('\r').len());
    let snippet = Snippet::source(visible(text.get(start..end).unwrap_or("")))
        .line_start(sources.position(first.file, start).line)
        .path(printable(sources.name(first.file)));
    places.iter().zip(spans).fold(snippet, |snippet, ((kind, _, label), span)| {
        let annotation = kind.span(span.start.min(end) - start..span.end.min(end) - start);
        snippet.annotation(if label.is_empty() { annotation } else { annotation.label(*label) })
    })
}

/// A range that lies inside the text and on character boundaries.
fn clip(span: Span, sources: &Sources) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    let start = floor(span.start);
    let end = floor(span.end).max(start);
    // Of a block of many lines the first is enough to know it by.
    let line = text.get(start..end).and_then(|block| block.find('\n')).map_or(end, |at| start + at);
    start..line
}

/// Characters that steer a terminal, or are not seen and look like nothing.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A message in which the hostile characters of a file are spelled out.
pub fn printable(message: &str) -> String {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    silenced: Vec<JsonDiagnostic<'a>>,
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    name: &'a str,
    severity: &'a str,
    message: &'a str,
    /// Why it is meant to be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'a str>,
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
    let (errors, warnings) = report.counts();
    let silenced = report.silenced().iter();
    let report = JsonReport {
        errors,
        warnings,
        diagnostics: report.diagnostics().iter().map(|d| json_diagnostic(d, None, sources)).collect(),
        silenced: silenced.map(|s| json_diagnostic(&s.diagnostic, Some(&s.reason), sources)).collect(),
    };
    // A struct of strings and numbers always serialises.
    let mut out = serde_json::to_string_pretty(&report).unwrap_or_default();
    out.push('\n');
    out
}

fn json_diagnostic<'a>(
    diagnostic: &'a Diagnostic,
    allowed: Option<&'a str>,
    sources: &'a Sources,
) -> JsonDiagnostic<'a> {
    let location = |span: Span, label| JsonLocation {
        file: sources.name(span.file),
        start: sources.position(span.file, span.start),
        end: sources.position(span.file, span.end),
        label,
    };
    let Diagnostic { code, message, span, label, related, help } = diagnostic;
    JsonDiagnostic {
        code: code.id(),
        name: code.name(),
        severity: code.severity().as_str(),
        message,
        allowed,
        location: span.map(|span| location(span, label.as_str())),
        help: help.as_deref(),
        related: related.iter().map(|(span, label)| location(*span, label.as_str())).collect(),
    }
}
