//! Routes, and the defaults they inherit.

use std::sync::Arc;

use super::elsewhere::{IN_A_ROUTE, IN_DEFAULTS};
use super::method::MethodSet;
use super::name::{Code, Located, RoleName};
use super::need::{IpRule, Need};
use super::peer::PeerPattern;
use super::template::Template;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::{Fields, KeptText, Node, Shape, Text, text, texts, word, yes_or_no};

/// A route as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET /events/{id}`, as it was written but for extra spaces.
    pub text: Arc<str>,
    /// Where that text stands.
    pub span: Span,
    /// The methods it names.
    pub methods: MethodSet,
    /// Whether it names `GRPC` alone.
    pub grpc_only: bool,
    /// The paths it matches.
    pub template: Arc<Template>,
    /// `access:`, which replaces inherited roles, codes and peers.
    pub access: Option<Located<Access>>,
    /// Its own requirements.
    pub own: Defaults,
    /// Whether it takes the defaults of its service and of the policy.
    pub inherit: bool,
    /// Whether it permits `upgrade: websocket`.
    pub websocket: bool,
}

/// What `access:` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Everyone, without a token.
    Anonymous,
    /// Everyone with a valid token.
    Authenticated,
    /// Nobody.
    Denied,
}

impl Access {
    /// The word in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Authenticated => "authenticated",
            Self::Denied => "denied",
        }
    }
}

/// What one key requires and where the key stands, if it is there. There are as
/// many of these as routes, and most are not there: those take a pointer each.
pub type Required<T> = Option<Box<Located<T>>>;

/// What can be required on three levels: the whole policy, a service, a route.
/// Per key, the nearest level wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Required roles and where the key stands.
    pub roles: Required<Need<RoleName>>,
    /// Required codes and where the key stands.
    pub codes: Required<Need<Code>>,
    /// Required peers, any one of which is enough, and where the key stands.
    pub peers: Required<Vec<Located<PeerPattern>>>,
    /// The address rule and where the key stands.
    pub ip: Required<IpRule>,
    /// The condition and where the key stands.
    pub when: Required<KeptText>,
}

pub(super) const DEFAULTS: Shape =
    Shape { what: "`defaults`", known: &["roles", "codes", "peers", "ip", "when"], later: &[] };

impl Defaults {
    /// Reads the value of `defaults:`. The flag tells whether every key that
    /// is there could be read: a key that could not must not look absent.
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, DEFAULTS, IN_DEFAULTS, report)?;
        Self::of(&fields, report).filter(|_| !fields.has_unknown())
    }

    fn of(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        fn read<T>(
            fields: &Fields<'_>,
            key: &str,
            report: &mut Report,
            value: fn(&Node, &mut Report) -> Option<T>,
        ) -> Option<Required<T>> {
            let Some(entry) = fields.get(key) else { return Some(None) };
            let span = Span { end: entry.value.span.end.max(entry.key_span.end), ..entry.key_span };
            value(&entry.value, report).map(|value| Some(Box::new(Located { value, span })))
        }
        let roles = read(fields, "roles", report, Need::roles);
        let codes = read(fields, "codes", report, Need::codes);
        let peers = read(fields, "peers", report, peers);
        let ip = read(fields, "ip", report, IpRule::read);
        let when = read(fields, "when", report, |node, report| KeptText::read(node, "the condition", report));
        Some(Self { roles: roles?, codes: codes?, peers: peers?, ip: ip?, when: when? })
    }
}

/// Any one of several peers. A bare list can say nothing else: a connection
/// has one peer, so all of several could never hold.
pub(super) fn peers(node: &Node, report: &mut Report) -> Option<Vec<Located<PeerPattern>>> {
    let written = texts(node, "a peer", report);
    // Every one is looked at; one bad peer makes the whole list unusable.
    let read: Vec<_> = written.into_iter().map(|text| PeerPattern::read(text, report)).collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    (!read.is_empty()).then_some(read)
}

pub(super) const ROUTE: Shape = Shape {
    what: "a route",
    known: &["route", "description", "access", "roles", "codes", "peers", "ip", "when", "inherit", "upgrade"],
    later: &[],
};

