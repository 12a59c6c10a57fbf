//! The parser's events into the tree. The only file that names the YAML crate.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

use super::tree::{Entry, Kind, Node};
use crate::diag::{Code, Diagnostic, FileId, Report, Span};

/// How deep mappings and lists may be nested.
pub const MAX_DEPTH: usize = 32;

/// How deep in files that others have laid out.
const MAX_FOREIGN_DEPTH: usize = 100;

/// How many values aliases may stand for, all together.
const MAX_REPEATED: usize = 1_000_000;

/// Reads one document of ours. `None` when the text holds no document at all
/// (an empty file, or comments only) or is not YAML; the report tells which.
pub fn parse(file: FileId, text: &str, report: &mut Report) -> Option<Node> {
    document(file, text, None, report)
}

/// Reads one document that another program is configured with, or has written:
/// YAML or JSON. Aliases stand for what they name, keys with the tag `!ignore`
/// for nothing; everything else that [`parse`] refuses is refused here, too.
pub fn parse_foreign(file: FileId, text: &str, report: &mut Report) -> Option<Node> {
    document(file, text, Some(Anchors::default()), report)
}

/// Every comment of a text, `#` included, as far as the text is YAML. A `#` inside
/// a quoted text or a block of text begins none.
pub fn comments(file: FileId, text: &str) -> Vec<Span> {
    let options = granit_parser::options! {
        emit_comments: true,
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: MAX_FOREIGN_DEPTH,
        block_nesting_limit: MAX_FOREIGN_DEPTH,
    };
    let events = Parser::new_from_str_with_options(text, options).map_while(Result::ok);
    let comments = events.filter(|(event, _)| matches!(event, Event::Comment(..)));
    let spans = comments.filter_map(|(_, span)| span.byte_range());
    spans.map(|range| Span { file, start: range.start, end: range.end.max(range.start) }).collect()
}

fn document(file: FileId, text: &str, anchors: Option<Anchors>, report: &mut Report) -> Option<Node> {
    let depth = if anchors.is_some() { MAX_FOREIGN_DEPTH } else { MAX_DEPTH };
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
        flow_nesting_limit: depth,
        block_nesting_limit: depth,
    };
    let mut builder =
        Builder { file, text, report, stack: Vec::new(), root: None, documents: 0, depth, anchors };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let span = builder.span(&span);
                builder.event(event, span);
            }
            Err(error) => {
                builder.scan_error(&error);
                return None;
            }
        }
    }
    builder.root
}

/// A collection that is not closed yet, and its anchor (0: none).
enum Open {
    List { start: Span, anchor: usize, items: Vec<Node> },
    Map { start: Span, anchor: usize, entries: Vec<Entry>, key: Option<Node>, seen: HashMap<String, Span> },
}

/// What aliases stand for, where they are allowed.
#[derive(Default)]
struct Anchors {
    named: HashMap<usize, Node>,
    /// How many values were repeated so far.
    repeated: usize,
    /// Whether it was told that they are too many.
    told: bool,
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    report: &'a mut Report,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    depth: usize,
    anchors: Option<Anchors>,
}

