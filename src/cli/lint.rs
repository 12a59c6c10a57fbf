//! `doorward lint`: everything that is wrong or suspicious.

use std::path::{Path, PathBuf};

use super::apis;
use super::findings::{As, count, show};
use super::inputs::{Input, Located, Looked, environment, locate, policy_to_lint};
use super::{Exit, Failure, Style, Term, time};
use crate::compile::{Index, silence};
use crate::diag::{Code, Report, Sources};
use crate::identity::Verifier;
use crate::server::{check_certificates, check_tracing};

/// Report everything wrong or suspicious in a policy or a configuration.
///
/// Without arguments `doorward.yaml` is looked at and the policy directory that it names; where there
/// is none, the directory `policies`.
///
/// Exit code 0: no errors; 1: errors (or warnings, with --deny-warnings); 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Policy directories, each a policy of its own.
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directories: Vec<PathBuf>,
    /// A configuration file: what it says itself, its keys, and the policy directory that it names.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An OpenAPI document or a protobuf descriptor set: tell where it and the policy differ. With several
    /// services in the policy, `SERVICE=FILE`.
    #[arg(long, value_name = "[SERVICE=]FILE")]
    api: Vec<String>,
    /// Do not read key files, certificates and secrets, which the machine that lints may not have.
    #[arg(long)]
    skip_keys: bool,
    /// Tell of bindings that expire as if it were this time: RFC 3339, or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// Warnings, too, end with exit code 1.
    #[arg(long)]
    deny_warnings: bool,
    /// How to print the findings.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// Looks at everything it is told to, and prints what it found.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { directories, config, api, skip_keys, at, deny_warnings, format } = args;
    let now = at.map_or_else(time::now, Ok)?;
    let Found { found: (mut report, mut sources), looked, configured } = if directories.is_empty() {
        of_config(Input::choose(config, None)?, skip_keys, now)?
    } else {
        of_directories(&directories, now)?
    };
    apis::compare(&api, &looked, &mut report, &mut sources)?;
    silence(&sources, &|code| is_judged(code, configured, !api.is_empty()), &mut report);
    report.sort(&sources);

    let last = || summary(&report, &sources, &looked, term);
    show(&report, &sources, format, last, term)?;
    let (errors, warnings) = report.counts();
    Ok(if errors > 0 || (deny_warnings && warnings > 0) { Exit::Findings } else { Exit::Fine })
}

/// Whether a finding was looked for, so that allowing it where it is not found
/// is idle: some depend on the day, or on a configuration beside the policy.
fn is_judged(code: Code, configured: bool, described: bool) -> bool {
    match code {
        Code::ApiMissing | Code::ApiExtra | Code::ApiParameter | Code::ApiMethod | Code::ApiInexpressible => {
            described
        }
        Code::BindingExpired | Code::BindingExpires => false,
        Code::UngrantedCode | Code::UnrequiredCode | Code::UnusedRole | Code::IdleDeny => configured,
        _ => true,
    }
}

/// What was found, and in what.
struct Found {
    found: (Report, Sources),
    looked: Vec<Looked>,
    /// Whether there was a configuration.
    configured: bool,
}

fn of_config(input: Input, skip_keys: bool, now: u64) -> Result<Found, Failure> {
    if let Input::Config(path) = &input
        && !path.is_file()
    {
        return Err(Failure::new(format!("`{}` is not a file", path.display())));
    }
    let Located { config, directory, mut found } = match locate(input) {
        Ok(located) => located,
        // Mistakes are what was asked for. They hide where the policy lies.
        Err(Failure::Invalid(found)) => {
            return Ok(Found { found: *found, looked: Vec::new(), configured: true });
        }
        Err(failure) => return Err(failure),
    };
    if let (Some(config), false) = (&config, skip_keys) {
        Verifier::load(&config.identity, &config.directory, &environment, &mut found.0);
        check_certificates(&config.listen, &config.directory, &mut found.0);
        if let Some(tracing) = &config.tracing {
            check_tracing(tracing, &config.directory, &environment, &mut found.0);
        }
    }
    let looked = policy_to_lint(&directory, config.as_ref(), now, &mut found);
    Ok(Found { found, looked: vec![looked], configured: config.is_some() })
}

fn of_directories(directories: &[PathBuf], now: u64) -> Result<Found, Failure> {
    let not_there = |directory: &&PathBuf| !directory.is_dir();
    if let Some(wrong) = directories.iter().find(not_there) {
        let hint = if wrong.is_file() { ": a policy is linted whole, not file by file" } else { "" };
        return Err(Failure::new(format!("`{}` is not a directory{hint}", wrong.display())));
    }
    let mut found = Default::default();
    let read = |directory: &PathBuf| policy_to_lint(Path::new(directory), None, now, &mut found);
    let looked = directories.iter().map(read).collect();
    Ok(Found { found, looked, configured: false })
}

/// The last line for a person.
fn summary(report: &Report, sources: &Sources, looked: &[Looked], term: Term) -> String {
    let files = count(sources.len(), "file");
    let (errors, warnings) = report.counts();
    let counted = format!("{}, {} in {files}", count(errors, "error"), count(warnings, "warning"));
    let silenced = match report.silenced() {
        [] => String::new(),
        silenced => format!("; {} allowed by comments", silenced.len()),
    };
    if errors > 0 {
        return format!("{}{silenced}\n", term.paint(Style::Bad, &counted));
    }
    let indices: Vec<&Index> =
        looked.iter().filter_map(|looked| Some(&looked.compiled.as_ref()?.index)).collect();
    let sum = |of: fn(&Index) -> usize| indices.iter().map(|index| of(index)).sum();
    let held = format!(
        "{}, {}, {}",
        count(sum(|i| i.services().count()), "service"),
        count(sum(|i| i.routes().count()), "route"),
        count(sum(|i| i.roles().count()), "role"),
    );
    if warnings > 0 {
        return format!("{counted}: {held}{silenced}\n");
    }
    format!("{} in {files}: {held}{silenced}\n", term.paint(Style::Good, "no findings"))
}
