//! The tree.

use crate::diag::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// The three kinds of value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A word, a number, a quoted string, or nothing at all.
    Scalar {
        /// The text after YAML's escapes.
        text: String,
        /// Not quoted and not a block scalar.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, keys unique.
    Map(Vec<Entry>),
    /// Something that the parser refused: the report tells why, so that every
    /// reader can be silent about it.
    Refused,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Whether the key was written without quotes.
    pub key_plain: bool,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Whether this is YAML's null: nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if is_null_word(text))
    }

    /// How many values it holds, itself among them, and how deep they are nested.
    pub(super) fn extent(&self) -> (usize, usize) {
        let inner = |values: &mut dyn Iterator<Item = &Self>| {
            let all = values.map(Self::extent);
            let (size, depth) = all.fold((0, 0), |(size, depth), (s, d)| (size + s, depth.max(d)));
            (size + 1, depth + 1)
        };
        match &self.kind {
            Kind::List(items) => inner(&mut items.iter()),
            Kind::Map(entries) => inner(&mut entries.iter().map(|entry| &entry.value)),
            Kind::Scalar { .. } | Kind::Refused => (1, 0),
        }
    }

    /// What to call it in a message.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Refused => "something that is not allowed",
        }
    }
}

/// The spellings of null in YAML 1.2's core schema.
pub(super) fn is_null_word(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
