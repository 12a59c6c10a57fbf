//! Where commands write: answers to standard output, complaints to standard
//! error, colours only where a person can see them.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;

use super::Failure;
use crate::diag::{Format, Report, Sources, render};
use crate::words::redact::tokens;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// The two streams of this process, and whether to colour each.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    out_color: bool,
    err_color: bool,
}

impl Term {
    /// Looks at the streams, `NO_COLOR` and `TERM`.
    pub fn detect(color: Color) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = |terminal: bool| match color {
            Color::Auto => terminal && !set("NO_COLOR") && !dumb,
            Color::Always => true,
            Color::Never => false,
        };
        Self { out_color: wanted(io::stdout().is_terminal()), err_color: wanted(io::stderr().is_terminal()) }
    }

    /// Whether standard output takes colours.
    pub fn out_color(self) -> bool {
        self.out_color
    }

    /// Whether standard error takes colours.
    pub fn err_color(self) -> bool {
        self.err_color
    }

    /// Writes an answer. Whoever reads it may stop reading, as `head` does:
    /// that is no fault of the command, and changes nothing about its verdict.
    pub fn out(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("can't write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes a complaint, with an `error: ` in front. A path or a name in it
    /// may be a token that stands in the wrong place.
    pub fn error(self, message: &str) {
        let message = tokens(message);
        let (on, off) = if self.err_color { (Style::Bad.start(), Style::END) } else { ("", "") };
        let _ = writeln!(io::stderr().lock(), "{on}error:{off} {message}");
    }

    /// Writes findings as text with source lines to standard error.
    pub fn report(self, report: &Report, sources: &Sources) {
        let text = render(report, sources, Format::Text { color: self.err_color });
        let _ = io::stderr().lock().write_all(tokens(&text).as_bytes());
    }

    /// Text for standard output in a style, where colours are wanted.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.out_color { format!("{}{text}{}", style.start(), Style::END) } else { text.to_owned() }
    }
}

/// What a piece of text is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// A label.
    Label,
    /// Beside the point, such as a place.
    Quiet,
}

impl Style {
    const END: &'static str = "\x1b[0m";

    fn start(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Bad => "\x1b[1;31m",
            Self::Label => "\x1b[1m",
            Self::Quiet => "\x1b[2m",
        }
    }
}
