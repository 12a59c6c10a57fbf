//! What lines can be written to.

use std::io;

/// What lines can be written to.
pub(super) trait Sink: Send {
    /// Writes a part of these bytes, which go on where the last ones ended, and
    /// says how many. They end with the end of a line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes sure that there is something to write to; `anew` asks for
    /// something new even if there is. Asked after every fault, and once in a
    /// while.
    fn renew(&mut self, anew: bool) -> io::Result<Renewed>;
}

/// Where the next bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewed {
    /// Behind the last ones.
    Same,
    /// To something new, which should begin with the beginning of a line.
    Fresh,
}
