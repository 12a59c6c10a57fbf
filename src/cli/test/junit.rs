//! Results for CI systems: JUnit XML, in the form that GitLab, GitHub's
//! actions and Jenkins read.
//!
//! Written by hand: a test's report is four elements, and what libraries leave
//! to the caller (XML has no way at all to write most control characters) is
//! the part that must be right.

use std::collections::BTreeMap;

use super::{EXPLAINED, Results, proved};
use crate::cli::{Color, Term};
use crate::diag::{Code, Span};
use crate::words::is_unseen;

/// One suite for each file with tests or invariants.
pub(super) fn junit(results: &Results<'_>) -> String {
    let mut files: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    let mut explained = 0;
    for ran in &results.ran {
        explained += usize::from(!ran.passed());
        let told = (!ran.passed()).then(|| {
            let mut told = results.rendered(ran, false);
            if explained <= EXPLAINED {
                told.push_str(&results.explained(ran, Term::detect(Color::Never)));
            }
            let findings = results.findings(ran).into_iter();
            Told { code: Code::TestFailed, message: findings.map(|f| f.message).collect(), text: told }
        });
        files.entry(results.sources.name(ran.case.span.file)).or_default().push(Entry {
            name: &ran.case.name,
            span: ran.case.span,
            told,
        });
    }
    for outcome in &results.proved {
        let finding = outcome.finding(|place| results.place(place));
        let told = finding.map(|finding| Told {
            code: Code::InvariantFalse,
            message: vec![finding.message],
            text: proved::told(results, outcome, Term::detect(Color::Never)),
        });
        let name = &outcome.name;
        files.entry(results.sources.name(outcome.span.file)).or_default().push(Entry {
            name,
            span: outcome.span,
            told,
        });
    }
    let all = files.values().flatten();
    let mut page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"doorward\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        all.clone().count(),
        all.filter(|entry| entry.told.is_some()).count()
    );
    for (file, entries) in files {
        let failures = entries.iter().filter(|entry| entry.told.is_some()).count();
        page.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n",
            attribute(file),
            entries.len()
        ));
        entries.iter().for_each(|entry| page.push_str(&entry.element(results, file)));
        page.push_str("  </testsuite>\n");
    }
    page.push_str("</testsuites>\n");
    page
}

/// A test, or an invariant.
struct Entry<'a> {
    name: &'a str,
    span: Span,
    /// What is wrong with it, if anything is.
    told: Option<Told>,
}

struct Told {
    code: Code,
    message: Vec<String>,
    text: String,
}

impl Entry<'_> {
    fn element(&self, results: &Results<'_>, file: &str) -> String {
        let line = results.sources.position(self.span.file, self.span.start).line;
        let case = format!(
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\"",
            attribute(self.name),
            attribute(file),
            attribute(file)
        );
        match &self.told {
            None => case + "/>\n",
            Some(Told { code, message, text }) => format!(
                "{case}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                code.id(),
                attribute(&message.join("; ")),
                content(text)
            ),
        }
    }
}

/// Text between tags.
fn content(text: &str) -> String {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

/// Text in double quotes, in which readers turn line breaks into spaces.
fn attribute(text: &str) -> String {
    escape(text, |_| false)
}

fn escape(text: &str, plain: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // `]]>` may not stand in text.
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if plain(c) => out.push(c),
            // What XML 1.0 (section 2.2) can't hold in any way is among these.
            c if is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_xml() {
        assert_eq!(attribute("a<b & \"c\" 'd' ]]>"), "a&lt;b &amp; &quot;c&quot; &apos;d&apos; ]]&gt;");
        assert_eq!(
            attribute("x\ny\u{1b}[31m\u{0}\u{ffff}\u{85}"),
            "x\\u{a}y\\u{1b}[31m\\u{0}\\u{ffff}\\u{85}"
        );
        assert_eq!(content("a\n\tb\r\u{b}é"), "a\n\tb\\u{d}\\u{b}é");
    }
}
