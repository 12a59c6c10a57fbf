//! A protobuf message in its JSON form, read as leniently as Envoy reads it:
//! field names in snake or camel case, flags as words, enums by name or number.
//!
//! Whatever Envoy would refuse, or might read differently, is a finding, and
//! never looks like a field that is absent.

use std::collections::HashMap;

use super::look::Look;
use crate::diag::Span;
use crate::yaml::{Entry, Kind, Node};

/// A message, and where to point at when something is missing in it.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    entries: &'a [Entry],
    start: usize,
    pub(super) at: Span,
}

/// A message of a type that is named beside it (`google.protobuf.Any`).
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    /// The full name of the type, without `type.googleapis.com/`.
    pub(super) kind: &'a str,
    pub(super) body: Message<'a>,
}

impl Typed<'_> {
    /// Whether the last part of the type's name is this.
    pub(super) fn is(&self, name: &str) -> bool {
        self.kind.rsplit('.').next() == Some(name)
    }
}

impl<'a> Message<'a> {
    /// A value that must be a message.
    pub(super) fn read(node: &'a Node, at: Span, look: &Look<'a>) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { entries, start: node.span.start, at }),
            _ => {
                look.unreadable(
                    node.span,
                    format!("a mapping is needed here, found {}", node.describe()),
                    MEND,
                );
                None
            }
        }
    }

    /// Where it begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The same message, to be pointed at elsewhere.
    pub(super) fn pointed(self, at: Span) -> Self {
        Self { at, ..self }
    }

    /// The entries as they stand.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// A field that is set. Where both spellings stand, Envoy takes the last.
    pub(super) fn get(&self, field: &str) -> Option<&'a Entry> {
        let found = self.entries.iter().rev().find(|entry| spelled(&entry.key, field));
        found.filter(|entry| !entry.value.is_null())
    }

    /// What is set beside these fields.
    pub(super) fn unknown(&self, fields: &'static [&'static str]) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|entry| !fields.iter().any(|field| spelled(&entry.key, field)))
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// Where a field stands, or else the message.
    pub(super) fn place(&self, field: &str) -> Span {
        self.get(field).map_or(self.at, |entry| entry.key_span)
    }

    /// The place of a field's value, or else of the message.
    pub(super) fn value_place(&self, field: &str) -> Span {
        self.get(field).map_or(self.at, |entry| entry.value.span)
    }

    pub(super) fn message(&self, field: &str, look: &Look<'a>) -> Option<Self> {
        let entry = self.get(field)?;
        Self::read(&entry.value, entry.key_span, look)
    }

    /// The items of a repeated field; empty where it is not set.
    pub(super) fn items(&self, field: &str, look: &Look<'a>) -> &'a [Node] {
        match self.get(field).map(|entry| &entry.value) {
            None => &[],
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(node) => {
                look.unreadable(
                    node.span,
                    format!("`{field}` must be a list, found {}", node.describe()),
                    MEND,
                );
                &[]
            }
        }
    }

    /// The messages of a repeated field, each pointed at by its name where it
    /// has one.
    pub(super) fn messages(&self, field: &str, look: &Look<'a>) -> Vec<Self> {
        let read = |node: &'a Node| {
            let message = Self::read(node, first_line(node), look)?;
            let name = message.get("name").map(|name| name.value.span);
            Some(message.pointed(name.unwrap_or(message.at)))
        };
        self.items(field, look).iter().filter_map(read).collect()
    }

    pub(super) fn texts(&self, field: &str, look: &Look<'a>) -> Vec<(&'a str, Span)> {
        let text = |node: &'a Node| match &node.kind {
            Kind::Scalar { text, .. } => Some((text.as_str(), node.span)),
            _ => {
                look.unreadable(node.span, format!("`{field}` must list texts"), MEND);
                None
            }
        };
        self.items(field, look).iter().filter_map(text).collect()
    }

    pub(super) fn text(&self, field: &str, look: &Look<'a>) -> Option<&'a str> {
        let entry = self.get(field)?;
        match &entry.value.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => {
                look.unreadable(entry.value.span, format!("`{field}` must be text"), MEND);
                None
            }
        }
    }

    /// What the message calls itself, for people.
    pub(super) fn name(&self, look: &Look<'a>) -> &'a str {
        self.text("name", look).unwrap_or("(no name)")
    }

    /// A flag; words as Envoy 1.40 takes them.
    pub(super) fn flag(&self, field: &str, look: &Look<'a>) -> Option<bool> {
        let entry = self.get(field)?;
        let Kind::Scalar { text, plain } = &entry.value.kind else {
            look.unreadable(entry.value.span, format!("`{field}` must be `true` or `false`"), FLAG);
            return None;
        };
        let word = text.to_ascii_lowercase();
        match word.as_str() {
            "true" | "yes" | "y" | "t" => Some(true),
            "false" | "no" | "n" | "f" => Some(false),
            "on" if *plain => Some(true),
            "off" if *plain => Some(false),
            "1" if !*plain => Some(true),
            "0" if !*plain => Some(false),
            _ => {
                let shown: String = text.chars().take(40).collect();
                look.unreadable(
                    entry.value.span,
                    format!("`{field}` must be `true` or `false`, not `{shown}`"),
                    FLAG,
                );
                None
            }
        }
    }

    /// Whether a flag is set; for flags whose default is off.
    pub(super) fn is_on(&self, field: &str, look: &Look<'a>) -> bool {
        self.flag(field, look) == Some(true)
    }

    /// Whether a flag is not set that must be; not one that can't be read.
    pub(super) fn is_off(&self, field: &str, look: &Look<'a>) -> bool {
        self.flag(field, look).map_or(!self.has(field), |on| !on)
    }

    /// An enum: the position of its value in `names`; the first where it is
    /// not set, `None` where it is none of them.
    pub(super) fn choice(&self, field: &str, names: &[&str], look: &Look<'a>) -> Option<usize> {
        let Some(entry) = self.get(field) else { return Some(0) };
        if let Kind::Scalar { text, .. } = &entry.value.kind {
            let by_name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
            let by_number = || text.parse::<usize>().ok().filter(|number| *number < names.len());
            if let Some(found) = by_name.or_else(by_number) {
                return Some(found);
            }
        }
        let known = names.join("`, `");
        look.unreadable(
            entry.value.span,
            format!("`{field}` has a value that is not known here"),
            format!("write one of `{known}`"),
        );
        None
    }

    pub(super) fn number(&self, field: &str, look: &Look<'a>) -> Option<f64> {
        let entry = self.get(field)?;
        let number = match &entry.value.kind {
            Kind::Scalar { text, .. } => text.parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        if number.is_none() {
            look.unreadable(entry.value.span, format!("`{field}` must be a number"), MEND);
        }
        number
    }

    /// A duration in seconds.
    pub(super) fn duration(&self, field: &str, look: &Look<'a>) -> Option<f64> {
        let entry = self.get(field)?;
        if let Kind::Map(_) = entry.value.kind {
            let parts = Self::read(&entry.value, entry.key_span, look)?;
            let nanos = parts.number("nanos", look).unwrap_or(0.0);
            return Some(parts.number("seconds", look).unwrap_or(0.0) + nanos / 1e9);
        }
        let seconds = match &entry.value.kind {
            Kind::Scalar { text, .. } => text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok()),
            _ => None,
        };
        let seconds = seconds.filter(|seconds| seconds.is_finite());
        if seconds.is_none() {
            let help = "write seconds and an `s`, such as `0.25s`";
            look.unreadable(entry.value.span, format!("`{field}` must be a duration"), help);
        }
        seconds
    }

    /// A message whose type stands beside it.
    pub(super) fn typed(&self, field: &str, look: &Look<'a>) -> Option<Typed<'a>> {
        self.message(field, look)?.any(look)
    }

    /// This message as one whose type stands in it. A `TypedStruct` is taken
    /// for what it stands for.
    pub(super) fn any(self, look: &Look<'a>) -> Option<Typed<'a>> {
        let named = |message: &Self, field: &str| -> Option<&'a str> {
            let url = message.text(field, look)?;
            Some(url.rsplit('/').next().unwrap_or(url))
        };
        let Some(kind) = named(&self, "@type") else {
            look.unreadable(self.at, "a configuration without `@type`", "Envoy refuses it: name its type");
            return None;
        };
        let typed = Typed { kind, body: self };
        if !typed.is("TypedStruct") {
            return Some(typed);
        }
        let body = self.message("value", look);
        let Some((kind, body)) = named(&self, "type_url").zip(body) else {
            look.unreadable(self.at, "a `TypedStruct` without `type_url` and `value`", MEND);
            return None;
        };
        Some(Typed { kind, body: body.pointed(self.at) })
    }
}

const MEND: &str = "Envoy would refuse this: see what `envoy --mode validate` says";

const FLAG: &str = "write `true` or `false`";

/// The place of the first line of a value, for those without a name.
fn first_line(node: &Node) -> Span {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        _ => node.span,
    }
}

