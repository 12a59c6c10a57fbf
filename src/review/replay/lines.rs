//! Lines of a log of any size, each no longer than it may be.

use std::io::{self, BufRead};

/// The longest line. One of Doorward's own has at most a tenth of it.
const LONGEST: usize = 256 << 10;

/// One line.
pub(super) struct Line<'l> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// How many bytes were read for it.
    pub(super) read: u64,
    /// It without its end, or what is wrong with it.
    pub(super) text: Result<&'l [u8], &'static str>,
}

/// The lines of a log.
pub(super) struct Lines<R> {
    log: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(log: R) -> Self {
        Self { log, number: 0, line: Vec::new() }
    }

    /// The next line; none at the end. No more than the longest line is kept of one.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let Self { log, number, line } = self;
        line.clear();
        let (mut read, mut ended) = (0, false);
        while !ended {
            let bytes = match log.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                break;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(end) => (bytes.get(..end).unwrap_or_default(), end + 1),
                None => (bytes, bytes.len()),
            };
            ended = end.is_some();
            let room = LONGEST.saturating_sub(line.len()) + 1;
            line.extend_from_slice(part.get(..room).unwrap_or(part));
            log.consume(used);
            read += used;
        }
        if read == 0 {
            return Ok(None);
        }
        *number += 1;
        let text = match line.len() {
            length if length > LONGEST => Err("longer than 256 KiB"),
            _ => Ok(line.trim_ascii()),
        };
        Ok(Some(Line { number: *number, read: read.try_into().unwrap_or(u64::MAX), text }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_of_any_length_is_one_line_and_never_kept() {
        let long = "x".repeat(10 * LONGEST);
        let log = format!("a\r\n\n{long}\nb\n{}", "y".repeat(LONGEST));
        for buffer in [1 << 10, 1 << 20] {
            let mut lines = Lines::new(BufReader::with_capacity(buffer, log.as_bytes()));
            let (mut found, mut read) = (Vec::new(), 0);
            while let Some(line) = lines.next().unwrap() {
                read += line.read;
                found.push((line.number, line.text.map(<[u8]>::len)));
            }
            let wrong = Err("longer than 256 KiB");
            assert_eq!(found, [(1, Ok(1)), (2, Ok(0)), (3, wrong), (4, Ok(1)), (5, Ok(LONGEST))]);
            assert_eq!(read, u64::try_from(log.len()).unwrap());
            assert!(lines.line.capacity() < 4 * LONGEST);
        }
    }
}
