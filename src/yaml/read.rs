//! Readers for the tree: each gives a value or a finding, never a guess.

use super::tree::{Entry, Kind, Node, is_null_word};
use crate::diag::{Code, Diagnostic, Report, Span};

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

/// The keys of one mapping, all of them known.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    entries: &'a [Entry],
    /// The place of the whole mapping.
    pub span: Span,
    shape: Shape,
}

impl<'a> Fields<'a> {
    /// Reads a mapping; every key that the shape does not know is a finding.
    pub fn read(node: &'a Node, shape: Shape, report: &mut Report) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let keys = shape.known.join("`, `");
            report.push(
                Diagnostic::at(
                    wrong(node),
                    node.span,
                    format!("{} must be a mapping, found {}", shape.what, node.describe()),
                )
                .label("not a mapping")
                .help(format!("write it with the keys `{keys}`")),
            );
            return None;
        };
        for entry in entries {
            if shape.known.contains(&entry.key.as_str()) {
                continue;
            }
            if let Some((key, until)) = shape.later.iter().find(|(key, _)| *key == entry.key) {
                report.push(
                    Diagnostic::at(
                        Code::NotYet,
                        entry.key_span,
                        format!("`{key}` is not in this version yet"),
                    )
                    .label("not supported")
                    .help(*until),
                );
            } else {
                report.push(
                    Diagnostic::at(
                        Code::UnknownKey,
                        entry.key_span,
                        format!("unknown key `{}` in {}", entry.key, shape.what),
                    )
                    .label("not known here")
                    .suggest(
                        &entry.key,
                        shape.known.iter().copied(),
                        format!("the keys known here are `{}`", shape.known.join("`, `")),
                    ),
                );
            }
        }
        Some(Self { entries, span: node.span, shape })
    }

    /// The entry of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// The entry of a key that must be there.
    pub fn require(&self, key: &str, report: &mut Report) -> Option<&'a Entry> {
        let entry = self.get(key);
        if entry.is_none() {
            report.push(
                Diagnostic::at(
                    Code::MissingKey,
                    first_line(self.span, self.entries),
                    format!("{} needs the key `{key}`", self.shape.what),
                )
                .label("missing here")
                .help(format!("add `{key}:`")),
            );
        }
        entry
    }
}

/// A place to point at for a whole mapping: its first key.
fn first_line(span: Span, entries: &[Entry]) -> Span {
    entries.first().map_or(span, |e| e.key_span)
}

fn wrong(node: &Node) -> Code {
    if node.is_null() { Code::EmptyValue } else { Code::WrongType }
}

/// A piece of text and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text.
    pub value: &'a str,
    /// Where it stands, quotes included.
    pub span: Span,
    /// How many bytes of the span stand before the text: the quote.
    quote: usize,
}

impl<'a> Text<'a> {
    /// The same text without its last bytes, such as a final `*`.
    #[must_use]
    pub fn cut(self, to: usize) -> Self {
        Self { value: self.value.get(..to).unwrap_or(self.value), ..self }
    }

    /// The place of the bytes `from..to` of the text. Exact for text without
    /// YAML escapes, which all our names are.
    pub fn part(&self, from: usize, to: usize) -> Span {
        self.span.part(from + self.quote, to + self.quote)
    }
}

/// Text. A plain scalar that some YAML reader would take for something other
/// than text (`no`, `012`, `1.0`, `~`) must be quoted.
pub fn text<'a>(node: &'a Node, what: &str, report: &mut Report) -> Option<Text<'a>> {
    let Kind::Scalar { text, plain } = &node.kind else {
        report.push(
            Diagnostic::at(
                Code::WrongType,
                node.span,
                format!("{what} must be text, found {}", node.describe()),
            )
            .label("not text"),
        );
        return None;
    };
    check_text(text, *plain, node.span, what, report).then_some(Text {
        value: text,
        span: node.span,
        quote: usize::from(!plain),
    })
}

