//! How far something long has come, for somebody who waits at a terminal.
//!
//! Nothing is written where standard error is none. No crate: one line, four times a
//! second.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is written.
const EVERY: Duration = Duration::from_millis(250);

/// The width of the bar.
const WIDTH: u64 = 30;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    Mutants,
}

pub(super) struct Progress {
    unit: Unit,
    /// How many there are, where that is known.
    size: Option<u64>,
    done: u64,
    started: Instant,
    /// When it is next written; never where nobody looks.
    next: Option<Instant>,
    written: bool,
}

impl Progress {
    /// Of so many.
    pub(super) fn new(unit: Unit, size: Option<u64>) -> Self {
        let seen = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let started = Instant::now();
        Self { unit, size, done: 0, started, next: seen.then(|| started + EVERY), written: false }
    }

    /// So many more are done.
    pub(super) fn add(&mut self, more: u64) {
        self.done = self.done.saturating_add(more);
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now >= next {
            self.next = Some(now + EVERY);
            self.written = true;
            let line = line(self.unit, self.done, self.size, now - self.started);
            let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
        }
    }

    /// Takes the line away.
    pub(super) fn end(self) {
        if self.written {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(unit: Unit, done: u64, size: Option<u64>, took: Duration) -> String {
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = done.saturating_mul(1000) / took;
    let Some(size) = size.filter(|size| *size > 0) else {
        return format!("{} read, {}/s", unit.of(done), unit.per_second(rate));
    };
    let done = done.min(size);
    let part = |of: u64| u64::try_from(u128::from(done) * u128::from(of) / u128::from(size)).unwrap_or(of);
    let full = usize::try_from(part(WIDTH)).unwrap_or_default();
    let left = (size - done) / rate.max(1);
    let bar: String =
        (0..usize::try_from(WIDTH).unwrap_or_default()).map(|at| if at < full { '=' } else { ' ' }).collect();
    format!("[{bar}] {:>3} % of {}, {}/s, {left} s left", part(100), unit.of(size), unit.per_second(rate))
}

impl Unit {
    fn of(self, number: u64) -> String {
        match self {
            Self::Bytes => bytes(number),
            Self::Mutants => format!("{number} mutants"),
        }
    }

    fn per_second(self, number: u64) -> String {
        match self {
            Self::Bytes => bytes(number),
            Self::Mutants => number.to_string(),
        }
    }
}

fn bytes(number: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(bits, _)| number >> bits > 0) {
        Some((bits, unit)) => {
            format!("{}.{} {unit}", number >> bits, ((number & ((1 << bits) - 1)) * 10) >> bits)
        }
        None => format!("{number} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_and_how_long() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(Unit::Bytes, 512 << 10, Some(1 << 20), second),
            "[===============               ]  50 % of 1.0 MiB, 512.0 KiB/s, 1 s left"
        );
        assert_eq!(line(Unit::Bytes, 1536, None, second), "1.5 KiB read, 1.5 KiB/s");
        assert_eq!(
            line(Unit::Mutants, 30, Some(120), 3 * second),
            "[=======                       ]  25 % of 120 mutants, 10/s, 9 s left"
        );
        for (done, size) in
            [(0, Some(0)), (u64::MAX, Some(1)), (u64::MAX, Some(u64::MAX)), (0, None), (0, Some(7))]
        {
            assert!(line(Unit::Bytes, done, size, Duration::ZERO).len() < 120);
        }
    }
}
