//! What stands at the nodes of a trie, and how all its paths begin: laid out so that
//! a look-up touches few lines of the processor's cache.

use super::index::RouteId;
use super::tree::{NodeId, ROOT, Text};
use crate::policy::{Method, MethodSet, RequestPath};

/// Literals which nothing stands beside: mostly those of the path that the service
/// answers for. A path that begins with them need not be led along them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stem {
    /// Without the first `/`.
    text: Text,
    /// How many they are.
    depth: usize,
    /// Where they lead to.
    to: NodeId,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stop {
    /// Where a parameter leads to, if not to the root, to which nothing leads.
    pub(super) param: NodeId,
    /// The first route that ends here, if it has any method, and the first that
    /// does with `/**`. Mostly there is no other: it stands close by, so that it
    /// is found without another cache miss.
    first: [End; 2],
    more: Option<Box<[Vec<End>; 2]>>,
}

/// A route that ends at a node, and for which methods.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct End {
    methods: MethodSet,
    route: u32,
}

/// Routes by method.
#[derive(Clone, Copy)]
pub(super) struct Ends<'s> {
    first: End,
    more: &'s [End],
}

impl Stem {
    /// Of these literals, which lead to a node.
    pub(super) fn new(literals: &[&str], to: NodeId) -> Self {
        Self { text: Text::new(&literals.join("/")), depth: literals.len(), to }
    }

    /// Where a path that begins with it stands behind it, and how deep that is.
    pub(super) fn of(&self, path: &RequestPath<'_>) -> Option<(NodeId, usize)> {
        let rest = path.as_str().as_bytes().strip_prefix(b"/")?.strip_prefix(self.text.bytes())?;
        (rest.is_empty() || rest.starts_with(b"/")).then_some((self.to, self.depth))
    }
}

impl Stop {
    /// Where a parameter leads to.
    pub(super) fn param(&self) -> Option<NodeId> {
        (self.param != ROOT).then_some(self.param)
    }

    /// Whether some route ends here with `/**`.
    pub(super) fn has_rest(&self) -> bool {
        self.rest().iter().next().is_some()
    }

    /// Routes that end here.
    pub(super) fn here(&self) -> Ends<'_> {
        let [here, _] = &self.first;
        Ends { first: *here, more: self.more.as_deref().map_or(&[], |[here, _]| here) }
    }

    /// Routes that end here with `/**`.
    pub(super) fn rest(&self) -> Ends<'_> {
        let [_, rest] = &self.first;
        Ends { first: *rest, more: self.more.as_deref().map_or(&[], |[_, rest]| rest) }
    }

    pub(super) fn insert(
        &mut self,
        is_rest: bool,
        methods: MethodSet,
        route: RouteId,
    ) -> Result<(), RouteId> {
        let ends = if is_rest { self.rest() } else { self.here() };
        if let Some((_, other)) = ends.iter().find(|(set, _)| !set.intersection(methods).is_empty()) {
            return Err(other);
        }
        let end = End { methods, route: route.number() };
        let [here, rest] = &mut self.first;
        let first = if is_rest { rest } else { here };
        if first.methods.is_empty() {
            *first = end;
        } else {
            let [here, rest] = &mut **self.more.get_or_insert_default();
            if is_rest { rest } else { here }.push(end);
        }
        Ok(())
    }
}

impl<'s> Ends<'s> {
    pub(super) fn of(self, method: Method) -> Option<RouteId> {
        self.iter().find(|(set, _)| set.contains(method)).map(|(_, route)| route)
    }

    pub(super) fn methods(self) -> MethodSet {
        self.iter().fold(MethodSet::default(), |all, (set, _)| all.union(set))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (MethodSet, RouteId)> + use<'s> {
        let first = (!self.first.methods.is_empty()).then_some(self.first);
        first.into_iter().chain(self.more.iter().copied()).map(|end| (end.methods, RouteId(end.route)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::compile::Trie;
    use crate::policy::Template;

    /// Draws small numbers, the same ones each time.
    fn draws() -> impl FnMut(usize) -> usize {
        let mut seed = 7_u64;
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        }
    }

    #[test]
    fn a_look_up_behind_the_stem_finds_what_one_from_the_root_does() {
        let mut draw = draws();
        let (mut stems, mut found) = (0, 0);
        for round in 0..2_000 {
            let mut from_root = Trie::new(round % 5 == 0);
            let base = ["", "/a", "/a/b", "/A/a-segment-that-is-not-short/b"][draw(4)];
            for number in 0..=draw(4) {
                let more: String = (0..draw(3))
                    .map(|n| [format!("/{{p{n}}}"), "/a".into(), "/b".into()][draw(3)].clone())
                    .collect();
                let rest = ["", "", "/**"][draw(3)];
                let text = format!("{base}{more}{rest}");
                let text = if text.is_empty() { "/" } else { &text };
                let methods = MethodSet::of_word(["GET", "POST", "ANY"][draw(3)]).unwrap();
                let route = RouteId(u32::try_from(number).unwrap());
                let _ = from_root.insert(&Template::parse(text).unwrap(), methods, route);
            }
            let mut finished = from_root.clone();
            finished.finish();
            stems += usize::from(finished != from_root);
            for _ in 0..20 {
                let words = ["a", "b", "A", "%61", "a;x", "ab", "a-segment-that-is-not-short", "a%2fb"];
                let begins = ["", base, base, base][draw(4)];
                let more: String = (0..draw(4)).map(|_| format!("/{}", words[draw(8)])).collect();
                let path = format!("{begins}{more}{}", ["", "/"][draw(2)]);
                let Ok(path) = RequestPath::parse(&path) else { continue };
                let method = [Method::Get, Method::Post, Method::Delete][draw(3)];
                let expected = from_root.find(method, &path);
                assert_eq!(finished.find(method, &path), expected, "{} {from_root:?}", path.as_str());
                found += usize::from(matches!(expected, Ok(Some(_))));
            }
        }
        assert!(stems > 500 && found > 5_000, "{stems} {found}");
    }

    #[test]
    fn a_route_that_comes_after_the_last_one_is_found() {
        let mut trie = Trie::new(false);
        let insert = |trie: &mut Trie, text, route| {
            let template = Template::parse(text).unwrap();
            trie.insert(&template, MethodSet::of_word("ANY").unwrap(), RouteId(route)).unwrap();
        };
        insert(&mut trie, "/a/b", 0);
        trie.finish();
        insert(&mut trie, "/{x}/b/c", 1);
        let path = RequestPath::parse("/a/b/c").unwrap();
        assert_eq!(trie.find(Method::Get, &path).unwrap().unwrap().route, RouteId(1));
    }

    #[test]
    fn a_stop_is_as_large_as_a_node_has_room_for() {
        assert_eq!(size_of::<Stop>(), 32);
    }
}
