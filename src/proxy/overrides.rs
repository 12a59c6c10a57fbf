//! Headers in which a client names a second method, path or host, which some
//! upstreams believe.

use super::look::Look;
use super::message::Message;
use super::stripping;
use crate::diag::Code;

/// What must not reach an upstream.
const OVERRIDES: &[&str] = &[
    "x-http-method-override",
    "x-method-override",
    "x-http-method",
    "x-forwarded-method",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-forwarded-host",
    "x-original-host",
    "forwarded",
    "x-envoy-auth-partial-body",
    "x-envoy-auth-failure-mode-allowed",
];

/// Looks at which of them one manager lets through.
pub(super) fn inspect<'a>(manager: Message<'a>, look: &Look<'a>) {
    let early = stripping::early(manager, look);
    let left: Vec<&str> = OVERRIDES.iter().copied().filter(|name| !early.remove(name)).collect();
    if !left.is_empty() {
        let removals: Vec<String> = left.iter().map(|name| format!("`- {{ remove: {name} }}`")).collect();
        look.tell(
            Code::OverridesPass,
            manager.place("early_header_mutation_extensions"),
            format!("clients may send `{}`", left.join("`, `")),
            "lets them through",
            format!("add to the mutations of `early_header_mutation_extensions`: {}", removals.join(", ")),
        );
    }
}
