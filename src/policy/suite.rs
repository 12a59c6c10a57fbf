//! `tests:` - requests, who makes them, and what must become of them.
//!
//! What a test says is checked like everything else in a policy; whether it
//! holds is asked by `doorward test`, and never by the server.

mod datum;
mod persona;
mod request;
mod table;

use std::fmt;

use super::elsewhere::IN_A_TEST;
use super::name::{Located, PersonaName};
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::words::{Reason, is_unseen};
use crate::yaml::{Entry, Fields, Kind, Node, Shape, Text, entries, key_name, text, word};

pub use datum::{Datum, Member};
pub(super) use persona::PERSONA;
pub use persona::{Caller, Persona, Token, Who};
pub(super) use request::said;
pub use request::{Body, Line, Setting};
pub use table::Row;

/// A test, or a table of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Its name.
    pub name: Located<Box<str>>,
    /// What its requests have beside method and URL.
    pub setting: Setting,
    /// What is asked, and what must be answered.
    pub asks: Asks,
}

/// What a test asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// One request.
    One {
        /// Who makes it.
        caller: Located<Caller>,
        /// The request.
        request: Located<Line>,
        /// The reason that must decide.
        expect: Located<Reason>,
        /// What the upstream must be told, on an allow.
        told: Vec<Told>,
    },
    /// Requests by callers.
    Table {
        /// The columns, each once.
        callers: Vec<Located<Caller>>,
        /// The rows, each with as many results.
        rows: Vec<Row>,
    },
}

/// A header that the upstream must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name in lower case.
    pub name: Located<Box<str>>,
    /// Its value; empty where it must be removed.
    pub value: Located<Box<str>>,
}

pub(super) const TEST: Shape = Shape {
    what: "a test",
    known: &[
        "name",
        "as",
        "request",
        "table",
        "service",
        "host",
        "headers",
        "body",
        "at",
        "expect",
        "upstream_headers",
    ],
    later: &[],
};

/// The longest name of a test, in bytes.
const MAX_NAME: usize = 200;

impl Test {
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, TEST, IN_A_TEST, report)?;
        let name =
            fields.require("name", report).and_then(|entry| name(&entry.value, "the name of a test", report));
        let setting = Setting::read(&fields, report);
        let asks = match fields.get("table") {
            Some(table) => Asks::table(&fields, table, report),
            None => Asks::one(&fields, report),
        };
        let (name, setting, asks) = (name?, setting?, asks?);
        if let Some(host) = &setting.host {
            asks.lines().for_each(|line| line.value.one_host(line.span, host, report));
        }
        (!fields.has_unknown()).then_some(Self { name, setting, asks })
    }
}

impl Asks {
    fn one(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        let caller = fields.require("as", report).and_then(|entry| Caller::read(&entry.value, report));
        let request = fields.require("request", report).and_then(|entry| Line::of(&entry.value, report));
        let expect = fields.require("expect", report).and_then(|entry| {
            word(&entry.value, "`expect`", "`allow` or the reason of a denial", report)
                .and_then(|word| result(word, report))
        });
        let told = fields.get("upstream_headers").map_or(Some(Vec::new()), |entry| told(entry, report));
        let (caller, request, expect, told) = (caller?, request?, expect?, told?);
        if let (Some(first), false) = (told.first(), expect.value.is_allowed()) {
            report.push(
                Diagnostic::at(Diag::BadTest, first.name.span, "a denied request reaches no upstream")
                    .label("is told nothing")
                    .related(expect.span, "a denial")
                    .help("remove `upstream_headers`, or expect `allow`"),
            );
            return None;
        }
        Some(Self::One { caller, request, expect, told })
    }

    /// Its requests.
    fn lines(&self) -> impl Iterator<Item = &Located<Line>> {
        let (one, rows) = match self {
            Self::One { request, .. } => (Some(request), &[][..]),
            Self::Table { rows, .. } => (None, rows.as_slice()),
        };
        one.into_iter().chain(rows.iter().map(|row| &row.request))
    }
}

