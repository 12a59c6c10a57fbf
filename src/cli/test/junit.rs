//! Results for CI systems: JUnit XML, in the form that GitLab, GitHub's
//! actions and Jenkins read.
//!
//! Written by hand: a test's report is four elements, and what libraries leave
//! to the caller (XML has no way at all to write most control characters) is
//! the part that must be right.

use std::collections::BTreeMap;

use super::{EXPLAINED, Ran, Results};
use crate::cli::{Color, Term};
use crate::diag::Code;
use crate::words::is_unseen;

/// One suite for each file with tests.
pub(super) fn junit(results: &Results<'_>) -> String {
    let mut files: BTreeMap<&str, Vec<&Ran<'_>>> = BTreeMap::new();
    for ran in &results.ran {
        files.entry(results.sources.name(ran.case.span.file)).or_default().push(ran);
    }
    let mut page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"doorward\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        results.ran.len(),
        results.failed()
    );
    let mut explained = 0;
    for (file, tests) in files {
        let failures = tests.iter().filter(|ran| !ran.passed()).count();
        page.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n",
            attribute(file),
            tests.len()
        ));
        for ran in tests {
            let line = results.sources.position(ran.case.span.file, ran.case.span.start).line;
            page.push_str(&format!(
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\"",
                attribute(&ran.case.name),
                attribute(file),
                attribute(file)
            ));
            if ran.passed() {
                page.push_str("/>\n");
                continue;
            }
            explained += 1;
            let message: Vec<String> =
                results.findings(ran).into_iter().map(|finding| finding.message).collect();
            let told = match explained <= EXPLAINED {
                true => results.rendered(ran, false) + &results.explained(ran, Term::detect(Color::Never)),
                false => results.rendered(ran, false),
            };
            page.push_str(&format!(
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                Code::TestFailed.id(),
                attribute(&message.join("; ")),
                content(&told)
            ));
        }
        page.push_str("  </testsuite>\n");
    }
    page.push_str("</testsuites>\n");
    page
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
