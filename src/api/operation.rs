//! Paths of a description as templates of a policy.

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::policy::Template;

/// The template of a path whose parameters are `{anyName}`. The error says why
/// there is none.
pub(super) fn template(path: &str) -> Result<Template, String> {
    let mut written = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest.get(open..).and_then(|tail| tail.find('}')).map(|at| open + at) else { break };
        written.push_str(rest.get(..=open).unwrap_or_default());
        written.push_str(&parameter(rest.get(open + 1..close).unwrap_or_default()));
        written.push('}');
        rest = rest.get(close + 1..).unwrap_or_default();
    }
    written.push_str(rest);
    // A route covers a path with and without a final `/`.
    let whole = match written.strip_suffix('/') {
        Some(front) if !front.is_empty() && !front.ends_with('/') => front,
        _ => &written,
    };
    match Template::parse(whole) {
        Ok(template) if template.rest => Err("`**` is no part of an OpenAPI path".to_owned()),
        Ok(template) => Ok(template),
        Err(fault) => Err(fault.message),
    }
}

/// A parameter's name in the spelling of a policy: `eventId` and `event-id` are
/// `event_id`.
pub(super) fn parameter(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if before.is_ascii_lowercase() || before.is_ascii_digit() {
                spelled.push('_');
            }
            spelled.push(c.to_ascii_lowercase());
        } else if matches!(c, '-' | '.') {
            spelled.push('_');
        } else {
            spelled.push(c);
        }
        before = c;
    }
    if spelled.starts_with(|c: char| c.is_ascii_digit()) {
        spelled.insert(0, '_');
    }
    spelled
}

/// Tells of something that no route can be; for people who read the policy, too.
pub(super) fn leave_out(what: &str, why: &str, at: Span, report: &mut Report, left_out: &mut Vec<String>) {
    let what = super::one_line(what);
    report.push(
        Diagnostic::at(Code::ApiInexpressible, at, format!("no route can be `{what}`: {}", super::one_line(why)))
            .label("not in any policy")
            .help("requests for it are denied, or answered for by a broader route; change the API, or write the nearest route by hand"),
    );
    left_out.push(format!("{what}: {}", super::one_line(why)));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn paths_become_templates() {
        for (path, expected) in [
            ("/events/{eventId}", "/events/{event_id}"),
            ("/events/{event-id}/", "/events/{event_id}"),
            ("/{URL}/{a.b}/{2nd}", "/{url}/{a_b}/{_2nd}"),
            ("/", "/"),
            ("/v1/users:delete", "/v1/users:delete"),
        ] {
            assert_eq!(template(path).unwrap().to_string(), expected, "{path}");
        }
        for path in [
            "",
            "events",
            "/{a}{b}",
            "/{a}.json",
            "/a/../b",
            "/a//b",
            "/a?x=1",
            "/a#b",
            "/a b",
            "/a/{",
            "/{}",
            "/{id}/{ID}",
            "/a/**",
            "/a/*",
            "/\u{1b}[31m",
            "/%2e",
            "//",
        ] {
            assert!(template(path).is_err(), "{path}");
        }
    }
}
