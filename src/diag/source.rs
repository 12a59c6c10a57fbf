//! The files we read, and places in them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

/// A file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A byte range of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The part of this span from byte `from` to byte `to`, counted from its
    /// start and clipped to it: for pointing inside a string.
    #[must_use]
    pub fn part(self, from: usize, to: usize) -> Self {
        let start = (self.start + from).min(self.end);
        let end = (self.start + to).clamp(start, self.end);
        Self { start, end, ..self }
    }
}

/// A line and column, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The name of a file, as a single pointer: a policy has as many places as routes.
pub type FileName = Arc<Box<str>>;

/// A file and line that a decision can name long after the text is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as the user wrote it or relative to the policy directory.
    pub file: FileName,
    /// Line, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The name of a file (or of a file and line) below a directory, as a person
/// in the current directory would write it.
pub fn below(directory: &Path, name: &str) -> String {
    let joined = directory.join(name).display().to_string();
    joined.strip_prefix("./").map_or_else(|| joined.clone(), str::to_owned)
}

#[derive(Debug, Clone)]
struct Source {
    name: FileName,
    text: Arc<str>,
    /// Byte offset at which each line begins.
    lines: Vec<usize>,
}

impl Source {
    /// The line of a byte, from 1.
    fn line(&self, byte: usize) -> usize {
        self.lines.partition_point(|&start| start <= byte).max(1)
    }
}

/// The texts of all files that were read, kept for rendering.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file under the name a person knows it by.
    pub fn add(&mut self, name: impl Into<Box<str>>, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name: Arc::new(name.into()), text, lines });
        id
    }

    /// Adds all files of another set, whose names are relative to a directory.
    /// Gives the files here that those there have become.
    pub(super) fn adopt(&mut self, other: Sources, directory: &Path) -> impl Fn(FileId) -> FileId + use<> {
        let before = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.extend(
            other
                .files
                .into_iter()
                .map(|source| Source { name: Arc::new(below(directory, &source.name).into()), ..source }),
        );
        move |file| FileId(file.0.saturating_add(before))
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(usize::try_from(file.0).ok()?)
    }

    /// The name of a file.
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("?", |s| &s.name)
    }

    /// The whole text of a file.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |s| &s.text)
    }

    /// The line and column of a byte.
    pub fn position(&self, file: FileId, byte: usize) -> Position {
        let Some(source) = self.get(file) else {
            return Position { line: 1, column: 1 };
        };
        let line = source.line(byte);
        let start = source.lines.get(line - 1).copied().unwrap_or(0);
        let before = source.text.get(start..byte.max(start)).unwrap_or("");
        Position { line, column: before.chars().count() + 1 }
    }

    /// The file and line of a span.
    pub fn place(&self, span: Span) -> Place {
        let line = self.get(span.file).map_or(1, |source| source.line(span.start));
        Place {
            file: self.get(span.file).map_or_else(|| Arc::new("?".into()), |s| s.name.clone()),
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    /// The name and text of every file, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|s| (&**s.name, &*s.text))
    }

    /// Every file and its text.
    pub fn texts(&self) -> impl Iterator<Item = (FileId, &str)> {
        (0..).map(FileId).zip(self.files.iter().map(|source| &*source.text))
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file was read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
