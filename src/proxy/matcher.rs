//! Envoy's matchers of names, and lists of header changes: which headers do
//! they take? The second file that names the regex crate.

use regex::RegexBuilder;

use super::look::Look;
use super::message::Message;

/// How large a compiled expression may be, as protection; Envoy's own limit is
/// lower.
const MAX_PROGRAM: usize = 1 << 20;

/// What a matcher takes.
pub(super) enum Names {
    Exact(String, bool),
    Prefix(String, bool),
    Suffix(String, bool),
    Contains(String, bool),
    Whole(regex::Regex),
    /// What can't be read: a finding was made of it.
    Unknown,
}

impl Names {
    /// A `StringMatcher`.
    pub(super) fn read<'a>(matcher: Message<'a>, look: &Look<'a>) -> Self {
        let fold = matcher.is_on("ignore_case", look);
        let text = |field| {
            let text = matcher.text(field, look)?;
            Some(if fold { text.to_ascii_lowercase() } else { text.to_owned() })
        };
        if let Some(text) = text("exact") {
            Self::Exact(text, fold)
        } else if let Some(text) = text("prefix") {
            Self::Prefix(text, fold)
        } else if let Some(text) = text("suffix") {
            Self::Suffix(text, fold)
        } else if let Some(text) = text("contains") {
            Self::Contains(text, fold)
        } else if let Some(regex) = matcher.message("safe_regex", look) {
            Self::regex(regex, look)
        } else {
            look.unreadable(
                matcher.at,
                "a matcher that is not known here",
                "use `exact`, `prefix` or `safe_regex`",
            );
            Self::Unknown
        }
    }

    /// A `RegexMatcher`: the whole text must match.
    pub(super) fn regex<'a>(matcher: Message<'a>, look: &Look<'a>) -> Self {
        let Some(text) = matcher.text("regex", look) else {
            look.unreadable(matcher.at, "an expression without `regex`", "write `{ regex: \"..\" }`");
            return Self::Unknown;
        };
        match RegexBuilder::new(&format!("^(?:{text})$")).size_limit(MAX_PROGRAM).build() {
            Ok(regex) => Self::Whole(regex),
            Err(_) => {
                let at = matcher.value_place("regex");
                look.unreadable(at, "a regular expression that can't be read", "see what Envoy says of it");
                Self::Unknown
            }
        }
    }

    pub(super) fn take(&self, name: &str) -> bool {
        let cased = |fold: bool| if fold { name.to_ascii_lowercase() } else { name.to_owned() };
        match self {
            Self::Exact(text, fold) => cased(*fold) == *text,
            Self::Prefix(text, fold) => cased(*fold).starts_with(text.as_str()),
            Self::Suffix(text, fold) => cased(*fold).ends_with(text.as_str()),
            Self::Contains(text, fold) => cased(*fold).contains(text.as_str()),
            Self::Whole(regex) => regex.is_match(name),
            Self::Unknown => false,
        }
    }
}

/// A `ListStringMatcher`.
pub(super) fn patterns<'a>(list: Message<'a>, look: &Look<'a>) -> Vec<Names> {
    list.messages("patterns", look).into_iter().map(|matcher| Names::read(matcher, look)).collect()
}

/// A list of `HeaderMutation`s: what it removes, and whether it does anything
/// else.
#[derive(Default)]
pub(super) struct Mutations {
    removes: Vec<Names>,
    /// Names that it sets or appends to.
    pub(super) sets: bool,
}

impl Mutations {
    pub(super) fn read<'a>(from: Message<'a>, field: &str, look: &Look<'a>) -> Self {
        let mut all = Self::default();
        for mutation in from.messages(field, look) {
            if let Some(name) = mutation.text("remove", look) {
                all.removes.push(Names::Exact(name.to_ascii_lowercase(), true));
            } else if let Some(on) = mutation.message("remove_on_match", look) {
                match on.message("key_matcher", look) {
                    Some(matcher) => all.removes.push(Names::read(matcher, look)),
                    None => look.unreadable(on.at, "a removal without `key_matcher`", "name what is removed"),
                }
            } else {
                all.sets = true;
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.removes.is_empty() && !self.sets
    }

    /// Whether a header of this name is gone afterwards.
    pub(super) fn remove(&self, name: &str) -> bool {
        self.removes.iter().any(|names| names.take(name))
    }

    /// Takes what another list does, too.
    pub(super) fn join(&mut self, other: Self) {
        self.removes.extend(other.removes);
        self.sets |= other.sets;
    }
}
