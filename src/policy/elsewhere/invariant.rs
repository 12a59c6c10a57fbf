//! Words from elsewhere in invariants.

use crate::yaml::Elsewhere;

/// In an invariant.
pub(in crate::policy) const IN_AN_INVARIANT: &[Elsewhere] = &[
    Elsewhere {
        words: &["reach", "can", "call", "access", "request", "requests", "route", "routes", "on", "to"],
        meant: "may",
        help: "write methods and path as one text, like a route: `may: GET,POST /events/**`",
    },
    Elsewhere {
        words: &["must_not", "may_not", "cannot", "deny", "denied", "forbid", "nobody", "no"],
        meant: "never",
        help: "write `never:` with the callers, and `may:` with the requests",
    },
    Elsewhere {
        words: &["allow", "allowed", "must", "everyone", "all"],
        meant: "always",
        help: "write `always:` with the callers, and `may:` with the requests",
    },
    Elsewhere {
        words: &["only_if", "just", "exclusively", "require", "requires"],
        meant: "only",
        help: "write `only:` with the callers, and `may:` with the requests",
    },
    Elsewhere {
        words: &["unless", "but", "but_not", "excluding"],
        meant: "except",
        help: "write the requests that the invariant is not about: `except: GET /events/health`",
    },
    Elsewhere {
        words: &["public", "anonymous", "public_routes"],
        meant: "public_is_exactly",
        help: "write `public_is_exactly:` and a list of routes such as `[GET /events/health]`",
    },
    Elsewhere {
        words: &["roles", "codes", "groups", "users", "peers", "besides", "as", "who"],
        meant: "",
        help: "write the callers below `only`, `never` or `always`: `only: { roles: admin }`",
    },
    Elsewhere {
        words: &["source", "from", "networks", "address"],
        meant: "ip",
        help: "write `ip: { allow: [office] }`: the invariant is about requests from there",
    },
    Elsewhere {
        words: &["when", "if", "condition"],
        meant: "conditions",
        help: "conditions are not looked into: write `conditions: hold` or `conditions: fail` to take them all so",
    },
    Elsewhere { words: &["description", "title", "id"], meant: "name", help: "write `name:`, one line" },
];

/// In the callers of an invariant.
pub(in crate::policy) const IN_CALLERS: &[Elsewhere] = &[
    Elsewhere { words: &["role"], meant: "roles", help: "write `roles: admin`, or `roles: { any: [..] }`" },
    Elsewhere {
        words: &["code", "permissions", "permission", "grants", "scopes"],
        meant: "codes",
        help: "write `codes: event:read`, or `codes: { any: [..] }`",
    },
    Elsewhere {
        words: &["group"],
        meant: "groups",
        help: "write `groups: /staff`, or `groups: { any: [..] }`",
    },
    Elsewhere { words: &["user", "sub", "subject"], meant: "users", help: "write `users: [ann, bob]`" },
    Elsewhere {
        words: &["peer", "spiffe", "spiffe_id", "certificate"],
        meant: "peers",
        help: "write `peers: spiffe://trust-domain/path`",
    },
    Elsewhere {
        words: &["anonymous", "authenticated", "anyone", "access"],
        meant: "",
        help: "it stands alone, as one word: `never: anonymous`",
    },
    Elsewhere {
        words: &["alone", "nothing_else", "exactly", "only", "without"],
        meant: "besides",
        help: "write `besides: nothing`: they hold this and no more",
    },
];
