//! The same rules twice: as a policy of Doorward and as filters of Envoy's own.

use std::fmt::Write as _;

use crate::support::checks::ISSUER;

/// Roles that rules name.
const ROLES: usize = 50;

/// So many rules, each a route and two roles of which any one is enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules(pub(super) usize);

impl Rules {
    /// The route below which an item lies, and its roles.
    fn rule(number: usize) -> (String, [String; 2]) {
        (format!("/v1/c{number}"), [number, number * 7 + 3].map(|role| format!("r{}", role % ROLES)))
    }

    /// A request in the middle of them, and a role that may make it.
    pub(super) fn allowed(self) -> (String, String) {
        let (path, [role, _]) = Self::rule(self.0 / 2);
        (format!("{path}/4711?page=2&sort=name"), role)
    }

    /// A role that may not.
    pub(super) fn refused(self) -> String {
        format!("r{}", (self.0 / 2 + 1) % ROLES)
    }

    /// As a policy.
    pub(super) fn policy(self) -> String {
        let mut text = String::from("roles:\n");
        (0..ROLES).for_each(|role| writeln!(text, "  r{role}: {{}}").unwrap());
        text.push_str("services:\n  shop:\n    paths: [/v1]\n    routes:\n");
        for number in 0..self.0 {
            let (path, [one, other]) = Self::rule(number);
            writeln!(text, "      - {{ route: 'GET {path}/{{id}}', roles: {{ any: [{one}, {other}] }} }}")
                .unwrap();
        }
        text
    }

    /// As `jwt_authn` and `rbac`, which remember tokens or don't.
    pub(super) fn filters(self, jwks: &str, remembered: bool) -> String {
        let cache = if remembered { "jwt_cache_config: { jwt_cache_size: 10000 }" } else { "" };
        let mut text = format!(
            "          - name: envoy.filters.http.jwt_authn
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                issuer:
                  issuer: {ISSUER}
                  audiences: [shop]
                  local_jwks: {{ filename: \"{jwks}\" }}
                  payload_in_metadata: claims
                  {cache}
              rules: [{{ match: {{ prefix: / }}, requires: {{ provider_name: issuer }} }}]
          - name: envoy.filters.http.rbac
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules:
                action: ALLOW
                policies:
"
        );
        for number in 0..self.0 {
            let (path, roles) = Self::rule(number);
            let held = roles.map(|role| {
                format!(
                    "{{ metadata: {{ filter: envoy.filters.http.jwt_authn, path: [{{ key: claims }}, {{ key: roles }}], \
                     value: {{ list_match: {{ one_of: {{ string_match: {{ exact: {role} }} }} }} }} }} }}"
                )
            });
            writeln!(
                text,
                "                  rule-{number:06}:
                    permissions:
                    - and_rules:
                        rules:
                        - {{ header: {{ name: \":method\", string_match: {{ exact: GET }} }} }}
                        - {{ url_path: {{ path: {{ safe_regex: {{ regex: '{path}/[^/]+' }} }} }} }}
                    principals: [{}]",
                held.join(", ")
            )
            .unwrap();
        }
        text
    }
}

/// How a server is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    /// `encode_raw_headers`.
    pub(super) raw: bool,
    /// Another field of the filter.
    pub(super) more: &'static str,
    /// A field of `http2_protocol_options`.
    pub(super) http2: &'static str,
}

impl Asking {
    /// As `deploy/envoy/envoy.yaml` has it.
    pub(super) const SHIPPED: Self = Self { raw: true, more: "", http2: "" };

    /// The filter that asks.
    pub(super) fn filter(self) -> String {
        let Self { raw, more, .. } = self;
        format!(
            "          - name: envoy.filters.http.ext_authz
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: {{ envoy_grpc: {{ cluster_name: doorward }}, timeout: 5s }}
              encode_raw_headers: {raw}
              validate_mutations: true
              clear_route_cache: false
              {more}
"
        )
    }

    /// The cluster of a server at this address.
    pub(super) fn cluster(self, address: &str) -> String {
        let address = match (address.strip_prefix("unix:"), address.rsplit_once(':')) {
            (Some(path), _) => format!("pipe: {{ path: \"{path}\" }}"),
            (None, Some((host, port))) => {
                format!("socket_address: {{ address: {host}, port_value: {port} }}")
            }
            (None, None) => panic!("no address: {address}"),
        };
        let http2 = self.http2;
        format!(
            "  - name: doorward
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{ {http2} }} }}
    load_assignment:
      cluster_name: doorward
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ {address} }} }}
"
        )
    }
}

/// The configuration with these filters before the router. Envoy answers by itself: no upstream's
/// cost is in what is measured.
pub(super) fn config(filters: &str, cluster: &str, port: u16) -> String {
    format!(
        "static_resources:
  listeners:
  - name: public
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: public
          normalize_path: true
          use_remote_address: true
          http_filters:
{filters}          - name: envoy.filters.http.router
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              routes: [{{ match: {{ prefix: / }}, direct_response: {{ status: 200, body: {{ inline_string: ok }} }} }}]
  clusters:
{cluster}"
    )
}
