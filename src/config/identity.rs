//! Whom to believe: `identity`.

use std::collections::HashMap;

use super::claim_path::ClaimPath;
use super::keys::{self, Algorithm, Keys};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Entry, Fields, Node, Shape, Text};

/// Where tokens stand and who may issue them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where a token may stand.
    pub tokens: Vec<TokenSource>,
    /// The issuers; no two have the same name. None at all means that no
    /// token is ever accepted.
    pub issuers: Vec<Issuer>,
}

/// Where a token may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// `authorization: Bearer <token>`.
    Authorization,
}

/// One issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Exactly what `iss` must be.
    pub issuer: String,
    /// Where that stands.
    pub span: Span,
    /// Audiences, one of which a token must name; never empty.
    pub audiences: Vec<String>,
    /// The algorithms that are accepted; never empty.
    pub algorithms: Vec<Algorithm>,
    /// Where they stand.
    pub algorithms_span: Span,
    /// Where its keys come from.
    pub keys: Keys,
    /// The claim that names the user.
    pub user: ClaimPath,
    /// Claims that list roles.
    pub roles: Vec<ClaimPath>,
    /// Claims that list groups.
    pub groups: Vec<ClaimPath>,
}

pub(super) const SHAPE: Shape = Shape {
    what: "`identity`",
    known: &["tokens", "issuers"],
    later: &[("invalid_on_anonymous", "remove it: anonymous routes do not look at tokens")],
};

pub(super) const TOKEN: Shape = Shape {
    what: "a token source",
    known: &["header"],
    later: &[("cookie", "write `header: authorization`; cookies come with a later version")],
};

pub(super) const ISSUER: Shape = Shape {
    what: "an issuer",
    known: &["issuer", "audiences", "algorithms", "keys", "user", "roles", "groups"],
    later: &[
        ("codes", "grant codes to roles in the policy"),
        ("scopes", "remove it: scopes do not limit anything yet"),
        ("types", "remove it: `JWT`, `at+jwt` and a missing `typ` are accepted"),
        ("clock_skew", "remove it: the clocks may differ by 30 s"),
        ("max_lifetime", "remove it: a token is valid until its `exp`"),
        ("required", "remove it: every issuer's keys are needed at start"),
    ],
};

/// A token is at most 8 KiB: longer names could never match.
const MAX_NAME_BYTES: usize = 1024;

pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Identity> {
    let mut identity = Identity { tokens: vec![TokenSource::Authorization], issuers: Vec::new() };
    let Some(entry) = entry else {
        return Some(identity);
    };
    let fields = Fields::read(&entry.value, SHAPE, report)?;
    if let Some(entry) = fields.get("tokens") {
        identity.tokens = tokens(&entry.value, report);
    }
    if let Some(entry) = fields.get("issuers") {
        let nodes = yaml::items(&entry.value, "`issuers`", report).unwrap_or_default();
        identity.issuers = nodes.iter().filter_map(|node| issuer(node, report)).collect();
        twice(&identity.issuers, report);
    }
    Some(identity)
}

fn tokens(node: &Node, report: &mut Report) -> Vec<TokenSource> {
    let mut first: Option<Span> = None;
    for node in yaml::items(node, "`tokens`", report).unwrap_or_default() {
        let Some(fields) = Fields::read(node, TOKEN, report) else { continue };
        let Some(header) = fields.get("header") else {
            if fields.get("cookie").is_none() {
                fields.require("header", report);
            }
            continue;
        };
        let Some(name) = yaml::text(&header.value, "the name of a header", report) else { continue };
        if name.value != "authorization" {
            report.push(
                Diagnostic::at(
                    Code::NotYet,
                    name.span,
                    format!("tokens in the header `{}` are not in this version yet", name.value),
                )
                .label("not supported")
                .help("write `header: authorization`"),
            );
        } else if let Some(first) = first {
            report.push(
                Diagnostic::at(Code::BadValue, name.span, "the header `authorization` stands here twice")
                    .label("second")
                    .related(first, "first")
                    .help("keep one of them"),
            );
        } else {
            first = Some(name.span);
        }
    }
    vec![TokenSource::Authorization]
}

