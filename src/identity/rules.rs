//! What the tokens of one issuer must say, and where they say it.

use super::Refusal;
use super::roles::RoleNames;
use crate::config::{ClaimPath, Issuer, ListClaim};

/// The rules of an issuer.
pub(super) struct Rules {
    pub(super) audiences: Vec<Box<str>>,
    /// In lower case and without `application/`; empty for the usual ones.
    types: Vec<String>,
    pub(super) clock_skew: u64,
    pub(super) max_lifetime: Option<u64>,
    pub(super) required: Vec<ClaimPath>,
    pub(super) user: Vec<ClaimPath>,
    pub(super) roles: Vec<ListClaim>,
    pub(super) role_names: RoleNames,
    pub(super) groups: Vec<ListClaim>,
    pub(super) codes: Vec<ListClaim>,
    pub(super) scopes: Option<ListClaim>,
}

/// What `typ` may be where the configuration does not say.
const USUAL_TYPES: &[&str] = &["jwt", "at+jwt"];

impl Rules {
    /// The rules of a configured issuer.
    pub(super) fn of(issuer: &Issuer) -> Self {
        Self {
            audiences: issuer.audiences.iter().map(|audience| audience.as_str().into()).collect(),
            types: issuer.types.clone(),
            clock_skew: issuer.clock_skew,
            max_lifetime: issuer.max_lifetime,
            required: issuer.required_claims.clone(),
            user: issuer.user.clone(),
            roles: issuer.roles.clone(),
            role_names: RoleNames::of(&issuer.role_names),
            groups: issuer.groups.clone(),
            codes: issuer.codes.clone(),
            scopes: issuer.scopes.clone(),
        }
    }

    /// Where most tokens say it; for claims that nobody signed.
    pub(super) fn usual() -> Self {
        let list = |name| vec![ListClaim { path: ClaimPath::name(name), spaced: false }];
        Self {
            audiences: Vec::new(),
            types: Vec::new(),
            clock_skew: 0,
            max_lifetime: None,
            required: Vec::new(),
            user: vec![ClaimPath::name("sub")],
            roles: list("roles"),
            role_names: RoleNames::default(),
            groups: list("groups"),
            codes: list("codes"),
            scopes: None,
        }
    }

    /// The audiences that count for a service: its own where it has some, and
    /// the issuer's where it has none.
    pub(super) fn audiences_for<'a>(&'a self, service: &'a [Box<str>]) -> &'a [Box<str>] {
        if service.is_empty() { &self.audiences } else { service }
    }

    /// Whether `typ` is that of an access token of this issuer. Compared in
    /// any case and with or without `application/`, as RFC 7515 says; it may
    /// be missing only where the configuration names no types.
    pub(super) fn check_type(&self, typ: Option<&str>) -> Result<(), Refusal> {
        let Some(typ) = typ else {
            return if self.types.is_empty() {
                Ok(())
            } else {
                Err(Refusal::malformed("`typ` is missing, and the issuer's `types` do not allow that"))
            };
        };
        let lower = typ.to_ascii_lowercase();
        let (whole, name) = (lower.as_str(), lower.strip_prefix("application/").unwrap_or(&lower));
        // `application/jwt` names a media type, not a kind of token.
        let known = match self.types.as_slice() {
            [] => USUAL_TYPES.contains(&whole) || whole == "application/at+jwt",
            types => types.iter().any(|known| known == name),
        };
        if known { Ok(()) } else { Err(Refusal::malformed("`typ` is not that of an access token")) }
    }
}
