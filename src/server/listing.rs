//! What a policy directory looks like without opening a file: enough to see
//! that something in it has changed.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::policy::Limits;

/// Every entry below a directory that may matter to the policy. Links are
/// followed, so that the swap of a link (`..data`) shows in the files behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing(Vec<(PathBuf, Stamp)>);

/// What changes with a file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stamp {
    File {
        device: u64,
        inode: u64,
        mode: u32,
        size: u64,
        modified: (i64, i64),
        /// Moves also where somebody sets the other time back.
        changed: (i64, i64),
    },
    Unreadable(String),
}

impl Listing {
    /// Looks at a directory. What can't be read is part of the listing.
    pub(super) fn of(directory: &Path) -> Self {
        let Limits { files, depth, .. } = Limits::default();
        let mut walk = Walk { found: Vec::new(), left: files.saturating_mul(10) };
        walk.directory(directory, depth);
        walk.found.sort_unstable();
        Self(walk.found)
    }
}

struct Walk {
    found: Vec<(PathBuf, Stamp)>,
    /// How many entries may still be looked at. A directory with more is none
    /// that could be a policy.
    left: usize,
}

impl Walk {
    fn directory(&mut self, path: &Path, depth: usize) {
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(path.to_owned(), &error),
        };
        for entry in entries {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            let (name, path) = (entry.file_name(), entry.path());
            // What reading a policy skips, see `policy/folder.rs`.
            if matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')) {
                continue;
            }
            let ending = path.extension().unwrap_or_default();
            let is_policy = ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml");
            if !is_policy && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    if let Some(depth) = depth.checked_sub(1) {
                        self.directory(&path, depth);
                    }
                }
                Ok(metadata) if is_policy => self.found.push((path, Stamp::of(&metadata))),
                Err(error) if is_policy => self.unreadable(path, &error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn unreadable(&mut self, path: PathBuf, error: &io::Error) {
        self.found.push((path, Stamp::Unreadable(error.to_string())));
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self::File {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
