//! The running process: start-up, sockets, signals, logs.

use std::path::Path;

use crate::diag::{Report, Sources};

/// Why the server did not run.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration, the policy or a key is not valid. Nothing was bound.
    Invalid(Box<(Report, Sources)>),
    /// Everything was valid and something else went wrong.
    Failed(String),
}

/// Runs the server of a configuration file until it is told to stop.
pub fn serve(config: &Path, log: &str) -> Result<(), ServeError> {
    let _ = log;
    Err(ServeError::Failed(format!("can't serve `{}`: this build has no server yet", config.display())))
}
