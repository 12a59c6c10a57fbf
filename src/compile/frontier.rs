//! Where paths that begin alike stand in a trie: what is left to be matched by
//! what follows. Paths with equal frontiers meet the same routes from there on.
//! For walks over all paths at once, never for a request.

use std::collections::HashMap;

use super::tree::{NodeId, ROOT};
use super::trie::{Trie, disguised};

/// How the beginning of a path stands in a trie.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Frontier {
    /// What is left, the most specific first.
    left: Vec<Left>,
    /// The same for a careless reader, where that matters.
    loosely: Vec<Left>,
    /// Whether some segment holds `;`, and whether one holds an encoded slash.
    odd: (bool, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Left {
    /// A node whose steps go on, and whether a parameter led to it.
    Node(NodeId, bool),
    /// The `/**` of a node, and whether odd segments keep it from matching.
    Rest(NodeId, bool),
    /// A literal in disguise: the path is refused if nothing before it matches.
    Refused(NodeId),
}

/// The steps of a trie by where they begin.
#[derive(Debug)]
pub struct Steps<'t> {
    trie: &'t Trie,
    below: HashMap<NodeId, Vec<NodeId>>,
    /// Whether careless readings matter.
    loosely: bool,
}

impl<'t> Steps<'t> {
    /// Of a trie; `loosely` if some route could be met by another spelling.
    pub fn new(trie: &'t Trie, loosely: bool) -> Self {
        let mut below: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for (at, from, _) in trie.tree.iter() {
            if !trie.tree.text(at).is_empty() {
                below.entry(from).or_default().push(at);
            }
        }
        Self { trie, below, loosely }
    }

    /// Whether literals match in any case.
    pub fn folds(&self) -> bool {
        self.trie.tree.folds()
    }

    /// The frontier of `/`.
    pub fn start(&self) -> Frontier {
        let root = vec![Left::Node(ROOT, false)];
        let loosely = if self.loosely { root.clone() } else { Vec::new() };
        Frontier { left: root, loosely, odd: (false, false) }
    }

    /// The frontier one segment further.
    pub fn follow(&self, from: &Frontier, segment: &str) -> Frontier {
        let (parameter, slash) = (segment.contains(';'), has_encoded_slash(segment));
        let odd = parameter || slash;
        let tree = &self.trie.tree;
        let mut left = Vec::new();
        for item in &from.left {
            let Left::Node(at, broad) = *item else {
                left.push(item.spoiled(odd));
                continue;
            };
            match disguised(segment) {
                Some(plain) if tree.child(at, &plain).is_some() => left.push(Left::Refused(at)),
                Some(_) => {}
                None => left.extend(tree.child(at, segment).map(|child| Left::Node(child, broad))),
            }
            self.onwards(at, odd, &mut left);
        }
        let mut loosely = Vec::new();
        for item in &from.loosely {
            let Left::Node(at, broad) = *item else {
                loosely.push(item.spoiled(odd));
                continue;
            };
            self.trie.each_alike(at, segment, |child| loosely.push(Left::Node(child, broad)));
            self.onwards(at, odd, &mut loosely);
        }
        Frontier { left, loosely, odd: (from.odd.0 || parameter, from.odd.1 || slash) }
    }

    /// What any segment leads to.
    fn onwards(&self, at: NodeId, odd: bool, left: &mut Vec<Left>) {
        let Some(stop) = self.trie.tree.value(at) else { return };
        left.extend(stop.param().map(|param| Left::Node(param, true)));
        if stop.has_rest() {
            left.push(Left::Rest(at, odd));
        }
    }

    /// The literals that lead on.
    pub fn literals<'s>(&'s self, from: &'s Frontier) -> impl Iterator<Item = &'t str> + 's {
        let nodes = from.left.iter().chain(&from.loosely).filter_map(|item| match item {
            Left::Node(at, _) => Some(*at),
            Left::Rest(..) | Left::Refused(_) => None,
        });
        nodes
            .flat_map(|at| self.below.get(&at).into_iter().flatten())
            .map(|child| self.trie.tree.text(*child))
    }
}

impl Frontier {
    /// Whether nothing more is told apart: whatever follows meets the same.
    pub fn is_settled(&self) -> bool {
        let goes_on = |item: &Left| matches!(item, Left::Node(..));
        !self.left.iter().chain(&self.loosely).any(goes_on)
    }
}

impl Left {
    fn spoiled(self, odd: bool) -> Self {
        match self {
            Self::Rest(at, before) => Self::Rest(at, before || odd),
            other => other,
        }
    }
}

fn has_encoded_slash(segment: &str) -> bool {
    segment.as_bytes().windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f"))
}
