//! `role_prefixes` and `roles_map`: what the policy calls the roles that tokens
//! name.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Entry, Fields, Kind, Text};

/// What the policy calls the roles that the tokens of an issuer name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// A name must begin with one of these, which is not part of the role's
    /// name; none at all where every name is taken.
    pub prefixes: Vec<String>,
    /// Names, without their prefixes, and the roles that each of them gives.
    pub map: BTreeMap<String, Vec<Target>>,
}

/// A role of the policy that `roles_map` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub role: String,
    /// Where it stands.
    pub span: Span,
}

/// Names in tokens are no longer: a token has 8 KiB.
const MAX_NAME_BYTES: usize = 256;

impl RoleNames {
    /// Reads both keys of an issuer. `None` after a mistake.
    pub(super) fn read(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        let prefixes = match fields.get("role_prefixes") {
            Some(entry) => prefixes(entry, report),
            None => Some(Vec::new()),
        };
        let map = match fields.get("roles_map") {
            Some(entry) => map(entry, prefixes.as_deref().unwrap_or_default(), report),
            None => Some(BTreeMap::new()),
        };
        let keys = ["roles_map", "role_prefixes"].into_iter().filter_map(|key| fields.get(key));
        if let (Some(entry), None) = (keys.into_iter().next(), fields.get("roles")) {
            let message = format!("`{}` says nothing without `roles`", entry.key);
            report.push(
                Diagnostic::at(Code::BadValue, entry.key_span, message)
                    .label("of no use")
                    .help("say with `roles` which claims name roles, or remove it"),
            );
            return None;
        }
        Some(Self { prefixes: prefixes?, map: map? })
    }
}

fn prefixes(entry: &Entry, report: &mut Report) -> Option<Vec<String>> {
    let texts = yaml::texts(&entry.value, "a prefix", report);
    let mut prefixes: Vec<String> = Vec::new();
    let mut fine = !texts.is_empty();
    for text in &texts {
        if !is_name(*text, "a prefix", report) {
            fine = false;
        } else if prefixes.iter().any(|known| known == text.value) {
            fine = false;
            let message = format!("the prefix `{}` stands here twice", text.value.escape_debug());
            report.push(Diagnostic::at(Code::BadValue, text.span, message).label("second").help("remove it"));
        } else {
            prefixes.push(text.value.to_owned());
        }
    }
    fine.then_some(prefixes)
}

fn map(entry: &Entry, prefixes: &[String], report: &mut Report) -> Option<BTreeMap<String, Vec<Target>>> {
    let help =
        "write `roles_map: { realm-admin: admin }`: the name in the token, then the role of the policy";
    let entries = match &entry.value.kind {
        Kind::Map(entries) if !entries.is_empty() => entries,
        Kind::Refused => return None,
        Kind::Map(_) => {
            let finding = Diagnostic::at(Code::EmptyValue, entry.value.span, "`roles_map` is empty");
            report.push(finding.label("nothing here").help(help));
            return None;
        }
        _ => {
            let code = if entry.value.is_null() { Code::EmptyValue } else { Code::WrongType };
            let message = format!("`roles_map` must be a mapping, found {}", entry.value.describe());
            report.push(Diagnostic::at(code, entry.value.span, message).label("not a mapping").help(help));
            return None;
        }
    };
    // All are read before any is given up, so that all mistakes are told.
    let read: Vec<Option<(String, Vec<Target>)>> = entries
        .iter()
        .map(|entry| {
            let name = yaml::key_name(entry, "a role of a token", report)
                .filter(|text| is_name(*text, "a role of a token", report))
                .filter(|text| is_stripped(*text, prefixes, report));
            let written = yaml::texts(&entry.value, "a role", report);
            let roles: Vec<Target> = written
                .iter()
                .filter(|text| is_role(**text, report))
                .map(|text| Target { role: text.value.to_owned(), span: text.span })
                .collect();
            let whole = !roles.is_empty() && roles.len() == written.len();
            whole.then_some((name?.value.to_owned(), roles))
        })
        .collect();
    read.into_iter().collect()
}

/// A name as tokens write it, or the beginning of one.
fn is_name(text: Text<'_>, what: &str, report: &mut Report) -> bool {
    let usual = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    if let Some((at, odd)) = text.value.char_indices().find(|(_, c)| !usual(*c)) {
        let message = format!("{what} holds the character {}", odd.escape_unicode());
        report.push(
            Diagnostic::at(Code::BadCharacter, text.part(at, at + odd.len_utf8()), message)
                .label("this character")
                .help("write it exactly as it stands in the tokens"),
        );
        return false;
    }
    if let Some(at) = text.value.find('*') {
        report.push(
            Diagnostic::at(Code::BadValue, text.part(at, at + 1), format!("{what} is no pattern"))
                .label("would stand for itself alone")
                .help("names are compared byte for byte; a common beginning is a prefix in `role_prefixes`"),
        );
        return false;
    }
    if text.value.len() > MAX_NAME_BYTES {
        let message = format!("{what} is longer than {MAX_NAME_BYTES} bytes");
        report.push(Diagnostic::at(Code::TooLarge, text.span, message).label("too long"));
        return false;
    }
    true
}

/// Names are looked up without their prefixes.
fn is_stripped(text: Text<'_>, prefixes: &[String], report: &mut Report) -> bool {
    let Some(rest) =
        prefixes.iter().filter_map(|prefix| text.value.strip_prefix(&**prefix)).min_by_key(|rest| rest.len())
    else {
        return true;
    };
    let shown = text.value.escape_debug();
    let help = match rest {
        "" => "remove it: nothing is left of the name without its prefix".to_owned(),
        rest => format!("write `{}`: names are looked up with their prefix stripped", rest.escape_debug()),
    };
    report.push(
        Diagnostic::at(Code::BadValue, text.span, format!("`{shown}` begins with one of `role_prefixes`"))
            .label("is looked up without it")
            .help(help),
    );
    false
}

/// The name of a role as a policy may define one.
fn is_role(text: Text<'_>, report: &mut Report) -> bool {
    let fine = text.value.len() <= 128
        && text.value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b));
    if !fine {
        let message = format!("`{}` can't be a role of a policy", text.value.escape_debug());
        report.push(
            Diagnostic::at(Code::BadName, text.span, message)
                .label("not a role")
                .help("role names are letters, digits and `_ - . : /`, at most 128"),
        );
    }
    fine
}