impl Route {
    pub(super) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let fields = Fields::read_with(node, ROUTE, IN_A_ROUTE, report)?;
        let line = fields
            .require("route", report)
            .and_then(|e| text(&e.value, "the route", report))
            .and_then(|t| Some((t, methods_and_template(t, report)?)));
        if let Some(e) = fields.get("description") {
            text(&e.value, "the description", report);
        }
        let access = match fields.get("access") {
            Some(e) => Access::read(&e.value, report).map(|value| Some(Located { value, span: e.key_span })),
            None => Some(None),
        };
        let own = Defaults::of(&fields, report);
        let mut flag = |key: &str, or: bool| match fields.get(key) {
            Some(e) => yes_or_no(&e.value, &format!("`{key}`"), report),
            None => Some(or),
        };
        let inherit = flag("inherit", true);
        let websocket = match fields.get("upgrade") {
            Some(e) => upgrade(&e.value, report),
            None => Some(false),
        };
        let (line, (methods, grpc_only, template)) = line?;
        let route = Self {
            text: line.value.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into(),
            span: line.span,
            methods,
            grpc_only,
            template: Arc::new(template),
            access: access?,
            own: own?,
            inherit: inherit?,
            websocket: websocket?,
        };
        let fine = route.check_access(report) && !fields.has_unknown();
        fine.then_some(route)
    }

    /// `access` says all there is to say about who: a requirement beside it
    /// would be ignored or contradict it.
    fn check_access(&self, report: &mut Report) -> bool {
        let Some(access) = &self.access else { return true };
        let roles = self.own.roles.as_ref().map(|r| ("roles", r.span));
        let codes = self.own.codes.as_ref().map(|c| ("codes", c.span));
        let peers = self.own.peers.as_ref().map(|p| ("peers", p.span));
        let when = self.own.when.as_ref().map(|w| ("when", w.span));
        let mut fine = true;
        for (key, span) in roles.into_iter().chain(codes).chain(peers).chain(when) {
            fine = false;
            let word = access.value.as_str();
            let token = if key == "peers" {
                "`peers` alone needs no token"
            } else {
                "a role, code or condition already needs a valid token"
            };
            report.push(
                Diagnostic::at(
                    Diag::AccessConflict,
                    span,
                    format!("`{key}` beside `access: {word}` on one route"),
                )
                .label("also says who may call")
                .related(access.span, "says who may call")
                .help(format!("keep `access` or `{key}`; {token}")),
            );
        }
        fine
    }
}

impl Access {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let words = "`anonymous` (no token), `authenticated` (any valid token) or `denied` (nobody)";
        let word = word(node, "`access`", words, report)?;
        let access = match word.value {
            "anonymous" => Self::Anonymous,
            "authenticated" => Self::Authenticated,
            "denied" => Self::Denied,
            other => {
                report.push(
                    Diagnostic::at(
                        Diag::BadValue,
                        word.span,
                        format!("`{}` is not a kind of access", other.escape_debug()),
                    )
                    .label("not known")
                    .suggest(
                        other,
                        ["anonymous", "authenticated", "denied"],
                        match other {
                            "public" | "everyone" | "open" => {
                                "write `anonymous`: everyone, without a token".to_owned()
                            }
                            "deny" | "forbidden" | "nobody" => "write `denied`: nobody".to_owned(),
                            _ => format!("write {words}"),
                        },
                    ),
                );
                return None;
            }
        };
        Some(access)
    }
}

fn upgrade(node: &Node, report: &mut Report) -> Option<bool> {
    let word = word(node, "`upgrade`", "`websocket`", report)?;
    let fine = word.value == "websocket";
    if !fine {
        report.push(
            Diagnostic::at(Diag::BadValue, word.span, "`upgrade` can only be `websocket`")
                .label("not known")
                .help("write `upgrade: websocket`, or remove the key; no other protocol can be permitted"),
        );
    }
    fine.then_some(true)
}

