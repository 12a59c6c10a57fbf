//! Paths to routes.
//!
//! A node a segment; at each node literals are tried first, then the
//! parameter, then the `/**` of this node, so the first route found is the
//! most specific one. A branch that has no route for the request's method is
//! left again, because matching is per method. A look-up visits at most as
//! many nodes as there are route prefixes that match the path, in practice one
//! a segment, and allocates nothing for a path in its usual spelling.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::index::RouteId;
use super::stop::{Ends, Stem, Stop};
use super::tree::{NodeId, ROOT, Tree};
use crate::policy::{Method, MethodSet, PathFault, RequestPath, Segment, Template, decode_segment};

/// The routes of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Trie {
    pub(super) tree: Tree<Stop>,
    /// How paths begin, but for its own beginnings, that meet any route.
    stem: Option<Stem>,
    /// The literals that [`loose`] changes, as it reads them.
    loose: HashMap<NodeId, HashMap<String, Vec<NodeId>>>,
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
    /// An empty trie; with `fold`, literals match without regard to ASCII case.
    pub fn new(fold: bool) -> Self {
        Self { tree: Tree::new(fold), stem: None, loose: HashMap::new() }
    }

    /// Of templates alone, so that a walk tells apart what they match.
    pub fn of_templates<'a>(templates: impl IntoIterator<Item = &'a Template>, fold: bool) -> Self {
        let mut trie = Self::new(fold);
        for (template, number) in templates.into_iter().zip(0..) {
            // One that stands there already is there.
            let _ = trie.insert(template, MethodSet::ANY, RouteId(number));
        }
        trie
    }

    /// Whether literals match without regard to ASCII case.
    pub fn folds(&self) -> bool {
        self.tree.folds()
    }

    /// Adds a route. The error is a route that matches the same paths and one
    /// of the same methods.
    pub fn insert(&mut self, template: &Template, methods: MethodSet, route: RouteId) -> Result<(), RouteId> {
        self.stem = None;
        let mut at = ROOT;
        for segment in &template.segments {
            at = match segment {
                Segment::Literal(text) => self.literal_child(at, text),
                Segment::Param(_) => self.param_child(at),
            };
        }
        self.tree.value_mut(at).map_or(Ok(()), |stop| stop.insert(template.rest, methods, route))
    }

    /// No more routes come: gives back what was kept for them.
    pub(super) fn finish(&mut self) {
        self.tree.shrink();
        let (mut at, mut texts) = (ROOT, Vec::new());
        while let Some((child, text)) = self.only(at) {
            at = child;
            texts.push(text);
        }
        self.stem = (at != ROOT).then(|| Stem::new(&texts, at));
    }

    /// The literal behind a node that a path must go on with to meet any further route.
    fn only(&self, at: NodeId) -> Option<(NodeId, &str)> {
        self.tree.value(at).filter(|stop| stop.param().is_none() && !stop.has_rest())?;
        let mut below = self.tree.steps_from(at);
        below.next().filter(|_| below.next().is_none())
    }

    fn literal_child(&mut self, at: NodeId, text: &str) -> NodeId {
        let (child, is_new) = self.tree.step(at, text);
        let loose = loose(text);
        if is_new && *loose != *text {
            self.loose.entry(at).or_default().entry(loose.into_owned()).or_default().push(child);
        }
        child
    }

    fn param_child(&mut self, at: NodeId) -> NodeId {
        if let Some(child) = self.tree.value(at).and_then(Stop::param) {
            return child;
        }
        let child = self.tree.add();
        if let Some(stop) = self.tree.value_mut(at) {
            stop.param = child;
        }
        child
    }

    /// The most specific route that names the method and matches the path.
    pub fn find(&self, method: Method, path: &RequestPath<'_>) -> Result<Option<Found>, PathFault> {
        let (at, depth) = self.stem.as_ref().and_then(|stem| stem.of(path)).unwrap_or((ROOT, 0));
        self.walk(at, depth, method, path, false)
    }

    fn walk(
        &self,
        at: NodeId,
        depth: usize,
        method: Method,
        path: &RequestPath<'_>,
        broad: bool,
    ) -> Result<Option<Found>, PathFault> {
        let Some(stop) = self.tree.value(at) else { return Ok(None) };
        let found = |ends: Ends<'_>, broad| ends.of(method).map(|route| Found { route, broad });
        let Some(segment) = path.segment(depth) else {
            return Ok(found(stop.here(), broad).or_else(|| found(stop.rest(), true)));
        };
        if let Some(disguised) = disguised(segment) {
            // The upstream may read the escape; then the literal's route would
            // be meant, and no other may answer for it.
            if self.tree.child(at, &disguised).is_some() {
                return Err(PathFault::EncodedLiteral);
            }
        } else if let Some(child) = self.tree.child(at, segment)
            && let Some(found) = self.walk(child, depth + 1, method, path, broad)?
        {
            return Ok(Some(found));
        }
        if let Some(child) = stop.param()
            && let Some(found) = self.walk(child, depth + 1, method, path, true)?
        {
            return Ok(Some(found));
        }
        let rest = found(stop.rest(), true);
        if rest.is_some() && has_oddity(path, depth) {
            return Err(if path.parameters().is_some() {
                PathFault::PathParameter
            } else {
                PathFault::EncodedDelimiter
            });
        }
        Ok(rest)
    }

    /// Every method for which some route matches the path.
    pub fn methods(&self, path: &RequestPath<'_>) -> MethodSet {
        let mut methods = MethodSet::default();
        self.collect(ROOT, 0, path, &mut methods);
        methods
    }

    fn collect(&self, at: NodeId, depth: usize, path: &RequestPath<'_>, methods: &mut MethodSet) {
        let Some(stop) = self.tree.value(at) else { return };
        if !has_oddity(path, depth) {
            *methods = methods.union(stop.rest().methods());
        }
        let Some(segment) = path.segment(depth) else {
            *methods = methods.union(stop.here().methods());
            return;
        };
        let literal = match disguised(segment) {
            Some(_) => None,
            None => self.tree.child(at, segment),
        };
        for child in literal.into_iter().chain(stop.param()) {
            self.collect(child, depth + 1, path, methods);
        }
    }

    /// Whether a reader who does not look at letter case, outer spaces and
    /// extensions (`/Admin`, `/admin%20`, `/admin.json`) would come to a strict
    /// route.
    pub fn is_near(
        &self,
        method: Method,
        path: &RequestPath<'_>,
        is_strict: &dyn Fn(RouteId) -> bool,
    ) -> bool {
        self.walk_loosely(ROOT, 0, method, path, is_strict) == Some(true)
    }

    /// Whether the most specific route is strict; where spellings lead to
    /// several literals, whether any of them leads to a strict one.
    fn walk_loosely(
        &self,
        at: NodeId,
        depth: usize,
        method: Method,
        path: &RequestPath<'_>,
        is_strict: &dyn Fn(RouteId) -> bool,
    ) -> Option<bool> {
        let stop = self.tree.value(at)?;
        let strict = |ends: Ends<'_>| ends.of(method).map(is_strict);
        let Some(segment) = path.segment(depth) else {
            return strict(stop.here()).or_else(|| strict(stop.rest()));
        };
        let walk = |child| self.walk_loosely(child, depth + 1, method, path, is_strict);
        let mut literal = None;
        self.each_alike(at, segment, |child| {
            if let Some(strict) = walk(child) {
                literal = Some(strict || literal == Some(true));
            }
        });
        literal.or_else(|| stop.param().and_then(walk)).or_else(|| strict(stop.rest()))
    }

    /// Tells every literal that a careless reader takes a segment for: without
    /// `;` parameters too, and without any number of extensions.
    pub(super) fn each_alike(&self, at: NodeId, segment: &str, tell: impl FnMut(NodeId)) {
        let decoded = disguised(segment).unwrap_or(Cow::Borrowed(segment));
        let whole = loose(&decoded);
        let stems = whole.match_indices('.').filter_map(|(dot, _)| whole.get(..dot));
        // Nobody's file name is longer; thousands of dots are no work.
        let stems = stems.take_while(|stem| stem.len() < 256);
        let spellings = std::iter::once(&*whole).chain(stems).filter(|text| !text.is_empty());
        spellings
            .flat_map(|text| self.tree.child(at, text).into_iter().chain(self.loose(at, text)))
            .for_each(tell);
    }

    /// The literals that a careless reader takes for this text.
    fn loose(&self, at: NodeId, text: &str) -> impl Iterator<Item = NodeId> {
        self.loose.get(&at).and_then(|texts| texts.get(text)).into_iter().flatten().copied()
    }

    /// The routes that take every request of a `/**` route before it is asked;
    /// none where some request of its methods may reach it. A route without
    /// `/**` is the most specific one for the paths that no literal spells out.
    pub(super) fn takers(&self, template: &Template, methods: MethodSet) -> Vec<RouteId> {
        let mut at = Some(ROOT);
        for segment in &template.segments {
            at = at.and_then(|at| match segment {
                Segment::Literal(text) => self.tree.child(at, text),
                Segment::Param(_) => self.tree.value(at)?.param(),
            });
        }
        let mut takers = Vec::new();
        let Some(stop) = at.and_then(|at| self.tree.value(at)).filter(|_| template.rest) else {
            return takers;
        };
        for method in methods.iter() {
            match stop.here().of(method) {
                Some(route) if self.takes_all_below(stop, method, &mut takers) => takers.push(route),
                _ => return Vec::new(),
            }
        }
        takers.sort_unstable();
        takers.dedup();
        takers
    }

    /// Whether every path with one more segment meets a route below.
    fn takes_all_below(&self, stop: &Stop, method: Method, takers: &mut Vec<RouteId>) -> bool {
        let mut at = stop.param().and_then(|param| self.tree.value(param));
        while let Some(stop) = at {
            if let Some(route) = stop.rest().of(method) {
                takers.push(route);
                return true;
            }
            let Some(route) = stop.here().of(method) else { return false };
            takers.push(route);
            at = stop.param().and_then(|param| self.tree.value(param));
        }
        false
    }

    /// The nodes below each node, for [`Trie::covered`].
    pub(super) fn children(&self) -> HashMap<NodeId, Vec<NodeId>> {
        let mut children: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let params: HashSet<NodeId> = self.tree.iter().filter_map(|(_, _, stop)| stop.param()).collect();
        for (at, from, stop) in self.tree.iter() {
            if at != ROOT && !params.contains(&at) {
                children.entry(from).or_default().push(at);
            }
            if let Some(param) = stop.param() {
                children.entry(at).or_default().push(param);
            }
        }
        children
    }

    /// All routes that match no other paths than the template does.
    pub(super) fn covered(
        &self,
        template: &Template,
        children: &HashMap<NodeId, Vec<NodeId>>,
    ) -> Vec<RouteId> {
        let below = |at: &NodeId| children.get(at).into_iter().flatten().copied();
        let mut level = vec![ROOT];
        for segment in &template.segments {
            level = match segment {
                Segment::Literal(text) => level.iter().filter_map(|at| self.tree.child(*at, text)).collect(),
                Segment::Param(_) => level.iter().flat_map(below).collect(),
            };
        }
        let mut found = Vec::new();
        while let Some(at) = level.pop() {
            let Some(stop) = self.tree.value(at) else { continue };
            found.extend(stop.here().iter().map(|(_, route)| route));
            if template.rest {
                found.extend(stop.rest().iter().map(|(_, route)| route));
                level.extend(below(&at));
            }
        }
        found.sort_unstable();
        found
    }
}

