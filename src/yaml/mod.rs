//! YAML text into a tree in which every value knows its place.
//!
//! One reading for all our files: plain mappings, lists and scalars. Anchors,
//! aliases, merge keys, tags, directives and second documents are refused, so
//! that there is one way to say a thing and a reviewer sees all of it. (Files of
//! other programs may name and repeat values: `parse_foreign`.) Values
//! are not typed by guessing: a scalar stays text until a reader asks for it.
//! This room knows nothing of what the keys mean.

mod fields;
mod kept;
mod parse;
mod read;
mod tree;

pub use fields::{Elsewhere, Fields, Shape};
pub use kept::KeptText;
pub use parse::{MAX_DEPTH, comments, parse, parse_foreign};
pub use read::{Text, entries, integer, items, key_name, text, texts, word, yes_or_no};
pub use tree::{Entry, Kind, Node};
