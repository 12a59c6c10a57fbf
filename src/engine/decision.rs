//! What was decided, and for what reason.

use std::sync::Arc;

use super::held::{Held, InForce};
use super::principal::Principal;
use crate::compile::{Index, RouteId, Rule, ServiceId};
use crate::diag::Place;
use crate::policy::MethodSet;
use crate::words::Reason;

/// A decision about one request. Everything else about it (names, places,
/// what was required) is asked from the index it was made with.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The reason, which says whether the request passes.
    pub reason: Reason,
    /// A few words on the reason, where there is more to say. Never from the
    /// request or the token.
    pub detail: Option<&'static str>,
    /// The service, once found.
    pub service: Option<ServiceId>,
    /// The route, once found.
    pub route: Option<RouteId>,
    /// The caller, once known.
    pub principal: Option<Arc<Principal>>,
    /// What the caller's scoped bindings give on this request.
    pub in_force: InForce,
    /// For `method_not_allowed`: the methods that some route names.
    pub allow: MethodSet,
}

/// A requirement by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required<'i> {
    /// Whether every one is needed, or any one.
    pub all: bool,
    /// The names.
    pub names: Vec<&'i str>,
}

impl Decision {
    /// A refusal before anything was found.
    pub fn refused(reason: Reason, detail: Option<&'static str>) -> Self {
        Self {
            reason,
            detail,
            service: None,
            route: None,
            principal: None,
            in_force: InForce::default(),
            allow: MethodSet::default(),
        }
    }

    /// The caller, once known, as held on this request.
    pub fn held<'a>(&'a self, index: &'a Index) -> Option<Held<'a>> {
        self.principal.as_ref().map(|principal| Held::new(index, principal, &self.in_force))
    }

    /// The name of the service.
    pub fn service_name<'i>(&self, index: &'i Index) -> Option<&'i str> {
        index.service(self.service?).map(|s| &*s.name)
    }

    /// The route as it was written, such as `GET /events/{id}`.
    pub fn route_text<'i>(&self, index: &'i Index) -> Option<&'i str> {
        index.route(self.route?).map(|r| &*r.text)
    }

    /// The place in the policy that decided: the requirement that was not met,
    /// wherever it was inherited from, else the route.
    pub fn place<'i>(&self, index: &'i Index) -> Option<&'i Place> {
        let route = index.route(self.route?)?;
        let place = match (self.reason, &route.rule) {
            (Reason::IpDenied, _) => route.ip.as_ref().map(|ip| &ip.place),
            (Reason::PeerDenied, Rule::Needs { peers, .. }) => peers.as_ref().map(|rule| &rule.place),
            (Reason::RoleMissing, Rule::Needs { roles, .. }) => roles.as_ref().map(|need| &need.place),
            (Reason::CodeMissing, Rule::Needs { codes, .. }) => codes.as_ref().map(|need| &need.place),
            (Reason::ConditionFalse | Reason::ConditionError, Rule::Needs { when, .. }) => {
                when.as_ref().map(|when| &when.place)
            }
            _ => None,
        };
        Some(place.unwrap_or(&route.place))
    }

    /// For `role_missing` and `code_missing`: what was required.
    pub fn required<'i>(&self, index: &'i Index) -> Option<Required<'i>> {
        match (self.reason, &index.route(self.route?)?.rule) {
            (Reason::RoleMissing, Rule::Needs { roles: Some(need), .. }) => Some(Required {
                all: need.all,
                names: need.ids.iter().filter_map(|id| index.role(*id)).map(|r| &*r.name).collect(),
            }),
            (Reason::CodeMissing, Rule::Needs { codes: Some(need), .. }) => Some(Required {
                all: need.all,
                names: need.ids.iter().filter_map(|id| index.code(*id)).map(|c| c.as_str()).collect(),
            }),
            _ => None,
        }
    }
}
