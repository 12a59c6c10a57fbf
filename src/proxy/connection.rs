//! HTTP connection managers: all of one, in parts.

use super::look::Look;
use super::message::Message;
use super::{chain, overrides, paths, routes, stripping};
use crate::diag::Code;

/// Looks at one manager, its filters and its routes.
pub(super) fn inspect<'a>(manager: Message<'a>, look: &Look<'a>) {
    look.visit(manager);
    look.count(1, 0);
    let chain = chain::Chain::read(manager, "http_filters", look);
    chain.inspect(manager, look);
    if !chain.checks() {
        // Without a check nothing else matters.
        look.leave(manager);
        return;
    }
    paths::inspect(manager, look);
    stripping::inspect(manager, &chain, look);
    overrides::inspect(manager, look);
    edge(manager, look);
    tunnels(manager, look);
    limits(manager, look);
    routes::of_manager(manager, &chain, look);
}

const FORWARDS: &[&str] =
    &["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"];

/// What is believed of clients.
fn edge<'a>(manager: Message<'a>, look: &Look<'a>) {
    if !manager.is_on("use_remote_address", look) {
        look.tell(
            Code::ClientBelieved,
            manager.place("use_remote_address"),
            "`use_remote_address` is off",
            "not set",
            "write `use_remote_address: true`, with `xff_num_trusted_hops` for your own proxies in front; otherwise \
             clients choose their address and may send `x-envoy-*`",
        );
    }
    if manager.is_on("skip_xff_append", look) {
        let help = "remove the line: a client's own `x-forwarded-for` reaches upstreams as it came";
        let at = manager.place("skip_xff_append");
        look.tell(Code::ClientBelieved, at, "`skip_xff_append` is on", "believed", help);
    }
    for extension in manager.messages("original_ip_detection_extensions", look) {
        let message = "an extension tells where a client is";
        let help = "see that no client can send what it reads";
        look.tell(Code::ClientBelieved, extension.at, message, "believed", help);
    }
    if let Some(1 | 2 | 4) = manager.choice("forward_client_cert_details", FORWARDS, look) {
        look.tell(
            Code::ForgedCertificate,
            manager.value_place("forward_client_cert_details"),
            "a client's `x-forwarded-client-cert` is passed on",
            "believed",
            "write `SANITIZE` or `SANITIZE_SET`: what a client sends is no certificate",
        );
    }
}

/// Upgrades and CONNECT.
fn tunnels<'a>(manager: Message<'a>, look: &Look<'a>) {
    for upgrade in manager.messages("upgrade_configs", look) {
        if upgrade.flag("enabled", look) == Some(false) {
            continue;
        }
        let kind = upgrade.text("upgrade_type", look).unwrap_or_default();
        if upgrade.has("filters") {
            let own = chain::Chain::read(upgrade, "filters", look);
            own.inspect(upgrade, look);
        }
        tunnel(look, upgrade, kind);
    }
    if let Some(options) = manager.message("http2_protocol_options", look)
        && options.is_on("allow_connect", look)
    {
        let at = options.pointed(options.place("allow_connect"));
        tunnel(look, at, "CONNECT");
    }
}

/// Tells of one kind of tunnel.
pub(super) fn tunnel<'a>(look: &Look<'a>, at: Message<'a>, kind: &str) {
    look.tell(
        Code::Tunnels,
        at.at,
        format!("`{kind}` is let through"),
        "checked once, at its start",
        "remove it unless a route of the policy says `upgrade`; limit how long it lives with `max_stream_duration`",
    );
}

/// Times and sizes.
fn limits<'a>(manager: Message<'a>, look: &Look<'a>) {
    let mut missing = Vec::new();
    let unset = |from: Message<'a>, field: &str| match from.duration(field, look) {
        Some(seconds) => seconds <= 0.0,
        None => !from.has(field),
    };
    if unset(manager, "request_headers_timeout") {
        missing.push("`request_headers_timeout: 10s`");
    }
    if manager.duration("stream_idle_timeout", look).is_some_and(|seconds| seconds <= 0.0) {
        missing.push("`stream_idle_timeout: 60s`");
    }
    if !manager.has("max_request_headers_kb") {
        missing.push("`max_request_headers_kb: 32`");
    }
    let common = manager.message("common_http_protocol_options", look);
    if common.is_none_or(|common| unset(common, "max_stream_duration")) {
        missing.push("`max_stream_duration: 900s` in `common_http_protocol_options`");
    }
    if common.is_none_or(|common| !common.has("max_headers_count")) {
        missing.push("`max_headers_count: 64` in `common_http_protocol_options`");
    }
    let http2 = manager.message("http2_protocol_options", look);
    let sizes = [
        ("max_concurrent_streams", "`max_concurrent_streams: 100` in `http2_protocol_options`"),
        ("initial_stream_window_size", "`initial_stream_window_size: 65536` in `http2_protocol_options`"),
        (
            "initial_connection_window_size",
            "`initial_connection_window_size: 1048576` in `http2_protocol_options`",
        ),
    ];
    let left = sizes.iter().filter(|(field, _)| http2.is_none_or(|http2| !http2.has(field)));
    missing.extend(left.map(|(_, line)| line));
    if !missing.is_empty() {
        look.tell(
            Code::NoLimits,
            manager.at,
            "this HTTP connection manager lets clients take what they want",
            "has no limit",
            format!("write {}", missing.join(", ")),
        );
    }
    // Trailers of HTTP/1 are let in by choice.
    if let Some(options) = manager.message("http_protocol_options", look)
        && options.is_on("enable_trailers", look)
    {
        look.tell(
            Code::TrailersOn,
            options.place("enable_trailers"),
            "`enable_trailers` lets trailers of HTTP/1 in",
            "no part of a check",
            "remove the line, unless an upstream needs them",
        );
    }
}
