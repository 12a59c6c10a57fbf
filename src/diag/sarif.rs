//! Findings for code hosts: SARIF 2.1.0.

use serde_json::{Value, json};

use super::{Code, Diagnostic, Report, Severity, Sources, Span};

/// The report as one SARIF log with one run.
pub(super) fn sarif(report: &Report, sources: &Sources) -> String {
    let found = report.diagnostics().iter().map(|d| result(d, sources));
    let silenced = report.silenced().iter().map(|silenced| {
        let mut result = result(&silenced.diagnostic, sources);
        if let Some(result) = result.as_object_mut() {
            let suppression = json!({ "kind": "inSource", "justification": silenced.reason });
            result.insert("suppressions".to_owned(), json!([suppression]));
        }
        result
    });
    let results: Vec<Value> = found.chain(silenced).collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "doorward",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            } },
            // Our columns count characters, not the UTF-16 units of the default.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.id(),
        "name": code.name(),
        "shortDescription": { "text": code.meaning() },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let Diagnostic { code, message, span, label: _, related, help } = diagnostic;
    let text = match help {
        Some(help) => format!("{message}\n{help}"),
        None => message.clone(),
    };
    let mut result = json!({
        "ruleId": code.id(),
        "ruleIndex": Code::ALL.iter().position(|c| c == code),
        "level": level(code.severity()),
        "message": { "text": text },
        "locations": span.iter().map(|span| location(*span, sources)).collect::<Vec<_>>(),
    });
    if let (Some(result), false) = (result.as_object_mut(), related.is_empty()) {
        let related = related.iter().map(|(span, label)| {
            let mut place = location(*span, sources);
            if let (Some(place), false) = (place.as_object_mut(), label.is_empty()) {
                place.insert("message".to_owned(), json!({ "text": label }));
            }
            place
        });
        result.insert("relatedLocations".to_owned(), related.collect());
    }
    result
}

fn location(span: Span, sources: &Sources) -> Value {
    let start = sources.position(span.file, span.start);
    let end = sources.position(span.file, span.end);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(sources.name(span.file)) },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    } })
}

/// A path as a URI reference (RFC 3986): relative paths stay relative.
pub fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::diag::{Format, render};

    #[test]
    fn a_finding_has_its_rule_place_and_help() {
        let mut sources = Sources::default();
        let file = sources.add("a b/é.yaml", "x: 1\nü: [two]\n");
        let span = Span { file, start: 9, end: 14 };
        let mut report = Report::default();
        report.push(
            Diagnostic::at(Code::UnknownRole, span, "no role is called `two`")
                .help("define it")
                .related(Span { file, start: 0, end: 1 }, "here"),
        );
        report.push(Diagnostic::nowhere(Code::NoPolicy, "nothing"));
        let log: Value = serde_json::from_str(&render(&report, &sources, Format::Sarif)).unwrap();
        let run = &log["runs"][0];
        let result = &run["results"][0];
        assert_eq!(result["message"]["text"], "no role is called `two`\ndefine it");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A9.yaml");
        assert_eq!(
            place["region"],
            json!({ "startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 9 }),
            "columns count characters"
        );
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "here");
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        assert_eq!(run["results"][1]["locations"], json!([]));
    }

    #[test]
    fn absolute_paths_become_file_uris() {
        assert_eq!(uri("/etc/doorward/x.yaml"), "file:///etc/doorward/x.yaml");
    }
}
