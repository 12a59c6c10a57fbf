//! Where and when a role counts that a binding gives.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::policy::{self, Moment, RequestPath, Template, ValuePattern, decode_segment};

/// Where and when a role counts. Something is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What path parameters must be: all of them.
    pub on: Box<[On]>,
    /// When.
    pub window: Window,
}

/// What one path parameter must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct On {
    /// Its name.
    pub param: Arc<str>,
    /// Which values it may have.
    pub values: Values,
}

/// A stretch of time, open to the side where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// From this second.
    pub from: Option<Moment>,
    /// Up to the second before this one.
    pub until: Option<Moment>,
}

/// A request that met a route, as far as scopes look at it.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The route's template, which the path matches.
    pub template: &'a Template,
    /// The request's path.
    pub path: &'a RequestPath<'a>,
    /// Seconds since 1970.
    pub now: u64,
}

impl<'a> Occasion<'a> {
    /// Every parameter of the route and its value, with percent-encoding
    /// decoded.
    pub fn params(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.template
            .params()
            .filter_map(move |(at, name)| Some((name, decode_segment(self.path.segment(at)?))))
    }

    /// The value of a parameter, if the route has it.
    pub fn value(self, param: &str) -> Option<Cow<'a, str>> {
        self.params().find(|(name, _)| *name == param).map(|(_, value)| value)
    }
}

/// Why a scope does not count on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss<'a> {
    /// The route has no such parameter.
    NoParam(&'a str),
    /// The parameter has another value.
    Value(&'a str, Cow<'a, str>),
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Over,
}

impl Scope {
    pub(super) fn new(scope: &policy::Scope) -> Self {
        let policy::Scope { on, from, until } = scope;
        let moment = |moment: &Option<policy::Located<Moment>>| moment.as_ref().map(|m| m.value.clone());
        Self {
            on: on
                .iter()
                .map(|on| On {
                    param: (*on.param.value).into(),
                    values: Values::new(on.values.iter().map(|v| &v.value)),
                })
                .collect(),
            window: Window { from: moment(from), until: moment(until) },
        }
    }

    /// Whether the role counts. A route that lacks a parameter is never meant.
    pub fn holds(&self, occasion: Occasion<'_>) -> bool {
        let fits = |on: &On| occasion.value(&on.param).is_some_and(|value| on.values.contains(&value));
        self.window.contains(occasion.now) && self.on.iter().all(fits)
    }

    /// Everything that keeps the role from counting.
    pub fn misses<'a>(&'a self, occasion: Occasion<'a>) -> impl Iterator<Item = Miss<'a>> {
        let Window { from, until } = &self.window;
        let early = from.as_ref().is_some_and(|from| occasion.now < from.at).then_some(Miss::NotYet);
        let late = until.as_ref().is_some_and(|until| occasion.now >= until.at).then_some(Miss::Over);
        let elsewhere = self.on.iter().filter_map(move |on| match occasion.value(&on.param) {
            None => Some(Miss::NoParam(&on.param)),
            Some(value) if !on.values.contains(&value) => Some(Miss::Value(&on.param, value)),
            Some(_) => None,
        });
        elsewhere.chain(early).chain(late)
    }

    /// The scope in words. Of a list of values, where a request is given, the
    /// one that it met.
    pub fn describe(&self, met: Option<Occasion<'_>>) -> String {
        let on = self.on.iter().map(|on| {
            let value = met.and_then(|occasion| occasion.value(&on.param));
            let pattern = value.and_then(|value| on.values.find(&value));
            let values = pattern.map_or_else(|| on.values.to_string(), |pattern| pattern.to_string());
            format!("{} {values}", on.param)
        });
        let on = on.collect::<Vec<_>>().join(" and ");
        let on = (!on.is_empty()).then(|| format!("on {on}"));
        let Window { from, until } = &self.window;
        let from = from.as_ref().map(|from| format!("from {}", from.text));
        let until = until.as_ref().map(|until| format!("until {}", until.text));
        on.into_iter().chain(from).chain(until).collect::<Vec<_>>().join(" ")
    }
}

