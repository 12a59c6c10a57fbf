//! `doorward replay`: requests of a log, decided again by another policy.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::inputs::{Input, Located, locate, policy};
use super::progress::{Progress, Unit};
use super::{Exit, Failure, Term, time};
use crate::config::OnAnonymous;
use crate::review::replay::{Field, Fields, Form, Plan, Replay};
use crate::words::redact;

/// Decide the requests of a log again by another policy: which would end otherwise.
///
/// A log is Doorward's decision log or Envoy's access log in JSON. What a line does not say, and the
/// decision depends on, leaves its request undecided.
///
/// Exit code 0: nothing would change, or only what is expected; 1: something would; 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Log files; `-` is standard input. Of rotated ones (`x.log.2`, `x.log.1`, `x.log`) the oldest is read first.
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// The policy directory to decide by.
    #[arg(long, value_name = "DIR", alias = "policies")]
    policy: Option<PathBuf>,
    /// A configuration: what becomes of tokens on anonymous routes and, without --policy, where the policy is.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the lines are; by default each is looked at.
    #[arg(long, value_name = "KIND", default_value = "auto")]
    from: From,
    /// The name of a field in Envoy's access log, where it is not a usual one: `method=verb`. May be given several
    /// times.
    #[arg(long, value_name = "FIELD=NAME", value_parser = field)]
    field: Vec<(Field, String)>,
    /// Take lines that do not say what of a caller is the token's (Envoy's, and Doorward's older ones) to name all
    /// that the token gives: there are no bindings, groups, codes and scopes.
    #[arg(long)]
    trust_roles: bool,
    /// Tell, too, which requests would be denied for another reason.
    #[arg(long)]
    reasons: bool,
    /// What may change without exit code 1.
    #[arg(long, value_name = "CHANGE", default_value = "none")]
    expect: Expect,
    /// Undecided requests and broken lines, too, end with exit code 1.
    #[arg(long)]
    deny_undecided: bool,
    /// How to print what was found.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// For a pull request.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// Each line as what it looks like.
    Auto,
    /// Doorward's decision log.
    Doorward,
    /// Envoy's access log in JSON.
    Envoy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expect {
    /// Nothing.
    None,
    /// Requests that were allowed and would be denied.
    Closed,
    /// Requests that were denied and would be allowed.
    Opened,
    /// Both.
    Any,
}

/// So much is read at once.
const AT_ONCE: usize = 1 << 20;

/// Reads, decides and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args {
        logs,
        policy: directory,
        config,
        from,
        field,
        trust_roles,
        reasons,
        expect,
        deny_undecided,
        format,
    } = args;
    let Located { config, directory, mut found } = inputs(config, directory)?;
    let Some(compiled) = policy(&directory, config.as_ref(), time::now()?, &mut found) else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let mut fields = Fields::default();
    field.iter().for_each(|(field, name)| fields.put(*field, name));
    let plan = Plan {
        form: match from {
            From::Auto if fields.is_empty() => Form::Auto,
            From::Auto | From::Envoy => Form::Envoy,
            From::Doorward => Form::Decisions,
        },
        fields,
        trust_roles,
        on_anonymous: config.as_ref().map_or_else(OnAnonymous::default, |c| c.identity.on_anonymous),
    };
    let mut replay = Replay::new(&compiled.index, plan);
    read(&mut replay, oldest_first(logs))?;
    if replay.lines() > 0 && replay.lines() == replay.broken() {
        let first = replay.broken_lines().first();
        let first = first.map(|line| format!("; {}:{}: {}", line.file.escape_debug(), line.line, line.why));
        return Err(Failure::new(format!("no line of the log could be read{}", first.unwrap_or_default())));
    }
    let by = directory.display().to_string();
    let told = match format {
        As::Text => replay.text(reasons, &by),
        As::Json => replay.json(reasons),
        As::Markdown => replay.markdown(reasons, &by),
    };
    term.out(&redact::tokens(&told))?;
    let opened = replay.would_open() > 0 && !matches!(expect, Expect::Opened | Expect::Any);
    let closed = replay.would_close() > 0 && !matches!(expect, Expect::Closed | Expect::Any);
    let open = deny_undecided && (replay.undecided() > 0 || replay.broken() > 0);
    Ok(if opened || closed || open { Exit::Findings } else { Exit::Fine })
}

