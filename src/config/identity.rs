//! Whom to believe: `identity`.

use std::collections::HashMap;

use super::claim_path::ClaimPath;
use super::claims::{self, ListClaim};
use super::keys::{self, Algorithm, Keys};
use super::role_names::RoleNames;
use super::tokens::{self, TokenSource};
use super::units;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Entry, Fields, Node, Shape, Text};

/// Where tokens stand and who may issue them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where a token may stand; no two places are the same.
    pub tokens: Vec<TokenSource>,
    /// What becomes of a token on a route that everyone may call.
    pub on_anonymous: OnAnonymous,
    /// How many verified tokens are remembered.
    pub cache: CacheSize,
    /// The issuers; no two have the same name. None at all means that no
    /// token is ever accepted.
    pub issuers: Vec<Issuer>,
}

impl Default for Identity {
    /// A bearer token in `authorization`, and nobody to believe.
    fn default() -> Self {
        Self {
            tokens: vec![TokenSource::authorization()],
            on_anonymous: OnAnonymous::default(),
            cache: CacheSize::default(),
            issuers: Vec::new(),
        }
    }
}

/// What becomes of a token on a route that everyone may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnAnonymous {
    /// It is not looked at, and nobody is named to the upstream.
    #[default]
    Unseen,
    /// A valid one names its user to the upstream; any other is refused.
    RefuseInvalid,
    /// A valid one names its user to the upstream; any other is as none.
    IgnoreInvalid,
}

/// How much the cache of verified tokens may hold; whichever is reached first
/// counts. No entries: no cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSize {
    /// Tokens.
    pub entries: u64,
    /// Bytes of what is known about them.
    pub bytes: u64,
}

impl Default for CacheSize {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 32 << 20 }
    }
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
    /// Whether nothing is ready before its keys were had once.
    pub required: bool,
    /// What `typ` may be, in lower case and without `application/`; empty for
    /// the usual: `jwt`, `at+jwt`, or no `typ` at all.
    pub types: Vec<String>,
    /// How far, in seconds, the issuer's clock may be from ours.
    pub clock_skew: u64,
    /// The most seconds from `iat` to `exp`; then `iat` must be there.
    pub max_lifetime: Option<u64>,
    /// Claims that must be there.
    pub required_claims: Vec<ClaimPath>,
    /// Claims that name the user: the first that is there does; never empty.
    pub user: Vec<ClaimPath>,
    /// Claims that list roles.
    pub roles: Vec<ListClaim>,
    /// What the policy calls them.
    pub role_names: RoleNames,
    /// Claims that list groups.
    pub groups: Vec<ListClaim>,
    /// Claims that list permission codes.
    pub codes: Vec<ListClaim>,
    /// The claim whose codes limit what roles and `codes` give.
    pub scopes: Option<ListClaim>,
}

pub(super) const SHAPE: Shape = Shape {
    what: "`identity`",
    known: &["tokens", "issuers", "optional", "invalid_on_anonymous", "cache"],
    later: &[],
};

pub(super) const CACHE: Shape = Shape { what: "`cache`", known: &["entries", "bytes"], later: &[] };

pub(super) const ISSUER: Shape = Shape {
    what: "an issuer",
    known: &[
        "issuer",
        "audiences",
        "algorithms",
        "keys",
        "required",
        "types",
        "clock_skew",
        "max_lifetime",
        "required_claims",
        "user",
        "roles",
        "role_prefixes",
        "roles_map",
        "groups",
        "codes",
        "scopes",
    ],
    later: &[],
};

/// Kinds of tokens that are no access tokens, however well they are signed.
const OTHER_TOKENS: &[&str] = &["dpop+jwt", "logout+jwt", "secevent+jwt", "id+jwt", "rt+jwt"];

const DEFAULT_SKEW: u64 = 30;
const MAX_SKEW: u64 = 120;

/// Ten years: what lies beyond is refused anyway.
const MAX_LIFETIME: u64 = 3650 * 86_400;

/// A token is at most 8 KiB: longer names could never match.
const MAX_NAME_BYTES: usize = 1024;

pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Identity> {
    let mut identity = Identity::default();
    let Some(entry) = entry else {
        return Some(identity);
    };
    let fields = Fields::read(&entry.value, SHAPE, report)?;
    if let Some(entry) = fields.get("tokens") {
        identity.tokens = tokens::read(&entry.value, report);
    }
    identity.on_anonymous = on_anonymous(&fields, report);
    if let Some(entry) = fields.get("cache") {
        identity.cache = cache(&entry.value, report);
    }
    if let Some(entry) = fields.get("issuers") {
        let nodes = yaml::items(&entry.value, "`issuers`", report).unwrap_or_default();
        identity.issuers = nodes.iter().filter_map(|node| issuer(node, report)).collect();
        twice(&identity.issuers, report);
    }
    Some(identity)
}

