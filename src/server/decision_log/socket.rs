//! A Unix socket on which somebody else listens.

use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::sink::{Renewed, Sink};
use crate::config::LocalSocket;

/// How long one write may take before the writer looks up.
const PATIENCE: Duration = Duration::from_millis(500);

/// A connection to a socket, as long as there is one.
pub(super) struct Connection {
    to: LocalSocket,
    stream: Option<UnixStream>,
}

impl Connection {
    /// None yet: it is opened when there is something to write, and whenever
    /// it was lost.
    pub(super) fn new(to: LocalSocket) -> Self {
        Self { to, stream: None }
    }
}

impl Sink for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stream.is_none() {
            self.stream = Some(connect(&self.to)?);
        }
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        match stream.write(bytes) {
            // Slow is not gone.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(ErrorKind::WouldBlock.into())
            }
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.stream = None;
                Err(error)
            }
            result => result,
        }
    }

    fn renew(&mut self, anew: bool) -> io::Result<Renewed> {
        if anew {
            self.stream = None;
        }
        Ok(if self.stream.is_some() { Renewed::Same } else { Renewed::Fresh })
    }
}

fn connect(to: &LocalSocket) -> io::Result<UnixStream> {
    let stream = match to {
        LocalSocket::Path(path) => UnixStream::connect(path)?,
        LocalSocket::Abstract(name) => named(name)?,
    };
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(target_os = "linux")]
fn named(name: &str) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn named(_: &str) -> io::Result<UnixStream> {
    Err(io::Error::other("this system has no abstract sockets"))
}
