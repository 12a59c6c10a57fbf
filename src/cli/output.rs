//! How answers are printed, by the commands that have the usual two ways.

use clap::ValueEnum;

/// A choice of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}
