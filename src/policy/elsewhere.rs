//! Words that people bring along from other products, and what to write here
//! in their place. They are never accepted: one thing has one name.

mod invariant;

use crate::yaml::Elsewhere;

pub(super) use invariant::{IN_AN_INVARIANT, IN_CALLERS};

/// In a policy file.
pub(super) const IN_A_FILE: &[Elsewhere] = &[
    Elsewhere {
        words: &["routes", "rules", "paths", "endpoints", "route"],
        meant: "services",
        help: "routes stand below a service: `services:`, its name, and there `paths:` and `routes:`",
    },
    Elsewhere {
        words: &["permissions", "permission", "codes", "scopes"],
        meant: "",
        help: "codes are not declared: list them in the `grants` of a role, and require them with `codes:` on a route",
    },
    Elsewhere {
        words: &["users", "members", "assignments", "role_bindings", "rolebindings", "principals"],
        meant: "bindings",
        help: "write `bindings:` with a list of `- user: NAME` and `roles: [..]`",
    },
    Elsewhere {
        words: &["listen", "policies", "identity", "issuers", "upstream_headers", "header_prefixes"],
        meant: "",
        help: "that stands in `doorward.yaml`, outside of the policy directory",
    },
    Elsewhere {
        words: &["apiVersion", "kind", "metadata", "spec", "data", "static_resources"],
        meant: "",
        help: "every `*.yaml` here is read as policy: keep other files elsewhere, or begin their names with `_`",
    },
];

/// In a service.
pub(super) const IN_A_SERVICE: &[Elsewhere] = &[
    Elsewhere {
        words: &["rules", "endpoints", "operations"],
        meant: "routes",
        help: "write `routes:` with a list of `- route: GET /path`",
    },
    Elsewhere {
        words: &[
            "prefix",
            "prefixes",
            "path_prefix",
            "pathPrefix",
            "base_path",
            "basePath",
            "url",
            "uri",
            "match",
        ],
        meant: "paths",
        help: "write `paths: [/prefix]`: the paths that the service answers for, and all below them",
    },
    Elsewhere {
        words: &["domain", "domains", "virtual_hosts", "authority"],
        meant: "hosts",
        help: "write `hosts: [api.example.com]`",
    },
    Elsewhere {
        words: &["roles", "codes", "peers", "ip"],
        meant: "",
        help: "for all routes of the service write it below `defaults:`, indented",
    },
    Elsewhere {
        words: &["access", "public", "anonymous", "allow", "deny"],
        meant: "",
        help: "`access` stands on each route",
    },
];

/// In `defaults`.
pub(super) const IN_DEFAULTS: &[Elsewhere] = &[
    Elsewhere {
        words: &["access", "public", "anonymous", "allow", "deny"],
        meant: "",
        help: "`access` stands on each route; what no route names is refused anyway",
    },
    Elsewhere {
        words: &["permissions", "permission", "scopes", "scope"],
        meant: "codes",
        help: "write `codes: event:read`, or `codes: { any: [..] }`",
    },
    Elsewhere {
        words: &["peer", "spiffe", "spiffe_id", "spiffeId", "mtls"],
        meant: "peers",
        help: "write `peers: spiffe://trust-domain/path`, or a list of which any one is enough",
    },
];