/// Whether this segment or one behind it holds `;` or an encoded slash. These
/// are for a `{name}` to hold: below a `/**` nobody has said how they are read.
fn has_oddity(path: &RequestPath<'_>, depth: usize) -> bool {
    path.parameters().max(path.encoded_slash()).is_some_and(|last| last >= depth)
}

/// What a reader may see who decodes escapes or cuts off `;` parameters, where
/// a segment holds any.
pub fn disguised(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains(['%', ';']) {
        return None;
    }
    let first = |text: &str| text.split([';', '/']).next().unwrap_or_default().to_owned();
    Some(Cow::Owned(first(&decode_segment(segment))))
}

/// A segment as the most careless reader takes it, who decodes escapes and cuts
/// off `;` parameters too.
pub fn careless(segment: &str) -> Cow<'_, str> {
    match disguised(segment) {
        Some(decoded) => Cow::Owned(loose(&decoded).into_owned()),
        None => loose(segment),
    }
}

/// A segment as a careless reader takes it.
fn loose(segment: &str) -> Cow<'_, str> {
    let usual = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if segment.bytes().all(usual) {
        return Cow::Borrowed(segment);
    }
    let end = |c: char| c.is_whitespace() || c == '.';
    Cow::Owned(segment.trim_start_matches(char::is_whitespace).trim_end_matches(end).to_lowercase())
}
