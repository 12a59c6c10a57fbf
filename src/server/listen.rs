//! Sockets: opening them, and taking connections from them.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net as blocking;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Handle;

use crate::config::{Listen, Listener};

/// How long not to accept after the system had no more files or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a connection comes from, as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// An address.
    Ip(IpAddr),
    /// A Unix socket, whose mode says who may open it.
    Unix,
    /// Nobody knows any more.
    Gone,
}

/// An open socket.
#[derive(Debug)]
pub(super) struct Bound {
    socket: Socket,
    address: String,
    /// Goes when this is dropped.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Opens a socket. Must be called within the runtime.
pub(super) fn bind(listener: &Listener) -> Result<Bound, String> {
    let place = listener.address.to_string();
    let fail = |error| format!("can't listen on `{place}`: {error}");
    let (socket, file) = match &listener.address {
        Listen::Tcp(address) => (tcp(address).map_err(fail)?, None),
        Listen::Unix(path) => {
            let (socket, file) = unix(path, listener.mode).map_err(fail)?;
            (Socket::Unix(socket), Some(file))
        }
        Listen::Abstract(name) => (Socket::Unix(abstract_socket(name).map_err(fail)?), None),
    };
    let address = match &socket {
        Socket::Tcp(listener) => listener.local_addr().map_err(fail)?.to_string(),
        Socket::Unix(_) => place,
    };
    Ok(Bound { socket, address, _file: file })
}

impl Bound {
    /// Where it listens, as one would write it into `listen:`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Takes the next connection. Never fails: a system out of files is waited
    /// for, not spun on.
    pub(super) async fn accept(&self) -> Stream {
        loop {
            match self.take().await {
                Ok(stream) => return stream,
                // The client left before it was taken.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(error = %error, "can't accept connections");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn take(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer is one small packet that must not wait for a
                // second. If it can't be set the connection is dead already.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Socket::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

fn tcp(address: &SocketAddr) -> io::Result<Socket> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Socket::Tcp(TcpListener::from_std(listener)?))
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
    // Opened behind a door of its own, restricted, then moved into place: at no
    // time can somebody connect who may not, whatever the umask says, and a stale
    // socket is replaced without a moment in which there is none.
    let ante = Anteroom::beside(path)?;
    let listener = blocking::UnixListener::bind(ante.socket())?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(ante.socket(), fs::Permissions::from_mode(mode))?;
    fs::rename(ante.socket(), path)?;
    drop(ante);
    let file = SocketFile { path: path.to_owned(), inode: inode(path) };
    Ok((UnixListener::from_std(listener)?, file))
}

/// A directory that nobody else may enter, in which a socket gets its mode. Goes,
/// with what is in it, when this is dropped.
struct Anteroom(PathBuf);

impl Anteroom {
    /// On the same file system. No name in it is longer than it needs to be: a
    /// socket's path has little room.
    fn beside(path: &Path) -> io::Result<Self> {
        let room = Self(path.with_file_name(format!(".{}", std::process::id())));
        // What a process of this number left behind that was killed within.
        room.clear();
        DirBuilder::new().mode(0o700).create(&room.0)?;
        Ok(room)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    /// Removes an empty directory or one with a socket in it, and nothing else.
    fn clear(&self) {
        let is_directory = fs::symlink_metadata(&self.0).is_ok_and(|found| found.is_dir());
        let is_socket = |found: fs::Metadata| found.file_type().is_socket();
        if is_directory && fs::symlink_metadata(self.socket()).is_ok_and(is_socket) {
            let _ = fs::remove_file(self.socket());
        }
        // Where it is not gone, making it anew says why.
        let _ = fs::remove_dir(&self.0);
    }
}

impl Drop for Anteroom {
    fn drop(&mut self) {
        self.clear();
    }
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

macro_rules! either {
    ($stream:expr, $io:ident => $then:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($io) => $then,
            Stream::Unix($io) => $then,
        }
    };
}

impl Stream {
    /// The same connection, to be served on this runtime.
    pub(super) fn moved_to(self, runtime: &Handle) -> io::Result<Self> {
        let _there = runtime.enter();
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream.into_std()?).map(Self::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream.into_std()?).map(Self::Unix),
        }
    }

    /// Where it comes from.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map_or(Peer::Gone, |address| Peer::Ip(address.ip())),
            Self::Unix(_) => Peer::Unix,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

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
    async fn at_no_moment_does_a_socket_stand_there_as_the_umask_says() {
        let folder = tempfile::tempdir().unwrap();
        let (path, done) = (folder.path().join("d.sock"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let mut seen = std::collections::BTreeSet::new();
                while !done.load(Ordering::Relaxed) {
                    let entries = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
                    seen.extend(
                        entries.filter_map(|entry| Some(entry.metadata().ok()?.permissions().mode())),
                    );
                }
                seen
            });
            for _ in 0..500 {
                unix(&path, 0o600).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            // Sockets and directories.
            let seen = watching.join().unwrap();
            assert!(seen.iter().all(|mode| matches!(mode, 0o140_600 | 0o040_700)), "{seen:?}");
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_in_nobodys_way_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ante) =
            (folder.path().join("d.sock"), folder.path().join(format!(".{}", std::process::id())));
        fs::create_dir(&ante).unwrap();
        drop(blocking::UnixListener::bind(ante.join("s")).unwrap());
        unix(&path, 0o600).unwrap();
        fs::create_dir(&ante).unwrap();
        fs::write(ante.join("s"), "text").unwrap();
        assert_eq!(unix(&path, 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(ante.join("s")).unwrap(), "text");
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
        let address = bound.address().to_owned();
        assert!(!address.ends_with(":0"));
        let again = bind(&on(&address)).unwrap_err();
        assert!(again.contains(&address), "{again}");
    }
}
