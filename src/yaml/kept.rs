//! Text in a language of its own, kept whole for whoever reads that language.

use super::read::text;
use super::tree::Node;
use crate::diag::{Report, Sources, Span};

/// A text whose parts have places, long after the tree is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeptText {
    /// The text after YAML's escapes.
    pub text: String,
    /// Where the value stands, quotes included.
    pub span: Span,
    /// Where the text itself begins and ends, if it holds no escapes.
    inner: Span,
}

impl KeptText {
    /// Reads one; `what` names it.
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
