//! Looking at a policy directory: when its files have changed and come to rest,
//! they are read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::listing::Listing;
use super::source::{Found, Source};

/// How often a directory is looked at, and the least share of the time in
/// which it is not: a huge or slow directory is looked at less often.
pub(super) const EVERY: Duration = Duration::from_secs(1);
const REST: u32 = 20;

/// Files are read once nothing has changed for this long. Those that do not stop
/// changing for that long are read all the same, and are no policy.
const QUIET: Duration = Duration::from_millis(150);
const RESTLESS: Duration = Duration::from_secs(2);

/// After a change the files are read once more: where times are in whole
/// seconds, a second change within one can't be told from the first.
const AGAIN: Duration = Duration::from_secs(3);

/// A directory that is looked at.
pub(super) struct Watch {
    source: Source,
    /// The directory when its files were last read, if they were.
    seen: Option<Listing>,
    /// When they are to be read although it looks the same.
    again: Option<Instant>,
}

/// What a reading gave.
pub(super) struct Sight {
    /// `None` where the compiler panicked, which must not end the server.
    pub(super) found: Option<Found>,
    pub(super) took: Duration,
    /// Whether files changed while they were read: they may not belong together.
    pub(super) torn: bool,
    /// Whether nobody knows of a change: what was said before need not be said
    /// again.
    pub(super) quietly: bool,
}

impl Watch {
    /// `seen` is how the directory looked before it was last read, if it was.
    pub(super) fn new(source: Source, seen: Option<Listing>) -> Self {
        Self { source, seen, again: Some(Instant::now() + AGAIN) }
    }

    /// What is looked at.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Reads the policy if its files have changed, or somebody asked for it.
    /// Gives the time to wait before the next look, too.
    pub(super) fn look(&mut self, asked: bool) -> (Option<Sight>, Duration) {
        let begun = Instant::now();
        let changed = self.seen.as_ref() != Some(&self.source.list());
        let pause = EVERY.max(begun.elapsed().saturating_mul(REST));
        if asked || changed {
            (Some(self.read_when_quiet()), pause)
        } else if self.again.is_some_and(|again| again <= begun) {
            self.again = None;
            (Some(self.read(true)), pause)
        } else {
            (None, pause)
        }
    }

    fn read_when_quiet(&mut self) -> Sight {
        let begun = Instant::now();
        let restless = || begun.elapsed() >= RESTLESS;
        loop {
            let mut before = self.source.list();
            loop {
                thread::sleep(QUIET);
                let after = self.source.list();
                if after == before || restless() {
                    break;
                }
                before = after;
            }
            let mut sight = self.read(false);
            sight.torn = self.seen.as_ref() != Some(&self.source.list());
            if sight.found.is_none() || !sight.torn || restless() {
                self.again = Some(Instant::now() + AGAIN);
                return sight;
            }
        }
    }

    fn read(&mut self, quietly: bool) -> Sight {
        let begun = Instant::now();
        let listing = self.source.list();
        // Nothing is left half-done behind: reading changes nothing.
        let found = catch_unwind(AssertUnwindSafe(|| self.source.read())).ok();
        // What changes from the first look on shows in the next one.
        self.seen = Some(listing);
        Sight { found, took: begun.elapsed(), torn: false, quietly }
    }
}

#[cfg(test)]
impl Watch {
    /// As if the directory looked as it did when it was last read.
    pub(super) fn overlook(&mut self) {
        self.seen = Some(self.source.list());
    }

    /// As if the time had come to read once more.
    pub(super) fn look_again_now(&mut self) {
        self.again = Some(Instant::now());
    }
}
