//! `doorward matrix`: roles by routes.

use std::path::PathBuf;

use clap::ValueEnum;

use super::inputs::{self, Input, Located, locate, policy, unknown};
use super::{Exit, Failure, Term, time};
use crate::review::matrix::{Matrix, NARROWEST, Part};

/// Show who may call what: roles by routes.
///
/// A cell says what somebody may do who holds that one role, and what it inherits: `yes`, `if` (under
/// conditions, which are noted) or `-`.
///
/// Exit code 0: shown; 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy directory. Without it and --config: that of `doorward.yaml` here, else `policies`.
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directory: Option<PathBuf>,
    /// A configuration, which names the policy directory.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the routes of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only these roles, separated by commas.
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// How wide a table of text may be; one that is wider stands in parts. Default: COLUMNS, else 100.
    #[arg(long, value_name = "WIDTH")]
    width: Option<usize>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// Tables for a terminal.
    Text,
    /// A line a route, for a spreadsheet.
    Csv,
    /// Tables for a pull request.
    Markdown,
    /// One page for a browser, which needs nothing but itself.
    Html,
    /// One JSON object.
    Json,
}

/// So wide where nobody says it.
const USUAL: usize = 100;

/// Works it out and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { directory, config, service, roles, width, format } = args;
    let Located { config, directory, mut found } = locate(Input::choose(config, directory)?)?;
    let Some(compiled) = policy(&directory, config.as_ref(), time::now()?, &mut found) else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let index = &compiled.index;
    let part = Part { service: inputs::service(index, service.as_deref())?, roles };
    if let Some(name) = part.roles.iter().find(|name| index.role_named(name).is_none()) {
        return Err(unknown("role", name, index.roles().map(|(_, role)| &*role.name)));
    }
    let matrix = Matrix::of(index, &part);
    let told = match format {
        As::Text => matrix.text(width.or_else(columns).unwrap_or(USUAL)),
        As::Csv => matrix.csv(),
        As::Markdown => matrix.markdown(),
        As::Html => matrix.html(),
        As::Json => matrix.json(),
    };
    term.out(&told)?;
    Ok(Exit::Fine)
}

/// How wide the terminal is, as shells tell it.
fn columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|width| *width >= NARROWEST)
}
