//! The file and its top level.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{
    Config, Environment, decision_log, deny, headers, identity, limits, listen, reload, shutdown, traces,
    variables,
};
use crate::diag::{Code, Diagnostic, FileId, Report, Sources, Span};
use crate::yaml::{self, Fields, Node, Shape};

/// The most bytes that `doorward.yaml` may have.
pub const MAX_FILE_BYTES: usize = 1 << 20;

const DEFAULT_POLICIES: &str = "policies";

pub(super) const SHAPE: Shape = Shape {
    what: "the configuration",
    known: &[
        "listen",
        "limits",
        "shutdown",
        "policies",
        "policies_candidate",
        "reload",
        "identity",
        "header_prefixes",
        "upstream_headers",
        "deny",
        "decision_log",
        "tracing",
    ],
    later: &[],
};

/// The configuration in the file, as far as it can be read: the caller looks
/// at the report before using it.
pub(super) fn config(
    path: &Path,
    env: Environment<'_>,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Config> {
    let file = file(path, sources, report)?;
    let root = yaml::parse(file, sources.text(file), report);
    let Some(mut root) = root else {
        if !report.has_errors() {
            report.push(
                Diagnostic::at(
                    Code::EmptyValue,
                    Span { file, start: 0, end: 0 },
                    "the configuration is empty",
                )
                .label("nothing here")
                .help("`policies: policies` is the shortest configuration"),
            );
        }
        return None;
    };
    let unmade = variables::substitute(&mut root, env, report);
    let mut findings = Report::default();
    let config = tree(&root, directory(path), &mut findings);
    // A value that could not be made was complained about once already.
    let made = |d: &&Diagnostic| {
        !unmade.iter().any(|u| d.span.is_some_and(|s| u.start <= s.start && s.end <= u.end))
    };
    findings.diagnostics().iter().filter(made).for_each(|d| report.push(d.clone()));
    config
}

pub(super) fn policies(text: &str, env: Environment<'_>) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let root = yaml::parse(sources.add("doorward.yaml", text), text, &mut report);
    let named = root.and_then(|mut root| {
        variables::substitute(&mut root, env, &mut report);
        let fields = Fields::read(&root, SHAPE, &mut report)?;
        let entry = fields.get("policies")?;
        yaml::text(&entry.value, "`policies`", &mut report).map(|text| text.value.to_owned())
    });
    named.unwrap_or_else(|| DEFAULT_POLICIES.to_owned())
}

fn tree(root: &Node, directory: PathBuf, report: &mut Report) -> Option<Config> {
    let fields = Fields::read(root, SHAPE, report)?;
    let listen = listen::read(fields.get("listen"), &directory, report);
    let limits = limits::read(fields.get("limits"), report);
    let shutdown = shutdown::read(fields.get("shutdown"), report);
    let policies = match fields.get("policies") {
        Some(entry) => yaml::text(&entry.value, "`policies`", report).map(|text| text.value),
        None => Some(DEFAULT_POLICIES),
    };
    let policies_candidate = match fields.get("policies_candidate") {
        Some(entry) => candidate(&entry.value, policies, &directory, report).map(Some),
        None => Some(None),
    };
    let reload = reload::read(fields.get("reload"), report);
    let identity = identity::read(fields.get("identity"), report);
    let header_prefixes = headers::prefixes(fields.get("header_prefixes"), report);
    let upstream_headers = headers::read(fields.get("upstream_headers"), &header_prefixes, report);
    let deny = deny::read(fields.get("deny"), report);
    let decision_log = decision_log::read(fields.get("decision_log"), &directory, report);
    let tracing = traces::read(fields.get("tracing"), report);
    Some(Config {
        policies: directory.join(policies?),
        policies_candidate: policies_candidate?,
        listen: listen?,
        limits: limits?,
        shutdown: shutdown?,
        reload: reload?,
        identity: identity?,
        header_prefixes,
        upstream_headers,
        deny: deny?,
        decision_log: decision_log?,
        tracing: tracing?,
        directory,
    })
}

