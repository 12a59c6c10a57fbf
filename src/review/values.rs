//! The values of path parameters that bindings tell apart, and texts that show each
//! kind of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::{Bindings, Index, On, Values};
use crate::policy::{RequestPath, decode_segment};
use crate::words::escape;

/// Values, and beginnings of values, that are told from all others.
#[derive(Debug, Clone, Default)]
pub(super) struct Told<'i> {
    exact: BTreeSet<&'i str>,
    prefixes: BTreeSet<&'i str>,
}

/// How a value is told from others. Those with the same are one to all bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'i> {
    /// By all that it is.
    Exact(&'i str),
    /// By its beginning. The longest one that is told says which shorter ones are
    /// too.
    Prefix(&'i str),
    /// By nothing.
    Any,
}

impl<'i> Told<'i> {
    fn add(&mut self, values: &'i Values) {
        self.exact.extend(values.exact.iter().map(|value| &**value));
        self.prefixes.extend(values.prefixes.iter().map(|prefix| &**prefix));
    }

    /// All that is told here and there.
    pub(super) fn extend(&mut self, other: &Self) {
        self.exact.extend(&other.exact);
        self.prefixes.extend(&other.prefixes);
    }

    /// How many kinds there are beside any other.
    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.prefixes.len()
    }

    /// The kind of the value that a segment holds.
    pub(super) fn kind_of(&self, segment: &str) -> Kind<'i> {
        self.kind(&decode_segment(segment))
    }

    fn kind(&self, value: &str) -> Kind<'i> {
        if let Some(exact) = self.exact.get(value) {
            return Kind::Exact(exact);
        }
        let ends = (0..=value.len()).rev().filter_map(|end| value.get(..end));
        let known = ends.filter_map(|stem| self.prefixes.get(stem)).next();
        known.map_or(Kind::Any, |prefix| Kind::Prefix(prefix))
    }

    /// A segment that shows what is of no kind, and is not taken for anything else
    /// either.
    pub(super) fn usual(&self, taken: impl Fn(&str) -> bool) -> String {
        self.free("", &self.others(), &taken).unwrap_or_else(|| named("x", taken))
    }

    /// The kind of most values.
    fn others(&self) -> Kind<'i> {
        if self.prefixes.contains("") { Kind::Prefix("") } else { Kind::Any }
    }

    /// A segment for each kind, one that is not taken where there is one.
    pub(super) fn segments(&self, taken: impl Fn(&str) -> bool) -> Vec<String> {
        let exact = self.exact.iter().map(|value| (*value).to_owned());
        let prefixes = self.prefixes.iter().filter_map(|prefix| {
            let kind = Kind::Prefix(prefix);
            self.free(prefix, &kind, &taken).or_else(|| self.free(prefix, &kind, &|_| false))
        });
        // What no path can hold is nobody's.
        let is_readable =
            |segment: &String| !segment.is_empty() && RequestPath::parse(&format!("/{segment}")).is_ok();
        exact.chain(prefixes).map(|value| segment(&value)).filter(is_readable).collect()
    }

    /// A value of a kind that begins like this: if all that go on with one more
    /// character are others', there is none.
    fn free(&self, prefix: &str, kind: &Kind<'_>, taken: &impl Fn(&str) -> bool) -> Option<String> {
        let usual = std::iter::once("x".to_owned()).chain((1..10).map(|n| format!("x{n}")));
        let single = ('a'..='z').chain('\u{e0}'..=char::MAX).map(String::from);
        let ends = usual.chain((!prefix.is_empty()).then(String::new)).chain(single);
        ends.map(|end| format!("{prefix}{end}")).find(|value| self.kind(value) == *kind && !taken(value))
    }
}

/// By parameter, what the bindings of a policy tell apart.
pub(super) fn of_params(index: &Index) -> BTreeMap<&str, Told<'_>> {
    let mut told: BTreeMap<&str, Told<'_>> = BTreeMap::new();
    for on in scopes(index).flatten() {
        told.entry(&*on.param).or_default().add(&on.values);
    }
    told
}

/// By depth, what the bindings of several policies tell apart of the segments there.
pub(super) fn by_depth<'i>(sides: &[&'i Index]) -> BTreeMap<usize, Told<'i>> {
    let mut depths: BTreeMap<usize, Told<'i>> = BTreeMap::new();
    for index in sides {
        let told = of_params(index);
        for (depth, name) in index.routes().flat_map(|(_, route)| route.template.params()) {
            if let Some(told) = told.get(name) {
                depths.entry(depth).or_default().extend(told);
            }
        }
    }
    depths
}

/// Which parameters each scope looks at together, and their values.
pub(super) fn scopes(index: &Index) -> impl Iterator<Item = &[On]> {
    let bounds = index.bindings().flat_map(Bindings::bounds);
    bounds.filter_map(|bound| bound.scope.as_ref()).map(|scope| &*scope.on)
}

/// The first name that is not taken: the word itself, or the word and a number.
pub(super) fn named(word: &str, taken: impl Fn(&str) -> bool) -> String {
    let names = std::iter::once(word.to_owned()).chain((1..).map(|n: u64| format!("{word}{n}")));
    names.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

/// A text as a segment of a path: what may not stand there is escaped, as RFC
/// 3986, section 3.3 has it.
fn segment(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_shown() {
        let exact = BTreeSet::from(["x", "x1", "vx", "a", "", ".."]);
        let told = Told { exact, prefixes: BTreeSet::from(["v", "vx", "x2", "ad"]) };
        let taken = |text: &str| text == "adx" || text == "x3";
        assert_eq!(told.usual(taken), "x4");
        assert_eq!(told.segments(taken), ["a", "vx", "x", "x1", "adx1", "v", "vxx", "x2x"]);
        let all = Told { exact: BTreeSet::from(["x"]), prefixes: BTreeSet::from([""]) };
        assert_eq!((all.kind("y"), all.kind("x")), (Kind::Prefix(""), Kind::Exact("x")));
        assert_eq!(all.segments(|_| false), ["x", "x1"]);
    }
}