fn check_text(text: &str, plain: bool, span: Span, what: &str, report: &mut Report) -> bool {
    if (plain && is_null_word(text)) || text.is_empty() {
        report.push(
            Diagnostic::at(Code::EmptyValue, span, format!("{what} is empty"))
                .label("nothing here")
                .help("write a value, or remove the key"),
        );
        return false;
    }
    if plain && looks_like_another_type(text) {
        report.push(
            Diagnostic::at(
                Code::UnquotedScalar,
                span,
                format!("{what} is the plain scalar `{text}`, which YAML readers do not all take for text"),
            )
            .label("not clearly text")
            .help(format!("write \"{text}\" in quotes")),
        );
        return false;
    }
    true
}

/// The key of an entry where keys are names of the user's: the same rules as
/// for text.
pub fn key_name<'a>(entry: &'a Entry, what: &str, report: &mut Report) -> Option<Text<'a>> {
    check_text(&entry.key, entry.key_plain, entry.key_span, what, report).then_some(Text {
        value: &entry.key,
        span: entry.key_span,
        quote: usize::from(!entry.key_plain),
    })
}

/// The words of YAML 1.1 and 1.2 for booleans and nulls, and everything that
/// starts like a number and holds nothing but what numbers, dates and times
/// are made of.
fn looks_like_another_type(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    if matches!(word.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~") {
        return true;
    }
    let digits = word.strip_prefix(['+', '-']).unwrap_or(&word);
    if matches!(digits, ".inf" | ".nan") {
        return true;
    }
    let based =
        digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0o")).or_else(|| digits.strip_prefix("0b"));
    if let Some(rest) = based {
        return rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_');
    }
    let starts = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    let numeric = |b: u8| {
        b.is_ascii_digit() || matches!(b, b'.' | b'_' | b':' | b'-' | b'+' | b'e' | b't' | b'z' | b' ')
    };
    // Two dots make an address or a version, which nobody takes for a number.
    let dots = digits.bytes().filter(|b| *b == b'.').count();
    starts && dots <= 1 && digits.bytes().all(numeric)
}

/// The items of a list that must not be empty.
pub fn items<'a>(node: &'a Node, what: &str, report: &mut Report) -> Option<&'a [Node]> {
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            report.push(
                Diagnostic::at(Code::EmptyValue, node.span, format!("{what} is an empty list"))
                    .label("empty")
                    .help("list at least one, or remove the key"),
            );
            None
        }
        Kind::List(items) => Some(items),
        _ => {
            report.push(
                Diagnostic::at(
                    wrong(node),
                    node.span,
                    format!("{what} must be a list, found {}", node.describe()),
                )
                .label("not a list")
                .help("write `[a, b]`"),
            );
            None
        }
    }
}

/// A list of texts, or one text alone. Items that are not text are findings
/// and left out.
pub fn texts<'a>(node: &'a Node, what: &str, report: &mut Report) -> Vec<Text<'a>> {
    match &node.kind {
        Kind::Scalar { .. } => text(node, what, report).into_iter().collect(),
        _ => items(node, what, report)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| text(item, what, report))
            .collect(),
    }
}

/// `true` or `false`, spelled so and unquoted.
pub fn yes_or_no(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { text, plain: true } if text == "true" => Some(true),
        Kind::Scalar { text, plain: true } if text == "false" => Some(false),
        _ => {
            report.push(
                Diagnostic::at(wrong(node), node.span, format!("{what} must be `true` or `false`"))
                    .label("neither")
                    .help("write `true` or `false`, without quotes"),
            );
            None
        }
    }
}

/// A decimal whole number within bounds, without quotes, leading zeros or
/// separators.
pub fn integer(
    node: &Node,
    what: &str,
    bounds: std::ops::RangeInclusive<i64>,
    report: &mut Report,
) -> Option<i64> {
    let value = match &node.kind {
        Kind::Scalar { text, plain: true } => {
            let number = text.parse::<i64>().ok();
            number.filter(|n| n.to_string() == *text && bounds.contains(n))
        }
        _ => None,
    };
    if value.is_none() {
        report.push(
            Diagnostic::at(
                if node.is_null() { Code::EmptyValue } else { Code::BadValue },
                node.span,
                format!("{what} must be a whole number from {} to {}", bounds.start(), bounds.end()),
            )
            .label("not such a number"),
        );
    }
    value
}