/// A directory that is not that of the policy in force.
fn candidate(node: &Node, policies: Option<&str>, directory: &Path, report: &mut Report) -> Option<PathBuf> {
    let text = yaml::text(node, "`policies_candidate`", report)?;
    let path = directory.join(text.value);
    let policies = directory.join(policies?);
    if path.starts_with(&policies) || policies.starts_with(&path) {
        let message = format!("`{}` and `policies` share files", text.value);
        report.push(
            Diagnostic::at(Code::BadValue, node.span, message)
                .label("this directory")
                .help("give the candidate a directory of its own, such as `candidate`"),
        );
        return None;
    }
    Some(path)
}

/// The directory of a file, never the empty path.
fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn file(path: &Path, sources: &mut Sources, report: &mut Report) -> Option<FileId> {
    let name = path.display().to_string();
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.push(
                Diagnostic::nowhere(Code::Unreadable, format!("can't read `{name}`: {error}"))
                    .help("name the configuration file with `--config`"),
            );
            return None;
        }
    };
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("`{name}` is larger than {MAX_FILE_BYTES} bytes");
        report.push(Diagnostic::nowhere(Code::TooLarge, message));
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(sources.add(name, text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            report.push(
                Diagnostic::nowhere(Code::NotUtf8, format!("`{name}` is not UTF-8 at byte {at}"))
                    .help("save the file as UTF-8"),
            );
            None
        }
    }
}

/// The bytes of a file, one more than is allowed at most.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::{DecisionLog, Limits, Listen, OnAnonymous, Reload, Scheme, Shutdown, TokenSource};

    fn load(text: &[u8]) -> (Option<Config>, Report) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.yaml");
        std::fs::write(&path, text).unwrap();
        let (config, _, report) = Config::load(&path, &|_| None);
        (config, report)
    }

    fn codes(text: &[u8]) -> Vec<Code> {
        load(text).1.diagnostics().iter().map(|d| d.code).collect()
    }

    #[test]
    fn a_missing_file_a_directory_and_broken_bytes_are_findings() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("none.yaml"), folder.path().to_owned()] {
            let (config, _, report) = Config::load(&path, &|_| None);
            assert_eq!(config, None);
            assert_eq!(report.diagnostics().first().unwrap().code, Code::Unreadable);
        }
        assert_eq!(codes(b"policies: \xff"), [Code::NotUtf8]);
        assert_eq!(codes(&vec![b'#'; MAX_FILE_BYTES + 1]), [Code::TooLarge]);
        assert_eq!(codes(b""), [Code::EmptyValue]);
        assert_eq!(codes(b"# nothing but this\n"), [Code::EmptyValue]);
    }

    #[test]
    fn what_is_left_out_gets_the_safe_default() {
        let config = load(b"policies: rules\n").0.unwrap();
        assert_eq!(config.listen.grpc.address, Listen::Tcp("127.0.0.1:9191".parse().unwrap()));
        assert_eq!((config.listen.http, config.listen.admin), (None, None));
        assert_eq!((config.limits, config.shutdown), (Limits::default(), Shutdown::default()));
        assert_eq!(config.policies, config.directory.join("rules"));
        assert_eq!((config.decision_log, config.tracing), (DecisionLog::default(), None));
        let bearer = TokenSource::Header { name: "authorization".to_owned(), scheme: Scheme::Bearer };
        assert_eq!(config.identity.tokens, [bearer]);
        assert_eq!(config.reload, Reload { allow_shrink: false });
        assert_eq!(config.identity.on_anonymous, OnAnonymous::Unseen);
        assert_eq!(config.identity.issuers, []);
        let names: Vec<_> = config.upstream_headers.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, ["x-user-id", "x-user-roles"]);
    }

    #[test]
    fn a_file_named_without_directory_lies_in_the_current_one() {
        assert_eq!(directory(Path::new("doorward.yaml")), Path::new("."));
        assert_eq!(directory(Path::new("a/doorward.yaml")), Path::new("a"));
        assert_eq!(directory(Path::new("/doorward.yaml")), Path::new("/"));
    }
}
