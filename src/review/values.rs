//! The values of path parameters that bindings tell apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::{Bindings, Index, On};

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
    for on in everyone(index).flat_map(ons) {
        let values = told.entry(&*on.param).or_default();
        values.extend(on.values.exact.iter().map(|value| Told::Exact(value)));
        values.extend(on.values.prefixes.iter().map(|prefix| Told::Prefix(prefix)));
    }
    told
}

/// Everything that bindings of a policy give to anybody.
pub(super) fn everyone(index: &Index) -> impl Iterator<Item = &Bindings> {
    let users = index.users().map(|(_, given)| given);
    let groups = index.groups().map(|(_, given)| given);
    users.chain(groups).chain(index.peers())
}

fn ons(bindings: &Bindings) -> impl Iterator<Item = &On> {
    let scoped = bindings.scoped.iter().flat_map(|scoped| scoped.bounds());
    scoped.filter_map(|bound| bound.scope.as_ref()).flat_map(|scope| scope.on.iter())
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
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
