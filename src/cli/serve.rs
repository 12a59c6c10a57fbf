//! `doorward serve`: run the server.

use std::path::PathBuf;

use crate::cli::{Exit, Term};
use crate::server::{self, Findings, ServeError};

/// Run the server that Envoy asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "doorward.yaml")]
    config: PathBuf,
    /// What the process logs on standard error: `error`, `warn`, `info`,
    /// `debug` or `trace`, or a list of `target=level`. Decisions have a log of
    /// their own: `decision_log` in the configuration.
    #[arg(long, value_name = "LEVEL", env = "DOORWARD_LOG", default_value = "info")]
    log: String,
}

/// Runs the server until it is told to stop.
pub(crate) fn run(args: Args, term: &Term) -> Exit {
    let Args { config, log } = args;
    match server::serve(&config, &log) {
        Ok(()) => Exit::Fine,
        Err(ServeError::Invalid(found)) => {
            for Findings { report, sources } in &found {
                term.report(report, sources);
            }
            Exit::CouldNotRun
        }
        Err(ServeError::Failed(message)) => {
            term.error(&message);
            Exit::CouldNotRun
        }
    }
}
