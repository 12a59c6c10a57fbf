//! `doorward import`: an API description as a policy that denies everything.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::apis::{is_service_name, read};
use super::{Exit, Failure, Term};
use crate::api::{read as read_api, skeleton};
use crate::compile::compile;
use crate::diag::{Report, Sources};
use crate::policy::read_texts;

/// Write a policy for the operations of an OpenAPI document or a protobuf descriptor set.
///
/// Every route denies until it is edited; what the description says of roles, codes and scopes stands
/// beside it in a comment.
///
/// Exit code 0: everything is there; 1: some operations can't be routes, and are left out; 2: could
/// not be read or written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// OpenAPI 3.0 or 3.1 in YAML or JSON, or a binary `FileDescriptorSet`; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: String,
    /// The name of the service. Default: made of the name of the file.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// A policy directory, where `NAME.yaml` is written; `-` for standard output.
    #[arg(long, value_name = "DIR", default_value = "-")]
    out: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

/// Reads, writes, and says what was left out.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { file, service, out, force } = args;
    let service = service.map_or_else(|| name_of(&file), checked)?;
    let (name, bytes) = read(&file)?;
    let (mut report, mut sources) = (Report::default(), Sources::default());
    let api = read_api(&name, bytes, &mut sources, &mut report);
    report.sort(&sources);
    let Some(api) = api.filter(|_| !report.has_errors()) else {
        return Err(Failure::Invalid(Box::new((report, sources))));
    };
    if api.operations.is_empty() {
        term.report(&report, &sources);
        return Err(Failure::new(format!("`{name}` has no operation that a route could be")));
    }
    let text = skeleton(&api, &service);
    must_compile(&service, &text)?;
    term.report(&report, &sources);
    if out == Path::new("-") {
        term.out(&text)?;
    } else {
        let path = out.join(format!("{service}.yaml"));
        write(&path, &text, force)?;
        let count = super::findings::count(api.operations.len(), "route");
        term.out(&format!("wrote {} with {count}, all denied\n", path.display()))?;
    }
    Ok(if api.left_out.is_empty() { Exit::Fine } else { Exit::Findings })
}

fn checked(name: String) -> Result<String, Failure> {
    if is_service_name(&name) {
        return Ok(name);
    }
    Err(Failure::new(format!(
        "`{name}` is no name of a service: lower-case letters, digits and `-`, at most 63"
    )))
}

/// The name of a file as the name of a service.
fn name_of(file: &str) -> Result<String, Failure> {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = stem.chars().map(plain).collect();
    let name: String = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if is_service_name(&name) {
        return Ok(name);
    }
    Err(Failure::new("how is the service called? write `--service NAME`"))
}

/// What is written must be a policy, whatever the description holds.
fn must_compile(service: &str, text: &str) -> Result<(), Failure> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([(format!("{service}.yaml"), text.to_owned())], &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    match index {
        Some(_) => Ok(()),
        None => Err(Failure::Invalid(Box::new((report, sources)))),
    }
}

/// Writes a file; one that is there only if that is wanted.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::new(format!("can't write `{shown}`: {error}"));
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true);
    let opened =
        if force { options.create(true).truncate(true) } else { options.create_new(true) }.open(path);
    match opened {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(failed),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::new(format!(
            "`{shown}` is there already: write elsewhere, or over it with `--force`"
        ))),
        Err(error) => Err(failed(error)),
    }
}
