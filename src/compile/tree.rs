//! Nodes joined by texts: what tries are made of.
//!
//! One table holds the steps of a whole tree, not one a node: most nodes have
//! one child or none, and 100,000 small tables cost more memory and more cache
//! misses than what is in them. A step costs one look-up and one comparison.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A node of a tree.
pub(super) type NodeId = u32;

/// The node that every tree begins with.
pub(super) const ROOT: NodeId = 0;

/// A tree with a value at each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree<T> {
    nodes: Vec<Node<T>>,
    /// Whether texts are compared without regard to ASCII case.
    fold: bool,
    /// The latest node of each hash of parent and text.
    latest: HashMap<u64, NodeId, BuildHasherDefault<AsIs>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node<T> {
    /// The step that leads here.
    from: NodeId,
    text: Box<str>,
    /// The node before this one whose step has the same hash.
    before: Option<NodeId>,
    /// Whether any step leads on from here: saves the look-up where none does.
    is_parent: bool,
    value: T,
}

impl<T: Default> Tree<T> {
    /// The root alone.
    pub(super) fn new(fold: bool) -> Self {
        let mut tree = Self { nodes: Vec::new(), fold, latest: HashMap::default() };
        tree.add();
        tree
    }

    /// A node that no text leads to.
    pub(super) fn add(&mut self) -> NodeId {
        self.push(ROOT, "", None)
    }

    /// The node that a text leads to, made if need be; and whether it was.
    pub(super) fn step(&mut self, from: NodeId, text: &str) -> (NodeId, bool) {
        if let Some(child) = self.child(from, text) {
            return (child, false);
        }
        let hash = hash(from, text);
        let child = self.push(from, text, self.latest.get(&hash).copied());
        self.latest.insert(hash, child);
        if let Some(parent) = self.node_mut(from) {
            parent.is_parent = true;
        }
        (child, true)
    }

    fn push(&mut self, from: NodeId, text: &str, before: Option<NodeId>) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(Node { from, text: text.into(), before, is_parent: false, value: T::default() });
        id
    }
}

impl<T> Tree<T> {
    /// The node that a text leads to.
    pub(super) fn child(&self, from: NodeId, text: &str) -> Option<NodeId> {
        if !self.node(from)?.is_parent {
            return None;
        }
        let mut at = self.latest.get(&hash(from, text)).copied();
        while let Some(id) = at {
            let node = self.node(id)?;
            let same = *node.text == *text || (self.fold && node.text.eq_ignore_ascii_case(text));
            if node.from == from && same {
                return Some(id);
            }
            at = node.before;
        }
        None
    }

    pub(super) fn value(&self, at: NodeId) -> Option<&T> {
        self.node(at).map(|node| &node.value)
    }

    pub(super) fn value_mut(&mut self, at: NodeId) -> Option<&mut T> {
        self.node_mut(at).map(|node| &mut node.value)
    }

    /// Every node, the node it was reached from, and its value. Nodes that no
    /// text leads to count as reached from the root.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, NodeId, &T)> {
        (0..).zip(&self.nodes).map(|(id, node)| (id, node.from, &node.value))
    }

    /// Whether texts are compared without regard to ASCII case.
    pub(super) fn folds(&self) -> bool {
        self.fold
    }

    /// The text of the step that leads to a node; empty where none does.
    pub(super) fn text(&self, at: NodeId) -> &str {
        self.node(at).map_or("", |node| &node.text)
    }

    /// The texts that lead to a node, from the root.
    pub(super) fn path(&self, at: NodeId) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut at = at;
        while at != ROOT
            && let Some(node) = self.node(at)
        {
            texts.push(&*node.text);
            at = node.from;
        }
        texts.reverse();
        texts
    }

    fn node(&self, id: NodeId) -> Option<&Node<T>> {
        self.nodes.get(usize::try_from(id).ok()?)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<T>> {
        self.nodes.get_mut(usize::try_from(id).ok()?)
    }
}

/// The same for texts that differ in ASCII case alone. Not keyed: what is in
/// the table comes from the policy, and a request that aims at one hash only
/// makes itself a few comparisons slower.
fn hash(from: NodeId, text: &str) -> u64 {
    let mut hash = mix(u64::from(from) ^ u64::try_from(text.len()).unwrap_or(0).rotate_left(32));
    let (words, rest) = text.as_bytes().as_chunks();
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(word.map(|byte| byte.to_ascii_lowercase())));
    }
    mix(rest.iter().fold(hash, |hash, byte| hash.rotate_left(8) ^ u64::from(byte.to_ascii_lowercase())))
}

/// Multiplies to twice the width and folds, so that every bit of the value has
/// a part in every bit of the hash.
fn mix(value: u64) -> u64 {
    let wide = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (wide >> 64) as u64 ^ wide as u64
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn steps_lead_where_they_led_before_and_nowhere_else() {
        let mut tree: Tree<u8> = Tree::new(false);
        let texts = ["", "a", "b", "ab", "eight ch", "eight characters", "eight charactersx"];
        let first: Vec<NodeId> = texts.iter().map(|text| tree.step(ROOT, text).0).collect();
        let inner = *first.first().unwrap();
        assert_eq!(tree.child(inner, "a"), None);
        let (below, new) = tree.step(inner, "a");
        assert!(new && tree.child(inner, "a") == Some(below) && !first.contains(&below));
        for (text, id) in texts.iter().zip(&first) {
            assert_eq!(tree.step(ROOT, text), (*id, false), "{text}");
        }
        assert_eq!(tree.child(ROOT, "c"), None);
        assert_eq!(tree.child(ROOT, "AB"), None);
        let apart = tree.add();
        assert!(tree.child(apart, "a").is_none() && tree.child(ROOT, "") == Some(inner));
    }

    #[test]
    fn case_is_one_step_where_it_does_not_matter() {
        let mut tree: Tree<u8> = Tree::new(true);
        let (child, _) = tree.step(ROOT, "Eight Characters, and more");
        assert_eq!(tree.step(ROOT, "eight CHARACTERS, and more"), (child, false));
        assert_eq!(tree.child(ROOT, "eight characters, and mor\u{c9}"), None);
    }
}
