//! `doorward diff`: a change of policy as a change of access.

mod configured;
mod json;
mod markdown;
mod sarif;
mod text;
mod words;

use std::path::PathBuf;

use clap::ValueEnum;

use self::configured::Configured;
use super::inputs::{Input, Located, locate, tokens};
use super::revision::{Loaded, Repository, Version};
use super::{Exit, Failure, Term, time};
use crate::review::{Diff, Tokens, Witness};

/// Show what a change of policy opens and closes, proved for every request and every caller.
///
/// Both policies are compared as access, not as text: for each service, method and path who gains and who
/// loses, with a request that shows it. Files that are renamed, or say the same in another order, make no
/// difference.
///
/// Exit code 0: no access changed; 1: some was closed, none opened; 2: some was opened; 3: could not
/// compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy before: a directory, a git revision (`main`, `HEAD~3`, a tag), or both sides as
    /// `main..HEAD`, or `main...HEAD` for what changed since they parted.
    #[arg(value_name = "OLD")]
    old: String,
    /// The policy after: a directory or a git revision. Default: the work tree.
    #[arg(value_name = "NEW")]
    new: Option<String>,
    /// The configuration that names the policy directory. Without this and --policies: `doorward.yaml` here,
    /// else the directory `policies`.
    #[arg(long, short, value_name = "FILE", conflicts_with = "policies")]
    config: Option<PathBuf>,
    /// The policy directory in the repository.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// The repository, which may be a bare one. Default: the one here.
    #[arg(long, value_name = "DIR", requires = "policies")]
    repo: Option<PathBuf>,
    /// Take it that tokens carry no codes and no scopes of their own: issuers without `codes` and `scopes`.
    /// Where a configuration is found, its issuers say it; else tokens may carry either.
    #[arg(long)]
    plain_tokens: bool,
    /// What is meant to change: with `none` or `closed`, exit code 0 says that no more than that did.
    #[arg(long, value_name = "WHAT")]
    expect: Option<Expect>,
    /// Compare from this time on: RFC 3339, or seconds since 1970. Bindings that end before it are nothing.
    /// Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// How to print the changes.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// What a change is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expect {
    /// No access changes.
    None,
    /// Access is closed, and none opened.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// For the comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// Both policies, and what is different.
struct Compared {
    old: Loaded,
    new: Loaded,
    diff: Diff,
    /// What is not compared, and is not the same.
    note: Option<String>,
    /// The option by which `doorward check` finds the new policy; none where it needs
    /// none, or the policy lies in git alone.
    found_by: Option<(&'static str, PathBuf)>,
}

impl Compared {
    /// What to type to try a request.
    fn command(&self, witness: &Witness) -> String {
        match &self.found_by {
            Some((option, value)) => witness.command_with(option, &value.display().to_string()),
            None => witness.command(),
        }
    }
}

/// Compares and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { old, new, config, policies, repo, plain_tokens, expect, at, format } = args;
    let now = at.map_or_else(time::now, Ok)?;
    let (config, policies, tokens) = match policies {
        Some(policies) => (None, policies, Tokens::ANY),
        None => located(config)?,
    };
    let usual = Input::choose(None, None).ok();
    let repository = Repository { at: repo.unwrap_or_else(|| ".".into()), policies };
    let (old, new) = Version::pair(&old, new.as_deref(), &repository)?;
    let configured = Configured::new(config.as_deref(), [&old, &new], &repository)?;
    let note = configured.note();
    let tokens = match (plain_tokens, &note) {
        (true, _) => Tokens { codes: false, scopes: false },
        (false, Some(_)) => Tokens::ANY,
        (false, None) => tokens,
    };
    let [of_old, of_new] = configured.repositories(&repository);
    let found_by = match (&new, &config) {
        (Version::Revision(_), _) => None,
        (Version::Directory(directory), Some(file)) if *directory == of_new.policies => {
            (usual != Some(Input::Config(file.clone()))).then(|| ("--config", file.clone()))
        }
        (Version::Directory(directory), _) => {
            (usual != Some(Input::Policies(directory.clone()))).then(|| ("--policies", directory.clone()))
        }
    };
    let (old, new) = (old.load(&of_old, now)?, new.load(&of_new, now)?);
    let diff = Diff::new(&old.index, &new.index, tokens, now).map_err(|_| {
        Failure::new("these policies are too large to be compared: more than 65,000 facts, or functions of them that are too large")
    })?;
    if let Some(change) = diff.unconfirmed().next() {
        return Err(Failure::new(format!(
            "the proof and the engine disagree about `{}`: this is a fault of doorward, please report it",
            change.paths.join(", ")
        )));
    }
    let compared = Compared { old, new, diff, note, found_by };
    let text = match format {
        As::Text => text::text(&compared, term),
        As::Json => json::json(&compared),
        As::Markdown => markdown::markdown(&compared),
        As::Sarif => sarif::sarif(&compared),
    };
    term.out(&text)?;
    Ok(exit(&compared.diff, expect))
}

/// The configuration, where the policy lies, and what its issuers read in tokens;
/// `policies` and anything where nothing says so.
fn located(config: Option<PathBuf>) -> Result<(Option<PathBuf>, PathBuf, Tokens), Failure> {
    let Ok(input) = Input::choose(config, None) else { return Ok((None, "policies".into(), Tokens::ANY)) };
    let file = match &input {
        Input::Config(file) => Some(file.clone()),
        Input::Policies(_) => None,
    };
    let Located { config, directory, .. } = locate(input)?;
    Ok((file, directory, tokens(config.as_ref())))
}

fn exit(diff: &Diff, expect: Option<Expect>) -> Exit {
    match (diff.opens(), diff.closes(), expect) {
        (true, _, _) => Exit::Opened,
        (false, true, Some(Expect::Closed)) | (false, false, _) => Exit::Fine,
        (false, true, _) => Exit::Findings,
    }
}
