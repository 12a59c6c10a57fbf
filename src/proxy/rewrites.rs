//! Paths that Envoy rewrites after the check: the policy sees the one before.
//!
//! That is as it should be, unless the upstream can be reached at the same path
//! by two routes: then a request is decided by the rules of the one and served
//! as if it had come by the other.

use std::collections::HashMap;

use super::look::Look;
use super::message::Message;
use crate::diag::{Code, Diagnostic, Span};

/// Where a route leads to.
pub(super) struct Lead<'a> {
    at: Span,
    cluster: &'a str,
    /// What it takes, as it is written.
    takes: &'a str,
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
    /// Those of one route: one for each cluster among which it chooses.
    pub(super) fn all(route: Message<'a>, look: &Look<'a>) -> Vec<Self> {
        let Some(action) = route.message("route", look) else { return Vec::new() };
        let weighted = action.message("weighted_clusters", look);
        let weighted = weighted.map(|weighted| weighted.messages("clusters", look)).unwrap_or_default();
        let clusters = weighted.into_iter().filter_map(|cluster| cluster.text("name", look));
        let clusters = clusters.chain(action.text("cluster", look));
        clusters.map(|cluster| Self::read(route, action, cluster, look)).collect()
    }

    fn read(route: Message<'a>, action: Message<'a>, cluster: &'a str, look: &Look<'a>) -> Self {
        let matches = route.message("match", look);
        let begins = matches.and_then(|matches| {
            let field = ["prefix", "path_separated_prefix", "path"].into_iter().find(|f| matches.has(f));
            field.and_then(|field| matches.text(field, look))
        });
        let from = begins.unwrap_or("/");
        let regex = matches.and_then(|matches| matches.message("safe_regex", look)?.text("regex", look));
        let to = action.text("prefix_rewrite", look);
        let rewrite = match BY_PATH.into_iter().find(|field| action.has(field)) {
            Some(field) => Some(Rewrite { at: action.place(field), to: None }),
            None => to
                .filter(|to| !to.is_empty() && *to != from)
                .map(|to| Rewrite { at: action.place("prefix_rewrite"), to: Some(to) }),
        };
        Self { at: route.at, cluster, takes: regex.unwrap_or(from), from, rewrite }
    }

    /// What paths begin with as the upstream sees them.
    fn lands(&self) -> Option<&'a str> {
        self.rewrite.as_ref().map_or(Some(self.from), |rewrite| rewrite.to)
    }

    /// Whether the upstream, which is that of both, may see one path by both.
    fn meets(&self, other: &Self) -> bool {
        let overlaps = self.lands().zip(other.lands()).is_none_or(|(one, another)| overlap(one, another));
        let same = self.goes_on_as(other) || other.goes_on_as(self);
        self.at != other.at && !same && overlaps
    }

    /// Whether the other route rewrites no path to something else than this one
    /// would: one way, written twice, such as for `/api` and `/api/`.
    fn goes_on_as(&self, other: &Self) -> bool {
        let (Some(one), Some(another)) = (&self.rewrite, &other.rewrite) else { return false };
        let rest = |longer: &'a str, shorter: &str| {
            longer.trim_end_matches('/').strip_prefix(shorter.trim_end_matches('/'))
        };
        match (one.to, another.to) {
            (Some(one), Some(another)) => {
                let rest = rest(other.takes, self.takes).zip(rest(another, one));
                rest.is_some_and(|(before, after)| before == after)
            }
            (None, None) => self.takes == other.takes,
            _ => false,
        }
    }
}

/// Whether some path begins with both, for a route that does not look at the case
/// of letters, too.
fn overlap(one: &str, other: &str) -> bool {
    one.bytes().zip(other.bytes()).all(|(one, other)| one.eq_ignore_ascii_case(&other))
}

/// Looks at all routes, whatever listeners they are of.
pub(super) fn inspect(look: &Look<'_>) {
    let leads = look.leads.borrow();
    let mut of_cluster: HashMap<&str, Vec<&Lead<'_>>> = HashMap::new();
    leads.iter().for_each(|lead| of_cluster.entry(lead.cluster).or_default().push(lead));
    for lead in leads.iter() {
        let Some(rewrite) = &lead.rewrite else { continue };
        let mut others = of_cluster.get(lead.cluster).into_iter().flatten();
        let Some(other) = others.find(|other| lead.meets(other)) else { continue };
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
