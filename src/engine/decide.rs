//! The steps of design section 3, in order; the first that applies decides.

use std::sync::Arc;

use super::decision::Decision;
use super::facts::RequestFacts;
use super::held::{Held, InForce};
use super::input::Input;
use super::peer;
use super::principal::Principal;
use super::request::{Refusal, Request, Upgrade};
use super::routing::{route_of, service_of};
use crate::compile::{Facts, Fault, Index, Occasion, PeerListed, Route, RouteId, Rule, Service, ServiceId};
use crate::config::OnAnonymous;
use crate::policy::{Access, Method};
use crate::words::Reason;

/// What a decision tells while it is made. `explain` records it; the server
/// listens to nothing, at no cost.
pub trait Observer {
    /// One step was taken.
    fn step(&mut self, _step: Step<'_>) {}
}

/// Listens to nothing.
pub struct Silent;

impl Observer for Silent {}

/// A step that a decision took.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The request can be read in one way: method, host, path.
    Read(Method, &'a str, &'a str),
    /// The service was found: by its name, or by host and path.
    Service(ServiceId, bool),
    /// The route was found; for a preflight, that of the announced method.
    Route(RouteId, Option<Method>),
    /// The route's address rule was asked.
    Address(RouteId, bool),
    /// The route's required peers were asked: who is there, and which of them
    /// it is or why it is none.
    Peer(RouteId, Option<&'a str>, Result<&'a PeerListed, &'static str>),
    /// It is known who calls, and what they hold on this request.
    Caller(Held<'a>, Occasion<'a>),
    /// The route's required roles were compared.
    Roles(RouteId, bool),
    /// The route's required codes were compared.
    Codes(RouteId, bool),
    /// The route's condition was asked of these facts.
    Condition(RouteId, Result<bool, Fault>, &'a dyn Facts),
}

/// Decides one request. `identify` is asked at most once, with the service
/// that the request is for: where the route needs a caller, and on routes for
/// everyone as `on_anonymous` says.
pub fn decide(
    index: &Index,
    input: &Input<'_>,
    on_anonymous: OnAnonymous,
    identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
) -> Decision {
    decide_observed(index, input, on_anonymous, identify, &mut Silent)
}

/// As [`decide`], telling every step.
pub fn decide_observed(
    index: &Index,
    input: &Input<'_>,
    on_anonymous: OnAnonymous,
    identify: impl FnOnce(&Service) -> Result<Arc<Principal>, (Reason, &'static str)>,
    observer: &mut impl Observer,
) -> Decision {
    let mut decision = Decision::refused(Reason::EngineError, None);
    match steps(index, input, on_anonymous, identify, observer, &mut decision) {
        Ok(()) => decision.reason = Reason::Allowed,
        Err((reason, detail)) => {
            // INVARIANT: a refusal never carries the reason that allows.
            decision.reason = if reason.is_allowed() { Reason::EngineError } else { reason };
            decision.detail = (!detail.is_empty()).then_some(detail);
        }
    }
    decision
}

fn steps(
    index: &Index,
    input: &Input<'_>,
    on_anonymous: OnAnonymous,
    identify: impl FnOnce(&Service) -> Result<Arc<Principal>, Refusal>,
    observer: &mut impl Observer,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let request = Request::read(input)?;
    observer.step(Step::Read(request.method, &request.host, request.path.as_str()));

    let (service_id, service) = service_of(index, input.service, &request.host, &request.path)?;
    decision.service = Some(service_id);
    observer.step(Step::Service(service_id, input.service.is_some()));

    let preflight = request.preflight.filter(|_| service.cors_preflight);
    let method = preflight.unwrap_or(request.method);
    let (route_id, route) = route_of(index, service, method, &request.path, &mut decision.allow)?;
    decision.route = Some(route_id);
    observer.step(Step::Route(route_id, preflight));

    if route.rule == Rule::Access(Access::Denied) {
        return Err((Reason::RouteDenied, ""));
    }
    permits_upgrade(route, request.upgrade)?;
    if let Some(ip) = &route.ip {
        let admitted = ip.admits(input.source);
        observer.step(Step::Address(route_id, admitted));
        if !admitted {
            return Err((
                Reason::IpDenied,
                if input.source.is_none() { "the request has no source address" } else { "" },
            ));
        }
    }
    if let Rule::Needs { peers: Some(rule), .. } = &route.rule {
        let admitted = peer::admitted(rule, input.peer);
        observer.step(Step::Peer(route_id, input.peer, admitted));
        admitted.map_err(|why| (Reason::PeerDenied, why))?;
    }
    if preflight.is_some() {
        return Ok(());
    }
    let occasion = Occasion { template: &route.template, path: &request.path, now: input.now };
    if route.rule.is_anonymous() {
        decision.principal = visitor(on_anonymous, || identify(service))?;
        if let Some(principal) = &decision.principal {
            decision.in_force = InForce::of(principal, occasion);
            observer.step(Step::Caller(Held::new(index, principal, &decision.in_force), occasion));
        }
        return Ok(());
    }

    let known = match identify(service) {
        // A token that is no good is never replaced by a certificate.
        Err((Reason::TokenMissing, detail)) => {
            peer::caller(index, &route.rule, input.peer).ok_or((Reason::TokenMissing, detail))
        }
        known => known,
    };
    let principal: &Principal = decision.principal.insert(known?);
    decision.in_force = InForce::of(principal, occasion);
    let held = Held::new(index, principal, &decision.in_force);
    observer.step(Step::Caller(held, occasion));
    if let Rule::Needs { peers: _, roles, codes, when } = &route.rule {
        if let Some(need) = roles {
            let holds = need.holds(|role| held.has_role(role));
            observer.step(Step::Roles(route_id, holds));
            if !holds {
                return Err((Reason::RoleMissing, ""));
            }
        }
        if let Some(need) = codes {
            let holds = need.holds(|code| held.has_code(code));
            observer.step(Step::Codes(route_id, holds));
            if !holds {
                return Err((Reason::CodeMissing, ""));
            }
        }
        if let Some(when) = when {
            let facts = RequestFacts::new(index, input, &request, service, route, held);
            let holds = when.expression.holds(&facts);
            observer.step(Step::Condition(route_id, holds, &facts));
            match holds {
                Ok(true) => {}
                Ok(false) => return Err((Reason::ConditionFalse, "")),
                Err(fault) => return Err((Reason::ConditionError, fault.as_str())),
            }
        }
    }
    Ok(())
}

/// Who calls a route that everyone may call, if anybody is to be known.
fn visitor(
    on_anonymous: OnAnonymous,
    identify: impl FnOnce() -> Result<Arc<Principal>, Refusal>,
) -> Result<Option<Arc<Principal>>, Refusal> {
    if on_anonymous == OnAnonymous::Unseen {
        return Ok(None);
    }
    match identify() {
        Ok(principal) => Ok(Some(principal)),
        Err((Reason::TokenMissing, _)) => Ok(None),
        Err(_) if on_anonymous == OnAnonymous::IgnoreInvalid => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// A grant for a method does not open a tunnel.
fn permits_upgrade(route: &Route, upgrade: Upgrade) -> Result<(), Refusal> {
    match upgrade {
        Upgrade::None => Ok(()),
        Upgrade::WebSocket if route.websocket => Ok(()),
        Upgrade::WebSocket => Err((Reason::UpgradeDenied, "the route does not say `upgrade: websocket`")),
        Upgrade::Other => Err((Reason::UpgradeDenied, "only `websocket` can be permitted")),
    }
}