impl Window {
    /// Whether a time lies in it.
    pub fn contains(&self, now: u64) -> bool {
        self.from.as_ref().is_none_or(|from| from.at <= now)
            && self.until.as_ref().is_none_or(|until| now < until.at)
    }
}

/// Values, and prefixes of values. None of them is covered by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// Sorted.
    pub exact: Box<[Box<str>]>,
    /// Sorted; none begins with another.
    pub prefixes: Box<[Box<str>]>,
}

/// How many values of a list are named.
const NAMED: usize = 3;

impl Values {
    fn new<'p>(patterns: impl IntoIterator<Item = &'p ValuePattern>) -> Self {
        let mut patterns: Vec<&ValuePattern> = patterns.into_iter().collect();
        patterns.sort();
        patterns.dedup();
        let mut values = Self { exact: [].into(), prefixes: [].into() };
        let mut prefixes: Vec<Box<str>> = Vec::new();
        for pattern in &patterns {
            if let ValuePattern::Prefix(prefix) = pattern
                && prefixes.last().is_none_or(|shorter| !prefix.starts_with(&**shorter))
            {
                prefixes.push(prefix.clone());
            }
        }
        values.prefixes = prefixes.into();
        let exact = patterns.into_iter().filter_map(|pattern| match pattern {
            ValuePattern::Exact(value) if values.prefix(value).is_none() => Some(value.clone()),
            _ => None,
        });
        values.exact = exact.collect();
        values
    }

    /// Whether a value is met, compared byte for byte.
    pub fn contains(&self, value: &str) -> bool {
        self.exact(value).is_some() || self.prefix(value).is_some()
    }

    /// What a value is met by.
    pub fn find(&self, value: &str) -> Option<ValuePattern> {
        let exact = self.exact(value).map(|exact| ValuePattern::Exact(exact.into()));
        exact.or_else(|| self.prefix(value).map(|prefix| ValuePattern::Prefix(prefix.into())))
    }

    fn exact(&self, value: &str) -> Option<&str> {
        let at = self.exact.binary_search_by(|exact| (**exact).cmp(value)).ok()?;
        self.exact.get(at).map(|exact| &**exact)
    }

    /// INVARIANT: no prefix begins with another, so the one that a value begins
    /// with is the last that is not behind it.
    fn prefix(&self, value: &str) -> Option<&str> {
        let behind = self.prefixes.partition_point(|prefix| **prefix <= *value);
        let prefix = self.prefixes.get(behind.checked_sub(1)?)?;
        value.starts_with(&**prefix).then_some(&**prefix)
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.exact.iter().map(|value| value.to_string());
        let prefixes = self.prefixes.iter().map(|prefix| format!("{prefix}*"));
        let shown: Vec<String> = exact.chain(prefixes).take(NAMED).collect();
        f.write_str(&shown.join(", "))?;
        match self.exact.len() + self.prefixes.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_met_by_itself_or_a_prefix() {
        let pattern = |text: &str| match text.strip_suffix('*') {
            Some(prefix) => ValuePattern::Prefix(prefix.into()),
            None => ValuePattern::Exact(text.into()),
        };
        let patterns: Vec<_> =
            ["v-1", "b*", "v-1", "v-*", "v-*", "v-12*", "c", "ba", "a*", "w"].map(pattern).into();
        let values = Values::new(&patterns);
        assert_eq!(values.to_string(), "c, w, a* and 2 more");
        for (value, met) in [
            ("v-1", Some("v-*")),
            ("v-", Some("v-*")),
            ("v-123", Some("v-*")),
            ("v", None),
            ("c", Some("c")),
            ("cc", None),
            ("C", None),
            ("w", Some("w")),
            ("a", Some("a*")),
            ("", None),
            ("baa", Some("b*")),
            ("z", None),
        ] {
            assert_eq!(values.find(value).map(|p| p.to_string()).as_deref(), met, "{value}");
        }
        let any = Values::new(&[pattern("x"), pattern("*"), pattern("y*")]);
        assert_eq!((any.find("z"), any.to_string()), (Some(pattern("*")), "*".to_owned()));
    }
}
