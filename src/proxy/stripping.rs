//! A client's own copies of identity headers, in headers and in trailers.

use super::chain::Chain;
use super::look::Look;
use super::matcher::Mutations;
use super::message::Message;
use crate::diag::Code;

/// What `early_header_mutation_extensions` change, before any filter.
pub(super) fn early<'a>(manager: Message<'a>, look: &Look<'a>) -> Mutations {
    let mut all = Mutations::default();
    for extension in manager.messages("early_header_mutation_extensions", look) {
        if let Some(typed) = extension.typed("typed_config", look)
            && typed.kind.contains(".early_header_mutation.header_mutation.")
        {
            all.join(Mutations::read(typed.body, "mutations", look));
        }
    }
    all
}

/// Looks at what one manager lets through.
pub(super) fn inspect<'a>(manager: Message<'a>, chain: &Chain<'a>, look: &Look<'a>) {
    let field = "early_header_mutation_extensions";
    let early = early(manager, look);
    let names = look.managed.names();
    let left: Vec<&str> = names.iter().map(String::as_str).filter(|name| !early.remove(name)).collect();
    if !left.is_empty() {
        look.tell(
            Code::IdentityPasses,
            manager.place(field),
            format!("a client's own `{}` gets past the door", left.join("`, `")),
            "lets them through",
            format!("remove them in `{field}`, as deploy/envoy/envoy.yaml does: {EXAMPLE}"),
        );
    }
    let credentials = look.managed.credentials();
    let secret = names.iter().chain(credentials).map(String::as_str);
    let left: Vec<&str> = secret.filter(|name| !chain.trailers().remove(name)).collect();
    if !left.is_empty() {
        look.tell(
            Code::TrailersPass,
            chain.place(),
            format!("trailers may hold `{}`, and are no part of a check", left.join("`, `")),
            "no filter removes them",
            format!(
                "add a `header_mutation` filter with `request_trailers_mutations` before ext_authz: {EXAMPLE}"
            ),
        );
    }
}

const EXAMPLE: &str =
    "`- { remove_on_match: { key_matcher: { safe_regex: { regex: \"x[^a-z0-9]user[^a-z0-9].*\" } } } }`";
