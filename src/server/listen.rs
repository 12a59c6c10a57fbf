//! Sockets: opening them, and taking connections from them.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net as blocking;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Sleep;
use tokio_stream::Stream;

use crate::config::{Listen, Listener};

/// How long not to accept after the system had no more files or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// An open socket.
#[derive(Debug)]
pub(super) enum Bound {
    /// And its address.
    Tcp(Incoming<TcpListener>, String),
    /// And its address, and its file, which goes when this is dropped.
    Unix(Incoming<UnixListener>, String, Option<SocketFile>),
}

impl Bound {
    /// Where it listens, as one would write it into `listen:`.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(_, address) | Self::Unix(_, address, _) => address.clone(),
        }
    }
}

/// Opens a socket. Must be called within the runtime.
pub(super) fn bind(listener: &Listener) -> Result<Bound, String> {
    let place = listener.address.to_string();
    let fail = |error| format!("can't listen on `{place}`: {error}");
    match &listener.address {
        Listen::Tcp(address) => {
            let listener = std::net::TcpListener::bind(address).map_err(fail)?;
            listener.set_nonblocking(true).map_err(fail)?;
            let actual = listener.local_addr().map_err(fail)?.to_string();
            let listener = TcpListener::from_std(listener).map_err(fail)?;
            Ok(Bound::Tcp(Incoming { listener, pause: None }, actual))
        }
        Listen::Unix(path) => {
            let (listener, file) = unix(path, listener.mode).map_err(fail)?;
            Ok(Bound::Unix(Incoming { listener, pause: None }, place, Some(file)))
        }
        Listen::Abstract(name) => {
            let listener = abstract_socket(name).map_err(fail)?;
            Ok(Bound::Unix(Incoming { listener, pause: None }, place, None))
        }
    }
}

/// A socket with a name in the network's namespace and no file: nobody has to
/// tidy up after it, and no mode guards it.
#[cfg(target_os = "linux")]
fn abstract_socket(name: &str) -> io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt;

    let address = blocking::SocketAddr::from_abstract_name(name)?;
    let listener = blocking::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

#[cfg(not(target_os = "linux"))]
fn abstract_socket(_: &str) -> io::Result<UnixListener> {
    Err(io::Error::other("this system has no abstract sockets"))
}

fn unix(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    make_way(path)?;
    // Opened under another name, restricted, then moved into place: at no time
    // can somebody connect who may not, and a stale socket is replaced without
    // a moment in which there is none.
    let temporary = path.with_file_name(format!(".{}.sock", std::process::id()));
    make_way(&temporary)?;
    let _ = fs::remove_file(&temporary);
    let listener = blocking::UnixListener::bind(&temporary)?;
    listener.set_nonblocking(true)?;
    let in_place = fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = in_place {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    let file = SocketFile { path: path.to_owned(), inode: inode(path) };
    Ok((UnixListener::from_std(listener)?, file))
}

/// What lies at the path may be replaced only if it is a socket on which
/// nobody answers any more.
fn make_way(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("a file that is not a socket is there already"));
    }
    match blocking::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another process listens there already")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// The file of a Unix socket. Removed when dropped, unless another process has
/// put its own in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.inode.is_some() && self.inode == inode(&self.path) {
            // A file that can't be removed is stale, and replaced next time.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// A listening socket of either kind.
pub(super) trait Accept: Unpin {
    /// Its connections.
    type Io;

    /// Takes the next connection.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>>;
}

impl Accept for TcpListener {
    type Io = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let (stream, _) = ready!(TcpListener::poll_accept(self, cx))?;
        // An answer is one small packet that must not wait for a second. If
        // it can't be set the connection is dead already.
        let _ = stream.set_nodelay(true);
        Poll::Ready(Ok(stream))
    }
}

impl Accept for UnixListener {
    type Io = UnixStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let (stream, _) = ready!(UnixListener::poll_accept(self, cx))?;
        Poll::Ready(Ok(stream))
    }
}

/// The connections of a socket. Never ends and never fails: a system out of
/// files is waited for, not spun on.
#[derive(Debug)]
pub(super) struct Incoming<L> {
    listener: L,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<L: Accept> Stream for Incoming<L> {
    type Item = io::Result<L::Io>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok(io) => return Poll::Ready(Some(Ok(io))),
                // The client left before it was taken.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(error = %error, "can't accept connections");
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn on(address: &str) -> Listener {
        let address = Listen::Tcp(address.parse().unwrap());
        Listener { address, span: None, mode: 0o660, tls: None }
    }

    #[tokio::test]
    async fn an_abstract_socket_has_no_file_and_one_owner() {
        let name = format!("doorward-test-{}", std::process::id());
        let listener = Listener { address: Listen::Abstract(name), ..on("127.0.0.1:0") };
        let bound = bind(&listener).unwrap();
        assert_eq!(bound.address(), listener.address.to_string());
        assert!(bind(&listener).unwrap_err().contains("in use"));
        drop(bound);
        bind(&listener).unwrap();
    }

    #[tokio::test]
    async fn a_socket_is_restricted_and_goes_when_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sock");
        let (listener, file) = unix(&path, 0o640).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        blocking::UnixStream::connect(&path).unwrap();
        drop((listener, file));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sock");
        let live = blocking::UnixListener::bind(&path).unwrap();
        assert!(unix(&path, 0o660).unwrap_err().to_string().contains("another process"));
        drop(live);
        assert!(path.exists(), "a killed process leaves its file");
        let (_listener, _file) = unix(&path, 0o660).unwrap();
        blocking::UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, "text").unwrap();
        assert!(unix(&path, 0o660).unwrap_err().to_string().contains("not a socket"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(unix(&link, 0o660).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.sock");
        let (listener, file) = unix(&path, 0o660).unwrap();
        drop(listener);
        let (_successor, _its_file) = unix(&path, 0o660).unwrap();
        drop(file);
        blocking::UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn port_0_gets_a_port_and_a_taken_port_is_told() {
        let bound = bind(&on("127.0.0.1:0")).unwrap();
        let address = bound.address();
        assert!(!address.ends_with(":0"));
        let again = bind(&on(&address)).unwrap_err();
        assert!(again.contains(&address), "{again}");
    }
}
