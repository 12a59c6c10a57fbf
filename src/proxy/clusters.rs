//! Clusters: that of Doorward, and filters that stand before upstreams.

use std::collections::BTreeMap;

use super::chain;
use super::look::Look;
use super::message::Message;
use crate::diag::{Code, Span};

/// How many checks at once Envoy lets a cluster have unless told otherwise.
const DEFAULT_REQUESTS: f64 = 1024.0;

/// Looks at all clusters.
pub(super) fn inspect<'a>(clusters: &[Message<'a>], look: &Look<'a>) {
    for cluster in clusters {
        let filters = options(*cluster, look).map(|options| options.messages("http_filters", look));
        filters.unwrap_or_default().into_iter().for_each(|filter| chain::behind(filter, look));
    }
    let asked: BTreeMap<String, Span> = look.authorizers.borrow().iter().rev().cloned().collect();
    for (name, at) in asked {
        let found = look.clusters.borrow().get(&name).copied();
        match found {
            Some(cluster) => authorizer(cluster, look),
            None => look.unseen(at, format!("the cluster `{name}`, which Doorward should be behind")),
        }
    }
}

fn options<'a>(cluster: Message<'a>, look: &Look<'a>) -> Option<Message<'a>> {
    let all = cluster.message("typed_extension_protocol_options", look)?;
    all.message("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", look)
}

/// Looks at the cluster that checks go to.
fn authorizer<'a>(cluster: Message<'a>, look: &Look<'a>) {
    let name = cluster.name(look);
    let options = options(cluster, look);
    let explicit = options.and_then(|options| options.message("explicit_http_config", look));
    let http2 = explicit.is_some_and(|explicit| explicit.get("http2_protocol_options").is_some())
        || options.is_some_and(|options| options.has("auto_config"))
        || cluster.get("http2_protocol_options").is_some();
    if !http2 {
        look.tell(
            Code::NoHttp2,
            cluster.at,
            format!("the cluster `{name}` does not speak HTTP/2, as gRPC must"),
            "no check will be answered",
            "write `typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { \
             \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
             explicit_http_config: { http2_protocol_options: {} } } }`",
        );
    }
    let breakers = cluster.message("circuit_breakers", look);
    let thresholds = breakers.map(|breakers| breakers.messages("thresholds", look)).unwrap_or_default();
    let default = thresholds
        .into_iter()
        .find(|threshold| threshold.choice("priority", &["DEFAULT", "HIGH"], look) == Some(0));
    let requests = default.and_then(|threshold| threshold.number("max_requests", look));
    if requests.is_none_or(|requests| requests <= DEFAULT_REQUESTS) {
        look.tell(
            Code::AuthorizerLimits,
            breakers.unwrap_or(cluster).at,
            format!("`{name}` takes at most {} checks at once", requests.unwrap_or(DEFAULT_REQUESTS)),
            "what overflows is refused",
            "write `circuit_breakers: { thresholds: [{ max_connections: 1024, max_pending_requests: 8192, \
             max_requests: 16384 }] }`, above your peak, and watch `upstream_rq_active_overflow`",
        );
    }
}
