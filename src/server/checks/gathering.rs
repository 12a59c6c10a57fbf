//! Writing answers together.
//!
//! Where a socket can write from several places at once, the HTTP/2 library writes
//! each larger piece of data by a system call of its own, so as not to copy it. An
//! answer is 700 bytes: copying it takes a hundredth of the call. So the library is
//! told that this socket can't, and copies what is shorter than 1 KiB to the rest that
//! is to be written: one call for a burst of answers instead of one for each.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that is written to from one place at a time.
pub(super) struct Gathering<Io> {
    pub(super) io: Io,
    /// Set whenever something is read.
    pub(super) heard: Arc<AtomicBool>,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Gathering<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

/// What writes from several places is not here: that is the point.
impl<Io: AsyncWrite + Unpin> AsyncWrite for Gathering<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
