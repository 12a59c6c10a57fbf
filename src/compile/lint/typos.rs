//! Codes and roles that look like other ones.
//!
//! Names that differ by case, separators or a plural are always told of; names
//! that differ by one letter only where one of the two is named in vain, which
//! is what a typo does. No pair is compared that has not met in a table.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::usage::Usage;
use crate::diag::{Code as Diag, Diagnostic, Report, Span, distance};

/// The shortest word that is taken for a misspelt one.
const MIN_WORD: usize = 4;

/// How many names are looked at for the one that is meant: a code among hundreds
/// of neighbours is no typo of any.
const MAX_NEAR: usize = 32;

/// A name and how it is used.
struct Name<'a> {
    text: &'a str,
    uses: usize,
    /// Whether it can be had, and whether anybody asks for it.
    had: bool,
    wanted: bool,
    at: Span,
}

/// Tells of names that are probably meant to be other ones; gives those of which
/// nothing more is to be said.
pub(super) fn similar<'a>(usage: &Usage<'a>, report: &mut Report) -> HashSet<&'a str> {
    let mut typos = pairs(&codes(usage), "code", report);
    typos.extend(pairs(&roles(usage), "role", report));
    typos
}

impl Name<'_> {
    /// Whether it is required and never granted, or the reverse.
    fn in_vain(&self) -> bool {
        !self.had || !self.wanted
    }
}

fn codes<'a>(usage: &Usage<'a>) -> Vec<Name<'a>> {
    let texts: BTreeSet<&str> = usage.required.keys().chain(usage.granted.keys()).copied().collect();
    let name = |text: &'a str| {
        let (required, granted) = (usage.required.get(text), usage.granted.get(text));
        let at = required.or(granted)?.first;
        let uses = required.map_or(0, |uses| uses.count) + granted.map_or(0, |uses| uses.count);
        Some(Name { text, uses, had: usage.is_granted(text), wanted: usage.is_wanted(text), at })
    };
    texts.into_iter().filter_map(name).collect()
}

fn roles<'a>(usage: &Usage<'a>) -> Vec<Name<'a>> {
    let roles: BTreeMap<&str, Span> = usage.role_places.iter().copied().collect();
    let name = |(text, at): (&'a str, Span)| {
        let uses = usage.roles.get(text).copied().unwrap_or_default();
        Name { text, uses, had: true, wanted: uses > 0, at }
    };
    roles.into_iter().map(name).collect()
}

fn pairs<'a>(names: &[Name<'a>], what: &str, report: &mut Report) -> HashSet<&'a str> {
    let mut odd: BTreeMap<&str, (&Name<'a>, &Name<'a>)> = BTreeMap::new();
    let mut folded: HashMap<String, Vec<&Name<'a>>> = HashMap::new();
    for name in names {
        folded.entry(fold(name.text)).or_default().push(name);
    }
    for group in folded.values().filter(|group| group.len() > 1) {
        let usual = group.iter().max_by_key(|name| (!name.in_vain(), name.uses));
        let Some(usual) = usual else { continue };
        for name in group.iter().filter(|name| name.text != usual.text) {
            odd.insert(name.text, (name, usual));
        }
    }
    let table = Table::of(names);
    for name in names.iter().filter(|name| name.in_vain()) {
        if odd.contains_key(name.text) {
            continue;
        }
        let meant = table.near(name).filter(|other| !odd.contains_key(other.text));
        let meant = meant.filter(|other| other.uses >= name.uses && is_typo(name.text, other.text));
        if let Some(usual) = meant.max_by_key(|other| (!other.in_vain(), other.uses)) {
            odd.insert(name.text, (name, usual));
        }
    }
    for (name, usual) in odd.values() {
        let message = format!("the {what} `{}` looks like `{}`", name.text, usual.text);
        report.push(
            Diagnostic::at(Diag::SimilarNames, name.at, message)
                .label("another name for the same?")
                .related(usual.at, "named more often, or rightly")
                .help(format!("did you mean `{}`? if both are meant, let them differ by more", usual.text)),
        );
    }
    // What is missing of the one may be what is there of the other: then nothing
    // more is to be said of either.
    let explained = |(name, usual): &(&Name<'a>, &Name<'a>)| {
        let other = name.had != usual.had || name.wanted != usual.wanted;
        std::iter::once(name.text).chain(other.then_some(usual.text))
    };
    odd.values().flat_map(explained).collect()
}

