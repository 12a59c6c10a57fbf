//! What one side does with a region of paths: which route, and whom it allows.

use std::rc::Rc;

use super::access::{Side, Verdict};
use super::region::Region;
use super::witness::Asking;
use super::world::World;
use crate::compile::{RouteId, Service, ServiceId};
use crate::engine::{Reason, route_of};
use crate::policy::{Method, MethodSet, RequestPath};

/// Where a request gets to, whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reached {
    /// A route; with `true`, by a preflight that passes for it.
    Route(RouteId, bool),
    /// None, for this reason.
    Nothing(Reason),
}

/// Every way to ask that is told apart, of one service or of two.
pub(super) fn askings<'s>(services: impl IntoIterator<Item = &'s Service>) -> Vec<Asking> {
    let mut askings: Vec<Asking> = Method::ROUTABLE.into_iter().map(Asking::Method).collect();
    if services.into_iter().any(|service| service.cors_preflight) {
        // No browser announces a gRPC call otherwise than a `POST`.
        let announced = Method::ROUTABLE.into_iter().filter(|method| *method != Method::Grpc);
        askings.extend(announced.map(Asking::Preflight));
    }
    askings
}

/// Where a request for a service gets to.
pub(super) fn reached(
    side: &Side<'_, '_>,
    service: &Service,
    asking: Asking,
    path: &RequestPath<'_>,
) -> Reached {
    let (method, preflight) = match asking {
        Asking::Preflight(announced) if service.cors_preflight => (announced, true),
        Asking::Preflight(_) => (Method::Options, false),
        Asking::Method(method) => (method, false),
    };
    match route_of(side.index, service, method, path, &mut MethodSet::default()) {
        Ok((id, _)) => Reached::Route(id, preflight),
        Err((reason, _)) => Reached::Nothing(reason),
    }
}

/// Whom it allows there.
pub(super) fn verdict(
    world: &World<'_>,
    side: &Side<'_, '_>,
    reached: Reached,
    region: &Region,
) -> Rc<Verdict> {
    match reached {
        Reached::Nothing(reason) => Rc::new(Verdict::nobody(world, reason)),
        Reached::Route(id, preflight) => match side.index.route(id) {
            Some(route) => side.of_route(id, route, region, preflight),
            None => Rc::new(Verdict::nobody(world, Reason::EngineError)),
        },
    }
}

/// The service of a name on one side.
pub(super) fn service<'i>(side: &Side<'_, 'i>, name: &str) -> Option<(ServiceId, &'i Service)> {
    let id = side.index.service_named(name)?;
    Some((id, side.index.service(id)?))
}
