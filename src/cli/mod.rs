//! The command line: arguments in, exit codes out, one file a command.
//!
//! A command is an `Args` struct and a `run(args, term)`. It reads its
//! arguments, calls the rooms below and says what came of it; it decides
//! nothing about requests, policies or tokens itself. Only this room prints.

mod apis;
mod check;
mod diff;
mod envoy;
mod findings;
mod import;
mod init;
mod inputs;
mod lint;
mod revision;
mod matrix;
mod mutate;
mod output;
mod progress;
mod replay;
mod schema;
mod serve;
mod term;
mod test;
mod time;
mod token;
mod what_can;
mod who_can;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diag::{Report, Sources};
use crate::words::redact;

pub use term::{Color, Style, Term};

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
    /// Access was opened.
    Opened,
    /// Two policies could not be compared.
    NotCompared,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::CouldNotRun | Exit::Opened => 2,
            Exit::NotCompared => 3,
        })
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Words for a person.
    Message(String),
    /// Files with mistakes.
    Invalid(Box<(Report, Sources)>),
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }
}

/// External authorization for Envoy: YAML policies kept in git.
#[derive(Debug, Parser)]
#[command(name = "doorward", version = VERSION, max_term_width = 100)]
struct Cli {
    /// When to colour the output: `auto` (on a terminal, unless `NO_COLOR` is set), `always` or `never`.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        display_order = 900
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    Lint(lint::Args),
    Diff(diff::Args),
    Test(test::Args),
    Mutate(mutate::Args),
    Matrix(matrix::Args),
    WhatCan(what_can::Args),
    WhoCan(who_can::Args),
    Replay(replay::Args),
    Envoy(envoy::Args),
    Token(token::Args),
    Init(init::Args),
    Import(import::Args),
    Schema(schema::Args),
}

/// Reads the arguments of this process and runs the command they name.
pub fn run() -> Exit {
    let Cli { color, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let term = Term::detect(color);
    // What was opened and what could not be compared must not look alike.
    let failed = if matches!(command, Command::Diff(_)) { Exit::NotCompared } else { Exit::CouldNotRun };
    let done = match command {
        Command::Serve(args) => Ok(serve::run(args, &term)),
        Command::Check(args) => check::run(args, term),
        Command::Lint(args) => lint::run(args, term),
        Command::Test(args) => test::run(args, term),
        Command::Mutate(args) => mutate::run(args, term),
        Command::Diff(args) => diff::run(args, term),
        Command::Matrix(args) => matrix::run(args, term),
        Command::WhatCan(args) => what_can::run(args, term),
        Command::WhoCan(args) => who_can::run(args, term),
        Command::Replay(args) => replay::run(args, term),
        Command::Envoy(args) => envoy::run(args, term),
        Command::Init(args) => init::run(args, term),
        Command::Token(args) => token::run(args, term),
        Command::Import(args) => import::run(args, term),
        Command::Schema(args) => schema::run(args, term),
    };
    match done {
        Ok(exit) => return exit,
        Err(Failure::Message(message)) => term.error(&message),
        Err(Failure::Invalid(found)) => {
            let (report, sources) = *found;
            term.report(&report, &sources);
        }
    }
    failed
}

/// `--help` and `--version`, and arguments that make no sense. The parser
/// repeats what it does not understand, and that may be a token.
fn usage(error: &clap::Error) -> Exit {
    let text = error.render();
    let to_stderr = error.use_stderr();
    let term = Term::detect(Color::Auto);
    let color = if to_stderr { term.err_color() } else { term.out_color() };
    let text = redact::tokens(&if color { text.ansi().to_string() } else { text.to_string() });
    // Nobody is left to tell where these can't be written.
    let _ = if to_stderr {
        std::io::stderr().lock().write_all(text.as_bytes())
    } else {
        std::io::stdout().lock().write_all(text.as_bytes())
    };
    if to_stderr { Exit::CouldNotRun } else { Exit::Fine }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Cli::command().debug_assert();
    }
}
