//! `on`, `from` and `until` of a binding: where and when its roles count.

use super::instant::{DAY, date, rfc3339};
use super::name::{Located, ValuePattern};
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::yaml::{Entry, Fields, Kind, Node, Text, entries, key_name, texts, word};

/// Where and when the roles of a binding count; everywhere and always where
/// nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// What path parameters must be; all of them.
    pub on: Vec<On>,
    /// From this second.
    pub from: Option<Located<Moment>>,
    /// Up to the second before this one.
    pub until: Option<Located<Moment>>,
}

/// What one path parameter must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct On {
    /// The name of the parameter.
    pub param: Located<Box<str>>,
    /// One of these; never empty.
    pub values: Vec<Located<ValuePattern>>,
}

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub at: u64,
    /// As it was written.
    pub text: Box<str>,
}

impl Scope {
    /// Whether it bounds anything.
    pub fn is_bound(&self) -> bool {
        !self.on.is_empty() || self.from.is_some() || self.until.is_some()
    }

    /// Reads the three keys. `None` after a mistake: a bound that can't be read
    /// must not look absent.
    pub(super) fn read(fields: &Fields<'_>, report: &mut Report) -> Option<Self> {
        let on = match fields.get("on") {
            Some(entry) => on(entry, report),
            None => Some(Vec::new()),
        };
        let mut moment = |key: &'static str, end| match fields.get(key) {
            Some(entry) => Moment::read(&entry.value, key, end, report).map(Some),
            None => Some(None),
        };
        let (from, until) = (moment("from", DayAs::Start), moment("until", DayAs::End));
        let scope = Self { on: on?, from: from?, until: until? };
        if let (Some(from), Some(until)) = (&scope.from, &scope.until)
            && from.value.at >= until.value.at
        {
            report.push(
                Diagnostic::at(
                    Diag::BadValue,
                    until.span,
                    "`until` does not come after `from`: there is no time between",
                )
                .label("the end")
                .related(from.span, "the beginning")
                .help("change one of the two; a day of `until` is included"),
            );
            return None;
        }
        Some(scope)
    }
}

fn on(entry: &Entry, report: &mut Report) -> Option<Vec<On>> {
    let help = "write `on: { venue: [v-1] }`, the parameter as in `{venue}` of a route";
    let written = entries(entry, "parameters to values", help, report)?;
    // All are read before any is given up, so that all mistakes are told.
    let read: Vec<Option<On>> = written
        .iter()
        .map(|entry| {
            let param = key_name(entry, "a parameter", report);
            let texts = texts(&entry.value, "a value", report);
            let values: Vec<_> = texts.iter().map(|text| ValuePattern::read(*text, report)).collect();
            let values: Vec<_> = values.into_iter().collect::<Option<_>>()?;
            let param = param.map(|text| Located { value: text.value.into(), span: text.span })?;
            // A value that was refused already must not look like one less.
            let whole = match &entry.value.kind {
                Kind::List(items) => items.len() == values.len(),
                _ => values.len() == 1,
            };
            whole.then_some(On { param, values })
        })
        .collect();
    read.into_iter().collect()
}

/// What a day means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayAs {
    Start,
    End,
}

impl Moment {
    fn read(node: &Node, key: &str, day: DayAs, report: &mut Report) -> Option<Located<Self>> {
        let help = "write a day such as `2027-03-31`, or a time with its zone such as `2027-03-31T18:00:00Z` or `2027-03-31T18:00:00+02:00`";
        let text =
            word(node, &format!("`{key}`"), "a day such as `2027-03-31`, or a time with its zone", report)?;
        let at = match date(text.value) {
            Some(first) if day == DayAs::End => first.checked_add(DAY),
            Some(first) => Some(first),
            None if text.value.contains('.') => None,
            None => rfc3339(text.value),
        };
        if let Some(at) = at {
            return Some(Located { value: Self { at, text: text.value.into() }, span: text.span });
        }
        report.push(not_a_time(text, "neither a day nor a time", help));
        None
    }

    /// Reads a time of day; a day alone is too little.
    pub(super) fn instant(node: &Node, key: &str, report: &mut Report) -> Option<u64> {
        const HELP: &str =
            "write a time with its zone such as `2027-03-31T18:00:00Z` or `2027-03-31T18:00:00+02:00`";
        let text = word(node, &format!("`{key}`"), "a time with its zone", report)?;
        match rfc3339(text.value).filter(|_| !text.value.contains('.')) {
            Some(at) => return Some(at),
            None if date(text.value).is_some() => report.push(
                Diagnostic::at(Diag::BadValue, text.span, format!("`{}` is a day", text.value))
                    .label("when on that day?")
                    .help(HELP),
            ),
            None => report.push(not_a_time(text, "not a time", HELP)),
        }
        None
    }
}

/// What is wrong with a text that should say when.
fn not_a_time(text: Text<'_>, what: &str, help: &str) -> Diagnostic {
    let shown = text.value.escape_debug();
    let finding = |message: String| Diagnostic::at(Diag::BadValue, text.span, message);
    if rfc3339(text.value).is_some() {
        finding(format!("`{shown}` holds a fraction of a second")).label("whole seconds").help(help)
    } else if rfc3339(&format!("{}Z", text.value)).is_some() {
        finding(format!("`{shown}` has no time zone"))
            .label("whose clock?")
            .help(format!("add `Z` for UTC, or an offset: `{shown}Z`, `{shown}+02:00`"))
    } else {
        finding(format!("`{shown}` is {what}")).label("not a time").help(help)
    }
}
