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
mod effects;
mod held;
mod hosts;
pub mod invariants;
mod logic;
pub mod matrix;
pub mod mutate;
mod outcome;
mod region;
pub mod replay;
mod shape;
pub mod suite;
mod values;
mod walk;
pub mod what;
mod who;
pub mod who_can;
mod witness;
mod world;

pub use diff::{Change, Diff, Kind, Met, Shift};
pub use logic::TooComplex;
pub use who::{Besides, Set, Who};
pub use witness::{Asking, Token, Witness};
pub use world::Tokens;

use crate::words::is_unseen;

/// Text that shows as what it is, on one line.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Words that are no markup, whatever is in them.
pub fn markup(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in shown(words).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention would call somebody, a number would point at an issue.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // What looks like the beginning of an address is made into a link.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_markup() {
        assert_eq!(markup("a_b|c `x` <img>"), "a\\_b\\|c \\`x\\` &lt;img&gt;");
        assert_eq!(
            markup("@team #12 [x](https://e.test)"),
            "&#64;team &#35;12 \\[x\\]\\(https&#58;//e.test\\)"
        );
        assert_eq!(markup("a\n\n# b"), "a\\\\u\\{a\\}\\\\u\\{a\\}&#35; b");
    }
}