/// Two keys that are the same field in both spellings: Envoy takes one of them,
/// or both, depending on the type.
pub(super) fn twice(entries: &[Entry]) -> Option<(&Entry, &Entry)> {
    let mut plain: HashMap<String, &Entry> = HashMap::with_capacity(entries.len());
    let mut pairs = entries.iter().filter_map(|entry| {
        let first = plain.insert(camel(&entry.key).collect(), entry)?;
        Some((first, entry))
    });
    pairs.next()
}

/// Whether a key is this field, in snake case as given or in camel case.
fn spelled(key: &str, field: &str) -> bool {
    key == field || camel(field).eq(key.chars())
}

/// A field in camel case.
fn camel(field: &str) -> impl Iterator<Item = char> {
    let mut raise = false;
    field.chars().filter_map(move |c| {
        let raised = std::mem::replace(&mut raise, c == '_');
        (c != '_').then(|| if raised { c.to_ascii_uppercase() } else { c })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_two_spellings() {
        for key in ["failure_mode_allow", "failureModeAllow"] {
            assert!(spelled(key, "failure_mode_allow"), "{key}");
        }
        for key in ["failure_modeAllow", "failureModeAllo", "failureModeAllows", "FailureModeAllow", ""] {
            assert!(!spelled(key, "failure_mode_allow"), "{key}");
        }
        assert!(spelled("proxy100Continue", "proxy_100_continue"));
        assert!(spelled("@type", "@type"));
    }
}
