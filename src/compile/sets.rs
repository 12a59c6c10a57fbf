//! What roles give: roles, codes, and codes that are taken away.

use super::bits::BitSet;

/// What one role, or several together, give.
#[derive(Debug, Clone, Copy)]
pub struct Gives<'a> {
    /// The roles that are held, inherited ones included.
    pub roles: &'a BitSet,
    /// The codes that are granted.
    pub granted: &'a BitSet,
    /// The codes that are denied, whatever grants them.
    pub denied: &'a BitSet,
}

/// The same, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// The roles that are held, inherited ones included.
    pub roles: BitSet,
    /// The codes that are granted.
    pub granted: BitSet,
    /// The codes that are denied, whatever grants them.
    pub denied: BitSet,
}

impl Sets {
    pub(super) fn of(gives: Gives<'_>) -> Self {
        let Gives { roles, granted, denied } = gives;
        Self { roles: roles.clone(), granted: granted.clone(), denied: denied.clone() }
    }

    /// Adds what is given further.
    pub fn add(&mut self, more: Gives<'_>) {
        self.roles.union(more.roles);
        self.granted.union(more.granted);
        self.denied.union(more.denied);
    }

    /// All of it.
    pub fn gives(&self) -> Gives<'_> {
        let Self { roles, granted, denied } = self;
        Gives { roles, granted, denied }
    }

    /// How many bytes it takes beside itself.
    pub fn bytes(&self) -> usize {
        self.roles.bytes() + self.granted.bytes() + self.denied.bytes()
    }
}
