//! The ext_authz filter itself: whom it asks, what it sends, and what becomes
//! of a check without an answer.

use super::look::Look;
use super::matcher::{Names, patterns};
use super::message::Message;
use super::{mutations, runtime};
use crate::diag::{Code, did_you_mean};

/// The most bytes of a check that Doorward reads, the request's body included.
const MAX_BODY: f64 = 128.0 * 1024.0;

/// The most seconds a decision may reasonably take.
const MAX_SECONDS: f64 = 10.0;

/// Looks at the configuration of one filter.
pub(super) fn inspect<'a>(filter: Message<'a>, look: &Look<'a>) {
    look.visit(filter);
    fields(filter, FIELDS, look);
    fails_open(filter, look);
    switches(filter, look);
    asks(filter, look);
    body(filter, look);
    sent(filter, look);
    mutations::inspect(filter, look);
    if filter.is_on("clear_route_cache", look) {
        look.tell(
            Code::RouteAfterCheck,
            filter.place("clear_route_cache"),
            "the route is chosen anew after the decision",
            "a header of the client may choose another",
            "write `clear_route_cache: false`",
        );
    }
    on_error(filter, look);
}

/// What the filter is known to have. A field that is not here may open
/// something.
const FIELDS: &[&str] = &[
    "allowed_headers",
    "bootstrap_metadata_labels_key",
    "charge_cluster_response_stats",
    "clear_route_cache",
    "decoder_header_mutation_rules",
    "deny_at_disable",
    "disallowed_headers",
    "emit_client_span",
    "emit_filter_state_stats",
    "enable_dynamic_metadata_ingestion",
    "encode_raw_headers",
    "enforce_response_header_limits",
    "failure_mode_allow",
    "failure_mode_allow_header_add",
    "filter_enabled",
    "filter_enabled_metadata",
    "filter_metadata",
    "grpc_service",
    "http_service",
    "include_peer_certificate",
    "include_tls_session",
    "max_denied_response_body_bytes",
    "metadata_context_namespaces",
    "route_metadata_context_namespaces",
    "route_typed_metadata_context_namespaces",
    "shadow_mode",
    "stat_prefix",
    "status_on_error",
    "transport_api_version",
    "typed_metadata_context_namespaces",
    "validate_mutations",
    "with_request_body",
];

/// What the filter, or a route about it, has beside what is known.
pub(super) fn fields<'a>(holder: Message<'a>, known: &'static [&'static str], look: &Look<'a>) {
    for entry in holder.unknown(known).filter(|entry| entry.key != "@type") {
        let help = match did_you_mean(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Envoy refuses fields that it does not know"),
            None => "see in Envoy's documentation what it opens, or remove it".to_owned(),
        };
        let shown: String = entry.key.chars().take(60).collect();
        look.unreadable(entry.key_span, format!("ext_authz has no field `{shown}` that is known here"), help);
    }
}

/// What holds for the filter and, in later versions, for a route.
pub(super) fn fails_open<'a>(holder: Message<'a>, look: &Look<'a>) {
    if holder.is_on("failure_mode_allow", look) {
        look.tell(
            Code::FailsOpen,
            holder.place("failure_mode_allow"),
            "a check without an answer lets the request through",
            "open when Doorward is slow or down",
            "write `failure_mode_allow: false`",
        );
    }
}

fn switches<'a>(filter: Message<'a>, look: &Look<'a>) {
    if let Some(metadata) = filter.get("filter_enabled_metadata") {
        look.tell(
            Code::CheckDisabled,
            metadata.key_span,
            "requests without this metadata are not checked",
            "not always asked",
            "remove `filter_enabled_metadata`: what is public stands in the policy",
        );
    }
    if filter.is_on("shadow_mode", look) {
        look.tell(
            Code::CheckDisabled,
            filter.place("shadow_mode"),
            "what Doorward denies is let through and noted",
            "asked, and not obeyed",
            "remove `shadow_mode`: to try a policy, name it in `policies_candidate` of doorward.yaml",
        );
    }
    if !filter.has("filter_enabled") {
        return;
    }
    let flag = filter.message("deny_at_disable", look);
    let closed = flag.filter(|flag| flag.is_on("default_value", look));
    if let Some(key) = closed.and_then(|flag| flag.text("runtime_key", look)) {
        runtime::stays_on(key, "requests that `filter_enabled` leaves out are let through", look);
    }
    if closed.is_none() {
        look.tell(
            Code::CheckSwitch,
            filter.place("filter_enabled"),
            "requests that the switch leaves out are let through",
            "switched off means open",
            "remove `filter_enabled`, or write `deny_at_disable: { default_value: true, runtime_key: \
             ext_authz.deny_at_disable }` beside it",
        );
    }
}

/// Whom it asks, by gRPC or HTTP. A route may ask somebody else.
pub(super) fn asks<'a>(holder: Message<'a>, look: &Look<'a>) {
    let timed = |message: Message<'a>| {
        let Some(seconds) = message.duration("timeout", look) else { return };
        if seconds <= 0.0 || seconds > MAX_SECONDS {
            look.tell(
                Code::NoLimits,
                message.value_place("timeout"),
                "a check may take very long",
                "clients wait",
                "write a `timeout` of a second or less: Doorward takes no more",
            );
        }
    };
    if let Some(service) = holder.message("grpc_service", look) {
        timed(service);
        if let Some(envoy) = service.message("envoy_grpc", look)
            && let Some(cluster) = envoy.text("cluster_name", look)
        {
            let at = envoy.value_place("cluster_name");
            look.authorizers.borrow_mut().push((cluster.to_owned(), at));
        }
    }
    if let Some(service) = holder.message("http_service", look)
        && let Some(server) = service.message("server_uri", look)
    {
        timed(server);
    }
}

