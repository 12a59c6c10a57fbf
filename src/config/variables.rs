//! `${NAME}` and `${NAME:-default}` in values.
//!
//! Works on the tree, after YAML was read: whatever a variable holds, it stays
//! one piece of text and can never become a key, a list or a second document.

use super::Environment;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{Kind, Node};

/// Replaces every reference in every scalar value. What was put in is not
/// looked at again. Gives the places of the values that could not be made.
pub(super) fn substitute(node: &mut Node, env: Environment<'_>, report: &mut Report) -> Vec<Span> {
    match &mut node.kind {
        Kind::Scalar { text, plain } => {
            if !text.contains('$') {
                return Vec::new();
            }
            let quote = usize::from(!*plain);
            let place = |from: usize, to: usize| node.span.part(from + quote, to + quote);
            let before = report.diagnostics().len();
            *text = expand(text, &place, env, report);
            // What came out of a variable is text, whatever it looks like.
            *plain = false;
            if report.diagnostics().len() == before { Vec::new() } else { vec![node.span] }
        }
        Kind::Refused => Vec::new(),
        Kind::List(items) => items.iter_mut().flat_map(|item| substitute(item, env, report)).collect(),
        Kind::Map(entries) => {
            entries.iter_mut().flat_map(|entry| substitute(&mut entry.value, env, report)).collect()
        }
    }
}

fn expand(
    text: &str,
    place: &dyn Fn(usize, usize) -> Span,
    env: Environment<'_>,
    report: &mut Report,
) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let at = text.len() - after.len() - 1;
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((reference, after)) = reference else {
            report.push(malformed(place(at, at + 1), "a `$` that begins no `${NAME}`"));
            rest = after;
            continue;
        };
        rest = after;
        let span = place(at, text.len() - rest.len());
        match value(reference, env) {
            Ok(value) => out.push_str(&value),
            Err(Problem::Malformed) => {
                report.push(malformed(span, &format!("`${{{reference}}}` is not well formed")));
            }
            Err(Problem::Unset(name)) => report.push(
                Diagnostic::at(
                    Code::BadVariable,
                    span,
                    format!("the environment variable `{name}` is not set"),
                )
                .label("not set")
                .help(format!("set it, or write `${{{name}:-default}}`")),
            ),
        }
    }
    out.push_str(rest);
    out
}

enum Problem<'t> {
    Malformed,
    Unset(&'t str),
}

/// What stands for `NAME` or `NAME:-default`. As in a shell, the default also
/// stands for a variable that is set to nothing.
fn value<'t>(reference: &'t str, env: Environment<'_>) -> Result<String, Problem<'t>> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_variable_name(name) || default.is_some_and(|default| default.contains('$')) {
        return Err(Problem::Malformed);
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::Unset(name)),
    }
}

/// Letters, digits and `_`, not beginning with a digit.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

fn malformed(span: Span, what: &str) -> Diagnostic {
    Diagnostic::at(Code::BadVariable, span, what)
        .label("not a variable")
        .help("write `${NAME}` or `${NAME:-default}`, or `$$` for a dollar sign")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

    use super::*;
    use crate::diag::Sources;
    use crate::yaml;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("10.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "SNEAKY" => Some("${HOST}, b: [c]\n---\nd: e".to_owned()),
            _ => None,
        }
    }

    /// The value of the key `v` and the report.
    fn run(text: &str) -> (Node, Report, Sources) {
        let mut sources = Sources::default();
        let mut report = Report::default();
        let file = sources.add("doorward.yaml", text);
        let mut root = yaml::parse(file, text, &mut report).unwrap();
        substitute(&mut root, &env, &mut report);
        let Kind::Map(mut entries) = root.kind else { panic!("not a mapping") };
        (entries.remove(0).value, report, sources)
    }

    fn text(yaml: &str) -> String {
        let (node, report, _) = run(yaml);
        assert!(report.is_empty(), "{report:?}");
        let Kind::Scalar { text, plain: false } = node.kind else { panic!("{node:?}") };
        text
    }

    #[test]
    fn variables_and_defaults_are_put_in() {
        assert_eq!(text("v: ${HOST}:1"), "10.0.0.1:1");
        assert_eq!(text("v: 'a${HOST}b${HOST}'"), "a10.0.0.1b10.0.0.1");
        assert_eq!(text("v: ${NONE:-x:-y}"), "x:-y");
        assert_eq!(text("v: ${EMPTY:-x}"), "x");
        assert_eq!(text("v: ${NONE:-}"), "");
        assert_eq!(text("v: a$$b$${HOST}"), "a$b${HOST}");
    }

    #[test]
    fn what_a_variable_holds_stays_one_text_and_is_not_read_again() {
        assert_eq!(text("v: ${SNEAKY}"), env("SNEAKY").unwrap());
    }

    #[test]
    fn lists_and_inner_mappings_are_reached_but_keys_are_not() {
        let (node, report, _) = run("v:\n  ${HOST}: [\"${HOST}\"]");
        assert!(report.is_empty());
        let Kind::Map(entries) = node.kind else { panic!() };
        assert_eq!(entries[0].key, "${HOST}");
        let Kind::List(items) = &entries[0].value.kind else { panic!() };
        assert_eq!(items[0].kind, Kind::Scalar { text: "10.0.0.1".to_owned(), plain: false });
    }

    #[test]
    fn anything_else_with_a_dollar_is_a_finding_at_its_place() {
        for (yaml, column) in [
            ("v: a$", 5),
            ("v: a$HOST", 5),
            ("v: 'a${HOST'", 6),
            ("v: ${}", 4),
            ("v: ${1A}", 4),
            ("v: ${A-B}", 4),
            ("v: ${A:?B}", 4),
            ("v: x${NONE:-${HOST}}", 5),
            ("v: xy${NONE}", 6),
        ] {
            let (_, report, sources) = run(yaml);
            let finding = &report.diagnostics()[0];
            assert_eq!(finding.code, Code::BadVariable, "{yaml}");
            let span = finding.span.unwrap();
            assert_eq!(sources.position(span.file, span.start).column, column, "{yaml}");
        }
    }
}
