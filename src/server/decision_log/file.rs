//! A file that grows: put aside when it is full, begun anew when somebody else
//! has moved it away or removed it.
//!
//! Only plain files: a symbolic link could lead out of a directory that others
//! may write to, and opening a pipe would wait for its reader. The system itself
//! is told to follow no link and to wait for nobody: what is looked at before may
//! be another thing a moment later.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::sink::{Renewed, Sink};
use crate::config::LogFile;

/// Of a file that is made: the owner writes, the group reads.
const MODE: u32 = 0o640;

/// After this long putting aside is tried again, where it failed.
const AGAIN: Duration = Duration::from_secs(60);

/// A file that grows.
pub(super) struct GrowingFile {
    path: PathBuf,
    /// At which size it is put aside, and how many are kept.
    rotate: Option<(u64, u32)>,
    file: File,
    size: u64,
    /// Whether the last byte ended a line.
    whole: bool,
    /// Not to be put aside before then.
    not_before: Option<Instant>,
}

impl GrowingFile {
    /// Opens the file, or makes it.
    pub(super) fn open(config: &LogFile) -> Result<Self, String> {
        let LogFile { path, rotate } = config.clone();
        let (file, size) =
            open(&path).map_err(|error| format!("can't write to `{}`: {error}", path.display()))?;
        Ok(Self { path, rotate, file, size, whole: true, not_before: None })
    }

    fn begin(&mut self) -> io::Result<Renewed> {
        (self.file, self.size) = open(&self.path)?;
        self.whole = true;
        Ok(Renewed::Fresh)
    }

    /// `log` becomes `log.1`, and that `log.2`: the last one goes.
    fn put_aside(&mut self, keep: u32) -> io::Result<()> {
        let aside = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        // The first number that is free, or the last one there may be.
        let free = (1..keep).find(|number| fs::symlink_metadata(aside(*number)).is_err()).unwrap_or(keep);
        for number in (1..free).rev() {
            fs::rename(aside(number), aside(number + 1))?;
        }
        fs::rename(&self.path, aside(1))?;
        self.begin().map(drop)
    }

    /// How many of these bytes still go into this file; at least a line.
    fn room(&mut self, bytes: &[u8]) -> usize {
        let Some((max, keep)) = self.rotate else { return bytes.len() };
        let line = || bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |end| end + 1);
        if !self.whole {
            return line();
        }
        if self.not_before.is_some_and(|then| Instant::now() < then) {
            return bytes.len();
        }
        let fits = |size: u64| {
            let room = usize::try_from(max.saturating_sub(size)).unwrap_or(usize::MAX);
            let room = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            room.iter().rposition(|b| *b == b'\n').map(|end| end + 1)
        };
        if let Some(room) = fits(self.size) {
            return room;
        }
        if self.size > 0
            && let Err(error) = self.put_aside(keep)
        {
            self.not_before = Some(Instant::now() + AGAIN);
            tracing::error!(%error, "the decision log is full and can't be put aside: it grows");
            return bytes.len();
        }
        fits(self.size).unwrap_or_else(line)
    }
}

impl Sink for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room(bytes);
        let bytes = bytes.get(..room).unwrap_or_default();
        let count = self.file.write(bytes)?;
        self.size = self.size.saturating_add(count.try_into().unwrap_or(u64::MAX));
        if let Some(last) = bytes.get(..count).and_then(<[u8]>::last) {
            self.whole = *last == b'\n';
        }
        Ok(count)
    }

    fn renew(&mut self, anew: bool) -> io::Result<Renewed> {
        let there = fs::symlink_metadata(&self.path);
        if !anew && there.is_ok_and(|there| self.file.metadata().is_ok_and(|mine| same(&mine, &there))) {
            return Ok(Renewed::Same);
        }
        self.begin()
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let plain = |there: &Metadata| {
        let wrong = "what is there is not a plain file, and links are not followed";
        if there.is_file() { Ok(()) } else { Err(io::Error::other(wrong)) }
    };
    // Opening a device may do something, and says little where it fails.
    match fs::symlink_metadata(path) {
        Ok(there) => plain(&there)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = itself(OpenOptions::new().append(true).create(true).mode(MODE)).open(path)?;
    let mine = file.metadata()?;
    plain(&mine)?;
    // It may have been moved away in the meantime, and another not be ours.
    if !same(&mine, &fs::symlink_metadata(path)?) {
        return Err(io::Error::other("it was replaced while it was opened"));
    }
    if is_torn(path, &mine) {
        file.write_all(b"\n")?;
    }
    Ok((file, mine.len()))
}

/// Opens what stands at a path itself: no link is followed, no pipe waited for.
fn itself(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether a process that wrote here before was cut off within a line. A file
/// that may not be read is taken for whole.
fn is_torn(path: &Path, mine: &Metadata) -> bool {
    let Some(at) = mine.len().checked_sub(1) else { return false };
    let last = || {
        let file = itself(OpenOptions::new().read(true)).open(path)?;
        let mut last = [b'\n'];
        if same(&file.metadata()?, mine) {
            file.read_exact_at(&mut last, at)?;
        }
        io::Result::Ok(last)
    };
    last().is_ok_and(|last| last != [b'\n'])
}
