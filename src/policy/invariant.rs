//! `invariants:` - what must be so of every request, whatever the routes say.
//!
//! What an invariant says is checked like everything else in a policy; whether
//! it is true is asked by `doorward test`, and never by the server.

mod callers;

use super::elsewhere::IN_AN_INVARIANT;
use super::method::MethodSet;
use super::name::{Located, ServiceName};
use super::need::IpRule;
use super::route::methods_and_template;
use super::suite;
use super::template::Template;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::{Entry, Fields, Node, Shape, text, texts, word};

pub(super) use callers::CALLERS;
pub use callers::{Callers, Holders};

/// A statement about all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    /// Its name.
    pub name: Located<Box<str>>,
    /// What it says, and where the word stands that says it.
    pub says: Located<Says>,
    /// About which requests. Never empty.
    pub requests: Vec<Line>,
    /// But about none of these.
    pub except: Vec<Line>,
    /// To which service alone.
    pub service: Option<Located<ServiceName>>,
    /// From which addresses alone.
    pub ip: Option<Located<IpRule>>,
    /// What every condition on the way is taken to be, where that is said.
    pub conditions: Option<bool>,
}

/// What an invariant says of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Nobody but these may.
    Only(Callers),
    /// None of these may.
    Never(Callers),
    /// All of these may.
    Always(Callers),
    /// These, and no others, are for callers of whom nothing is known.
    Public,
}

/// Methods and paths, as a route names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// As it was written, but for extra spaces.
    pub text: Box<str>,
    /// Where it stands.
    pub span: Span,
    /// The methods.
    pub methods: MethodSet,
    /// The paths.
    pub template: Template,
}

pub(super) const INVARIANT: Shape = Shape {
    what: "an invariant",
    known: &[
        "name",
        "only",
        "never",
        "always",
        "public_is_exactly",
        "may",
        "except",
        "service",
        "ip",
        "conditions",
    ],
    later: &[],
};

/// The keys that say something, one of which must be there.
const SAYS: [&str; 4] = ["only", "never", "always", "public_is_exactly"];

impl Invariant {
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, INVARIANT, IN_AN_INVARIANT, report)?;
        let name = fields
            .require("name", report)
            .and_then(|entry| suite::name(&entry.value, "the name of an invariant", report));
        let said = says(&fields, report);
        let except = fields.get("except").map(|entry| lines(entry, report));
        let service = fields.get("service").map(|entry| {
            text(&entry.value, "the service", report).and_then(|text| ServiceName::read(text, report))
        });
        let ip = fields.get("ip").map(|entry| {
            let value = IpRule::read(&entry.value, report)?;
            Some(Located { value, span: entry.key_span })
        });
        let conditions = fields.get("conditions").map(|entry| conditions(&entry.value, report));
        let (says, requests) = said?;
        let invariant = Self {
            name: name?,
            says,
            requests,
            except: suite::said(except)?.unwrap_or_default(),
            service: suite::said(service)?,
            ip: suite::said(ip)?,
            conditions: suite::said(conditions)?,
        };
        (!fields.has_unknown()).then_some(invariant)
    }
}

/// What it says, and about which requests.
fn says(fields: &Fields<'_>, report: &mut Report) -> Option<(Located<Says>, Vec<Line>)> {
    let mut there = SAYS.into_iter().filter_map(|key| fields.get(key));
    let Some(first) = there.next() else {
        // An unknown key is told already: it was probably meant to say it.
        if !fields.has_unknown() {
            report.push(
                Diagnostic::at(Diag::BadInvariant, fields.span, "the invariant says nothing")
                    .label("what must be so?")
                    .help(
                        "write `only`, `never` or `always` with the callers, and `may` with the requests; or \
                         `public_is_exactly`",
                    ),
            );
        }
        return None;
    };
    if let Some(second) = there.next() {
        report.push(
            Diagnostic::at(
                Diag::BadInvariant,
                second.key_span,
                format!("`{}` beside `{}` in one invariant", second.key, first.key),
            )
            .label("says something else")
            .related(first.key_span, "says something already")
            .help("write two invariants: each is proved, and told, by its name"),
        );
        return None;
    }
    if first.key == "public_is_exactly" {
        return public(fields, first, report);
    }
    let callers = Callers::read(first, report);
    let requests = fields.require("may", report).and_then(|may| lines(may, report));
    let callers = callers?;
    let says = match first.key.as_str() {
        "only" => Says::Only(callers),
        "never" => Says::Never(callers),
        _ => Says::Always(callers),
    };
    Some((Located { value: says, span: first.key_span }, requests?))
}

fn public(fields: &Fields<'_>, entry: &Entry, report: &mut Report) -> Option<(Located<Says>, Vec<Line>)> {
    let mut fine = true;
    for other in ["may", "except", "ip", "conditions"].into_iter().filter_map(|key| fields.get(key)) {
        fine = false;
        report.push(
            Diagnostic::at(
                Diag::BadInvariant,
                other.key_span,
                format!("`{}` beside `public_is_exactly`", other.key),
            )
            .label("has no meaning here")
            .related(entry.key_span, "lists the routes itself")
            .help("remove it: `public_is_exactly` lists the anonymous routes as they are written"),
        );
    }
    let lines = lines(entry, report)?;
    fine.then_some((Located { value: Says::Public, span: entry.key_span }, lines))
}

/// One line such as `GET,PUT /events/**`, or several. One that can't be read
/// makes all unusable: without it the invariant would say less.
fn lines(entry: &Entry, report: &mut Report) -> Option<Vec<Line>> {
    let written = texts(&entry.value, "a method and a path", report);
    let all = match &entry.value.kind {
        crate::yaml::Kind::List(items) => items.len(),
        _ => 1,
    };
    let line = |text: crate::yaml::Text<'_>, report: &mut Report| {
        let (methods, _, template) = methods_and_template(text, report)?;
        let words: Vec<&str> = text.value.split_ascii_whitespace().collect();
        Some(Line { text: words.join(" ").into(), span: text.span, methods, template })
    };
    let lines: Vec<Line> = written.into_iter().filter_map(|text| line(text, report)).collect();
    (!lines.is_empty() && lines.len() == all).then_some(lines)
}

/// What conditions are taken to be.
fn conditions(node: &Node, report: &mut Report) -> Option<bool> {
    const WORDS: &str = "`hold` (every `when` on the way is true) or `fail` (none is)";
    let word = word(node, "`conditions`", WORDS, report)?;
    match word.value {
        "hold" => Some(true),
        "fail" => Some(false),
        other => {
            report.push(
                Diagnostic::at(
                    Diag::BadValue,
                    word.span,
                    format!("`conditions` can't be `{}`", other.escape_debug()),
                )
                .label("neither")
                .suggest(
                    other,
                    ["hold", "fail"],
                    format!("write {WORDS}; without the key, either is possible"),
                ),
            );
            None
        }
    }
}
