//! Where a request comes from: what Envoy tells of it, and what it does not.

use crate::support::Stack;

const POLICY: &str = "examples/quickstart/doorward.yaml";
const BANNED: &str = "198.51.100.66";
const OFFICE: &str = "203.0.113.7";

#[test]
fn spf_9_x_forwarded_for_changes_no_address() {
    // Even where Envoy trusts it for everything else.
    let trusting = |shipped: String| {
        let (from, to) = ("xff_num_trusted_hops: 0", "xff_num_trusted_hops: 1");
        assert_eq!(shipped.matches(from).count(), 1);
        shipped.replace(from, to)
    };
    let stack = Stack::start_with(POLICY, "info", &trusting);
    let report = |address| stack.get("/events/report").header("x-forwarded-for", address).roles(&["viewer"]);
    report(OFFICE).send().refused(403, "ip_denied");
    report("127.0.0.1").send().refused(403, "ip_denied");
    // What the Envoy guide warns of: a deny rule behind a load balancer refuses nobody.
    stack.get("/events/feed").header("x-forwarded-for", BANNED).roles(&[]).send().allowed("events");
}

#[test]
fn the_proxy_protocol_tells_the_address() {
    let reading = |shipped: String| {
        let filter = "listener_filters: [{ name: envoy.filters.listener.proxy_protocol, typed_config: { \
            \"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol } }]";
        shipped.replace("    filter_chains:\n", &format!("    {filter}\n    filter_chains:\n"))
    };
    let stack = Stack::start_with(POLICY, "info", &reading);
    let report = |address| stack.get("/events/report").source(address).roles(&["viewer"]);
    report(OFFICE).send().allowed("events");
    report("2001:db8::7").send().allowed("events");
    report("127.0.0.1").header("x-forwarded-for", OFFICE).send().refused(403, "ip_denied");
    stack.get("/events/feed").source(BANNED).roles(&[]).send().refused(403, "ip_denied");
}
