//! Of which checks spans are sent, and where to: `tracing`.

mod otlp;

use super::decision_log::{self, Share};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape};

pub use otlp::{Otlp, OtlpHeader};

pub(super) use otlp::SHAPE as OTLP;

/// Of which checks spans are sent, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracing {
    /// Where the key stands.
    pub span: Span,
    /// Where spans go.
    pub otlp: Otlp,
    /// How many of the checks that belong to no trace begin one.
    pub sample: Share,
    /// What is made of the trace that a request says it belongs to.
    pub parent: ParentTrace,
    /// The most checks that are traced in one second, whoever asks for it.
    pub max_per_second: u32,
    /// The `service.name` of the resource.
    pub service_name: String,
    /// What else the resource says, sorted by name.
    pub resource: Vec<(String, String)>,
}

/// What is made of the trace that a request says it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentTrace {
    /// A check is traced if the trace is.
    Follow,
    /// Nothing: every traced check begins a trace of its own.
    Ignore,
}

pub(super) const SHAPE: Shape = Shape {
    what: "`tracing`",
    known: &["otlp", "sample", "parent", "max_per_second", "service_name", "resource"],
    later: &[],
};

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["endpoint", "url", "exporter", "exporters", "collector", "address", "grpc", "opentelemetry"],
        meant: "otlp",
        help: "write it below `otlp:`, such as `otlp: { endpoint: \"http://collector:4317\" }`",
    },
    Elsewhere {
        words: &["jaeger", "zipkin", "datadog", "console", "stdout"],
        meant: "otlp",
        help: "write `otlp:` and the address of a collector: OTLP over gRPC is what is spoken",
    },
    Elsewhere {
        words: &["sampling", "sampler", "ratio", "rate", "sample_rate", "sampling_ratio", "probability"],
        meant: "sample",
        help: "write the share of checks outside of any trace that begin one, such as `sample: 0.01`",
    },
    Elsewhere {
        words: &["trust_parent", "parent_based", "propagation", "propagators", "follow"],
        meant: "parent",
        help: "write `parent: follow`, or `parent: ignore`; `traceparent` is what is read",
    },
    Elsewhere {
        words: &["limit", "rate_limit", "max_rate", "max_traces_per_second", "max_spans_per_second"],
        meant: "max_per_second",
        help: "write `max_per_second:` and how many checks are traced in one second at most",
    },
    Elsewhere {
        words: &["name", "service", "service.name"],
        meant: "service_name",
        help: "write `service_name:` and the name that traces show",
    },
    Elsewhere {
        words: &["attributes", "resource_attributes", "tags"],
        meant: "resource",
        help: "write `resource:` and below it names and values",
    },
    Elsewhere {
        words: &["enabled", "disabled", "enable", "disable"],
        meant: "otlp",
        help: "remove it: there is tracing where there is `tracing:`",
    },
];

/// The service name that traces show unless the configuration names another.
const SERVICE: &str = "doorward";

const PER_SECOND: u32 = 100;

/// A quarter of a second's worth of them fits into what waits to be sent, which is
/// looked at more often.
const MOST_PER_SECOND: i64 = 10_000;

const MAX_RESOURCE: usize = 32;

/// Of the name or value of an attribute.
const MAX_TEXT: usize = 255;

/// Reads `tracing`: none where it is left out.
pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Option<Tracing>> {
    let Some(entry) = entry else { return Some(None) };
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let otlp = fields.require("otlp", report).and_then(|entry| otlp::read(entry, report));
    let sample = match fields.get("sample") {
        Some(entry) => decision_log::share(entry, "`tracing.sample`", report),
        None => Some(Share::NONE),
    };
    let parent = match fields.get("parent") {
        Some(entry) => parent(entry, report),
        None => Some(ParentTrace::Follow),
    };
    let max_per_second = match fields.get("max_per_second") {
        Some(entry) => {
            let bounds = 1..=MOST_PER_SECOND;
            yaml::integer(&entry.value, "`tracing.max_per_second`", bounds, report)
                .and_then(|number| u32::try_from(number).ok())
        }
        None => Some(PER_SECOND),
    };
    let service_name = match fields.get("service_name") {
        Some(entry) => yaml::text(&entry.value, "`tracing.service_name`", report)
            .and_then(|text| short(text, "`tracing.service_name`", report)),
        None => Some(SERVICE.to_owned()),
    };
    let resource = match fields.get("resource") {
        Some(entry) => resource(entry, report),
        None => Some(Vec::new()),
    };
    Some(Some(Tracing {
        span: entry.key_span,
        otlp: otlp?,
        sample: sample?,
        parent: parent?,
        max_per_second: max_per_second?,
        service_name: service_name?,
        resource: resource?,
    }))
}

