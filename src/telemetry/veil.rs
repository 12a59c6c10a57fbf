//! What of a path is hidden: `decision_log.redact.parameters`.
//!
//! The value of a parameter is no less a secret where another route answers for
//! it: one for other methods, a `/**` below which somebody typed one segment too
//! many, or one of a service that answers for what is misspelt. So a segment is
//! hidden where any route of the policy has a hidden parameter and the path leads to
//! it, read as carelessly as people type. What the route that decided spells out
//! itself is no secret.

use std::borrow::Cow;
use std::collections::HashMap;

use super::claims::REDACTED;
use crate::compile::{Index, careless};
use crate::config::RedactedParameter;
use crate::policy::{Segment, Template};

/// Where routes have hidden parameters.
#[derive(Debug, Default)]
pub struct Veil {
    /// Paths begin at the first. Nothing leads on beyond the last hidden
    /// parameter of a route, and there are none where no route has one.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Where literals lead, as careless readers take them.
    literals: HashMap<Box<str>, usize>,
    params: Vec<Param>,
}

#[derive(Debug)]
struct Param {
    name: Box<str>,
    is_hidden: bool,
    /// Whether a route ends here: what a path has behind it may be the rest of
    /// the value.
    is_last: bool,
    to: usize,
}

impl Veil {
    /// That of a policy.
    pub(super) fn of(index: &Index, parameters: &[RedactedParameter]) -> Self {
        let is_hidden = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
        let mut veil = Self::default();
        index.routes().for_each(|(_, route)| veil.add(&route.template, &is_hidden));
        veil
    }

    fn add(&mut self, template: &Template, is_hidden: &dyn Fn(&str) -> bool) {
        let Some((last, _)) = template.params().filter(|(_, name)| is_hidden(name)).last() else { return };
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let ends = if template.rest { None } else { template.segments.len().checked_sub(1) };
        let mut at = 0;
        for (depth, segment) in template.segments.iter().enumerate().take(last + 1) {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match segment {
                Segment::Literal(text) => *node.literals.entry(careless(text).into()).or_insert(next),
                Segment::Param(name) => node.param(name, is_hidden(name), ends == Some(depth), next),
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
    }

    /// Whether nothing is hidden in any path.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A path without what is hidden in it. `route` is the template of the route
    /// that decided.
    pub(super) fn over(&self, path: &str, route: &str) -> String {
        let mut shown = String::with_capacity(path.len() + REDACTED.len());
        let mut here: Vec<&Node> = self.nodes.first().into_iter().collect();
        let mut route = route.split('/').skip(1).take_while(|segment| *segment != "**");
        // Whether what comes may be the rest of a hidden value.
        let mut is_cut = false;
        for (at, segment) in path.split('/').enumerate() {
            if at > 0 {
                shown.push('/');
            }
            if at == 0 || segment.is_empty() {
                shown.push_str(segment);
                continue;
            }
            let next: Vec<&Node> = self.next(&here, segment).collect();
            match hidden(&here, route.next()) {
                Some(Hidden { name, is_open }) if !is_cut => {
                    shown.extend(["{", name, "}"]);
                    is_cut = is_open;
                }
                None if !is_cut && (next.is_empty() || !has_slash(segment)) => shown.push_str(segment),
                _ => {
                    shown.push_str(REDACTED);
                    break;
                }
            }
            here = next;
        }
        shown
    }

    /// Where a segment leads to.
    fn next(&self, here: &[&Node], segment: &str) -> impl Iterator<Item = &Node> {
        let literal = if here.is_empty() { Cow::Borrowed(segment) } else { careless(segment) };
        here.iter()
            .flat_map(move |node| {
                node.literals.get(&*literal).copied().into_iter().chain(node.params.iter().map(|p| p.to))
            })
            .filter_map(|to| self.nodes.get(to))
    }
}

impl Node {
    /// Where the parameter of this name leads to; `next` where it is new.
    fn param(&mut self, name: &str, is_hidden: bool, is_last: bool, next: usize) -> usize {
        if let Some(param) = self.params.iter_mut().find(|param| *param.name == *name) {
            param.is_last |= is_last;
            return param.to;
        }
        self.params.push(Param { name: name.into(), is_hidden, is_last, to: next });
        next
    }
}

/// A segment that is hidden.
struct Hidden<'v> {
    /// The parameter that it is, or may be.
    name: &'v str,
    /// Whether its value may go on behind it.
    is_open: bool,
}

/// Whether a segment is hidden that the route which decided writes as `own`.
fn hidden<'v>(here: &[&'v Node], own: Option<&str>) -> Option<Hidden<'v>> {
    let mut params = here.iter().flat_map(|node| &node.params).filter(|param| param.is_hidden);
    if own.is_some_and(|own| !own.starts_with('{')) {
        return None;
    }
    let name = own.and_then(|own| own.strip_prefix('{')?.strip_suffix('}'));
    let first = params.next()?;
    let mut all = std::iter::once(first).chain(params);
    let mut is_open = false;
    let said = all.find(|param| {
        is_open |= param.is_last;
        Some(&*param.name) == name
    });
    // The route itself says that the value is this one segment.
    Some(Hidden { name: &said.unwrap_or(first).name, is_open: is_open && said.is_none() })
}

/// Whether some reader may take a segment for two.
fn has_slash(segment: &str) -> bool {
    segment.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"))
}
