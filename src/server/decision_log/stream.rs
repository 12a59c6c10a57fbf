//! Standard output and standard error.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::sink::{Renewed, Sink};

/// Standard output without the buffer that the standard library puts before
/// it: a write that was cut short is then known to have been.
pub(super) struct Stdout(File);

pub(super) fn stdout() -> Result<Stdout, String> {
    let copy = io::stdout().as_fd().try_clone_to_owned();
    copy.map(|fd| Stdout(File::from(fd))).map_err(|error| format!("can't write to standard output: {error}"))
}

impl Sink for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn renew(&mut self, _: bool) -> io::Result<Renewed> {
        Ok(Renewed::Same)
    }
}

/// Standard error, which the process's own log writes to as well. Under its
/// lock whole lines are written, so that none comes to stand within another.
pub(super) struct Stderr;

impl Sink for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match stderr.write(rest) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    fn renew(&mut self, _: bool) -> io::Result<Renewed> {
        Ok(Renewed::Same)
    }
}
