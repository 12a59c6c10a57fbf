//! `doorward envoy`: what in a configuration of Envoy would open a hole.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use super::findings::{As, count, show};
use super::inputs::{Input, Located, locate, policy};
use super::{Exit, Failure, Style, Term, time};
use crate::config::TokenSource;
use crate::diag::{Code, Report, Sources};
use crate::proxy::{Managed, Seen, inspect};

/// The most bytes of a file. A config dump with ten thousand routes has about ten million.
const MAX_BYTES: u64 = 64 << 20;

/// Report what in a configuration of Envoy would let a request slip by.
///
/// Reads a bootstrap, a config dump, or a listener, cluster or route configuration alone, in YAML or
/// JSON.
///
/// Exit code 0: nothing found; 1: findings; 2: could not be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; `-` for standard input, as in
    /// `curl -s localhost:9901/config_dump | doorward envoy -`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A doorward.yaml: which headers it and its policy manage, and which carry tokens. Without it,
    /// `x-user-*` and `authorization`.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look at the listener of this name alone, and at what it leads to; repeatable. In a mesh the
    /// listeners for requests of the application itself ask nobody, and need not.
    #[arg(long, value_name = "NAME")]
    listener: Vec<String>,
    /// Findings that are meant to be so, by their codes: they are not told. Several are joined by commas.
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = code)]
    allow: Vec<Code>,
    /// How to print the findings.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// Looks at the file, and prints what it found.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { file, config, listener, allow, format } = args;
    let managed = config.map_or_else(|| Ok(Managed::default()), managed)?;
    let (name, text) = read(&file)?;
    let (mut report, mut sources) = (Report::default(), Sources::default());
    let id = sources.add(name, text.as_str());
    let seen = inspect(id, &text, &managed, &listener, &mut report);
    report.sort(&sources);
    let Some(seen) = seen else { return Err(Failure::Invalid(Box::new((report, sources)))) };
    report.leave_out(&allow);
    show(&report, &sources, format, || summary(&report, seen, &allow, term), term)?;
    Ok(if report.is_empty() { Exit::Fine } else { Exit::Findings })
}

/// A code that may be allowed.
fn code(id: &str) -> Result<Code, String> {
    let found = Code::ALL.iter().find(|code| code.id() == id || code.name() == id);
    found
        .filter(|code| code.id().starts_with("DW4") && **code != Code::NotEnvoy)
        .copied()
        .ok_or_else(|| "not a code of this command: take those that it prints, such as `DW430`".to_owned())
}

/// What a deployment manages, by its configuration and its policy.
fn managed(config: PathBuf) -> Result<Managed, Failure> {
    let Located { config, directory, mut found } = locate(Input::Config(config))?;
    let compiled = policy(&directory, config.as_ref(), time::now()?, &mut found);
    let (Some(config), Some(compiled)) = (config, compiled) else {
        found.0.sort(&found.1);
        return Err(Failure::Invalid(Box::new(found)));
    };
    let general = config.upstream_headers.iter().map(|header| header.name.as_str().to_owned());
    let own = compiled.index.services().flat_map(|(_, service)| &service.headers);
    let mut names: Vec<String> = general.chain(own.map(|header| header.name.as_str().to_owned())).collect();
    names.sort_unstable();
    names.dedup();
    let mut credentials: Vec<String> = config.identity.tokens.iter().map(carrier).collect();
    credentials.sort_unstable();
    credentials.dedup();
    Ok(Managed::new(names, credentials))
}

fn carrier(source: &TokenSource) -> String {
    match source {
        TokenSource::Header { name, .. } => name.clone(),
        TokenSource::Cookie(_) => "cookie".to_owned(),
    }
}

fn read(file: &Path) -> Result<(String, String), Failure> {
    let standard = file == Path::new("-");
    let name = if standard { "standard input".to_owned() } else { file.display().to_string() };
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("can't read `{name}`: {error}"));
    let mut bytes = Vec::new();
    let read = if standard {
        stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| failed(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(&format!("it has more than {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8 text"))?;
    Ok((name, text))
}

/// The last line for a person.
fn summary(report: &Report, seen: Seen, allowed: &[Code], term: Term) -> String {
    let held =
        format!("{}, {}", count(seen.managers, "HTTP connection manager"), count(seen.routes, "route"),);
    let allowed = match allowed {
        [] => String::new(),
        codes => format!("; not told: {}", codes.iter().map(|code| code.id()).collect::<Vec<_>>().join(", ")),
    };
    let (errors, warnings) = report.counts();
    let counted = match (errors, warnings) {
        (0, 0) => term.paint(Style::Good, "no findings"),
        _ => term.paint(
            if errors > 0 { Style::Bad } else { Style::Label },
            &format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        ),
    };
    format!("{counted} in {held}{allowed}\n")
}
