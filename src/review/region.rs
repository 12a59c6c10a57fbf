//! Paths that no policy tells apart, by one of them.

use std::collections::BTreeSet;

use super::logic::Function;
use super::world::World;
use crate::policy::{Template, decode_segment};

/// A set of paths that all policies treat alike, but for what bindings say of
/// the values of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Region {
    /// From the left.
    pub(super) pieces: Vec<Piece>,
}

/// One segment of such paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    /// What stands for all that may stand there: the values that bindings tell
    /// apart, one of each kind, as they are written in a path. Never empty; the
    /// first is the most usual.
    pub(super) values: Vec<String>,
    /// Whether it is one text, and not any of a kind.
    pub(super) fixed: bool,
}

impl Region {
    /// One of the paths; of each segment the value with this number.
    pub(super) fn path(&self, which: impl Fn(usize) -> usize) -> String {
        if self.pieces.is_empty() {
            return "/".to_owned();
        }
        let text = |(depth, piece): (usize, &Piece)| {
            let value = piece.values.get(which(depth)).or(piece.values.first());
            format!("/{}", value.map_or("", String::as_str))
        };
        self.pieces.iter().enumerate().map(text).collect()
    }

    /// The most usual of the paths.
    pub(super) fn usual_path(&self) -> String {
        self.path(|_| 0)
    }
}

/// A route on a region: what its parameters may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'r> {
    pub(super) template: &'r Template,
    pub(super) region: &'r Region,
}

impl Ground<'_> {
    /// A parameter's value is one of these; `None` where the route has no such
    /// parameter.
    pub(super) fn param(
        &self,
        world: &World<'_>,
        name: &str,
        is_meant: impl Fn(&str) -> bool,
    ) -> Option<Function> {
        let (depth, _) = self.template.params().find(|(_, param)| *param == name)?;
        let piece = self.region.pieces.get(depth)?;
        let meant = |(_, value): &(usize, &String)| is_meant(&decode_segment(value));
        let meant: BTreeSet<usize> =
            piece.values.iter().enumerate().filter(meant).map(|(at, _)| at).collect();
        if meant.len() == piece.values.len() || meant.is_empty() {
            return Some(world.logic.constant(!meant.is_empty()));
        }
        // INVARIANT: a piece holds one value of each kind, and that many were planned for.
        match world.facts.segments.get(depth).filter(|choice| choice.can_be(piece.values.len())) {
            Some(choice) => Some(world.logic.among(&choice.narrowed(piece.values.len()), &meant)),
            None => Some(world.logic.overflow()),
        }
    }
}
