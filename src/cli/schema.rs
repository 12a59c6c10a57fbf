//! `doorward schema`: the file formats for editors.

use clap::ValueEnum;

use super::{Exit, Failure, Term};
use crate::{config, policy};

/// Print the JSON Schema of a file format, for completion and checks in editors.
///
/// Put `# yaml-language-server: $schema=policy.schema.json` into the first line of a file, or map
/// the schema to the files in the editor's settings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which files.
    #[arg(value_name = "WHICH", default_value = "policy")]
    which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The files of a policy directory.
    Policy,
    /// `doorward.yaml`.
    Config,
}

/// Prints a schema.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { which } = args;
    term.out(match which {
        Which::Policy => policy::SCHEMA,
        Which::Config => config::SCHEMA,
    })?;
    Ok(Exit::Fine)
}
