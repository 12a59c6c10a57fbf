//! How findings are printed, by the commands whose answer they are.

use clap::ValueEnum;

use super::{Failure, Term};
use crate::diag::{Format, Report, Sources, render};

/// A choice of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// With source lines, carets and help.
    Text,
    /// One line a finding: `file:line:column: severity[code]: message`.
    Short,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// Prints sorted findings; for a person, with a last line.
pub(super) fn show(
    report: &Report,
    sources: &Sources,
    format: As,
    last: impl FnOnce() -> String,
    term: Term,
) -> Result<(), Failure> {
    let text = match format {
        As::Text => render(report, sources, Format::Text { color: term.out_color() }) + &last(),
        As::Short => render(report, sources, Format::Short),
        As::Json => render(report, sources, Format::Json),
        As::Sarif => render(report, sources, Format::Sarif),
    };
    term.out(&text)
}

/// A number of things.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