impl Builder<'_> {
    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        Span { file: self.file, start: range.start, end: range.end.max(range.start) }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_, version) => {
                self.documents += 1;
                if version.is_some() {
                    self.refuse(self.before(span, "%YAML"), "a `%YAML` directive", "remove the line");
                }
                if self.documents == 2 {
                    self.refuse(
                        span,
                        "a second document",
                        "put it into a file of its own, or remove the `---`",
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = if self.is_ignored(tag.as_ref()) {
                    Kind::Refused
                } else {
                    self.tag(tag.as_ref(), span);
                    Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
                };
                self.named(anchor, Node { span, kind });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_ref(), span);
                self.stack.push(Open::List { start: span, anchor, items: Vec::new() });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_ref(), span);
                self.stack.push(Open::Map {
                    start: span,
                    anchor,
                    entries: Vec::new(),
                    key: None,
                    seen: HashMap::new(),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Anchor(..) if self.anchors.is_some() => {}
            Event::Alias(name) if self.anchors.is_some() => self.alias(name, span),
            Event::Anchor(..) => self.refuse(span, "an anchor", "write the value out where it is needed"),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(span, "an alias", "write the value out here");
                self.value(Node { span, kind: Kind::Refused });
            }
            // The enum may grow: whatever it is, it is not ours to guess at.
            _ => self.refuse(span, "a YAML construct", "use plain mappings, lists and scalars"),
        }
    }

    /// Whether this is a key that foreign files tag as holding nothing.
    fn is_ignored(&self, tag: Option<&Cow<'_, Tag>>) -> bool {
        self.anchors.is_some()
            && matches!(self.stack.last(), Some(Open::Map { key: None, .. }))
            && tag.is_some_and(|tag| tag.original() == "!ignore")
    }

    /// Takes a value, and remembers it where it has an anchor.
    fn named(&mut self, anchor: usize, node: Node) {
        if let (Some(anchors), true) = (&mut self.anchors, anchor > 0) {
            anchors.repeated = anchors.repeated.saturating_add(node.extent().0);
            if anchors.repeated <= MAX_REPEATED {
                anchors.named.insert(anchor, node.clone());
            }
        }
        self.value(node);
    }

    /// Takes what an alias stands for, at its own place.
    fn alias(&mut self, anchor: usize, span: Span) {
        let Some(anchors) = &mut self.anchors else { return };
        let (repeated, room) = (&mut anchors.repeated, self.depth.saturating_sub(self.stack.len()));
        let found = anchors.named.get(&anchor).filter(|node| {
            let (size, depth) = node.extent();
            *repeated = repeated.saturating_add(size);
            *repeated <= MAX_REPEATED && depth <= room
        });
        let node = found.cloned();
        if node.is_none() && !std::mem::replace(&mut anchors.told, true) {
            self.report.push(
                Diagnostic::at(Code::TooLarge, span, "an alias that stands for itself, or for too much")
                    .label("can't be written out")
                    .help("write the value out here"),
            );
        }
        self.value(node.unwrap_or(Node { span, kind: Kind::Refused }));
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.report.push(
            Diagnostic::at(Code::YamlFeature, span, format!("{what} is not allowed here"))
                .label("not allowed")
                .help(help),
        );
    }

    fn tag(&mut self, tag: Option<&Cow<'_, Tag>>, span: Span) {
        if let Some(tag) = tag {
            let what = format!("the tag `{}`", tag.original());
            let span = self.before(span, &tag.original());
            self.refuse(span, &what, "remove the tag; quote the value where text is meant");
        }
    }

    /// The place of a word that stands shortly before a node, or else the
    /// node's.
    fn before(&self, node: Span, word: &str) -> Span {
        let mut shortly = node.start.saturating_sub(1024)..node.start;
        let from = shortly.find(|at| self.text.is_char_boundary(*at)).unwrap_or(node.start);
        let found = self.text.get(from..node.start).and_then(|text| text.rfind(word));
        found.map_or(node, |at| Span { start: from + at, end: from + at + word.len(), ..node })
    }

    fn close(&mut self, end: Span) {
        let (anchor, node) = match self.stack.pop() {
            Some(Open::List { start, anchor, items }) => {
                (anchor, Node { span: self.join(start, end), kind: Kind::List(items) })
            }
            Some(Open::Map { start, anchor, entries, .. }) => {
                (anchor, Node { span: self.join(start, end), kind: Kind::Map(entries) })
            }
            None => return,
        };
        self.named(anchor, node);
    }

    /// From the first byte of one span to the last of another, without the
    /// blank space that block collections end with.
    fn join(&self, start: Span, end: Span) -> Span {
        let end = end.end.max(start.end);
        let inner = self.text.get(start.start..end).unwrap_or("").trim_end().len();
        Span { end: start.start + inner, ..start }
    }

    fn value(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => {
                if self.root.is_none() {
                    self.root = Some(node);
                }
            }
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, seen, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    if let Some(entry) = entry(key, node, seen, self.report) {
                        entries.push(entry);
                    }
                }
            },
        }
    }

    fn scan_error(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        let span = Span { file: self.file, start: at, end: at };
        let diagnostic = if *error.kind() == ErrorKind::RecursionLimitExceeded {
            Diagnostic::at(Code::TooLarge, span, format!("nested deeper than {} levels", self.depth))
                .label("too deep")
                .help("nothing here needs to be nested so deep: write it flat")
        } else if let Some(start) = conflict_marker(self.text) {
            Diagnostic::at(
                Code::YamlSyntax,
                Span { start, end: start + MARKER.len(), ..span },
                "not YAML: a conflict that git left here is not resolved",
            )
            .label("conflict marker")
            .help("decide between the two sides, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`")
        } else {
            let here = self.text.get(at..).and_then(|rest| rest.chars().next());
            Diagnostic::at(Code::YamlSyntax, span, format!("not YAML: {}", error.info()))
                .help(match here {
                    _ if error.info().contains("simple key") => "write a space behind the `:` of a key",
                    _ if error.info().contains("flow mapping") => "between `{` and `}` text that holds braces or commas needs quotes: `{ route: \"GET /a/{id}\" }`; check brackets, too",
                    _ if error.info().contains("trailing content after") => "a value that begins with a quote ends with the same: put other quotes around the whole, `'\"x\" in list'`, or write it on a line of its own below `>-`",
                    _ if error.info().contains("mapping values") => "a mapping inside a line needs braces, `key: { name: value }`; text that holds `: ` needs quotes; check indentation, too",
                    _ if error.info().contains("tab") => "indent with spaces: YAML does not allow tabs there",
                    Some('*' | '&' | '!' | '%' | '@' | '`' | '|' | '>') => "text that begins with one of `* & ! % @ | >` needs quotes",
                    _ => "check indentation, quotes and brackets here and just above; text that holds `: `, and between brackets also braces or commas, needs quotes",
                })
        };
        self.report.push(diagnostic);
    }
}

const MARKER: &str = "<<<<<<<";

/// Where a merge conflict begins that nobody resolved.
fn conflict_marker(text: &str) -> Option<usize> {
    if text.starts_with(MARKER) { Some(0) } else { text.find("\n<<<<<<<").map(|at| at + 1) }
}

fn entry(key: Node, value: Node, seen: &mut HashMap<String, Span>, report: &mut Report) -> Option<Entry> {
    let Kind::Scalar { text, plain } = key.kind else {
        if key.kind == Kind::Refused {
            return None;
        }
        report.push(
            Diagnostic::at(Code::WrongType, key.span, "a mapping key must be a word")
                .label("not a word")
                .help("write `key: value`"),
        );
        return None;
    };
    if plain && text == "<<" {
        report.push(
            Diagnostic::at(Code::YamlFeature, key.span, "a merge key is not allowed here")
                .label("not allowed")
                .help("write the keys out here"),
        );
        return None;
    }
    if let Some(first) = seen.get(&text) {
        report.push(
            Diagnostic::at(Code::DuplicateKey, key.span, format!("the key `{text}` stands here twice"))
                .label("second")
                .related(*first, "first")
                .help("keep one of them, or join their contents"),
        );
        return None;
    }
    seen.insert(text.clone(), key.span);
    Some(Entry { key: text, key_span: key.span, key_plain: plain, value })
}
