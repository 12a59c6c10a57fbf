//! Nodes joined by texts: what tries are made of.
//!
//! One table holds the steps of a whole tree, not one a node: most nodes have
//! one child or none, and 100,000 small tables cost more memory and more cache
//! misses than what is in them. A step costs one look-up and one comparison, and
//! touches one line of the table and one of a node: in a policy that doesn't fit
//! into the processor's cache, lines are what it costs.

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
    /// Every step, at the place of its hash or behind it, where a place is free. At
    /// most half full, and a power of two long.
    steps: Vec<Slot>,
    /// How many steps there are.
    count: usize,
}

/// A line of the cache each, with values of up to 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(64))]
struct Node<T> {
    /// The step that leads here.
    from: NodeId,
    text: Text,
    /// Which of 32 kinds the steps are that lead on from here: saves the look-up
    /// where there is none of the kind, as with nearly every value of a parameter.
    kinds: u32,
    value: T,
}

/// A step in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// Half of its hash: nodes are looked at only where it is the same.
    tag: u32,
    /// Where it leads to; the root, to which none does, for none.
    to: NodeId,
}

const FREE: Slot = Slot { tag: 0, to: ROOT };

/// The text of a step, in the node itself unless it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

/// As many as there is room for beside the other kind of text.
const SHORT: usize = 22;

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short(length, bytes)
            }
            _ => Self::Long(text.into()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short(..) => str::from_utf8(self.bytes()).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl<T: Default> Tree<T> {
    /// The root alone.
    pub(super) fn new(fold: bool) -> Self {
        let mut tree = Self { nodes: Vec::new(), fold, steps: Vec::new(), count: 0 };
        tree.add();
        tree
    }

    /// A node that no text leads to.
    pub(super) fn add(&mut self) -> NodeId {
        self.push(ROOT, "")
    }

    /// The node that a text leads to, made if need be; and whether it was.
    pub(super) fn step(&mut self, from: NodeId, text: &str) -> (NodeId, bool) {
        if let Some(child) = self.child(from, text) {
            return (child, false);
        }
        let child = self.push(from, text);
        let hash = hash(from, text.as_bytes());
        if let Some(parent) = self.node_mut(from) {
            parent.kinds |= kind(hash);
        }
        self.count += 1;
        if self.count * 2 > self.steps.len() {
            self.widen();
        }
        enter(&mut self.steps, hash, child);
        (child, true)
    }

    fn push(&mut self, from: NodeId, text: &str) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(Node { from, text: Text::new(text), kinds: 0, value: T::default() });
        id
    }

    /// Twice as many places in the table.
    fn widen(&mut self) {
        let mut wider = vec![FREE; (self.count * 2).next_power_of_two()];
        for slot in self.steps.iter().filter(|slot| slot.to != ROOT) {
            if let Some(node) = self.node(slot.to) {
                enter(&mut wider, hash(node.from, node.text.bytes()), slot.to);
            }
        }
        self.steps = wider;
    }
}

impl<T> Tree<T> {
    /// Gives back what was kept for more nodes.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
    }

    /// The node that a text leads to.
    pub(super) fn child(&self, from: NodeId, text: &str) -> Option<NodeId> {
        let kinds = self.node(from)?.kinds;
        if kinds == 0 {
            return None;
        }
        let hash = hash(from, text.as_bytes());
        if kinds & kind(hash) == 0 {
            return None;
        }
        for slot in places(&self.steps, hash) {
            if slot.to == ROOT {
                break;
            }
            if slot.tag != tag(hash) {
                continue;
            }
            let node = self.node(slot.to)?;
            let found = node.text.bytes();
            let same = found == text.as_bytes() || (self.fold && found.eq_ignore_ascii_case(text.as_bytes()));
            if node.from == from && same {
                return Some(slot.to);
            }
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

    /// The steps that lead on from a node, each with its text. Looks at all nodes.
    pub(super) fn steps_from(&self, from: NodeId) -> impl Iterator<Item = (NodeId, &str)> {
        let nodes = (0..).zip(&self.nodes).filter(move |(_, node)| node.from == from);
        nodes.map(|(id, node)| (id, node.text.as_str())).filter(|(_, text)| !text.is_empty())
    }

    /// Whether texts are compared without regard to ASCII case.
    pub(super) fn folds(&self) -> bool {
        self.fold
    }

    /// The text of the step that leads to a node; empty where none does.
    pub(super) fn text(&self, at: NodeId) -> &str {
        self.node(at).map_or("", |node| node.text.as_str())
    }

    /// The texts that lead to a node, from the root.
    pub(super) fn path(&self, at: NodeId) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut at = at;
        while at != ROOT
            && let Some(node) = self.node(at)
        {
            texts.push(node.text.as_str());
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

/// The places where a step of this hash may stand, in their order.
fn places(steps: &[Slot], hash: u64) -> impl Iterator<Item = &Slot> {
    let first = hash as usize & steps.len().wrapping_sub(1);
    let (before, behind) = steps.split_at_checked(first).unwrap_or_default();
    behind.iter().chain(before)
}

/// Enters a step into a table that has room.
fn enter(steps: &mut [Slot], hash: u64, to: NodeId) {
    let first = hash as usize & steps.len().wrapping_sub(1);
    let (before, behind) = steps.split_at_mut_checked(first).unwrap_or_default();
    if let Some(slot) = behind.iter_mut().chain(before).find(|slot| slot.to == ROOT) {
        *slot = Slot { tag: tag(hash), to };
    }
}

/// One bit of 32, of those that don't say anything about a place.
fn kind(hash: u64) -> u32 {
    1 << (hash >> 59)
}

/// The half of a hash that says least about its place.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The same for texts that differ in ASCII case alone. Not keyed: what is in
/// the table comes from the policy, and a request that aims at one hash only
/// makes itself a few comparisons slower.
fn hash(from: NodeId, text: &[u8]) -> u64 {
    let mut hash = mix(u64::from(from) ^ u64::try_from(text.len()).unwrap_or(0).rotate_left(32));
    let (words, rest) = text.as_chunks();
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::collections::HashMap;

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
        for (text, id) in texts.iter().zip(&first) {
            assert_eq!((tree.text(*id), tree.path(*id)), (*text, vec![*text]));
        }
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

    /// As a table of tables would do it.
    #[test]
    fn many_steps_lead_as_a_plain_map_says() {
        let mut tree: Tree<u8> = Tree::new(false);
        let mut plain: HashMap<(NodeId, String), NodeId> = HashMap::new();
        let mut seed = 1_u64;
        for _ in 0..5_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (draw, of) = (seed >> 33, plain.len() + 1);
            let from = NodeId::try_from(draw % u64::try_from(of).unwrap()).unwrap();
            // Of every length around that of which a node has room.
            let text = format!("{}{}", "x".repeat(usize::try_from(draw % 26).unwrap()), draw % 7);
            let (child, is_new) = tree.step(from, &text);
            assert_eq!(plain.insert((from, text), child), (!is_new).then_some(child));
        }
        assert!(plain.len() > 4_000);
        for ((from, text), child) in &plain {
            assert_eq!((tree.child(*from, text), tree.text(*child)), (Some(*child), text.as_str()));
            assert_eq!(tree.child(*from, &format!("{text}y")), None);
        }
    }

    #[test]
    fn a_node_of_a_trie_is_a_line_of_the_cache() {
        assert_eq!((size_of::<Text>(), size_of::<Node<[u64; 4]>>()), (24, 64));
    }
}
