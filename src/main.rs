//! The `doorward` binary: the allocator, and a call into the command line.

use std::process::ExitCode;

/// Checks allocate and free many small values on every worker thread at once,
/// which is where this allocator does better than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorward::cli::run().into()
}