fn parent(entry: &Entry, report: &mut Report) -> Option<ParentTrace> {
    const WORDS: &str = "`follow` or `ignore`";
    let word = yaml::word(&entry.value, "`tracing.parent`", WORDS, report)?;
    match word.value {
        "follow" => Some(ParentTrace::Follow),
        "ignore" => Some(ParentTrace::Ignore),
        other => {
            let message = format!("`{}` is not what can be made of a parent", other.escape_debug());
            report.push(Diagnostic::at(Code::BadValue, word.span, message).label("not known").suggest(
                other,
                ["follow", "ignore"],
                format!("write {WORDS}"),
            ));
            None
        }
    }
}

fn resource(entry: &Entry, report: &mut Report) -> Option<Vec<(String, String)>> {
    const HELP: &str = "write them as `deployment.environment.name: production`";
    let entries = yaml::entries(entry, "names and values", HELP, report)?;
    if let Some(extra) = entries.get(MAX_RESOURCE) {
        let message = format!("more than {MAX_RESOURCE} attributes of the resource");
        report.push(Diagnostic::at(Code::TooLarge, extra.key_span, message).label("one too many"));
        return None;
    }
    let read: Vec<_> = entries.iter().filter_map(|entry| attribute(entry, report)).collect();
    let mut whole = (read.len() == entries.len()).then_some(read)?;
    whole.sort();
    Some(whole)
}

fn attribute(entry: &Entry, report: &mut Report) -> Option<(String, String)> {
    let name = yaml::key_name(entry, "the name of an attribute", report)?;
    let value = yaml::text(&entry.value, &format!("`{}`", entry.key.escape_debug()), report)
        .and_then(|text| short(text, "the value of an attribute", report));
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
    if name.value.len() > MAX_TEXT || !name.value.bytes().all(fine) {
        let message = format!("`{}` is not the name of an attribute", name.value.escape_debug());
        report.push(
            Diagnostic::at(Code::BadValue, name.span, message)
                .label("not a name")
                .help("write letters, digits and `. _ - /`, such as `k8s.pod.name`"),
        );
        return None;
    }
    // These are said already, and who reads them expects one of each.
    let ours = match name.value {
        "service.name" => "write it as `service_name:` of `tracing`",
        "service.version" => "remove it: it is the version of Doorward",
        _ => return Some((name.value.to_owned(), value?)),
    };
    let message = format!("`{}` is set by Doorward", name.value);
    report.push(Diagnostic::at(Code::BadValue, name.span, message).label("not yours to set").help(ours));
    None
}

/// One line of text that is not too long.
fn short(text: yaml::Text<'_>, what: &str, report: &mut Report) -> Option<String> {
    if text.value.len() <= MAX_TEXT && !text.value.contains(char::is_control) {
        return Some(text.value.to_owned());
    }
    let message = format!("{what} must be one line of at most {MAX_TEXT} bytes");
    report.push(Diagnostic::at(Code::BadValue, text.span, message).label("not that"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for (shape, table) in [(SHAPE, ELSEWHERE), (OTLP, otlp::ELSEWHERE)] {
            for entry in table {
                assert!(entry.meant.is_empty() || shape.known.contains(&entry.meant), "{}", entry.meant);
                assert!(entry.words.iter().all(|word| !shape.known.contains(word)), "{:?}", entry.words);
            }
        }
    }
}