/// In a route.
pub(super) const IN_A_ROUTE: &[Elsewhere] = &[
    Elsewhere {
        words: &[
            "path",
            "paths",
            "method",
            "methods",
            "url",
            "uri",
            "verb",
            "verbs",
            "match",
            "operation",
            "operations",
        ],
        meant: "route",
        help: "write methods and path as one text: `route: GET,POST /events/{id}`",
    },
    Elsewhere {
        words: &["permissions", "permission", "scopes", "scope"],
        meant: "codes",
        help: "write `codes: event:read`, or `codes: { any: [..] }`",
    },
    Elsewhere {
        words: &[
            "allow",
            "deny",
            "allowed",
            "denied",
            "public",
            "anonymous",
            "authenticated",
            "auth",
            "effect",
            "action",
            "decision",
        ],
        meant: "access",
        help: "write `access: anonymous` (no token), `access: authenticated` (any valid token) or `access: denied` (nobody); otherwise `roles` and `codes` say who may call",
    },
    Elsewhere {
        words: &[
            "principals",
            "principal",
            "users",
            "user",
            "groups",
            "group",
            "subjects",
            "subject",
            "allowed_roles",
            "allowedRoles",
        ],
        meant: "roles",
        help: "a route requires `roles` or `codes`; who has a role is said by the token and by `bindings:`",
    },
    Elsewhere {
        words: &["peer", "spiffe", "spiffe_id", "spiffeId", "mtls", "workloads", "service_accounts"],
        meant: "peers",
        help: "write `peers: spiffe://trust-domain/path`, or a list of which any one is enough",
    },
    Elsewhere {
        words: &["websocket", "websockets", "upgrades"],
        meant: "upgrade",
        help: "write `upgrade: websocket`",
    },
    Elsewhere {
        words: &["if", "condition", "conditions"],
        meant: "",
        help: "this version has no conditions: require a code or a role",
    },
];

/// In `roles` and `codes` of a route.
pub(super) const IN_A_REQUIREMENT: &[Elsewhere] = &[
    Elsewhere {
        words: &["or", "anyOf", "any_of", "oneOf", "one_of", "some"],
        meant: "any",
        help: "write `any:`, one of the list is enough",
    },
    Elsewhere {
        words: &["and", "allOf", "all_of", "every"],
        meant: "all",
        help: "write `all:`, every one of the list is needed",
    },
    Elsewhere {
        words: &["not", "none", "noneOf", "none_of", "except"],
        meant: "",
        help: "a requirement can't exclude anybody: take codes away with `denies` of a role",
    },
];

/// In a role.
pub(super) const IN_A_ROLE: &[Elsewhere] = &[
    Elsewhere {
        words: &["permissions", "permission", "codes", "code", "scopes", "allow", "allows", "can"],
        meant: "grants",
        help: "write `grants: [event:read]`",
    },
    Elsewhere {
        words: &["deny", "forbid", "except", "cannot"],
        meant: "denies",
        help: "write `denies: [event:delete]`; it wins over every grant",
    },
    Elsewhere {
        words: &["extends", "extend", "includes", "include", "parent", "parents", "roles", "composites"],
        meant: "inherits",
        help: "write `inherits: [viewer]`",
    },
    Elsewhere {
        words: &["priority", "rank", "order"],
        meant: "weight",
        help: "write `weight: 10`; the heaviest role of a user is the primary one",
    },
    Elsewhere {
        words: &["users", "members", "groups", "subjects"],
        meant: "",
        help: "write `bindings:` beside `roles:`, with a list of `- user: NAME` and `roles: [..]`",
    },
];

/// In a binding.
pub(super) const IN_A_BINDING: &[Elsewhere] = &[
    Elsewhere {
        words: &[
            "subject",
            "subjects",
            "principal",
            "principals",
            "member",
            "members",
            "users",
            "id",
            "name",
        ],
        meant: "user",
        help: "write `user: NAME` or `group: NAME`, one a binding",
    },
    Elsewhere { words: &["groups", "team"], meant: "user", help: "write `group: NAME`, one a binding" },
    Elsewhere {
        words: &["peers", "spiffe", "spiffe_id", "spiffeId", "service_account", "serviceAccount", "workload"],
        meant: "user",
        help: "write `peer: spiffe://trust-domain/path`, one a binding",
    },
    Elsewhere { words: &["role", "grants"], meant: "roles", help: "write `roles: [viewer]`" },
    Elsewhere {
        words: &["scope", "scopes", "where", "resource", "resources", "paths", "params", "parameters"],
        meant: "on",
        help: "write `on: { venue: [v-1] }`: the roles count on routes whose `{venue}` is one of the list",
    },
    Elsewhere {
        words: &["since", "start", "starts", "begin", "not_before", "valid_from"],
        meant: "from",
        help: "write `from: 2027-01-01`, or a time with a zone",
    },
    Elsewhere {
        words: &[
            "to",
            "end",
            "ends",
            "expires",
            "expiry",
            "expires_at",
            "expiration",
            "not_after",
            "valid_until",
            "till",
        ],
        meant: "until",
        help: "write `until: 2027-03-31`, that day included, or a time with a zone",
    },
    Elsewhere { words: &["description", "comment", "note"], meant: "reason", help: "write `reason:`" },
];

