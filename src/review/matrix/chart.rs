//! What the forms of a matrix share.

use super::{Cell, Matrix};

impl Cell {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::If => "if",
            Self::No => "-",
        }
    }
}

/// What every form says of itself.
pub(super) const LEGEND: &str = "What somebody may call who holds one role and what it inherits, and nothing else: \
     `yes`, `if` where the noted conditions hold, `-` not (a denied address alone makes no `if`). `any user` has a token without a role, `anonymous` has none. \
     Several roles together may do more, and less where one denies.";

impl Matrix<'_> {
    /// How much of what there is.
    pub(super) fn sum(&self) -> String {
        let roles = self.columns.len().saturating_sub(2);
        let number = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        format!(
            "{}, {}, {}",
            number(self.blocks.len(), "service"),
            number(self.routes(), "route"),
            number(roles, "role")
        )
    }
}

/// Numbers of notes, as they stand behind something.
pub(super) fn numbers(notes: &[usize]) -> String {
    notes.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
