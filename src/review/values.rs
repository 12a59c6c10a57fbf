//! The values of path parameters that bindings tell apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::{Bindings, Index, On};
use crate::words::escape;

/// A value, or what values begin with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Told<'i> {
    /// Exactly this.
    Exact(&'i str),
    /// Everything that begins with this.
    Prefix(&'i str),
}

impl Told<'_> {
    /// A value that is meant.
    pub(super) fn example(&self) -> String {
        match self {
            Self::Exact(value) => (*value).to_owned(),
            Self::Prefix(prefix) => format!("{prefix}x"),
        }
    }
}

/// By parameter, what the bindings of a policy tell apart.
pub(super) fn of_params(index: &Index) -> BTreeMap<&str, BTreeSet<Told<'_>>> {
    let mut told: BTreeMap<&str, BTreeSet<Told<'_>>> = BTreeMap::new();
    for on in scopes(index).flatten() {
        let values = told.entry(&*on.param).or_default();
        values.extend(on.values.exact.iter().map(|value| Told::Exact(value)));
        values.extend(on.values.prefixes.iter().map(|prefix| Told::Prefix(prefix)));
    }
    told
}

/// Which parameters each scope looks at together, and their values.
pub(super) fn scopes(index: &Index) -> impl Iterator<Item = &[On]> {
    let bounds = index.bindings().flat_map(Bindings::bounds);
    bounds.filter_map(|bound| bound.scope.as_ref()).map(|scope| &*scope.on)
}

/// A text as a segment of a path: what may not stand there is escaped, as RFC
/// 3986, section 3.3 has it.
pub(super) fn segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&b);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) || byte == b';' {
            out.push(char::from(byte));
        } else {
            escape(byte, &mut out);
        }
    }
    out
}
