//! The text of a CEL expression. What it says is the compiler's to read.

use crate::diag::{Report, Sources, Span};
use crate::yaml::{Node, text};

/// An expression as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpressionText {
    /// The text after YAML's escapes.
    pub text: String,
    /// Where the value stands, quotes included.
    pub span: Span,
    /// Where the text itself begins and ends, if it holds no escapes.
    inner: Span,
}

impl ExpressionText {
    /// Reads one.
    pub fn read(node: &Node, what: &str, report: &mut Report) -> Option<Self> {
        let text = text(node, what, report)?;
        let inner = text.part(0, text.value.len());
        Some(Self { text: text.value.to_owned(), span: text.span, inner })
    }

    /// The place of the bytes `from..to` of the text; all of it where YAML wrote
    /// the text in another way: with escapes, or over several lines.
    pub fn part(&self, sources: &Sources, from: usize, to: usize) -> Span {
        let Span { file, start, end } = self.inner;
        let written = sources.text(file).get(start..end);
        if written == Some(self.text.as_str()) { self.inner.part(from, to) } else { self.span }
    }
}
