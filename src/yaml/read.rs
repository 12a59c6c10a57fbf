//! Readers for values: each gives a value or a finding, never a guess.

use super::tree::{Entry, Kind, Node, is_null_word};
use crate::diag::{Code, Diagnostic, Report, Span};

/// Something else stands here than `must` says. Silent where the parser has
/// refused it already.
pub(super) fn wrong(node: &Node, must: &str, label: &str, help: &str, report: &mut Report) {
    let (code, label) = match &node.kind {
        Kind::Refused => return,
        _ if node.is_null() => (Code::EmptyValue, "nothing here"),
        _ => (Code::WrongType, label),
    };
    let message = match &node.kind {
        Kind::Scalar { text, plain } if code == Code::WrongType && text.len() <= 40 => {
            let quote = if *plain { "" } else { "\"" };
            format!("{must}, not `{quote}{text}{quote}`")
        }
        _ => format!("{must}, found {}", node.describe()),
    };
    report.push(Diagnostic::at(code, node.span, message).label(label).help(help));
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

/// The entries of a mapping whose keys the writer chooses, at least one; `of`
/// says what they are, and `help` how to write one.
pub fn entries<'a>(entry: &'a Entry, of: &str, help: &str, report: &mut Report) -> Option<&'a [Entry]> {
    let Entry { key, value, .. } = entry;
    match &value.kind {
        Kind::Map(entries) if !entries.is_empty() => return Some(entries),
        Kind::Map(_) => {
            let empty = Diagnostic::at(Code::EmptyValue, value.span, format!("`{key}` is empty"));
            report.push(empty.label("nothing here").help(format!("{help}, or remove the key")));
        }
        _ => wrong(value, &format!("`{key}` must be a mapping of {of}"), "not a mapping", help, report),
    }
    None
}

/// Text. A plain scalar that some YAML reader would take for something other
/// than text (`no`, `012`, `1.0`, `~`) must be quoted.
pub fn text<'a>(node: &'a Node, what: &str, report: &mut Report) -> Option<Text<'a>> {
    let Kind::Scalar { text, plain } = &node.kind else {
        wrong(node, &format!("{what} must be text"), "not text", "write one word, or text in quotes", report);
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
        let message = if span.start == span.end || text.is_empty() {
            format!("{what} is empty")
        } else {
            format!("{what} is `{text}`, which is YAML for nothing")
        };
        report.push(
            Diagnostic::at(Code::EmptyValue, span, message)
                .label("nothing here")
                .help("write a value, or remove it"),
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

/// The items of a list that must not be empty; `what` names the list.
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
            let help = "write `- ` before each item, one a line, or `[a, b]`";
            wrong(node, &format!("{what} must be a list"), "not a list", help, report);
            None
        }
    }
}

/// A list of texts, or one text alone; `what` names one of them. Items that
/// are not text are findings and left out.
pub fn texts<'a>(node: &'a Node, what: &str, report: &mut Report) -> Vec<Text<'a>> {
    match &node.kind {
        Kind::Scalar { .. } => text(node, what, report).into_iter().collect(),
        Kind::List(items) if items.is_empty() => {
            report.push(
                Diagnostic::at(Code::EmptyValue, node.span, format!("{what} is needed, the list is empty"))
                    .label("empty")
                    .help("list at least one, or remove the key"),
            );
            Vec::new()
        }
        Kind::List(items) => items.iter().filter_map(|item| text(item, what, report)).collect(),
        _ => {
            let must = format!("{what} must be text, or a list of texts");
            wrong(node, &must, "neither", "write one, or several as `[a, b]`", report);
            Vec::new()
        }
    }
}

/// A word out of a few. Quoted or not, and whatever else a YAML reader may
/// take it for (`true`, `no`): the caller knows all words that it can be.
pub fn word<'a>(node: &'a Node, what: &str, words: &str, report: &mut Report) -> Option<Text<'a>> {
    match &node.kind {
        Kind::Scalar { text, plain } if !node.is_null() && !text.is_empty() => {
            Some(Text { value: text, span: node.span, quote: usize::from(!plain) })
        }
        Kind::Scalar { .. } => text(node, what, report),
        _ => {
            wrong(node, &format!("{what} must be one word"), "not a word", &format!("write {words}"), report);
            None
        }
    }
}

/// `true` or `false`, spelled so and unquoted.
pub fn yes_or_no(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { text, plain: true } if text == "true" => Some(true),
        Kind::Scalar { text, plain: true } if text == "false" => Some(false),
        _ => {
            let must = format!("{what} must be `true` or `false`");
            wrong(node, &must, "neither", "write `true` or `false`, without quotes", report);
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
    if value.is_none() && node.kind != Kind::Refused {
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
