//! `doorward token`: development keys and tokens. Doorward itself is nobody's
//! issuer; these are for trying things out.

mod inspect;
mod keygen;
mod mint;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{Exit, Failure, Term};
use crate::config::Algorithm;

/// Mint a development token, make a development key, or inspect a token.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    mint: Option<mint::Args>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Mint(mint::Args),
    Inspect(inspect::Args),
    Keygen(keygen::Args),
}

/// Mints, unless told otherwise.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    match args {
        Args { command: Some(Command::Inspect(args)), .. } => inspect::run(args, term),
        Args { command: Some(Command::Keygen(args)), .. } => keygen::run(args, term),
        Args { command: Some(Command::Mint(args)), .. } => mint::run(args, term),
        Args { command: None, mint: Some(args) } => mint::run(args, term),
        // The parser asks for the arguments of `mint` before it comes to this.
        Args { command: None, mint: None } => Err(Failure::new("see `doorward token --help`")),
    }
}

/// The names of all algorithms, and nothing else.
fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str());
    PossibleValuesParser::new(names).try_map(|name| Algorithm::from_name(&name).ok_or("not an algorithm"))
}