/// Bodies, of the filter or of a route.
pub(super) fn body<'a>(holder: Message<'a>, look: &Look<'a>) {
    let Some(body) = holder.message("with_request_body", look) else { return };
    let mut wrong = Vec::new();
    if body.is_on("allow_partial_message", look) {
        wrong.push("`allow_partial_message: false`: a condition can't judge a part of a body");
    }
    if body.is_off("pack_as_bytes", look) {
        wrong.push("`pack_as_bytes: true`: Doorward does not read bodies that are sent as text");
    }
    if body.number("max_request_bytes", look).is_some_and(|bytes| bytes >= MAX_BODY) {
        wrong.push("`max_request_bytes` below 131072: larger checks are refused");
    }
    if !wrong.is_empty() {
        let message = "bodies are sent in a way that conditions can't use";
        look.tell(Code::BodyUnfit, body.at, message, "won't be read", format!("write {}", wrong.join("; ")));
    }
}

/// What decides beside tokens: whether it is gRPC, an upgrade, a preflight.
const DECISIVE: [&str; 4] = ["content-type", "upgrade", "origin", "access-control-request-method"];

/// Which headers it sends.
fn sent<'a>(filter: Message<'a>, look: &Look<'a>) {
    let http = filter.message("http_service", look);
    let request = http.and_then(|http| http.message("authorization_request", look));
    let allowed = match filter.message("allowed_headers", look) {
        Some(list) => Some(list),
        None => request.and_then(|request| request.message("allowed_headers", look)),
    };
    let denied = filter.message("disallowed_headers", look);
    let needed = look.managed.credentials().iter().cloned().chain(look.managed.spellings());
    let needed = needed.chain(DECISIVE.map(str::to_owned));
    let needed: Vec<String> = needed.collect();
    let lists = [(allowed, true), (denied, false)];
    for (list, takes) in lists.into_iter().filter_map(|(list, takes)| Some((list?, takes))) {
        let patterns = patterns(list, look);
        let taken = |name: &str| patterns.iter().any(|names: &Names| names.take(name));
        // By HTTP, Envoy sends this one whatever the list says.
        let sent = |name: &str| taken(name) == takes || (takes && http.is_some() && name == "authorization");
        let hidden: Vec<&str> = needed.iter().map(String::as_str).filter(|name| !sent(name)).collect();
        if !hidden.is_empty() {
            let help = "remove the list: Doorward must see the token, and the look-alikes of identity headers to \
                        remove them";
            let message = format!("Doorward is not told of `{}`", hidden.join("`, `"));
            look.tell(Code::HeadersHidden, list.at, message, "hides them", help);
        }
    }
    if let (Some(http), None) = (http, allowed) {
        let others = look.managed.credentials().iter().map(String::as_str).chain(DECISIVE);
        let hidden: Vec<&str> = others.filter(|name| *name != "authorization").collect();
        if !hidden.is_empty() {
            let help = "by HTTP only `authorization` is sent by itself: name the others in `allowed_headers`";
            let message = format!("Doorward is not told of `{}`", hidden.join("`, `"));
            look.tell(Code::HeadersHidden, http.at, message, "hides them", help);
        }
    }
    if http.is_none() && filter.is_off("encode_raw_headers", look) {
        look.tell(
            Code::RawHeadersOff,
            filter.place("encode_raw_headers"),
            "`encode_raw_headers` is off",
            "not set",
            "write `encode_raw_headers: true`: otherwise copies of a header are joined and bytes replaced",
        );
    }
}

/// The header that tells Doorward the service, and what must stand in it.
const SERVICE: (&str, &str) = ("x-doorward-service", "/%METADATA(ROUTE:doorward:service)%");

/// Whether a check by HTTP takes a route's metadata along.
pub(super) fn sends_metadata<'a>(service: Message<'a>, look: &Look<'a>) -> bool {
    let Some(request) = service.message("authorization_request", look) else { return false };
    let mut added = request.messages("headers_to_add", look).into_iter();
    added.any(|header| {
        let is = |field, text: &str| header.text(field, look).is_some_and(|found| found == text);
        let (name, value) = SERVICE;
        header.text("key", look).is_some_and(|key| key.eq_ignore_ascii_case(name)) && is("value", value)
    })
}

fn on_error<'a>(filter: Message<'a>, look: &Look<'a>) {
    let status = filter.message("status_on_error", look);
    let fault = status.is_some_and(|status| {
        let word = status.text("code", look).unwrap_or_default();
        let number = word.parse::<u16>().ok();
        let names = ["InternalServerError", "BadGateway", "ServiceUnavailable", "GatewayTimeout"];
        number.is_some_and(|number| (500..600).contains(&number))
            || names.iter().any(|name| name.eq_ignore_ascii_case(word))
    });
    if !fault {
        look.tell(
            Code::FaultLooksLikeVerdict,
            filter.place("status_on_error"),
            "a check without an answer looks like a verdict",
            "not 503",
            "write `status_on_error: { code: ServiceUnavailable }`",
        );
    }
}
