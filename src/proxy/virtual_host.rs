//! Virtual hosts and their routes.

use super::chain::Chain;
use super::look::Look;
use super::message::Message;
use super::rewrites::Lead;
use super::{connection, per_route, routes};
use crate::diag::Code;

/// What a match may hold and still take every request.
const UNCONDITIONAL: &[&str] = &["prefix", "case_sensitive", "caseSensitive"];

/// How a route names its service, by what asks Doorward.
const BY_GRPC: &str = "add to `typed_per_filter_config` of the route or its virtual host: `envoy.filters.http.ext_authz: { \
                       \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, \
                       check_settings: { context_extensions: { service: NAME } } }`";
const BY_HTTP: &str = "add `metadata: { filter_metadata: { doorward: { service: NAME } } }` to each route, and to \
                       `authorization_request` of the filter `headers_to_add: [{ key: x-doorward-service, value: \
                       \"/%METADATA(ROUTE:doorward:service)%\" }]`";

/// Looks at one virtual host; how many routes it has, and where they lead.
/// `service`: whether a service is named for all hosts.
pub(super) fn inspect<'a>(
    host: Message<'a>,
    chain: Option<&Chain<'a>>,
    service: bool,
    look: &Look<'a>,
) -> (usize, Vec<Lead<'a>>) {
    let name = host.name(look);
    routes::headers(host, look);
    let service = per_route::inspect(host, chain, look) || service;
    if let Some(matcher) = host.get("matcher") {
        let message = format!("the routes of `{name}` are chosen by a `matcher`, which is not followed here");
        look.unreadable(matcher.key_span, message, "write them as `routes`");
        return (0, Vec::new());
    }
    let all = host.messages("routes", look);
    if !all.iter().any(|route| takes_all(*route, look)) {
        look.tell(
            Code::NoCatchAll,
            host.at,
            format!("the virtual host `{name}` has no route for every path"),
            "what has no route is not checked",
            "end its routes with `- { match: { prefix: / }, direct_response: { status: 404 } }`",
        );
    }
    let by_http = chain.and_then(Chain::by_http).is_some();
    let unnamed: Vec<_> =
        all.iter().filter(|route| !route_names_service(**route, chain, look) && !service).collect();
    if let Some(first) = unnamed.first() {
        look.tell(
            Code::ServiceUnnamed,
            first.at,
            which(unnamed.len(), all.len(), name),
            "Doorward goes by host and path",
            if by_http { BY_HTTP } else { BY_GRPC },
        );
    }
    (all.len(), all.iter().flat_map(|route| Lead::all(*route, look)).collect())
}

fn which(some: usize, all: usize, name: &str) -> String {
    if some == all {
        format!("no route of `{name}` says which service it leads to")
    } else {
        format!("{some} of {all} routes of `{name}` do not say which service they lead to")
    }
}

fn takes_all<'a>(route: Message<'a>, look: &Look<'a>) -> bool {
    let Some(matches) = route.message("match", look) else { return false };
    let free = matches.entries().iter().all(|entry| UNCONDITIONAL.contains(&entry.key.as_str()));
    free && matches.text("prefix", look) == Some("/")
}

/// Looks at one route; whether it names a service.
fn route_names_service<'a>(route: Message<'a>, chain: Option<&Chain<'a>>, look: &Look<'a>) -> bool {
    routes::headers(route, look);
    let mut service = per_route::inspect(route, chain, look);
    if let Some(matches) = route.message("match", look)
        && matches.has("connect_matcher")
    {
        connection::tunnel(look, matches.pointed(matches.place("connect_matcher")), "CONNECT");
    }
    // By HTTP there are no context extensions: the service stands in metadata,
    // and is sent in a header, if the filter is told to.
    let named = metadata_names_service(route, look).is_some_and(|service| !service.is_empty());
    service |= named && chain.and_then(Chain::by_http) == Some(true);
    let Some(action) = route.message("route", look) else { return service };
    if let Some(weighted) = action.message("weighted_clusters", look) {
        let clusters = weighted.messages("clusters", look);
        let named = clusters.iter().map(|cluster| {
            routes::headers(*cluster, look);
            per_route::inspect(*cluster, chain, look)
        });
        let named: Vec<bool> = named.collect();
        service |= !named.is_empty() && named.into_iter().all(|named| named);
    }
    for (field, what) in [
        ("cluster_header", "a header chooses the upstream"),
        ("host_rewrite_header", "a header names the host for the upstream"),
        ("host_rewrite_path_regex", "a part of the path names the host for the upstream"),
        ("inline_cluster_specifier_plugin", "a plugin chooses the upstream"),
        ("cluster_specifier_plugin", "a plugin chooses the upstream"),
    ] {
        if action.has(field) {
            let help = "name the `cluster` and the host, or see that no client has a say in this";
            look.tell(Code::RouteAfterCheck, action.place(field), what, "decided after the check", help);
        }
    }
    let follows = action.has("internal_redirect_policy").then(|| action.place("internal_redirect_policy"));
    let follows = follows.or_else(|| {
        let on = action.choice("internal_redirect_action", REDIRECTS, look) == Some(1);
        on.then(|| action.place("internal_redirect_action"))
    });
    if let Some(at) = follows {
        look.tell(
            Code::RedirectInside,
            at,
            "Envoy follows redirects of this upstream itself",
            "an upstream chooses the next request",
            "remove it: let the client follow",
        );
    }
    for upgrade in action.messages("upgrade_configs", look) {
        if upgrade.flag("enabled", look) != Some(false) {
            connection::tunnel(look, upgrade, upgrade.text("upgrade_type", look).unwrap_or_default());
        }
    }
    service
}

fn metadata_names_service<'a>(route: Message<'a>, look: &Look<'a>) -> Option<&'a str> {
    let filters = route.message("metadata", look)?.message("filter_metadata", look)?;
    filters.message("doorward", look)?.text("service", look)
}

const REDIRECTS: &[&str] = &["PASS_THROUGH_INTERNAL_REDIRECT", "HANDLE_INTERNAL_REDIRECT"];
