//! Paths to routes.
//!
//! A node a segment; at each node literals are tried first, then the
//! parameter, then the `/**` of this node, so the first route found is the
//! most specific one. A branch that has no route for the request's method is
//! left again, because matching is per method. A look-up visits at most as
//! many nodes as there are route prefixes that match the path, in practice one
//! a segment.

use std::borrow::Cow;
use std::collections::HashMap;

use super::index::RouteId;
use crate::policy::{Method, MethodSet, PathFault, RequestPath, Segment, Template, decode_segment};

/// The routes of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Trie {
    nodes: Vec<Node>,
    /// Whether literals are compared without regard to ASCII case; they are
    /// stored in lower case then.
    fold: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Node {
    literals: HashMap<Box<str>, usize>,
    param: Option<usize>,
    /// Routes that end here.
    here: Vec<(MethodSet, RouteId)>,
    /// Routes that end here with `/**`.
    rest: Vec<(MethodSet, RouteId)>,
    /// Literals as [`loose`] reads them. Built for the near-miss guard.
    loose: HashMap<Box<str>, Vec<usize>>,
}

/// A route that was found, and whether a parameter or `/**` had a part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The route.
    pub route: RouteId,
    /// Whether the path is not spelled out by the template.
    pub broad: bool,
}

impl Trie {
    /// An empty trie.
    pub fn new(fold: bool) -> Self {
        Self { nodes: vec![Node::default()], fold }
    }

    /// Adds a route. The error is a route that matches the same paths and one
    /// of the same methods.
    pub fn insert(&mut self, template: &Template, methods: MethodSet, route: RouteId) -> Result<(), RouteId> {
        let mut at = 0;
        for segment in &template.segments {
            let new = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return Ok(()) };
            at = match segment {
                Segment::Param(_) => *node.param.get_or_insert(new),
                Segment::Literal(text) => {
                    let key: Box<str> =
                        if self.fold { text.to_ascii_lowercase().into() } else { text.clone() };
                    node.loose.entry(loose(&key).into()).or_default().extend(
                        // Once a child: the next insertion finds it there.
                        (!node.literals.contains_key(&key)).then_some(new),
                    );
                    *node.literals.entry(key).or_insert(new)
                }
            };
            if at == new {
                self.nodes.push(Node::default());
            }
        }
        let Some(node) = self.nodes.get_mut(at) else { return Ok(()) };
        let slot = if template.rest { &mut node.rest } else { &mut node.here };
        if let Some((_, other)) = slot.iter().find(|(set, _)| !set.intersection(methods).is_empty()) {
            return Err(*other);
        }
        slot.push((methods, route));
        Ok(())
    }

    /// The most specific route that names the method and matches the path.
    pub fn find(&self, method: Method, path: &RequestPath<'_>) -> Result<Option<Found>, PathFault> {
        self.walk(0, 0, method, path, false)
    }

    /// What a reader would find who does not look at letter case, outer
    /// spaces and extensions (`/Admin`, `/admin%20`, `/admin.json`).
    pub fn find_loosely(&self, method: Method, path: &RequestPath<'_>) -> Option<RouteId> {
        self.walk_loosely(0, 0, method, path)
    }

    /// Every method for which some route matches the path.
    pub fn methods(&self, path: &RequestPath<'_>) -> MethodSet {
        let mut set = MethodSet::default();
        for method in Method::ROUTABLE {
            if let Ok(Some(_)) = self.find(method, path) {
                set = set.union(MethodSet::only(method));
            }
        }
        set
    }

    fn walk(
        &self,
        node: usize,
        depth: usize,
        method: Method,
        path: &RequestPath<'_>,
        broad: bool,
    ) -> Result<Option<Found>, PathFault> {
        let Some(node) = self.nodes.get(node) else { return Ok(None) };
        let found =
            |routes: &[(MethodSet, RouteId)], broad| pick(routes, method).map(|route| Found { route, broad });
        let Some(segment) = path.segment(depth) else {
            return Ok(found(&node.here, broad).or_else(|| found(&node.rest, true)));
        };
        if let Some(disguised) = disguised(segment) {
            // The upstream may read the escape; then the literal's route would
            // be meant, and no other may answer for it.
            if node.literals.contains_key(&*self.key(&disguised)) {
                return Err(PathFault::EncodedLiteral);
            }
        } else if let Some(child) = node.literals.get(&*self.key(segment))
            && let Some(found) = self.walk(*child, depth + 1, method, path, broad)?
        {
            return Ok(Some(found));
        }
        if let Some(child) = node.param
            && let Some(found) = self.walk(child, depth + 1, method, path, true)?
        {
            return Ok(Some(found));
        }
        let rest = found(&node.rest, true);
        // `;` and encoded slashes are for a `{name}` to hold: below a `/**`
        // nobody has said how they are read.
        if rest.is_some() && path.parameters().max(path.encoded_slash()).is_some_and(|last| last >= depth) {
            return Err(if path.parameters().is_some() {
                PathFault::PathParameter
            } else {
                PathFault::EncodedDelimiter
            });
        }
        Ok(rest)
    }

    fn walk_loosely(
        &self,
        node: usize,
        depth: usize,
        method: Method,
        path: &RequestPath<'_>,
    ) -> Option<RouteId> {
        let node = self.nodes.get(node)?;
        let Some(segment) = path.segment(depth) else {
            return pick(&node.here, method).or_else(|| pick(&node.rest, method));
        };
        let decoded = decode_segment(segment);
        let whole = loose(&decoded);
        let stem = whole.rsplit_once('.').map_or(whole.as_str(), |(stem, _)| stem);
        let same = |key: &str| node.loose.get(key).into_iter().flatten();
        same(&whole)
            .chain(same(stem).filter(|_| stem != whole))
            .chain(&node.param)
            .find_map(|child| self.walk_loosely(*child, depth + 1, method, path))
            .or_else(|| pick(&node.rest, method))
    }

    fn key<'s>(&self, segment: &'s str) -> Cow<'s, str> {
        if self.fold && segment.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(segment.to_ascii_lowercase())
        } else {
            Cow::Borrowed(segment)
        }
    }
}

fn pick(routes: &[(MethodSet, RouteId)], method: Method) -> Option<RouteId> {
    routes.iter().find(|(set, _)| set.contains(method)).map(|(_, route)| *route)
}

/// What a reader may see who decodes escapes or cuts off `;` parameters, where
/// a segment holds any.
pub(super) fn disguised(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains(['%', ';']) {
        return None;
    }
    let first = |text: &str| text.split([';', '/']).next().unwrap_or_default().to_owned();
    Some(Cow::Owned(first(&decode_segment(segment))))
}

/// A segment as a careless reader takes it.
fn loose(segment: &str) -> String {
    segment.trim_matches(|c: char| c.is_whitespace()).trim_end_matches('.').to_lowercase()
}
