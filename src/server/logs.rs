//! The process's own log: one JSON object a line on standard error. What is told
//! of decisions is not part of it.
//!
//! Lines go through a bounded queue to a thread of their own. Whoever reads
//! standard error may be slow or stuck; a check must not wait for that. Lines
//! that find the queue full are dropped, counted, and the count is told.
//!
//! The only file that names the log collector.

use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How many lines may wait: about a megabyte.
const QUEUE: usize = 2048;

/// How long the end of the process waits for a reader of its last lines.
const FLUSH: Duration = Duration::from_secs(1);

/// Reads what is to be logged: a level, or a list of levels and
/// `target=level`.
pub(super) fn filter(text: &str) -> Result<EnvFilter, String> {
    let help = "write a level such as `info`, or a list such as `info,doorward::server=debug`";
    for part in text.split(',') {
        // The collector takes a level it does not know for the name of a
        // target, and then logs nothing at all.
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
            return Err(format!("`{level}` is not a log level; {help}"));
        }
    }
    EnvFilter::builder()
        .parse(text)
        .map_err(|error| format!("can't read the log filter `{text}`: {error}; {help}"))
}

/// From here on everything that is said goes to the log.
pub(super) fn start(filter: EnvFilter) -> Result<Log, String> {
    let (log, lines) = Log::new(QUEUE);
    let (writer, dropped) = (log.clone(), Arc::clone(&log.dropped));
    thread::Builder::new()
        .name("doorward-log".to_owned())
        .spawn(move || write(&lines, &dropped, &mut io::stderr()))
        .map_err(|error| format!("can't start the log: {error}"))?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        // Told on standard error, and if that fails, by a panic.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| format!("can't start the log: {error}"))?;
    // What a panic says may quote what it choked on, and that may be part of
    // a token: the log gets the place alone.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(tracing::field::display);
        tracing::error!(place, "panic");
    }));
    Ok(log)
}

enum Item {
    Line(Vec<u8>),
    /// Answered once everything before it is written.
    Mark(SyncSender<()>),
}

/// The near end of the queue.
#[derive(Clone)]
pub(super) struct Log {
    queue: SyncSender<Item>,
    /// Lines that found the queue full, since the start.
    dropped: Arc<AtomicU64>,
}

impl Log {
    fn new(length: usize) -> (Self, Receiver<Item>) {
        let (queue, lines) = sync_channel(length);
        (Self { queue, dropped: Arc::default() }, lines)
    }

    /// One that nobody reads.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self::new(1).0
    }

    /// How many lines were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was said is written, but not for ever.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        // A full queue means a reader that is stuck: nothing to wait for.
        if self.queue.try_send(Item::Mark(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

impl Write for Log {
    /// The collector writes each line whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The far end. A line that can't be written has nowhere else to go.
fn write(lines: &Receiver<Item>, dropped: &AtomicU64, to: &mut impl Write) {
    let mut told = 0;
    for item in lines {
        match item {
            Item::Line(line) => {
                let _ = to.write_all(&line);
            }
            Item::Mark(done) => {
                let _ = done.send(());
            }
        }
        let all = dropped.load(Ordering::Relaxed);
        if all > told {
            let count = all.saturating_sub(told);
            let _ = writeln!(
                to,
                "{{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"lines\":{count}}}"
            );
            told = all;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn levels_and_lists_are_filters_and_nonsense_is_not() {
        for text in ["error", "INFO", "info,doorward::server=debug", "off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["", "loud", "inof", "loud=very", "info,doorward=", "=", "info,", "a=b=c"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dos_8_a_stuck_reader_costs_lines_and_no_time() {
        let (mut log, lines) = Log::new(2);
        for n in 0..5 {
            log.write_all(format!("{n}\n").as_bytes()).unwrap();
        }
        log.flush();
        let dropped = Arc::clone(&log.dropped);
        drop(log);
        let mut written = Vec::new();
        write(&lines, &dropped, &mut written);
        let written = String::from_utf8(written).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        let told = "{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"lines\":3}";
        assert_eq!(lines, ["0", told, "1"], "told once");
        assert_eq!(dropped.load(Ordering::Relaxed), 3, "and counted");
    }

    #[test]
    fn a_flush_waits_for_what_was_said() {
        let (mut log, lines) = Log::new(8);
        let dropped = Arc::clone(&log.dropped);
        log.write_all(b"last words\n").unwrap();
        let writer = thread::spawn(move || {
            let mut written = Vec::new();
            write(&lines, &dropped, &mut written);
            written
        });
        Log::flush(&log);
        drop(log);
        assert_eq!(writer.join().unwrap(), b"last words\n");
    }
}
