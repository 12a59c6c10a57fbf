//! What a denied caller is told: `deny`.
//!
//! Everything here can make a denial more helpful, or less telling; nothing
//! can make it look like anything but a denial.

mod login;
mod status;
mod titles;

use std::collections::BTreeMap;

pub use login::{Login, Origin};
pub use titles::Title;

use super::url_template::{Placeholder, UrlTemplate};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::words::{Reason, Refusal};
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape};

pub(super) use login::SHAPE as LOGIN;

/// What a denied caller is told. The default is what is told where the
/// configuration says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deny {
    /// How much.
    pub reveal: Reveal,
    /// Other statuses than the usual ones, by the word that callers are told.
    pub statuses: BTreeMap<&'static str, Refusal>,
    /// Where to ask for a role or code that is missing.
    pub request_access: Option<UrlTemplate>,
    /// Where a browser without a token is sent.
    pub login: Option<Login>,
    /// Other titles than the built-in ones, by the word that callers are told.
    pub titles: BTreeMap<&'static str, Title>,
}

/// How much a denied caller is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reveal {
    /// That the request was denied.
    None,
    /// Also for what reason.
    Reason,
    /// Also which roles or codes were required.
    #[default]
    Requirement,
}

pub(super) const SHAPE: Shape =
    Shape { what: "`deny`", known: &["reveal", "status", "request_access", "login", "titles"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["statuses", "status_code", "status_codes", "codes"],
        meant: "status",
        help: "write `status:` and below it a reason and its status, such as `role_missing: 404`",
    },
    Elsewhere {
        words: &["messages", "message", "texts", "text", "body", "bodies"],
        meant: "titles",
        help: "write `titles:` and below it a reason and its title",
    },
    Elsewhere {
        words: &["redirect", "login_url", "signin", "sign_in"],
        meant: "login",
        help: "write `login:` with `url:` and `hosts:` below it",
    },
    Elsewhere {
        words: &["hide", "detail", "details", "verbosity", "verbose"],
        meant: "reveal",
        help: "write `reveal: none`, `reason` or `requirement`",
    },
];

/// What `request_access` can say.
const ACCESS: &[Placeholder] = &[
    Placeholder::Service,
    Placeholder::Route,
    Placeholder::Method,
    Placeholder::MissingRoles,
    Placeholder::MissingCodes,
    Placeholder::User,
    Placeholder::DecisionId,
];

/// Reads `deny`.
pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Deny> {
    let Some(entry) = entry else { return Some(Deny::default()) };
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let reveal = match fields.get("reveal") {
        Some(entry) => reveal(entry, report),
        None => Some(Reveal::default()),
    };
    let statuses = match fields.get("status") {
        Some(entry) => status::read(entry, report),
        None => Some(BTreeMap::new()),
    };
    let request_access = match fields.get("request_access") {
        Some(entry) => yaml::text(&entry.value, "`request_access`", report)
            .and_then(|text| UrlTemplate::read(text, "`request_access`", ACCESS, report))
            .map(Some),
        None => Some(None),
    };
    let login = match fields.get("login") {
        Some(entry) => login::read(&entry.value, report).map(Some),
        None => Some(None),
    };
    let titles = match fields.get("titles") {
        Some(entry) => titles::read(entry, report),
        None => Some(BTreeMap::new()),
    };
    let deny = Deny {
        reveal: reveal?,
        statuses: statuses?,
        request_access: request_access?,
        login: login?,
        titles: titles?,
    };
    contradictions(&deny, &fields, report);
    Some(deny)
}

fn reveal(entry: &Entry, report: &mut Report) -> Option<Reveal> {
    const WORDS: &str = "`none`, `reason` or `requirement`";
    let word = yaml::word(&entry.value, "`reveal`", WORDS, report)?;
    match word.value {
        "none" => Some(Reveal::None),
        "reason" => Some(Reveal::Reason),
        "requirement" => Some(Reveal::Requirement),
        other => {
            let message = format!("`{}` is not a way to reveal", other.escape_debug());
            report.push(Diagnostic::at(Code::BadValue, word.span, message).label("not known").suggest(
                other,
                ["none", "reason", "requirement"],
                format!("write {WORDS}"),
            ));
            None
        }
    }
}

/// What would tell more than `reveal` allows.
fn contradictions(deny: &Deny, fields: &Fields<'_>, report: &mut Report) {
    let mut contradicts = |key: &str, what: &str, help: &str| {
        let (Some(key), Some(reveal)) = (fields.get(key), fields.get("reveal")) else { return };
        report.push(
            Diagnostic::at(
                Code::BadValue,
                key.key_span,
                format!("{what} would tell what is not to be revealed"),
            )
            .label("tells more")
            .related(reveal.value.span, "than this allows")
            .help(help),
        );
    };
    match deny.reveal {
        Reveal::None => {
            contradicts(
                "titles",
                "`titles`",
                "remove it: with `reveal: none` there is one title for each status",
            );
            contradicts("request_access", "`request_access`", "remove it, or write `reveal: requirement`");
            if deny.statuses.get(Reason::MethodNotAllowed.as_str()) == Some(&Refusal::MethodNotAllowed) {
                let help = "write 400, 403 or 404 for `method_not_allowed`, or remove it for 404";
                contradicts("status", "405, which must list methods,", help);
            }
        }
        Reveal::Reason => {
            let missing = [Placeholder::MissingRoles, Placeholder::MissingCodes];
            if deny.request_access.as_ref().is_some_and(|link| missing.into_iter().any(|name| link.has(name)))
            {
                let help = "remove `{missing_roles}` and `{missing_codes}`, or write `reveal: requirement`";
                contradicts("request_access", "naming what is missing", help);
            }
        }
        Reveal::Requirement => {}
    }
}

/// The reason that a key means, as one of those that callers are told.
fn reason(entry: &Entry, report: &mut Report) -> Option<Reason> {
    let word = entry.key.as_str();
    if let Some(reason) = Reason::public().find(|reason| reason.public_word() == word) {
        return Some(reason);
    }
    let finding = |message: String| Diagnostic::at(Code::UnknownKey, entry.key_span, message);
    let shown = word.escape_debug();
    let words: Vec<_> = Reason::public().map(Reason::public_word).collect();
    report.push(match Reason::from_word(word) {
        Some(reason) if reason.is_allowed() => {
            finding(format!("`{shown}` is no reason of a denial")).label("not a denial").help("remove it")
        }
        Some(reason) => finding(format!("`{shown}` is never told to callers"))
            .label("for the log alone")
            .help(format!("write `{}`: callers are told no more of it", reason.public_word())),
        None => {
            let all = format!("the reasons are `{}`", words.join("`, `"));
            finding(format!("`{shown}` is not a reason")).label("not known").suggest(word, words, all)
        }
    });
    None
}

/// A place for a finding about a whole entry.
fn place(entry: &Entry) -> Span {
    if entry.value.span.start == entry.value.span.end { entry.key_span } else { entry.value.span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for (shape, table) in [(SHAPE, ELSEWHERE), (LOGIN, login::ELSEWHERE)] {
            for entry in table {
                assert!(shape.known.contains(&entry.meant), "{}", entry.meant);
                assert!(entry.words.iter().all(|word| !shape.known.contains(word)), "{:?}", entry.words);
            }
        }
    }
}
