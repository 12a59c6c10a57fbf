//! OpenAPI 3.0 and 3.1: a document into operations.

use std::collections::HashMap;

use super::operation::{leave_out, template};
use super::security::{self, Above};
use super::servers::{Servers, servers};
use super::{Api, Operation, one_line};
use crate::diag::{Code, Diagnostic, FileId, Report, Span};
use crate::policy::{Method, Segment, Template};
use crate::yaml::{Entry, Kind, Node};

/// How many operations are read. A hundred times what large APIs have.
const MAX_OPERATIONS: usize = 100_000;

/// How many `$ref` may lead from one to the next.
const MAX_REFERENCES: usize = 16;

/// A document and what was found in it.
pub(super) struct Document<'d> {
    pub(super) root: &'d Node,
    pub(super) report: &'d mut Report,
    operations: Vec<Operation>,
    left_out: Vec<String>,
    hosts: Vec<String>,
    bases: Vec<String>,
    /// Paths and methods that were there already, whatever their parameters are
    /// called.
    seen: HashMap<(Method, String), String>,
}

/// Reads a text.
pub(super) fn read(name: &str, file: FileId, text: &str, report: &mut Report) -> Option<Api> {
    let mut found = Report::default();
    let root = crate::yaml::parse_foreign(file, text, &mut found);
    let unreadable = found.has_errors();
    report.append(found);
    let root = root.filter(|_| !unreadable);
    let Some(root) = root else {
        if !unreadable {
            report.push(super::not_an_api(format!("`{name}` holds nothing")));
        }
        return None;
    };
    check_version(name, &root, report)?;
    let mut found = Report::default();
    let mut document = Document {
        root: &root,
        report: &mut found,
        operations: Vec::new(),
        left_out: Vec::new(),
        hosts: Vec::new(),
        bases: Vec::new(),
        seen: HashMap::new(),
    };
    document.paths();
    let Document { operations, left_out, hosts, bases, .. } = document;
    let fine = !found.has_errors();
    report.append(found);
    let info = |key: &str| {
        entry(&root, "info").and_then(|info| entry(&info.value, key)).and_then(|e| scalar(&e.value))
    };
    let words = [info("title"), info("version")].into_iter().flatten();
    let words: Vec<String> = words.map(one_line).filter(|word| !word.is_empty()).collect();
    let title = match &*words {
        [] => one_line(name),
        words => one_line(&format!("{} ({name})", words.join(" "))),
    };
    fine.then_some(Api { title, operations, left_out, hosts, bases })
}

fn check_version(name: &str, root: &Node, report: &mut Report) -> Option<()> {
    let version = entry(root, "openapi").and_then(|version| scalar(&version.value));
    if version.is_some_and(|version| version.starts_with("3.")) {
        return Some(());
    }
    let at = entry(root, "openapi").or_else(|| entry(root, "swagger"));
    let message = match at {
        Some(at) => {
            format!("`{}` is not a version that is known here", one_line(scalar(&at.value).unwrap_or("?")))
        }
        None => format!("`{name}` is no OpenAPI document: it has no `openapi:`"),
    };
    let mut finding = super::not_an_api(message);
    if let Some(at) = at {
        finding.span = Some(at.value.span);
        finding = finding.label("not 3.x").help("convert it to OpenAPI 3.0 or 3.1");
    }
    report.push(finding);
    None
}

impl<'d> Document<'d> {
    fn paths(&mut self) {
        let root = self.root;
        let above = Above::of(root);
        let of_root = servers(root, self).unwrap_or_default();
        self.name(&of_root);
        let Some(paths) = entry(root, "paths") else {
            self.report.push(
                Diagnostic::at(
                    Code::ApiUnreadable,
                    Span { end: root.span.start, ..root.span },
                    "the document has no `paths`",
                )
                .label("no operation")
                .help("give the document that names the paths"),
            );
            return;
        };
        self.must_be_map(paths);
        for path in map(&paths.value) {
            if path.key.starts_with("x-") {
                continue;
            }
            self.must_be_map(path);
            let Some(item) = self.resolve(&path.value, 0) else { continue };
            self.path(path, item, &of_root, &above.within(item));
        }
    }

    /// Tells of what should be a mapping; nothing at all may stand for an empty one.
    fn must_be_map(&mut self, entry: &Entry) {
        if !matches!(entry.value.kind, Kind::Map(_)) && !entry.value.is_null() {
            let message =
                format!("`{}` must be a mapping, found {}", one_line(&entry.key), entry.value.describe());
            self.report.push(
                Diagnostic::at(Code::ApiUnreadable, entry.value.span, message)
                    .label("can't be read")
                    .help("write it as OpenAPI 3 has it: paths, methods below them, operations below these"),
            );
        }
    }