/// `GET,HEAD /events/{id}` into its two halves.
pub(super) fn methods_and_template(
    line: Text<'_>,
    report: &mut Report,
) -> Option<(MethodSet, bool, Template)> {
    let Some(space) = line.value.find(' ') else {
        report.push(
            Diagnostic::at(
                Diag::BadTemplate,
                line.span,
                format!("`{}` is not a method and a path", line.value.escape_debug()),
            )
            .label("method, space, path")
            .help("write `GET /path`, `GET,POST /path` or `ANY /path`"),
        );
        return None;
    };
    let (words, path) = (line.value.get(..space)?, line.value.get(space..)?);
    if let Some(span) = spaced_methods(line, words, path) {
        report.push(
            Diagnostic::at(Diag::BadMethod, span, "methods are joined by commas, without spaces")
                .label("several methods")
                .help("write `GET,POST /path`"),
        );
        return None;
    }
    let mut methods = MethodSet::default();
    let mut fine = true;
    let mut at = 0;
    for word in words.split(',') {
        let span = line.part(at, at + word.len());
        at += word.len() + 1;
        match MethodSet::of_word(word) {
            Some(set) if methods.intersection(set).is_empty() => methods = methods.union(set),
            Some(_) => {
                fine = false;
                report.push(
                    Diagnostic::at(
                        Diag::BadMethod,
                        span,
                        format!("`{word}` is covered by the methods before it"),
                    )
                    .label("covered already")
                    .help("`GET` covers `HEAD`, `POST` covers `GRPC`, `ANY` covers all: remove it"),
                );
            }
            None => {
                fine = false;
                report.push(bad_method(word, span));
            }
        }
    }
    let path_at = space + (path.len() - path.trim_start_matches(' ').len());
    let template = match Template::parse(path.trim_start_matches(' ')) {
        Ok(template) => template,
        Err(fault) => {
            let span = line.part(path_at + fault.bytes.start, path_at + fault.bytes.end);
            let help = match words {
                "GRPC" if !path.trim_start().starts_with('/') => "write `/package.Service/Method`".to_owned(),
                _ => fault.help.clone(),
            };
            report.push(Diagnostic::at(fault.code(), span, fault.message).label("here").help(help));
            return None;
        }
    };
    if words == "GRPC" && !is_grpc_method(&template) {
        fine = false;
        report.push(
            Diagnostic::at(
                Diag::BadTemplate,
                line.part(path_at, line.value.len()),
                "a gRPC path is `/package.Service/Method`",
            )
            .label("not a gRPC path")
            .help("name the service and the method, or write `/package.Service/**` for all its methods"),
        );
    }
    fine.then_some((methods, words == "GRPC", template))
}

/// The place of `GET, POST`, `GET POST` or `GET|POST` before a path.
fn spaced_methods(line: Text<'_>, words: &str, path: &str) -> Option<Span> {
    let list = line.value.find('/').and_then(|slash| line.value.get(..slash))?.trim_end();
    let method = |word: &str| MethodSet::of_word(word).is_some();
    let spaced = words.ends_with(',') || path.split_whitespace().next().is_some_and(method);
    let mut parts = list.split([' ', ',', '|', '/']).filter(|part| !part.is_empty());
    let other = words.contains('|') || spaced;
    (other && parts.all(method)).then(|| line.part(0, list.len()))
}

fn is_grpc_method(template: &Template) -> bool {
    let literal_service = matches!(template.segments.first(), Some(super::template::Segment::Literal(_)));
    let methods = template.segments.len() + usize::from(template.rest);
    literal_service && methods == 2
}

fn bad_method(word: &str, span: Span) -> Diagnostic {
    let shown = word.escape_debug();
    let diagnostic = match word {
        "" => {
            return Diagnostic::at(Diag::BadMethod, span, "a method is missing")
                .help("write `GET,POST /path`, commas without spaces");
        }
        "*" => {
            return Diagnostic::at(Diag::BadMethod, span, "`*` is not a method")
                .label("not a method")
                .help("write `ANY`");
        }
        "TRACE" | "CONNECT" => {
            return Diagnostic::at(Diag::BadMethod, span, format!("`{word}` is always denied"))
                .label("never allowed")
                .help("remove it");
        }
        _ if !word.is_ascii() => {
            let odd = word.chars().find(|c| !c.is_ascii()).map_or(0, u32::from);
            return Diagnostic::at(
                Diag::BadCharacter,
                span,
                format!("a method holds the character U+{odd:04X} (`{shown}`)"),
            )
            .label("not plain letters")
            .help("type the method again: some letters of other alphabets look like A to Z");
        }
        _ => {
            Diagnostic::at(Diag::BadMethod, span, format!("`{shown}` is not a method")).label("not a method")
        }
    };
    diagnostic.suggest(word, MethodSet::WORDS, format!("the methods are `{}`", MethodSet::WORDS.join("`, `")))
}
