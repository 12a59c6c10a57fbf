//! How the keys of each issuer fare: when they were had last, and whether
//! having them fails. For whoever watches; nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::identity::{Event, Feed, KeyFile, Moment};

/// The issuers whose keys change while the process runs.
#[derive(Debug, Default)]
pub(super) struct Fares(BTreeMap<String, Arc<Fare>>);

/// How the keys of one issuer fare.
#[derive(Debug, Default)]
pub(super) struct Fare {
    /// Whether they are fetched; else they are read from a file.
    remote: bool,
    failing: AtomicBool,
    /// Seconds since 1970; 0 for never.
    had: AtomicU64,
    fetched: AtomicU64,
    failed: AtomicU64,
}

impl Fares {
    /// Files have been read by now, nothing was fetched.
    pub(super) fn new(feeds: &[Feed], files: &[KeyFile], now: Moment) -> Self {
        let feeds = feeds.iter().map(|feed| (feed.issuer(), Fare { remote: true, ..Fare::default() }));
        let files =
            files.iter().map(|file| (file.issuer(), Fare { had: now.wall.into(), ..Fare::default() }));
        Self(feeds.chain(files).map(|(issuer, fare)| (issuer.to_owned(), Arc::new(fare))).collect())
    }

    /// That of an issuer.
    pub(super) fn of(&self, issuer: &str) -> Arc<Fare> {
        self.0.get(issuer).map(Arc::clone).unwrap_or_default()
    }
}

impl Fare {
    /// Something was fetched.
    pub(super) fn fetched(&self, event: &Event, now: Moment) {
        let failed = matches!(event, Event::Failed { .. });
        if failed { &self.failed } else { &self.fetched }.fetch_add(1, Ordering::Relaxed);
        self.note(failed, now);
    }

    /// A file was looked at. It is as it was, good or bad, where there is no
    /// event.
    pub(super) fn read(&self, event: Option<&Event>, now: Moment) {
        let failed = event.map_or(self.is_failing(), |event| matches!(event, Event::Failed { .. }));
        self.note(failed, now);
    }

    fn note(&self, failed: bool, now: Moment) {
        self.failing.store(failed, Ordering::Relaxed);
        if !failed {
            self.had.store(now.wall, Ordering::Relaxed);
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// When the keys were last had or found unchanged, in seconds since 1970.
    pub(super) fn had(&self) -> Option<u64> {
        Some(self.had.load(Ordering::Relaxed)).filter(|had| *had > 0)
    }

    /// How many fetches went well and how many did not; none for files.
    pub(super) fn fetches(&self) -> Option<(u64, u64)> {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.remote.then(|| (load(&self.fetched), load(&self.failed)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(wall: u64) -> Moment {
        Moment { steady: Duration::ZERO, wall }
    }

    fn failure() -> Event {
        Event::Failed { why: "gone".to_owned(), held: true }
    }

    #[test]
    fn a_failure_does_not_make_keys_younger() {
        let fare = Fare { remote: true, ..Fare::default() };
        assert_eq!((fare.is_failing(), fare.had(), fare.fetches()), (false, None, Some((0, 0))));
        fare.fetched(&failure(), at(1));
        assert_eq!((fare.is_failing(), fare.had(), fare.fetches()), (true, None, Some((0, 1))));
        fare.fetched(&Event::Confirmed, at(2));
        fare.fetched(&failure(), at(3));
        assert_eq!((fare.is_failing(), fare.had(), fare.fetches()), (true, Some(2), Some((1, 2))));
    }

    #[test]
    fn a_file_that_stays_bad_stays_failing() {
        let fare = Fare { had: 1.into(), ..Fare::default() };
        fare.read(None, at(2));
        assert_eq!((fare.is_failing(), fare.had(), fare.fetches()), (false, Some(2), None));
        fare.read(Some(&failure()), at(3));
        fare.read(None, at(4));
        assert_eq!((fare.is_failing(), fare.had()), (true, Some(2)));
        fare.read(Some(&Event::Replaced { keys: 1, dropped: Vec::new() }), at(5));
        assert_eq!((fare.is_failing(), fare.had()), (false, Some(5)));
    }
}
