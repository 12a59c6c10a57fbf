//! What becomes of policies that change while Doorward runs: `reload`.

use crate::diag::Report;
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape};

/// What becomes of policies that change while Doorward runs. The default is
/// the safe one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reload {
    /// Whether more than half of the routes may go at once.
    pub allow_shrink: bool,
}

pub(super) const SHAPE: Shape = Shape { what: "`reload`", known: &["allow_shrink"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[Elsewhere {
    words: &["interval", "every", "period", "poll", "poll_interval", "debounce", "watch", "enabled"],
    meant: "",
    help: "remove it: the policy directory is looked at every second",
}];

pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Reload> {
    let Some(entry) = entry else { return Some(Reload::default()) };
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let allow_shrink = match fields.get("allow_shrink") {
        Some(entry) => yaml::yes_or_no(&entry.value, "`reload.allow_shrink`", report)?,
        None => false,
    };
    Some(Reload { allow_shrink })
}
