//! Readers for mappings: which keys may stand there, and which were meant.

use super::read::wrong;
use super::tree::{Entry, Kind, Node};
use crate::diag::{Code, Diagnostic, Report, Span, did_you_mean};

/// What keys a mapping may have, and what to call it.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Such as `a route`.
    pub what: &'static str,
    /// The keys it may have.
    pub known: &'static [&'static str],
    /// Keys of the language that this version refuses, each with what to do
    /// until then.
    pub later: &'static [(&'static str, &'static str)],
}

/// Keys that other products have for a thing, which people will try here.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere {
    /// What they write.
    pub words: &'static [&'static str],
    /// The key of this mapping that stands for it; empty if there is none.
    pub meant: &'static str,
    /// What to write here.
    pub help: &'static str,
}

/// The keys of one mapping, all of them known.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    entries: &'a [Entry],
    /// The place of the whole mapping.
    pub span: Span,
    shape: Shape,
    elsewhere: &'static [Elsewhere],
}

impl<'a> Fields<'a> {
    /// Reads a mapping; every key that the shape does not know is a finding.
    pub fn read(node: &'a Node, shape: Shape, report: &mut Report) -> Option<Self> {
        Self::read_with(node, shape, &[], report)
    }

    /// The same, with better help for words from elsewhere.
    pub fn read_with(
        node: &'a Node,
        shape: Shape,
        elsewhere: &'static [Elsewhere],
        report: &mut Report,
    ) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let help = match shape.known {
                [key] => format!("write `{key}:` and its value below it, indented"),
                keys => format!("write it with the keys `{}`", keys.join("`, `")),
            };
            wrong(node, &format!("{} must be a mapping", shape.what), "not a mapping", &help, report);
            return None;
        };
        let fields = Self { entries, span: node.span, shape, elsewhere };
        fields.unknown().for_each(|entry| report.push(fields.unknown_key(entry)));
        Some(fields)
    }

    /// Whether a key was refused: what it meant to say is missing then, and
    /// nothing that follows from its absence is worth telling.
    pub fn has_unknown(&self) -> bool {
        self.unknown().next().is_some()
    }

    fn unknown(&self) -> impl Iterator<Item = &'a Entry> {
        let known = self.shape.known;
        self.entries.iter().filter(move |e| !known.contains(&e.key.as_str()))
    }

    fn unknown_key(&self, entry: &Entry) -> Diagnostic {
        let Shape { what, known, later } = self.shape;
        if let Some((key, until)) = later.iter().find(|(key, _)| *key == entry.key) {
            let message = format!("`{key}` is not in this version yet");
            return Diagnostic::at(Code::NotYet, entry.key_span, message).label("not supported").help(*until);
        }
        let message = format!("unknown key `{}` in {what}", entry.key);
        let finding = Diagnostic::at(Code::UnknownKey, entry.key_span, message).label("not known here");
        if let Some(word) = self.borrowed_word(&entry.key) {
            return finding.help(word.help);
        }
        if entry.key.contains(' ') && entry.value.is_null() {
            return finding.help("between `{` and `}` text that holds a comma needs quotes");
        }
        let otherwise = format!("the keys known here are `{}`", known.join("`, `"));
        finding.suggest(&entry.key, known.iter().copied(), otherwise)
    }

    fn borrowed_word(&self, key: &str) -> Option<&'static Elsewhere> {
        let is_key = |word: &&str| word.eq_ignore_ascii_case(key);
        self.elsewhere.iter().find(|known| known.words.iter().any(is_key))
    }

    /// The entry of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// Whether the mapping has no key at all, known or not.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether some unknown key was probably meant to be this one: it has been
    /// told already.
    fn is_misspelled(&self, key: &str) -> bool {
        self.unknown().take(8).any(|e| match self.borrowed_word(&e.key) {
            Some(word) => word.meant == key,
            None => did_you_mean(&e.key, self.shape.known.iter().copied()) == Some(key),
        })
    }

    /// The entry of a key that must be there.
    pub fn require(&self, key: &str, report: &mut Report) -> Option<&'a Entry> {
        let entry = self.get(key);
        if entry.is_none() && !self.is_misspelled(key) {
            // The place of a whole mapping is its first key.
            let place = self.entries.first().map_or(self.span, |e| e.key_span);
            report.push(
                Diagnostic::at(Code::MissingKey, place, format!("{} needs the key `{key}`", self.shape.what))
                    .label("missing here")
                    .help(format!("add `{key}:`")),
            );
        }
        entry
    }
}