fn issuer(node: &Node, report: &mut Report) -> Option<Issuer> {
    let fields = Fields::read(node, ISSUER, report)?;
    let issuer = fields
        .require("issuer", report)
        .and_then(|entry| yaml::text(&entry.value, "`issuer`", report))
        .filter(|text| exact(*text, "an issuer", report));
    let audiences = fields.require("audiences", report).and_then(|entry| audiences(entry, report));
    let algorithms = fields.require("algorithms", report);
    let algorithms_span = algorithms.map(|entry| entry.value.span);
    let algorithms = algorithms.and_then(|entry| keys::algorithms(entry, report));
    let keys = fields.require("keys", report).and_then(|entry| keys::keys(entry, report));
    let user = match fields.get("user") {
        Some(entry) => yaml::text(&entry.value, "`user`", report).and_then(|t| ClaimPath::read(t, report)),
        None => Some(ClaimPath::name("sub")),
    };
    let mut paths = |key| fields.get(key).map_or_else(Vec::new, |entry| paths(entry, report));
    let roles = paths("roles");
    let groups = paths("groups");

    let (algorithms, algorithms_span, keys) = (algorithms?, algorithms_span?, keys?);
    keys::check_fit(&algorithms, &keys, algorithms_span, report);
    let issuer = issuer?;
    Some(Issuer {
        issuer: issuer.value.to_owned(),
        span: issuer.span,
        audiences: audiences?,
        algorithms,
        algorithms_span,
        keys,
        user: user?,
        roles,
        groups,
    })
}

fn audiences(entry: &Entry, report: &mut Report) -> Option<Vec<String>> {
    let texts = yaml::texts(&entry.value, "`audiences`", report);
    let good: Vec<String> = texts
        .iter()
        .filter(|text| exact(**text, "an audience", report))
        .map(|text| text.value.to_owned())
        .collect();
    (!good.is_empty() && good.len() == texts.len()).then_some(good)
}

fn paths(entry: &Entry, report: &mut Report) -> Vec<ClaimPath> {
    let what = format!("`{}`", entry.key);
    yaml::texts(&entry.value, &what, report)
        .into_iter()
        .filter_map(|text| ClaimPath::read(text, report))
        .collect()
}

/// Issuers and audiences are compared byte by byte: what nobody can see has
/// no place in them.
fn exact(text: Text<'_>, what: &str, report: &mut Report) -> bool {
    if let Some((at, bad)) = text.value.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        report.push(
            Diagnostic::at(
                Code::BadCharacter,
                text.part(at, at + bad.len_utf8()),
                format!("{what} holds the character {}", bad.escape_unicode()),
            )
            .label("not visible ASCII")
            .help("write it exactly as it stands in the tokens"),
        );
        return false;
    }
    if text.value.len() > MAX_NAME_BYTES {
        report.push(
            Diagnostic::at(
                Code::TooLarge,
                text.span,
                format!("{what} is longer than {MAX_NAME_BYTES} bytes"),
            )
            .label("too long"),
        );
        return false;
    }
    true
}

fn twice(issuers: &[Issuer], report: &mut Report) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for issuer in issuers {
        if let Some(first) = seen.get(issuer.issuer.as_str()) {
            report.push(
                Diagnostic::at(
                    Code::BadIssuer,
                    issuer.span,
                    format!("the issuer `{}` stands here twice", issuer.issuer),
                )
                .label("second")
                .related(*first, "first")
                .help("an issuer has one set of audiences, algorithms and keys: join the two"),
            );
        } else {
            seen.insert(&issuer.issuer, issuer.span);
        }
    }
}