/// The policy that is named goes before that of the configuration.
fn inputs(config: Option<PathBuf>, directory: Option<PathBuf>) -> Result<Located, Failure> {
    match (config, directory) {
        (Some(config), Some(directory)) => Ok(Located { directory, ..locate(Input::Config(config))? }),
        (config, directory) => locate(Input::choose(config, directory)?),
    }
}

/// Reads every log.
fn read(replay: &mut Replay<'_>, logs: Vec<PathBuf>) -> Result<(), Failure> {
    let cant = |path: &Path, error: &io::Error| {
        Failure::new(format!("can't read the log `{}`: {error}", path.display().to_string().escape_debug()))
    };
    // All are opened before the first is read: a misspelt name is told at once.
    let mut open: Vec<(PathBuf, Box<dyn Read>)> = Vec::new();
    let mut size = Some(0);
    for path in logs {
        if path.as_os_str() == "-" {
            size = None;
            open.push((PathBuf::from("standard input"), Box::new(io::stdin().lock())));
            continue;
        }
        let file = File::open(&path).map_err(|error| cant(&path, &error))?;
        let known = file.metadata().map_err(|error| cant(&path, &error))?;
        if known.is_dir() {
            return Err(Failure::new(format!(
                "`{}` is a directory: name the log files in it",
                path.display()
            )));
        }
        size = size.filter(|_| known.is_file()).map(|size: u64| size.saturating_add(known.len()));
        open.push((path, Box::new(file)));
    }
    let mut progress = Progress::new(Unit::Bytes, size);
    for (path, file) in open {
        let mut log = BufReader::with_capacity(AT_ONCE, file);
        let first = io::BufRead::fill_buf(&mut log).map_err(|error| cant(&path, &error))?;
        if first.starts_with(&[0x1f, 0x8b]) || first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let (name, how) = (path.display(), if first.starts_with(&[0x1f]) { "gzip" } else { "zstd" });
            return Err(Failure::new(format!(
                "`{name}` is compressed: `{how} -dc {name} | doorward replay - ..` reads it"
            )));
        }
        let name = path.display().to_string();
        replay.read(&name, log, |bytes| progress.add(bytes)).map_err(|error| cant(&path, &error))?;
    }
    Ok(())
}

/// Files of one log, by the number behind its name, the highest first; otherwise as
/// they were named.
fn oldest_first(logs: Vec<PathBuf>) -> Vec<PathBuf> {
    let parts = |path: &PathBuf| {
        let text = path.to_string_lossy().into_owned();
        match text.rsplit_once('.') {
            Some((base, number)) => match number.parse::<u64>() {
                Ok(number) => (base.to_owned(), number),
                Err(_) => (text, 0),
            },
            None => (text, 0),
        }
    };
    let bases: Vec<String> = logs.iter().map(|path| parts(path).0).collect();
    let mut logs: Vec<(usize, Reverse<u64>, PathBuf)> = logs
        .into_iter()
        .map(|path| {
            let (base, number) = parts(&path);
            let first = bases.iter().position(|known| *known == base).unwrap_or(usize::MAX);
            (first, Reverse(number), path)
        })
        .collect();
    logs.sort_by_key(|(first, number, _)| (*first, *number));
    logs.into_iter().map(|(_, _, path)| path).collect()
}

/// `method=verb`.
fn field(text: &str) -> Result<(Field, String), String> {
    let known = || format!("write `FIELD=NAME` with one of the fields {}", Field::WORDS.join(", "));
    let (word, name) = text.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(known)?;
    Field::of_word(word).map(|field| (field, name.to_owned())).ok_or_else(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_read_from_the_oldest_on() {
        let ordered = |names: &[&str]| {
            let paths = oldest_first(names.iter().map(PathBuf::from).collect());
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ordered(&["a.log", "a.log.1", "a.log.10", "a.log.2"]), "a.log.10 a.log.2 a.log.1 a.log");
        assert_eq!(ordered(&["b", "a", "-"]), "b a -");
        assert_eq!(ordered(&["b.log.1", "a.log", "b.log", "a.log.1"]), "b.log.1 b.log a.log.1 a.log");
    }
}
