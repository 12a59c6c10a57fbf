//! From the lines that wait to a sink, whatever the sink does.

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::DecisionLog;
use super::sink::{Renewed, Sink};
use crate::telemetry::Batch;

/// How long lines gather while there are many: one write for all of them, and
/// few checks that have to wake anybody.
const GATHER: Duration = Duration::from_millis(40);

/// How often the sink is asked whether it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait after a fault: first, and at most.
const SOON: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_secs(2);

/// How long somebody slow is waited for at a time.
const SLOW: Duration = Duration::from_millis(10);

/// Writes lines until it is told to stop.
pub(super) struct Writer {
    sink: Box<dyn Sink>,
    log: DecisionLog,
    looked: Instant,
    /// How long to wait after the next fault; none while all is well.
    failing: Option<Duration>,
}

impl Writer {
    pub(super) fn new(sink: Box<dyn Sink>, log: DecisionLog) -> Self {
        Self { sink, log, looked: Instant::now(), failing: None }
    }

    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            // Asked before the lines are taken: what was told before is among
            // them.
            let last = self.is_stopping();
            self.look();
            self.log.lines.take(&mut batch, if last { Duration::ZERO } else { LOOK });
            if self.write(batch.bytes()) {
                self.log.lines.wrote(batch.lines());
            } else {
                tracing::warn!(lines = batch.lines(), "lines of the decision log were not written");
            }
            if last {
                return;
            }
            if batch.lines() > 0 {
                self.log.lines.gather(GATHER);
            }
        }
    }

    /// Looks after the sink, between two batches.
    fn look(&mut self) {
        let anew = self.log.orders.reopen.swap(false, Ordering::AcqRel);
        if anew || self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            match self.sink.renew(anew) {
                Ok(_) if anew => tracing::info!("the decision log is opened anew"),
                Ok(_) => {}
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Writes all of it, however long that takes; false if it had to be given
    /// up.
    fn write(&mut self, batch: &[u8]) -> bool {
        let mut at = 0;
        let mut given_up = false;
        while let Some(rest) = batch.get(at..).filter(|rest| !rest.is_empty()) {
            let error = match self.sink.write(rest) {
                Ok(count) if count > 0 => {
                    at += count;
                    self.mended();
                    continue;
                }
                Ok(_) => io::Error::from(ErrorKind::WriteZero),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let slow = error.kind() == ErrorKind::WouldBlock;
            // After a request to stop there is one more try, and no waiting.
            let stopping = self.is_stopping();
            if stopping && std::mem::replace(&mut given_up, true) {
                return false;
            }
            match (slow, stopping) {
                (true, _) => thread::sleep(SLOW),
                (false, true) => {}
                (false, false) => {
                    self.failed(&error);
                    self.pause();
                }
            }
            let anew = self.log.orders.reopen.swap(false, Ordering::AcqRel);
            match self.sink.renew(anew) {
                Ok(Renewed::Same) => {}
                Ok(Renewed::Fresh) => at = line_start(batch, at),
                Err(error) => self.failed(&error),
            }
        }
        true
    }

    fn is_stopping(&self) -> bool {
        self.log.orders.stop.load(Ordering::Acquire)
    }

    /// Said once, however often it fails.
    fn failed(&mut self, error: &io::Error) {
        if self.failing.is_none() {
            self.failing = Some(SOON);
            tracing::error!(%error, "the decision log can't be written: lines wait, and are dropped when there is no more room");
        }
    }

    fn mended(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!(dropped = self.log.lines.dropped(), "the decision log is written again");
        }
    }

    /// Waits, unless it is asked for something.
    fn pause(&mut self) {
        let long = self.failing.unwrap_or(SOON);
        self.failing = Some(LATE.min(long * 2));
        let until = Instant::now() + long;
        let asked = || self.is_stopping() || self.log.orders.reopen.load(Ordering::Acquire);
        while Instant::now() < until && !asked() {
            thread::sleep(SOON.min(long));
        }
    }
}

/// Where the line that holds this byte begins.
fn line_start(batch: &[u8], at: usize) -> usize {
    let before = batch.get(..at).unwrap_or_default();
    before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}
