//! Route configurations: where a manager gets them, and what holds for all of
//! their hosts.

use super::chain::Chain;
use super::look::Look;
use super::message::Message;
use super::{per_route, virtual_host};
use crate::diag::Code;

/// Looks at the routes of one manager, whose filters are known.
pub(super) fn of_manager<'a>(manager: Message<'a>, chain: &Chain<'a>, look: &Look<'a>) {
    if let Some(config) = manager.message("route_config", look) {
        inspect(config, Some(chain), look);
    } else if let Some(rds) = manager.message("rds", look) {
        named(rds, "route_config_name", chain, look);
    } else if let Some(scoped) = manager.message("scoped_routes", look) {
        if let Some(list) = scoped.message("scoped_route_configurations_list", look) {
            for scope in list.messages("scoped_route_configurations", look) {
                match scope.message("route_configuration", look) {
                    Some(config) => inspect(config, Some(chain), look),
                    None => named(scope, "route_configuration_name", chain, look),
                }
            }
        } else if look.routes.borrow().is_empty() {
            look.unseen(scoped.at, "routes by scope, which Envoy gets from elsewhere (SRDS)");
        }
    } else {
        look.unreadable(manager.at, "an HTTP connection manager without routes", "write `route_config`");
    }
}

/// Looks at routes that stand elsewhere under a name.
fn named<'a>(by: Message<'a>, field: &str, chain: &Chain<'a>, look: &Look<'a>) {
    let name = by.text(field, look).unwrap_or_default();
    let found = look.routes.borrow().get(name).copied();
    match found {
        Some(config) => inspect(config, Some(chain), look),
        None => look.unseen(
            by.value_place(field),
            format!("the routes `{name}`, which Envoy gets from elsewhere (RDS)"),
        ),
    }
}

/// Looks at one route configuration.
pub(super) fn inspect<'a>(config: Message<'a>, chain: Option<&Chain<'a>>, look: &Look<'a>) {
    let first = look.visit(config);
    let name = config.name(look);
    if config.is_on("ignore_path_parameters_in_path_matching", look) {
        look.tell(
            Code::PathRaw,
            config.place("ignore_path_parameters_in_path_matching"),
            "routes ignore what stands behind `;` in a path, Doorward does not",
            "two readings of one path",
            "remove the line",
        );
    }
    if let Some(vhds) = config.get("vhds") {
        look.unseen(
            vhds.key_span,
            format!("virtual hosts of `{name}` that Envoy gets from elsewhere (VHDS)"),
        );
    }
    headers(config, look);
    let service = per_route::inspect(config, chain, look);
    let hosts = config.messages("virtual_hosts", look);
    let any = hosts.iter().any(|host| host.texts("domains", look).iter().any(|(domain, _)| *domain == "*"));
    if !any && !config.has("vhds") {
        look.tell(
            Code::NoCatchAll,
            config.at,
            format!("the routes `{name}` have no virtual host for `*`"),
            "other hosts are not checked",
            "add one with `domains: [\"*\"]` and the route `- { match: { prefix: / }, direct_response: { status: 421 } }`",
        );
    }
    let (mut routes, mut leads) = (0, Vec::new());
    for host in &hosts {
        let (count, led) = virtual_host::inspect(*host, chain, service, look);
        routes += count;
        leads.extend(led);
    }
    if first {
        look.count(0, routes);
        look.leads.borrow_mut().extend(leads);
    }
}

/// Looks at what is done to headers after the decision.
pub(super) fn headers<'a>(holder: Message<'a>, look: &Look<'a>) {
    for option in holder.messages("request_headers_to_add", look) {
        let Some(header) = option.message("header", look) else { continue };
        let Some(name) = header.text("key", look) else { continue };
        if look.managed.holds(name) {
            let message = format!("Envoy sets `{name}` after Doorward did");
            let help = "remove it: what upstreams are told of the caller stands in `upstream_headers` of doorward.yaml";
            look.tell(Code::RouteHeaders, header.value_place("key"), message, "set here, too", help);
        }
    }
    for (name, at) in holder.texts("request_headers_to_remove", look) {
        if look.managed.holds(name) {
            let message = format!("Envoy removes `{name}` after Doorward set it");
            let help =
                "remove a client's own in `early_header_mutation_extensions`: routes come after Doorward";
            look.tell(Code::RouteHeaders, at, message, "removed here", help);
        }
    }
}
