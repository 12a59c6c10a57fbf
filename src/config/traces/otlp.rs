//! Where spans go: `tracing.otlp`.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::remote::KeyUrl;
use crate::config::{keys, units};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape, Text};

/// A collector that takes OTLP over gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    /// Scheme, host and port: nothing behind them.
    pub endpoint: KeyUrl,
    /// The certificates to trust instead of the system's: the path as written,
    /// relative to `doorward.yaml`, and where it stands.
    pub ca_file: Option<(PathBuf, Span)>,
    /// How long one request may take.
    pub timeout: Duration,
    /// What goes with every request, such as the token of a vendor.
    pub headers: Vec<OtlpHeader>,
}

/// A header whose value is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpHeader {
    /// Its name, in lower case.
    pub name: String,
    /// The environment variable that holds its value, and where it is named.
    pub variable: (String, Span),
}

pub(in crate::config) const SHAPE: Shape = Shape {
    what: "`tracing.otlp`",
    known: &["endpoint", "ca_file", "insecure", "timeout", "headers_env"],
    later: &[],
};

pub(super) const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["url", "address", "host", "collector", "uri", "target"],
        meant: "endpoint",
        help: "write `endpoint:` and the address of the collector, such as `http://collector:4317`",
    },
    Elsewhere {
        words: &["ca", "tls", "certificate", "ca_cert", "certificates"],
        meant: "ca_file",
        help: "write `https` in `endpoint:`, and `ca_file:` where the system does not trust its certificate",
    },
    Elsewhere {
        words: &["header", "headers", "metadata", "token", "api_key", "authorization", "secret_env"],
        meant: "headers_env",
        help: "write `headers_env:` and below it the name of the header and of the environment variable with \
               its value, such as `authorization: OTLP_AUTHORIZATION`",
    },
    Elsewhere {
        words: &["protocol", "compression"],
        meant: "",
        help: "remove it: OTLP over gRPC is what is spoken, uncompressed",
    },
    Elsewhere {
        words: &["batch", "queue", "queue_size", "batch_size", "retry", "retries", "interval"],
        meant: "",
        help: "remove it: spans are sent five times a second, what waits is bounded, and what fails is tried again \
               a few times",
    },
];

const TIMEOUT: u64 = 10;
const MAX_HEADERS: usize = 16;

pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<Otlp> {
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let insecure = match fields.get("insecure") {
        Some(entry) => yaml::yes_or_no(&entry.value, "`insecure`", report),
        None => Some(false),
    };
    let endpoint = fields.require("endpoint", report).and_then(|entry| endpoint(entry, report));
    let ca_file = match fields.get("ca_file") {
        Some(entry) => ca_file(entry, endpoint.as_ref(), report).map(Some),
        None => Some(None),
    };
    let timeout = match fields.get("timeout") {
        Some(entry) => units::seconds(&entry.value, "`timeout`", 1..=60, report),
        None => Some(TIMEOUT),
    };
    let headers = match fields.get("headers_env") {
        Some(entry) => headers(entry, report),
        None => Some(Vec::new()),
    };
    if let (Some(entry), Some(endpoint), Some(false)) = (fields.get("headers_env"), &endpoint, insecure)
        && !endpoint.is_https()
        && !endpoint.is_loopback()
    {
        report.push(
            Diagnostic::at(
                Code::BadValue,
                entry.key_span,
                "the secrets of `headers_env` would go over plain `http`",
            )
            .label("anybody on the way could read them")
            .help("write `https` in `endpoint:`, or `insecure: true` where something else encrypts the way"),
        );
        return None;
    }
    insecure?;
    Some(Otlp {
        endpoint: endpoint?,
        ca_file: ca_file?,
        timeout: Duration::from_secs(timeout?),
        headers: headers?,
    })
}

/// An address with a port and without a path. A port that is left out would be
/// 80 to a URL and 4317 to who knows OTLP.
fn endpoint(entry: &Entry, report: &mut Report) -> Option<KeyUrl> {
    let text = yaml::text(&entry.value, "`endpoint`", report)?;
    let (why, help) = match KeyUrl::read(text.value) {
        Err(why) => (why, "write it as `http://collector:4317` or `https://otlp.example.com:443`"),
        Ok(url) if text.value.get(url.path_at()..).is_some_and(|path| !matches!(path, "" | "/")) => (
            "it has a path or a query, and gRPC has none",
            "write scheme, host and port; `/v1/traces` is for OTLP over HTTP, which is not spoken: collectors take \
             gRPC on port 4317",
        ),
        Ok(url) if !url.names_port() => {
            ("it names no port", "add it: collectors take OTLP over gRPC on port 4317, vendors often on 443")
        }
        Ok(url) => return Some(url),
    };
    // A password may stand in it: the message does not repeat it.
    report.push(
        Diagnostic::at(
            Code::BadValue,
            text.span,
            format!("the address of the collector can't be used: {why}"),
        )
        .label("not usable")
        .help(help),
    );
    None
}

fn ca_file(entry: &Entry, endpoint: Option<&KeyUrl>, report: &mut Report) -> Option<(PathBuf, Span)> {
    let text = yaml::text(&entry.value, "`ca_file`", report)?;
    if endpoint.is_some_and(|endpoint| !endpoint.is_https()) {
        report.push(
            Diagnostic::at(
                Code::BadValue,
                entry.key_span,
                "`ca_file` says nothing where `endpoint` is `http`",
            )
            .label("of no use")
            .help("write `https` in `endpoint:`, or remove it"),
        );
        return None;
    }
    Some((text.value.into(), text.span))
}

fn headers(entry: &Entry, report: &mut Report) -> Option<Vec<OtlpHeader>> {
    const HELP: &str = "write them as `authorization: OTLP_AUTHORIZATION`";
    let entries = yaml::entries(entry, "headers and environment variables", HELP, report)?;
    if let Some(extra) = entries.get(MAX_HEADERS) {
        let message = format!("more than {MAX_HEADERS} headers");
        report.push(Diagnostic::at(Code::TooLarge, extra.key_span, message).label("one too many"));
        return None;
    }
    let read: Vec<_> = entries.iter().filter_map(|entry| header(entry, report)).collect();
    (read.len() == entries.len()).then_some(read)
}

fn header(entry: &Entry, report: &mut Report) -> Option<OtlpHeader> {
    let name = name(yaml::key_name(entry, "the name of a header", report)?, report);
    let what = format!("`{}`", entry.key.escape_debug());
    let text = yaml::text(&entry.value, &what, report)?;
    let variable = keys::variable(text, "`headers_env`", report)?;
    Some(OtlpHeader { name: name?, variable: (variable, text.span) })
}

fn name(text: Text<'_>, report: &mut Report) -> Option<String> {
    /// Those that gRPC and HTTP/2 set themselves, or know nothing of.
    const TAKEN: [&str; 9] = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = text.value;
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let fine = !name.is_empty() && name.len() <= 64 && name.bytes().all(token);
    let taken = TAKEN.contains(&name) || name.starts_with("grpc-") || name.ends_with("-bin");
    if fine && !taken {
        return Some(name.to_owned());
    }
    let message = format!("`{}` can't be a header of these requests", name.escape_debug());
    let help = if taken { "it is gRPC's own" } else { "write lower-case letters, digits and `- _ .`" };
    report.push(Diagnostic::at(Code::BadValue, text.span, message).label("not usable").help(help));
    None
}
