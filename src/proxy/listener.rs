//! Listeners: which connections end in an HTTP connection manager.

use super::connection;
use super::look::Look;
use super::message::Message;
use crate::diag::Code;

/// Looks at every filter chain of a listener.
pub(super) fn inspect<'a>(listener: Message<'a>, look: &Look<'a>) {
    for filter in listener.messages("listener_filters", look) {
        let of_proxies = filter.typed("typed_config", look).is_some_and(|typed| typed.is("ProxyProtocol"));
        if of_proxies || filter.name(look) == "envoy.filters.listener.proxy_protocol" {
            let help = "keep it only where every connection comes from a balancer that speaks the PROXY protocol: \
                        whoever else connects chooses the address that `ip` rules see";
            let message = "the first bytes of a connection say where it comes from";
            look.tell(Code::ClientBelieved, filter.at, message, "believed", help);
        }
    }
    let default = listener.message("default_filter_chain", look);
    let chains = listener.messages("filter_chains", look);
    for chain in chains.into_iter().chain(default) {
        let filters = chain.messages("filters", look);
        let mut manages = false;
        for filter in &filters {
            manages |= network_filter(*filter, listener, look);
        }
        if !filters.is_empty() && !manages {
            // Whatever ends the chain passes bytes on.
            let message =
                format!("a filter chain of `{}` without an HTTP connection manager", listener.name(look));
            look.tell(
                Code::NotHttp,
                filters.last().map_or(chain.at, |filter| filter.at),
                message,
                "passes on what it gets",
                "if clients should be checked here, end the chain with an HTTP connection manager",
            );
        }
    }
    // A listener within an application, for Envoy Mobile and gRPC.
    if let Some(api) = listener.message("api_listener", look)
        && let Some(typed) = api.typed("api_listener", look)
        && typed.is("HttpConnectionManager")
    {
        connection::inspect(typed.body, look);
    }
}

/// Looks at one network filter; whether it reads HTTP.
fn network_filter<'a>(filter: Message<'a>, listener: Message<'a>, look: &Look<'a>) -> bool {
    if let Some(discovery) = filter.get("config_discovery") {
        look.unseen(
            discovery.key_span,
            format!("a filter of `{}` that Envoy gets from elsewhere", listener.name(look)),
        );
        return true;
    }
    if !filter.has("typed_config") {
        return false;
    }
    let Some(typed) = filter.typed("typed_config", look) else { return true };
    if typed.is("HttpConnectionManager") {
        connection::inspect(typed.body.pointed(filter.at), look);
        return true;
    }
    if !typed.kind.contains(".filters.network.") {
        look.unreadable(
            typed.body.value_place("@type"),
            format!("a network filter of the type `{}`, which is not known here", typed.kind),
            "see that it passes nothing on by itself",
        );
        return true;
    }
    false
}
