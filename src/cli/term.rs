//! Where commands write: answers to standard output, complaints to standard
//! error, colours only where a person can see them.

use std::io::{self, IsTerminal, Write};

use crate::diag::{Format, Report, Sources, render};

/// The two streams of this process, and whether to colour each.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    out_color: bool,
    err_color: bool,
}

impl Term {
    /// Looks at the streams, `NO_COLOR` and `TERM`.
    pub fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let wanted = !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            out_color: wanted && io::stdout().is_terminal(),
            err_color: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether standard output takes colours.
    pub fn out_color(self) -> bool {
        self.out_color
    }

    /// Writes an answer. Whoever reads it may stop reading, as `head` does:
    /// that is no fault of the command.
    pub fn out(self, text: &str) {
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes a complaint, with an `error: ` in front.
    pub fn error(self, message: &str) {
        let _ = writeln!(io::stderr().lock(), "error: {message}");
    }

    /// Writes findings as text with source lines to standard error.
    pub fn report(self, report: &Report, sources: &Sources) {
        let text = render(report, sources, Format::Text { color: self.err_color });
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
