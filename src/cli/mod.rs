//! The command line: arguments in, exit codes out, one file a command.
//!
//! A command is an `Args` struct and a `run(args, term) -> Exit`. It reads its
//! arguments, calls the rooms below and says what came of it; it decides
//! nothing about requests, policies or tokens itself.

mod serve;
mod term;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use term::Term;

/// The version, and the git revision it was built from where that is known.
pub(crate) const VERSION: &str = env!("DOORWARD_VERSION");

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to complain about; the request is allowed.
    Fine,
    /// Findings; the request is denied.
    Findings,
    /// The command could not do its work.
    CouldNotRun,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::CouldNotRun => 2,
        })
    }
}

/// External authorization for Envoy: YAML policies kept in git.
#[derive(Debug, Parser)]
#[command(name = "doorward", version = VERSION, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
}

/// Reads the arguments of this process and runs the command they name.
/// Arguments that make no sense end the process with exit code 2.
pub fn run() -> Exit {
    let Cli { command } = Cli::parse();
    let term = Term::detect();
    match command {
        Command::Serve(args) => serve::run(args, &term),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Cli::command().debug_assert();
    }
}
