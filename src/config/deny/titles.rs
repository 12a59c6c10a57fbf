//! Titles of denials in the operator's own words: `deny.titles`.

use std::collections::BTreeMap;

use super::reason;
use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{self, Entry, Kind, Node, Text};

/// The title of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Title {
    /// One for everybody.
    One(Box<str>),
    /// By language tag; the first is for whoever asks for none of them. Never
    /// empty.
    ByLanguage(Vec<(Box<str>, Box<str>)>),
}

const MAX_BYTES: usize = 200;
const MAX_LANGUAGES: usize = 32;
const MAX_TAG_BYTES: usize = 35;

/// The titles. Repeated keys were refused before.
pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<BTreeMap<&'static str, Title>> {
    let entries = yaml::entries(
        entry,
        "reasons",
        "write `role_missing: Ask your team lead` and so on below it",
        report,
    )?;
    let read: Vec<_> = entries
        .iter()
        .map(|entry| {
            let reason = reason(entry, report);
            let title = title(&entry.value, report);
            Some((reason?.public_word(), title?))
        })
        .collect();
    read.into_iter().collect()
}

fn title(node: &Node, report: &mut Report) -> Option<Title> {
    let Kind::Map(entries) = &node.kind else {
        return words(node, report).map(Title::One);
    };
    if entries.is_empty() {
        report.push(
            Diagnostic::at(Code::EmptyValue, node.span, "a title has no language")
                .label("empty")
                .help("write `{ en: \"..\", de: \"..\" }`, the first for everybody else, or one text"),
        );
        return None;
    }
    if let Some(extra) = entries.get(MAX_LANGUAGES) {
        let message = format!("a title in more than {MAX_LANGUAGES} languages");
        report.push(Diagnostic::at(Code::TooLarge, extra.key_span, message).label("one too many"));
        return None;
    }
    let mut read: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut fine = true;
    for entry in entries {
        let tag = yaml::key_name(entry, "a language", report).filter(|tag| is_tag(*tag, report));
        let words = words(&entry.value, report);
        match (tag, words) {
            (Some(tag), _) if read.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(tag.value)) => {
                let message = format!("the language `{}` stands here twice", tag.value);
                report.push(Diagnostic::at(Code::DuplicateKey, tag.span, message).label("second"));
                fine = false;
            }
            (Some(tag), Some(words)) => read.push((tag.value.into(), words)),
            _ => fine = false,
        }
    }
    fine.then_some(Title::ByLanguage(read))
}

/// A language tag: words of letters and digits with `-` between them, the first
/// of two to eight letters (RFC 5646, as far as it is needed to compare).
fn is_tag(tag: Text<'_>, report: &mut Report) -> bool {
    let mut subtags = tag.value.split('-');
    let first =
        |first: &str| (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let other =
        |other: &str| (1..=8).contains(&other.len()) && other.bytes().all(|b| b.is_ascii_alphanumeric());
    let fine = tag.value.len() <= MAX_TAG_BYTES && subtags.next().is_some_and(first) && subtags.all(other);
    if !fine {
        let message = format!("`{}` is not a language tag", tag.value.escape_debug());
        report.push(
            Diagnostic::at(Code::BadValue, tag.span, message)
                .label("not a language")
                .help("write it as `en`, `de` or `pt-BR`"),
        );
    }
    fine
}

fn words(node: &Node, report: &mut Report) -> Option<Box<str>> {
    let text = yaml::text(node, "a title", report)?;
    if let Some((at, c)) = text.value.char_indices().find(|(_, c)| is_unseen(*c)) {
        let message = format!("a title holds the character U+{:04X}", u32::from(c));
        report.push(
            Diagnostic::at(Code::BadCharacter, text.part(at, at + c.len_utf8()), message)
                .label("this character")
                .help("a title is one line of text"),
        );
        return None;
    }
    if text.value.len() > MAX_BYTES {
        let message = format!("a title is longer than {MAX_BYTES} bytes");
        report.push(Diagnostic::at(Code::TooLarge, text.span, message).label("too long"));
        return None;
    }
    Some(text.value.into())
}

/// What breaks a line, steers a terminal or turns the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