    /// What a node is, once its `$ref` is followed.
    fn resolve(&mut self, node: &'d Node, depth: usize) -> Option<&'d Node> {
        let Some(reference) = entry(node, "$ref") else { return Some(node) };
        let mut tell = |message: &str, help: &str| {
            self.report.push(
                Diagnostic::at(Code::ApiUnreadable, reference.value.span, message)
                    .label("can't be followed")
                    .help(help),
            );
        };
        let target = scalar(&reference.value).unwrap_or_default();
        let Some(pointer) = target.strip_prefix("#/") else {
            tell("a `$ref` that leads out of the document", "bundle the document into one file");
            return None;
        };
        if depth >= MAX_REFERENCES {
            tell("a `$ref` that leads in a circle, or very far", "write the path out here");
            return None;
        }
        let found = pointer.split('/').try_fold(self.root, |at, step| {
            let key = step.replace("~1", "/").replace("~0", "~");
            entry(at, &key).map(|entry| &entry.value)
        });
        let Some(found) = found else {
            tell("a `$ref` that leads nowhere", "mend it, or write the path out here");
            return None;
        };
        self.resolve(found, depth + 1)
    }

    fn path(&mut self, path: &Entry, item: &'d Node, of_root: &Servers, above: &Above<'d>) {
        let of_path = servers(item, self);
        for operation in map(item) {
            let key = operation.key.as_str();
            let known = METHODS.iter().find(|(name, _)| *name == key);
            let method = match known {
                Some((_, method)) => *method,
                None if key == "trace" || key == "query" || key == "additionalOperations" => {
                    let what = format!("{} {}", key.to_uppercase(), path.key);
                    let why =
                        if key == "trace" { "it is always denied" } else { "the method is not known here" };
                    leave_out(&what, why, operation.key_span, self.report, &mut self.left_out);
                    continue;
                }
                None => continue, // `parameters`, `summary` and so on
            };
            self.must_be_map(operation);
            let own = servers(&operation.value, self);
            let at = own.as_ref().or(of_path.as_ref()).unwrap_or(of_root);
            self.name(at);
            let (none, bases) = ([String::new()], &*at.bases);
            for base in if bases.is_empty() { &none[..] } else { bases } {
                if self.operations.len() >= MAX_OPERATIONS {
                    let message = format!("more than {MAX_OPERATIONS} operations");
                    self.report.push(Diagnostic::at(Code::TooLarge, operation.key_span, message));
                    return;
                }
                self.operation(method, base, path, operation, &above.within(&operation.value));
            }
        }
    }

    fn operation(&mut self, method: Method, base: &str, path: &Entry, operation: &Entry, above: &Above<'_>) {
        let written = format!("{} {base}{}", method.wire_name(), path.key);
        let template = match template(&format!("{base}{}", path.key)) {
            Ok(template) => template,
            Err(why) => return leave_out(&written, &why, path.key_span, self.report, &mut self.left_out),
        };
        if let Some(other) = self.seen.get(&(method, shape(&template))) {
            let why = format!("it matches the same requests as `{other}`");
            return leave_out(&written, &why, operation.key_span, self.report, &mut self.left_out);
        }
        self.seen.insert((method, shape(&template)), written.clone());
        let said = |key: &str| {
            entry(&operation.value, key)
                .and_then(|entry| scalar(&entry.value))
                .map(one_line)
                .filter(|s| !s.is_empty())
        };
        let words: Vec<String> = [said("operationId"), said("summary")].into_iter().flatten().collect();
        self.operations.push(Operation {
            method,
            template,
            written: one_line(&written),
            at: operation.key_span,
            note: (!words.is_empty()).then(|| words.join(": ")),
            asks: security::asks(above),
        });
    }

    fn name(&mut self, servers: &Servers) {
        for (mine, theirs) in [(&mut self.hosts, &servers.hosts), (&mut self.bases, &servers.bases)] {
            for one in theirs {
                if !mine.contains(one) {
                    mine.push(one.clone());
                }
            }
        }
    }
}

const METHODS: [(&str, Method); 7] = [
    ("get", Method::Get),
    ("head", Method::Head),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
    ("options", Method::Options),
];

/// A template without the names of its parameters.
pub(super) fn shape(template: &Template) -> String {
    let mut shape = String::new();
    for segment in &template.segments {
        shape.push('/');
        match segment {
            Segment::Literal(text) => shape.push_str(text),
            Segment::Param(_) => shape.push_str("{}"),
        }
    }
    if template.rest {
        shape.push_str("/**");
    }
    shape
}

/// The entry of a key, in a mapping.
pub(super) fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    map(node).iter().find(|entry| entry.key == key)
}

/// The entries of a mapping; none of anything else.
pub(super) fn map(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => &[],
    }
}

/// The items of a list; none of anything else.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => &[],
    }
}

/// The text of a single value.
pub(super) fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } if !node.is_null() => Some(text),
        _ => None,
    }
}
