//! What a person asks before a change of policy is merged: what it opens, who
//! can, what no test has looked at.
//!
//! Offline: this room reads compiled policies and is never on the path of a
//! request. It prints nothing and knows no transport.

mod access;
mod classes;
mod command;
mod compare;
mod conditions;
pub mod coverage;
mod diff;
mod held;
mod hosts;
mod logic;
pub mod matrix;
mod outcome;
mod region;
mod shape;
pub mod suite;
mod values;
mod walk;
pub mod what;
mod who;
mod witness;
mod world;

pub use diff::{Change, Diff, Kind, Met, Shift};
pub use logic::TooComplex;
pub use who::{Besides, Set, Who};
pub use witness::{Asking, Token, Witness};

use crate::words::is_unseen;

/// Text that shows as what it is, on one line.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}
