//! Paths that Envoy rewrites after the check: the policy sees the one before.
//!
//! That is as it should be, unless the upstream can be reached at the same path
//! by two routes: then a request is decided by the rules of the one and served
//! as if it had come by the other.

use super::look::Look;
use super::message::Message;
use crate::diag::{Code, Diagnostic, Span};

/// Where a route leads to.
pub(super) struct Lead<'a> {
    at: Span,
    cluster: &'a str,
    /// What paths begin with that it takes.
    from: &'a str,
    rewrite: Option<Rewrite<'a>>,
}

struct Rewrite<'a> {
    at: Span,
    /// What paths begin with afterwards; `None` where that can't be told.
    to: Option<&'a str>,
}

/// Rewrites whose outcome depends on the path.
const BY_PATH: [&str; 3] = ["regex_rewrite", "path_rewrite_policy", "path_rewrite"];

impl<'a> Lead<'a> {
    /// That of a route to one cluster.
    pub(super) fn read(route: Message<'a>, look: &Look<'a>) -> Option<Self> {
        let action = route.message("route", look)?;
        let cluster = action.text("cluster", look)?;
        let matches = route.message("match", look);
        let begins = matches.and_then(|matches| {
            let field = ["prefix", "path_separated_prefix", "path"].into_iter().find(|f| matches.has(f));
            field.and_then(|field| matches.text(field, look))
        });
        let from = begins.unwrap_or("/");
        let to = action.text("prefix_rewrite", look);
        let rewrite = match BY_PATH.into_iter().find(|field| action.has(field)) {
            Some(field) => Some(Rewrite { at: action.place(field), to: None }),
            None => to
                .filter(|to| !to.is_empty() && *to != from)
                .map(|to| Rewrite { at: action.place("prefix_rewrite"), to: Some(to) }),
        };
        Some(Self { at: route.at, cluster, from, rewrite })
    }

    /// What paths begin with as the upstream sees them.
    fn lands(&self) -> Option<&'a str> {
        self.rewrite.as_ref().map_or(Some(self.from), |rewrite| rewrite.to)
    }

    /// Whether the upstream may see one path by both.
    fn meets(&self, other: &Self) -> bool {
        // `/api` and `/api/` are one way, written twice.
        let same = other.rewrite.is_some() && overlap(self.from, other.from);
        let overlaps = self.lands().zip(other.lands()).is_none_or(|(one, another)| overlap(one, another));
        self.cluster == other.cluster && self.at != other.at && !same && overlaps
    }
}

/// Whether some path begins with both.
fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Looks at all routes of a configuration.
pub(super) fn inspect<'a>(leads: &[Lead<'a>], look: &Look<'a>) {
    for lead in leads {
        let Some(rewrite) = &lead.rewrite else { continue };
        let Some(other) = leads.iter().find(|other| lead.meets(other)) else { continue };
        let message = format!("`{}` is reached at the same paths by two routes", lead.cluster);
        look.push(
            Diagnostic::at(Code::PathsMeet, rewrite.at, message)
                .label("rewritten after the check")
                .related(other.at, "the other route")
                .help(
                    "Doorward decides over the path before it is rewritten: see that the policy asks no less for it \
                     than for the same path by the other route, or give each its own cluster",
                ),
        );
    }
}