/// A name without case, separators and plurals.
fn fold(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(is_separator).map(|word| match word.strip_suffix('s') {
        Some(single) if single.len() >= MIN_WORD && !single.ends_with('s') => single,
        _ => word,
    });
    words.collect::<Vec<_>>().join("-")
}

fn is_separator(c: char) -> bool {
    !c.is_ascii_alphanumeric()
}

/// Whether two names differ by one letter, in one word that is long enough. A
/// digit is hardly ever a typo: `v1` and `v2` are two things.
fn is_typo(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let words = |text: &str| text.split(is_separator).map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (words(one), words(other));
    let mut differ = mine.iter().zip(&theirs).filter(|(mine, theirs)| mine != theirs);
    let long = match (mine.len() == theirs.len(), differ.next(), differ.next()) {
        (true, Some((mine, theirs)), None) => mine.len().min(theirs.len()) >= MIN_WORD,
        // A separator is missing or one too many.
        (false, ..) => one.len().min(other.len()) > MIN_WORD,
        _ => false,
    };
    long && letters(one) != letters(other) && distance(one, other) == 1
}

/// Names by themselves and by themselves without one letter: two that differ by
/// one letter meet here.
struct Table<'n, 'a> {
    names: &'n [Name<'a>],
    by_part: HashMap<u64, Vec<u32>>,
}

impl<'n, 'a> Table<'n, 'a> {
    fn of(names: &'n [Name<'a>]) -> Self {
        let mut by_part: HashMap<u64, Vec<u32>> = HashMap::new();
        // Where every name is used rightly nobody will ask.
        if names.iter().any(|name| name.in_vain()) {
            for (name, id) in names.iter().zip(0..) {
                let parts: BTreeSet<u64> = parts(name.text).collect();
                parts.into_iter().for_each(|part| by_part.entry(part).or_default().push(id));
            }
        }
        Self { names, by_part }
    }

    fn near(&self, name: &Name<'a>) -> impl Iterator<Item = &'n Name<'a>> {
        let ids: BTreeSet<u32> =
            parts(name.text).filter_map(|part| self.by_part.get(&part)).flatten().copied().collect();
        let names = ids.into_iter().filter_map(|id| self.names.get(usize::try_from(id).ok()?));
        let own = name.text;
        names.filter(move |other| other.text != own).take(MAX_NEAR)
    }
}

fn parts(text: &str) -> impl Iterator<Item = u64> {
    let hash = |front: &str, back: &str| {
        let mut hasher = DefaultHasher::new();
        front.bytes().chain(back.bytes()).for_each(|byte| byte.hash(&mut hasher));
        hasher.finish()
    };
    let without = (0..text.len()).filter_map(move |at| Some(hash(text.get(..at)?, text.get(at + 1..)?)));
    without.chain([hash(text, "")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_a_typo_and_a_number_is_not() {
        for (one, other) in
            [("event:craete", "event:create"), ("event:reed", "event:read"), ("evnt:read", "event:read")]
        {
            assert!(is_typo(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("v1:read", "v2:read"),
            ("a:read", "b:read"),
            ("event:get", "event:set"),
            ("event:read", "event:write"),
            ("tier-1", "tier-10"),
            ("a:b", "ab"),
        ] {
            assert!(!is_typo(one, other), "{one} {other}");
        }
        assert_eq!(fold("Events.Read"), fold("event:read"));
        assert_ne!(fold("access:read"), fold("acces:read"));
        assert_ne!(fold("bus:read"), fold("bu:read"));
    }
}
