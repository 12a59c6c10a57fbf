//! What sending spans needs, or what is wrong with it. Opens no socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};

use super::wire::Resource;
use crate::config::{Environment, KeyUrl, Otlp, OtlpHeader, Tracing};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::identity::read_key_file;
use crate::server::trust;

/// The longest value of a header.
const MAX_VALUE: usize = 4096;

/// Everything that sending spans needs.
pub(in crate::server) struct Plan {
    pub(super) endpoint: KeyUrl,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) timeout: Duration,
    pub(super) headers: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,
    pub(super) resource: Resource,
}

/// Reads what the configuration names.
pub(in crate::server) fn prepare(
    tracing: &Tracing,
    directory: &Path,
    env: Environment<'_>,
    report: &mut Report,
) -> Option<Plan> {
    let Tracing { otlp, service_name, resource, span, sample: _, parent: _, max_per_second: _ } = tracing;
    let Otlp { endpoint, ca_file, timeout, headers } = otlp;
    let tls = match (endpoint.is_https(), ca_file) {
        (false, _) => Some(None),
        (true, None) => client(None, *span, report).map(Some),
        (true, Some((path, span))) => match read_key_file(&directory.join(path)) {
            Ok(pem) => client(Some(&pem), *span, report).map(Some),
            Err(error) => {
                let message = format!("can't read the CA file `{}`: {error}", path.display());
                report.push(
                    Diagnostic::at(Code::Unreadable, *span, message)
                        .label("this file")
                        .help("the path is relative to the directory of `doorward.yaml`"),
                );
                None
            }
        },
    };
    let read: Vec<_> = headers.iter().filter_map(|header| value(header, env, report)).collect();
    let headers = (read.len() == headers.len()).then_some(read);
    let resource = Resource::new(service_name, resource);
    Some(Plan { endpoint: endpoint.clone(), tls: tls?, timeout: *timeout, headers: headers?, resource })
}

fn client(pem: Option<&[u8]>, span: Span, report: &mut Report) -> Option<Arc<ClientConfig>> {
    let none = pem.is_some_and(|pem| !String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----"));
    let client = if none {
        Err("the CA file can't be used: it holds no certificate".to_owned())
    } else {
        trust::client(pem, b"h2")
    };
    client
        .map_err(|why| {
            let help = "it must hold `BEGIN CERTIFICATE` blocks";
            report.push(Diagnostic::at(Code::BadKey, span, why).label("this file").help(help));
        })
        .ok()
}

/// The value in a variable, which no message holds.
fn value(
    header: &OtlpHeader,
    env: Environment<'_>,
    report: &mut Report,
) -> Option<(AsciiMetadataKey, AsciiMetadataValue)> {
    let OtlpHeader { name, variable: (variable, span) } = header;
    let value = match env(variable) {
        None => Err(format!("the environment variable `{variable}` is not set")),
        Some(text) if text.is_empty() || text.len() > MAX_VALUE || text.trim() != text => {
            Err(format!("the value in `{variable}` is empty, too long, or begins or ends with white space"))
        }
        Some(text) => {
            let visible = text.bytes().all(|b| (b' '..=b'~').contains(&b));
            let value = AsciiMetadataValue::try_from(text).ok().filter(|_| visible);
            value.ok_or_else(|| format!("the value in `{variable}` holds something else than visible ASCII"))
        }
    };
    match (AsciiMetadataKey::from_bytes(name.as_bytes()), value) {
        (Ok(key), Ok(mut value)) => {
            value.set_sensitive(true);
            Some((key, value))
        }
        (_, value) => {
            let why = value.err().unwrap_or_else(|| format!("`{name}` can't be a header of these requests"));
            let finding = Diagnostic::at(Code::BadVariable, *span, why).label("this variable");
            report.push(finding.help("it is sent as the value of the header, as it is"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
