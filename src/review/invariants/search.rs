//! How far a proof goes: to the end, or to the first thing that breaks an invariant,
//! past all that is known to be as it was.

use crate::policy::invariant::Says;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Search<'a> {
    /// All that breaks any invariant.
    All,
    /// Anything that does, where all held before this service changed.
    First {
        /// Its name; none where anything may have changed.
        changed: Option<&'a str>,
    },
}

impl Search<'_> {
    /// Whether one that is false is enough.
    pub(super) fn is_for_one(self) -> bool {
        matches!(self, Self::First { .. })
    }

    /// Whether anything of this service may have changed.
    pub(super) fn is_about(self, service: &str) -> bool {
        match self {
            Self::All | Self::First { changed: None } => true,
            Self::First { changed: Some(changed) } => changed == service,
        }
    }

    /// Whether a service must be looked at for what an invariant says. Who may is
    /// said of each service alone; what must be there, of all of them together.
    pub(super) fn concerns(self, says: &Says, service: &str) -> bool {
        let is_of_each = matches!(says, Says::Only(_) | Says::Never(_));
        self.is_about(service) || !is_of_each
    }
}