/// In a test.
pub(super) const IN_A_TEST: &[Elsewhere] = &[
    Elsewhere {
        words: &["user", "roles", "groups", "codes", "scopes", "claims", "token", "peer", "source"],
        meant: "as",
        help: "write who calls below `as`: `as: { user: ann, roles: [viewer] }`",
    },
    Elsewhere {
        words: &["who", "caller", "persona", "principal", "subject", "given"],
        meant: "as",
        help: "write `as: nobody`, a name of `personas:`, or `as: { user: ann, roles: [viewer] }`",
    },
    Elsewhere {
        words: &["method", "url", "path", "uri", "when", "route"],
        meant: "request",
        help: "write method and URL as one text: `request: GET /events/e-1`",
    },
    Elsewhere {
        words: &[
            "expected", "expects", "result", "want", "then", "decision", "reason", "allow", "deny", "status",
        ],
        meant: "expect",
        help: "write `expect: allow`, or the reason of the denial such as `expect: code_missing`",
    },
    Elsewhere {
        words: &["rows", "columns", "cases", "matrix", "personas"],
        meant: "table",
        help: "write `table:`, below it a line `as: [nobody, viewer]`, and lines such as `GET /events: [token_missing, allow]`",
    },
    Elsewhere { words: &["time", "now", "date"], meant: "at", help: "write `at: 2027-03-31T12:00:00Z`" },
    Elsewhere { words: &["description", "title", "id"], meant: "name", help: "write `name:`, one line" },
    Elsewhere {
        words: &["expect_headers", "told", "response_headers"],
        meant: "upstream_headers",
        help: "write `upstream_headers: { x-user-id: ann }`: what the upstream must be told",
    },
];

/// In a caller of tests.
pub(super) const IN_A_PERSONA: &[Elsewhere] = &[
    Elsewhere { words: &["sub", "id", "name", "subject"], meant: "user", help: "write `user: ann`" },
    Elsewhere { words: &["role"], meant: "roles", help: "write `roles: [viewer]`" },
    Elsewhere { words: &["group"], meant: "groups", help: "write `groups: [/staff]`" },
    Elsewhere {
        words: &["code", "permissions", "permission", "grants"],
        meant: "codes",
        help: "write `codes: [event:read]`: codes that the token itself gives",
    },
    Elsewhere { words: &["scope"], meant: "scopes", help: "write `scopes: [event:read]`" },
    Elsewhere {
        words: &["jwt", "bearer", "authorization"],
        meant: "token",
        help: "write the claims of the token: `token: { sub: ann, roles: [viewer] }`; tokens themselves expire",
    },
    Elsewhere {
        words: &["ip", "source_ip", "address", "from"],
        meant: "source",
        help: "write `source: 203.0.113.7`",
    },
    Elsewhere {
        words: &["spiffe", "spiffe_id", "certificate", "workload"],
        meant: "peer",
        help: "write `peer: spiffe://trust-domain/path`",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::SHAPES;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        let tables = [
            ("", IN_A_FILE),
            ("service", IN_A_SERVICE),
            ("defaults", IN_DEFAULTS),
            ("route", IN_A_ROUTE),
            ("role", IN_A_ROLE),
            ("binding", IN_A_BINDING),
            ("anyOrAll", IN_A_REQUIREMENT),
            ("test", IN_A_TEST),
            ("persona", IN_A_PERSONA),
            ("invariant", IN_AN_INVARIANT),
            ("callers", IN_CALLERS),
        ];
        for (name, table) in tables {
            let shapes = SHAPES.iter().filter(|(n, _)| *n == name);
            let known: Vec<&str> = shapes.flat_map(|(_, shape)| shape.known).copied().collect();
            assert!(!known.is_empty(), "{name}");
            for entry in table {
                assert!(entry.meant.is_empty() || known.contains(&entry.meant), "{name}: {}", entry.meant);
                assert!(entry.words.iter().all(|word| !known.contains(word)), "{name}: {:?}", entry.words);
            }
        }
    }
}
