//! Lines between those who tell and the one who writes.
//!
//! Bounded in lines and in bytes. Nobody waits for room: a line that finds none
//! is dropped and counted. What came first stays, because it shows how it began.
//! Under the lock bytes are copied into memory that is there already, and
//! nothing else happens: no allocation, no system call but to wake a writer that
//! has nothing to do, or has let lines gather until half of the room was taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much may wait.
const MAX_BYTES: usize = 4 << 20;
const MAX_LINES: u64 = 16 << 10;

/// How much is written without waiting for more: half of the room.
const ENOUGH: usize = MAX_BYTES / 2;

/// Lines that wait to be written.
#[derive(Debug)]
pub struct Lines {
    waiting: Mutex<Waiting>,
    something: Condvar,
    written: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    /// The writer has nothing to do.
    idle: bool,
    /// The writer lets lines gather, until there are enough for a write.
    gathering: bool,
    /// The writer is to look up, whether there are lines or not.
    called: bool,
}

/// Whole lines, each with its end.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    lines: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(MAX_BYTES), lines: 0 }
    }
}

impl Batch {
    /// The lines.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many they are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lines = 0;
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                batch: Batch::default(),
                idle: false,
                gathering: false,
                called: false,
            }),
            something: Condvar::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Lines {
    /// Adds a line, which ends with a newline, if there is room.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let Waiting { batch: Batch { bytes, lines }, idle, gathering, called: _ } = &mut *waiting;
        if bytes.len() + line.len() > MAX_BYTES || *lines == MAX_LINES {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        bytes.extend_from_slice(line);
        *lines += 1;
        let wanted = std::mem::take(idle) || (bytes.len() >= ENOUGH && std::mem::take(gathering));
        drop(waiting);
        if wanted {
            self.something.notify_one();
        }
    }

    /// Puts what waits in place of `batch`. If nothing does, waits for it, or
    /// until it is called, but no longer than this.
    pub fn take(&self, batch: &mut Batch, patience: Duration) {
        batch.clear();
        let mut waiting = self.lock();
        if waiting.batch.lines == 0 && !waiting.called {
            waiting.idle = true;
            let is_idle = |waiting: &mut Waiting| waiting.idle && !waiting.called;
            let woken = self.something.wait_timeout_while(waiting, patience, is_idle);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
            waiting.idle = false;
        }
        waiting.called = false;
        std::mem::swap(&mut waiting.batch, batch);
    }

    /// Lets lines gather for so long, until there are enough for a write, or until it
    /// is called.
    pub fn gather(&self, long: Duration) {
        let mut waiting = self.lock();
        waiting.gathering = waiting.batch.bytes.len() < ENOUGH;
        let goes_on = |waiting: &mut Waiting| waiting.gathering && !waiting.called;
        let woken = self.something.wait_timeout_while(waiting, long, goes_on);
        woken.unwrap_or_else(PoisonError::into_inner).0.gathering = false;
    }

    /// Makes the writer look up, now or when it is done with what it has.
    pub fn call(&self) {
        self.lock().called = true;
        self.something.notify_one();
    }

    /// Counts lines that were written.
    pub fn wrote(&self, lines: u64) {
        self.written.fetch_add(lines, Ordering::Relaxed);
    }

    /// How many lines were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many lines found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    fn taken(lines: &Lines) -> Batch {
        let mut batch = Batch::default();
        lines.take(&mut batch, Duration::ZERO);
        batch
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let lines = Lines::default();
        lines.push(b"one\n");
        lines.push(b"two\n");
        let batch = taken(&lines);
        assert_eq!((batch.bytes(), batch.lines()), (&b"one\ntwo\n"[..], 2));
        assert_eq!(taken(&lines).lines(), 0);
    }

    #[test]
    fn dos_8_what_finds_no_room_is_dropped_and_counted() {
        let lines = Lines::default();
        let long = vec![b'x'; MAX_BYTES / 4];
        (0..10).for_each(|_| lines.push(&long));
        assert_eq!((lines.dropped(), taken(&lines).lines()), (6, 4));
        (0..MAX_LINES + 5).for_each(|_| lines.push(b"\n"));
        assert_eq!((lines.dropped(), taken(&lines).lines()), (11, MAX_LINES));
        lines.push(b"room again\n");
        assert_eq!((lines.dropped(), taken(&lines).lines()), (11, 1));
    }

    #[test]
    fn lines_gather_until_there_are_enough_or_somebody_calls() {
        let lines = Arc::new(Lines::default());
        let teller = Arc::clone(&lines);
        let told = thread::spawn(move || {
            (0..5).for_each(|_| teller.push(&vec![b'x'; ENOUGH / 4]));
        });
        lines.gather(LONG);
        assert!(taken(&lines).lines() >= 4, "enough");
        told.join().unwrap_or_default();
        lines.call();
        lines.gather(LONG);
        assert!(taken(&lines).lines() <= 1, "what was left");
        lines.push(&vec![b'x'; ENOUGH]);
        lines.gather(LONG);
        assert_eq!(taken(&lines).lines(), 1, "there was enough before");
    }

    #[test]
    fn who_waits_is_woken_by_a_line_and_by_a_call() {
        let lines = Arc::new(Lines::default());
        let teller = Arc::clone(&lines);
        let told = thread::spawn(move || teller.push(b"a\n"));
        let mut batch = Batch::default();
        while batch.lines() == 0 {
            lines.take(&mut batch, LONG);
        }
        told.join().unwrap_or_default();
        lines.call();
        lines.take(&mut batch, LONG);
        assert_eq!(batch.lines(), 0, "it was called");
    }
}
