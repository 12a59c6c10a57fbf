//! What a route requires, once its defaults are counted in.

use std::sync::Arc;

use super::address::{AddressRule, Networks};
use super::conditions::{Condition, Conditions};
use super::ids::Ids;
use super::index::{CodeId, Need, RoleId, Rule};
use super::peers::PeerRule;
use super::roles::Roles;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::policy::{self, Code, Defaults, Located, RoleName, Route};

/// A requirement that is not there, or is there and could not be compiled:
/// after that error it must not look absent.
type Wanted<T> = Option<Option<T>>;

/// What one level of the policy says: the policy as a whole, a service, or a
/// route. Compiled once, whether or not any route takes it over, so that its
/// mistakes are found and its lists are shared.
pub(super) struct Level {
    roles: Wanted<Arc<Need<RoleId>>>,
    codes: Wanted<Need<CodeId>>,
    peers: Option<Arc<PeerRule>>,
    ip: Wanted<Arc<AddressRule>>,
    when: Wanted<Arc<Condition>>,
}

/// What names mean, and where things stand.
#[derive(Clone, Copy)]
pub(super) struct Names<'p> {
    pub(super) roles: &'p Roles,
    pub(super) networks: &'p Networks<'p>,
    pub(super) conditions: &'p Conditions<'p>,
    pub(super) sources: &'p Sources,
}

impl Level {
    pub(super) fn new(written: &Defaults, names: Names<'_>, report: &mut Report) -> Self {
        let Defaults { roles, codes, peers, ip, when } = written;
        Self {
            roles: roles.as_ref().map(|need| role_need(need, names, report).map(Arc::new)),
            codes: codes.as_ref().map(|need| code_need(need, names)),
            peers: peers.as_ref().map(|peers| Arc::new(PeerRule::new(peers, names.sources))),
            ip: ip.as_ref().map(|ip| {
                let place = names.sources.place(ip.span);
                names.networks.rule(&ip.value, place, report).map(Arc::new)
            }),
            when: when.as_ref().map(|when| names.conditions.condition(when, names, report).map(Arc::new)),
        }
    }
}

/// The levels a route inherits from, nearest first: its own keys, then its
/// service's, then the policy's. Per key the nearest wins.
pub(super) type Levels<'l> = [&'l Level; 3];

/// The address rule of a route, which `inherit: false` does not touch.
pub(super) fn address_rule(levels: Levels<'_>) -> Option<Arc<AddressRule>> {
    levels.iter().find_map(|level| level.ip.clone()).flatten()
}

/// The rule of a route. `None` after an error.
pub(super) fn rule(route: &Route, levels: Levels<'_>, report: &mut Report) -> Option<Rule> {
    if let Some(access) = &route.access {
        return Some(Rule::Access(access.value));
    }
    let levels = if route.inherit { &levels[..] } else { std::slice::from_ref(&levels[0]) };
    let roles = levels.iter().find_map(|level| level.roles.clone());
    let codes = levels.iter().find_map(|level| level.codes.clone());
    let peers = levels.iter().find_map(|level| level.peers.clone());
    let when = levels.iter().find_map(|level| level.when.clone());
    if roles.is_none() && codes.is_none() && peers.is_none() && when.is_none() {
        report.push(
            Diagnostic::at(Diag::NoRequirement, route.span, format!("`{}` requires nothing", route.text))
                .label("who may call this?")
                .help("add `roles`, `codes`, `peers`, `when` or `access`; for everyone write `access: anonymous`, for any valid token `access: authenticated`"),
        );
        return None;
    }
    let (roles, codes, when) = (present(roles)?, present(codes)?, present(when)?);
    if let Some(when) = &when {
        when.check_params(route, report)?;
    }
    Some(Rule::Needs { peers, roles, codes, when })
}

/// `None` where a requirement is there but could not be compiled.
fn present<T>(wanted: Wanted<T>) -> Option<Option<T>> {
    match wanted {
        None => Some(None),
        Some(need) => need.map(Some),
    }
}

fn role_need(
    need: &Located<policy::Need<RoleName>>,
    names: Names<'_>,
    report: &mut Report,
) -> Option<Need<RoleId>> {
    // All are looked up before any is given up, so that all mistakes are told.
    let ids: Vec<_> = need.value.names().iter().map(|name| names.roles.role(name, report)).collect();
    let ids = ids.into_iter().collect::<Option<Ids<_>>>()?;
    Some(Need { all: is_all(&need.value), ids, place: names.sources.place(need.span) })
}

fn code_need(need: &Located<policy::Need<Code>>, names: Names<'_>) -> Option<Need<CodeId>> {
    let ids =
        need.value.names().iter().map(|code| names.roles.code(&code.value)).collect::<Option<Ids<_>>>()?;
    Some(Need { all: is_all(&need.value), ids, place: names.sources.place(need.span) })
}

fn is_all<T>(need: &policy::Need<T>) -> bool {
    matches!(need, policy::Need::All(_))
}
