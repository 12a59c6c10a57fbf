//! Steps 3 to 5: which service and which route a path leads to, whoever asks.

use super::request::{Refusal, ambiguous};
use crate::compile::{Index, Route, RouteId, Service, ServiceId};
use crate::policy::{Method, MethodSet, PathFault, RequestPath};
use crate::words::Reason;

/// Step 3. A name from the proxy's configuration decides; without one, host
/// and path do.
pub fn service_of<'i>(
    index: &'i Index,
    named: Option<&str>,
    host: &str,
    path: &RequestPath<'_>,
) -> Result<(ServiceId, &'i Service), Refusal> {
    let unknown = |detail| (Reason::ServiceUnknown, detail);
    let id = match named {
        Some(name) => {
            let id = index
                .service_named(name)
                .ok_or(unknown("the proxy names a service that the policy does not have"))?;
            if !index.answers_for(id, host) {
                return Err(unknown("the service that the proxy names does not answer for this host"));
            }
            id
        }
        None => index.service_for(host, path).map_err(ambiguous)?.ok_or_else(|| match unusual(path) {
            Some(fault) => ambiguous(fault),
            None => unknown("no service answers for this host and path"),
        })?,
    };
    index
        .service(id)
        .map(|service| (id, service))
        .ok_or((Reason::EngineError, "the service is not in the index"))
}

/// What only a service that opted in may let through.
fn unusual(path: &RequestPath<'_>) -> Option<PathFault> {
    let parameter = path.parameters().map(|_| PathFault::PathParameter);
    parameter.or(path.encoded_slash().map(|_| PathFault::EncodedDelimiter))
}

/// Steps 4 and 5. `allow` gets the methods that would have matched, where this
/// one does not.
pub fn route_of<'i>(
    index: &'i Index,
    service: &Service,
    method: Method,
    path: &RequestPath<'_>,
    allow: &mut MethodSet,
) -> Result<(RouteId, &'i Route), Refusal> {
    opted_in(service, path)?;
    let broken = (Reason::EngineError, "the route is not in the index");
    let Some(found) = service.trie.find(method, path).map_err(ambiguous)? else {
        *allow = service.trie.methods(path);
        if allow.is_empty() {
            return Err((Reason::RouteUnknown, ""));
        }
        let only_grpc = method == Method::Post && allow.contains(Method::Grpc);
        return Err((Reason::MethodNotAllowed, if only_grpc { "only gRPC calls match" } else { "" }));
    };
    let route = index.route(found.route).ok_or(broken)?;
    if found.broad && route.rule.is_anonymous() {
        // An anonymous catch-all must not answer for another spelling of a
        // path that is protected.
        let is_strict = |near| index.route(near).is_none_or(|route| !route.rule.is_anonymous());
        if service.trie.is_near(method, path, &is_strict) {
            return Err(ambiguous(PathFault::NearMiss));
        }
    }
    Ok((found.route, route))
}

fn opted_in(service: &Service, path: &RequestPath<'_>) -> Result<(), Refusal> {
    if path.parameters().is_some() && !service.path_parameters {
        return Err(ambiguous(PathFault::PathParameter));
    }
    if path.encoded_slash().is_some() && !service.encoded_slash {
        return Err(ambiguous(PathFault::EncodedDelimiter));
    }
    Ok(())
}