fn on_anonymous(fields: &Fields<'_>, report: &mut Report) -> OnAnonymous {
    let optional = match fields.get("optional") {
        Some(entry) => yaml::yes_or_no(&entry.value, "`optional`", report).unwrap_or_default(),
        None => false,
    };
    let Some(entry) = fields.get("invalid_on_anonymous") else {
        return if optional { OnAnonymous::RefuseInvalid } else { OnAnonymous::Unseen };
    };
    let text = yaml::text(&entry.value, "`invalid_on_anonymous`", report);
    let chosen = match text.map(|text| text.value) {
        Some("refuse") => OnAnonymous::RefuseInvalid,
        Some("ignore") => OnAnonymous::IgnoreInvalid,
        Some(other) => {
            report.push(
                Diagnostic::at(
                    Code::BadValue,
                    entry.value.span,
                    "`invalid_on_anonymous` is `refuse` or `ignore`",
                )
                .label("neither")
                .suggest(other, ["refuse", "ignore"], "write `refuse` or `ignore`"),
            );
            OnAnonymous::RefuseInvalid
        }
        None => OnAnonymous::RefuseInvalid,
    };
    if !optional {
        report.push(
            Diagnostic::at(
                Code::BadValue,
                entry.key_span,
                "`invalid_on_anonymous` says nothing without `optional: true`",
            )
            .label("of no use")
            .help("add `optional: true`, or remove it: anonymous routes do not look at tokens"),
        );
    }
    chosen
}

fn cache(node: &Node, report: &mut Report) -> CacheSize {
    let mut size = CacheSize::default();
    let Some(fields) = Fields::read(node, CACHE, report) else { return size };
    if let Some(entry) = fields.get("entries") {
        let entries = yaml::integer(&entry.value, "`entries`", 0..=10_000_000, report);
        size.entries = entries.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    }
    if let Some(entry) = fields.get("bytes") {
        size.bytes = units::bytes(&entry.value, "`bytes`", 1 << 20..=16 << 30, report).unwrap_or_default();
    }
    size
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
    let required = fields
        .get("required")
        .map_or(Some(true), |entry| yaml::yes_or_no(&entry.value, "`required`", report));
    let types = fields.get("types").map_or_else(Vec::new, |entry| types(entry, report));
    let clock_skew = match fields.get("clock_skew") {
        Some(entry) => units::seconds(&entry.value, "`clock_skew`", 0..=MAX_SKEW, report),
        None => Some(DEFAULT_SKEW),
    };
    let max_lifetime = fields
        .get("max_lifetime")
        .map(|entry| units::seconds(&entry.value, "`max_lifetime`", 1..=MAX_LIFETIME, report));
    let user = match fields.get("user") {
        Some(entry) => claims::paths(entry, report),
        None => vec![ClaimPath::name("sub")],
    };
    let required_claims =
        fields.get("required_claims").map_or_else(Vec::new, |entry| claims::paths(entry, report));
    let mut lists = |key| fields.get(key).map_or_else(Vec::new, |entry| claims::lists(entry, report));
    let (roles, groups, codes) = (lists("roles"), lists("groups"), lists("codes"));
    let role_names = RoleNames::read(&fields, report);
    let scopes = fields.get("scopes").map(|entry| claims::scopes(entry, report));

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
        required: required?,
        types,
        clock_skew: clock_skew?,
        // What could not be read must not look absent.
        max_lifetime: lift(max_lifetime)?,
        required_claims,
        user,
        roles,
        role_names: role_names?,
        groups,
        codes,
        scopes: lift(scopes)?,
    })
}

/// What is there but could not be read gives nothing at all.
fn lift<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |read| read.map(Some))
}

/// What `typ` may be. Compared as RFC 7515 says: in any case, and with or
/// without `application/`.
fn types(entry: &Entry, report: &mut Report) -> Vec<String> {
    let mut types = Vec::new();
    for text in yaml::texts(&entry.value, "`types`", report) {
        let lower = text.value.to_ascii_lowercase();
        let name = lower.strip_prefix("application/").unwrap_or(&lower);
        let help = if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        {
            "write it as it stands in the tokens' `typ`, such as `at+jwt`"
        } else if OTHER_TOKENS.contains(&name) {
            "tokens of this kind are not made for access: write `at+jwt`, `JWT`, or remove the key"
        } else {
            types.push(name.to_owned());
            continue;
        };
        report.push(
            Diagnostic::at(
                Code::BadValue,
                text.span,
                format!("`{}` is not a type of access tokens", text.value.escape_debug()),
            )
            .label("not allowed")
            .help(help),
        );
    }
    types
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
