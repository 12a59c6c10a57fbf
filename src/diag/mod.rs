//! What we tell a person, and where in which file.
//!
//! A [`Diagnostic`] is a value: it is made deep inside a parser, collected in a
//! [`Report`] beside all the others, and printed by whoever talks to a person.
//! This room knows nothing of policies, requests or Envoy, and it never prints.

mod code;
mod render;
mod sarif;
mod source;
mod suggest;

use std::path::Path;

pub use code::{Code, Severity};
pub use render::{Format, MAX_SHOWN, printable, render};
pub use sarif::uri;
pub use source::{FileId, FileName, Place, Position, Sources, Span, below};
pub use suggest::{did_you_mean, distance};

/// One finding: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, which also fixes the severity.
    pub code: Code,
    /// One lower-case sentence without a final dot; user text in backticks.
    pub message: String,
    /// The place the caret points at; `None` only where there is no file text.
    pub span: Option<Span>,
    /// A few words beside the caret.
    pub label: String,
    /// Other places that matter, such as the first of two definitions.
    pub related: Vec<(Span, String)>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding at a place.
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: Some(span),
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// A finding about something that has no text to point at: a missing
    /// directory, a file that cannot be read.
    pub fn nowhere(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// Adds the words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" when one of `known` is close to `word`; otherwise
    /// the help says `otherwise`.
    #[must_use]
    pub fn suggest<'k>(
        self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
        otherwise: impl Into<String>,
    ) -> Self {
        match did_you_mean(word, known) {
            Some(close) => self.help(format!("did you mean `{close}`?")),
            None => self.help(otherwise),
        }
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Whether this finding forbids use of the policy.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// How many findings a report keeps. More are only counted: nobody reads them,
/// and a file of garbage must not fill the memory.
pub const MAX_KEPT: usize = 10_000;

/// All findings about one set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    /// Errors and warnings beyond [`MAX_KEPT`].
    dropped: (usize, usize),
    /// Findings that somebody has allowed.
    silenced: Vec<Silenced>,
}

/// A finding that somebody has allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silenced {
    /// The finding.
    pub diagnostic: Diagnostic,
    /// Why it is meant to be so.
    pub reason: String,
}

impl Report {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_KEPT {
            self.diagnostics.push(diagnostic);
        } else if diagnostic.is_error() {
            self.dropped.0 += 1;
        } else {
            self.dropped.1 += 1;
        }
    }

    /// Adds all findings of another report.
    pub fn append(&mut self, other: Report) {
        self.dropped.0 += other.dropped.0;
        self.dropped.1 += other.dropped.1;
        other.diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
        self.silenced.extend(other.silenced);
    }

    /// Adds the findings about another set of files, and those files, whose
    /// names are relative to a directory.
    pub fn adopt(&mut self, sources: &mut Sources, found: (Report, Sources), directory: &Path) {
        let _ = self.adopt_and_place(sources, found, directory);
    }

    /// The same; gives where places of those files are now.
    pub fn adopt_and_place(
        &mut self,
        sources: &mut Sources,
        found: (Report, Sources),
        directory: &Path,
    ) -> impl Fn(Span) -> Span + use<> {
        let (report, files) = found;
        let files = sources.adopt(files, directory);
        for mut diagnostic in report.diagnostics {
            let spans = diagnostic.related.iter_mut().map(|(span, _)| span);
            for span in spans.chain(&mut diagnostic.span) {
                span.file = files(span.file);
            }
            self.push(diagnostic);
        }
        self.dropped.0 += report.dropped.0;
        self.dropped.1 += report.dropped.1;
        move |span| Span { file: files(span.file), ..span }
    }

    /// Sets aside the warnings for which a reason is given.
    pub fn silence(&mut self, mut reason: impl FnMut(&Diagnostic) -> Option<String>) {
        let (silenced, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.diagnostics)
            .into_iter()
            .map(|diagnostic| (reason(&diagnostic).filter(|_| !diagnostic.is_error()), diagnostic))
            .partition(|(reason, _)| reason.is_some());
        self.diagnostics = kept.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        let silenced = silenced
            .into_iter()
            .filter_map(|(reason, diagnostic)| Some(Silenced { diagnostic, reason: reason? }));
        self.silenced.extend(silenced);
    }

    /// The findings that were set aside.
    pub fn silenced(&self) -> &[Silenced] {
        &self.silenced
    }

    /// Leaves out the findings with these codes.
    pub fn leave_out(&mut self, codes: &[Code]) {
        self.diagnostics.retain(|diagnostic| !codes.contains(&diagnostic.code));
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.dropped.0 > 0 || self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Whether there are so many findings already that looking for what the
    /// next one may mean among very many names would take longer than it helps.
    pub fn is_long(&self) -> bool {
        self.diagnostics.len() >= MAX_SHOWN
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The findings, sorted by file, line and column once [`Report::sort`] ran.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Puts the findings in the order a person reads: by file, then place,
    /// those without a place first. Exact repeats are dropped.
    pub fn sort(&mut self, sources: &Sources) {
        self.diagnostics.sort_by(|a, b| {
            let (file, start) = (
                |d: &Diagnostic| d.span.map(|s| sources.name(s.file)),
                |d: &Diagnostic| d.span.map(|s| s.start),
            );
            file(a)
                .cmp(&file(b))
                .then_with(|| start(a).cmp(&start(b)))
                .then_with(|| a.code.id().cmp(b.code.id()))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.diagnostics.dedup();
    }

    /// The number of errors and of warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|d| d.is_error()).count();
        (errors + self.dropped.0, self.diagnostics.len() - errors + self.dropped.1)
    }
}