/// `allow`, or the reason of a denial.
fn result(text: Text<'_>, report: &mut Report) -> Option<Located<Reason>> {
    let reason = match text.value {
        "allow" => Some(Reason::Allowed),
        word => Reason::from_word(word).filter(|reason| !reason.is_allowed()),
    };
    if let Some(value) = reason {
        return Some(Located { value, span: text.span });
    }
    let shown = text.value.escape_debug();
    let finding = Diagnostic::at(Diag::BadValue, text.span, format!("`{shown}` is no result of a test"));
    let any = ["deny", "denied", "forbid", "forbidden", "refuse", "refused", "false", "no"];
    report.push(if text.value.contains(',') {
        finding.label("several").help(format!("write brackets around them: `[{shown}]`"))
    } else if any.contains(&text.value.to_ascii_lowercase().as_str()) {
        finding.label("denied for which reason?").help(
            "write the reason, such as `code_missing` or `token_missing`: any denial would hold although it comes \
             from somewhere else, such as a path with a typing error",
        )
    } else if text.value.len() == 3 && text.value.bytes().all(|b| b.is_ascii_digit()) {
        finding
            .label("a status")
            .help("write `allow` or the reason of the denial, such as `code_missing`: several share a status")
    } else {
        let words = Reason::ALL.iter().filter(|reason| !reason.is_allowed()).map(|reason| reason.as_str());
        let yes = ["allowed", "yes", "true", "ok", "permit", "permitted", "pass"];
        let known = yes.contains(&text.value.to_ascii_lowercase().as_str());
        match known {
            true => finding.label("not a result").help("did you mean `allow`?"),
            false => finding.label("not a result").suggest(
                text.value,
                words.chain(["allow"]),
                "write `allow`, or the reason of the denial: docs/reasons.md lists them",
            ),
        }
    });
    None
}

/// Text that is shown to people: nothing in it that does not show.
pub(super) fn name(node: &Node, what: &str, report: &mut Report) -> Option<Located<Box<str>>> {
    let text = text(node, what, report)?;
    let finding = |message: String| Diagnostic::at(Diag::BadName, text.span, message);
    if let Some((at, c)) = text.value.char_indices().find(|(_, c)| is_unseen(*c)) {
        let message = format!("{what} holds the character U+{:04X}", u32::from(c));
        let span = text.part(at, at + c.len_utf8());
        report.push(
            Diagnostic::at(Diag::BadCharacter, span, message).label("does not show").help("leave it out"),
        );
        return None;
    }
    if text.value.len() > MAX_NAME {
        report.push(
            finding(format!("{what} is longer than {MAX_NAME} bytes"))
                .label("too long")
                .help("a name is one line in a report; more goes into a comment"),
        );
        return None;
    }
    if text.value.trim() != text.value {
        report.push(finding(format!("{what} begins or ends with a space")).help("remove it"));
        return None;
    }
    Some(Located { value: text.value.into(), span: text.span })
}

fn told(entry: &Entry, report: &mut Report) -> Option<Vec<Told>> {
    let help = "write `x-user-id: ann` and so on below it; `\"\"` for a header that must be removed";
    let one = |entry: &Entry, report: &mut Report| {
        let name = key_name(entry, "a header", report).and_then(|name| request::header_name(name, report));
        let value = match &entry.value.kind {
            // An empty value is never set: the header is removed in its place.
            Kind::Scalar { text, plain: false } if text.is_empty() => {
                Some(Located { value: "".into(), span: entry.value.span })
            }
            _ => text(&entry.value, "the value of a header", report)
                .map(|text| Located { value: text.value.into(), span: text.span }),
        };
        Some(Told { name: name?, value: value? })
    };
    let told: Vec<_> =
        entries(entry, "names to values", help, report)?.iter().map(|entry| one(entry, report)).collect();
    told.into_iter().collect()
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str(NOBODY),
            Self::Persona(name) => name.fmt(f),
            Self::Inline(who) => who.fmt(f),
        }
    }
}

/// The user id of a caller of whom it is not said.
pub(crate) const SOMEBODY: &str = "somebody";

/// Stands for a caller without a token or a certificate, and is no name of a
/// persona.
const NOBODY: &str = "nobody";

fn is_nobody(name: &PersonaName) -> bool {
    name.as_str() == NOBODY
}
