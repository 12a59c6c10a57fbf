//! How far something long has come, for somebody who waits at a terminal.
//!
//! Nothing is written where standard error is none. No crate: one line, four times a
//! second, which the terminal cuts where it is narrower (it knows its width), and
//! which is gone when the work has ended, in whatever way.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is written.
const EVERY: Duration = Duration::from_millis(250);

/// The width of the bar.
const WIDTH: u64 = 30;

/// Back to the beginning of the line, and nothing in it.
const CLEAR: &str = "\r\x1b[K";

/// What follows is cut at the margin, and what follows that is not. A line that
/// went on below could not be taken away.
const CUT: [&str; 2] = ["\x1b[?7l", "\x1b[?7h"];

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
            // At once: what stands between must not be somebody else's.
            let line = [CLEAR, CUT[0], &line, CUT[1]].concat();
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }
}

/// Takes the line away, so that an error stands on a line of its own.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.written {
            let _ = io::stderr().lock().write_all(CLEAR.as_bytes());
        }
    }
}

fn line(unit: Unit, done: u64, size: Option<u64>, took: Duration) -> String {
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    // In tenths, since some are slower than one in a second.
    let rate = scaled(done, 10_000, took);
    let Some(size) = size.filter(|size| *size > 0) else {
        return format!("{} read, {}/s", unit.of(done), unit.rate(rate));
    };
    let done = done.min(size);
    let full = scaled(WIDTH, done, size);
    let bar: String = (0..WIDTH).map(|at| if at < full { '=' } else { ' ' }).collect();
    let left = match done {
        0 => String::new(),
        done => format!(", {} left", time(scaled(took, size - done, done) / 1000)),
    };
    // What matters most comes first: a narrow terminal shows no more.
    format!("{:>3} % [{bar}] of {}, {}/s{left}", scaled(100, done, size), unit.of(size), unit.rate(rate))
}

/// So much of it as one is of the other.
fn scaled(of: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(part) / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

impl Unit {
    fn of(self, number: u64) -> String {
        match self {
            Self::Bytes => bytes(number),
            Self::Mutants => format!("{number} mutants"),
        }
    }

    /// Of tenths in a second.
    fn rate(self, tenths: u64) -> String {
        match self {
            Self::Bytes => bytes(tenths / 10),
            Self::Mutants if tenths < 100 => format!("{}.{}", tenths / 10, tenths % 10),
            Self::Mutants => (tenths / 10).to_string(),
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
            " 50 % [===============               ] of 1.0 MiB, 512.0 KiB/s, 1 s left"
        );
        assert_eq!(line(Unit::Bytes, 1536, None, second), "1.5 KiB read, 1.5 KiB/s");
        assert_eq!(
            line(Unit::Mutants, 30, Some(120), 3 * second),
            " 25 % [=======                       ] of 120 mutants, 10/s, 9 s left"
        );
        // Slower than one in a second.
        assert_eq!(
            line(Unit::Mutants, 10, Some(1000), 40 * second),
            "  1 % [                              ] of 1000 mutants, 0.2/s, 66 min left"
        );
        for (done, size) in
            [(0, Some(0)), (u64::MAX, Some(1)), (u64::MAX, Some(u64::MAX)), (0, None), (0, Some(7))]
        {
            assert!(line(Unit::Bytes, done, size, Duration::ZERO).len() < 120);
        }
    }
}
