//! Sinks, and the writer in front of sinks that fail.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::file::GrowingFile;
use super::sink::Renewed;
use super::*;
use crate::config::{DecisionLog as Config, LocalSocket, LogFile, Share};
use crate::telemetry::{Keep, Record, Telemetry};
use crate::words::Reason;

const PATIENCE: Duration = Duration::from_secs(30);

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn telemetry() -> Arc<Telemetry> {
    Arc::new(Telemetry::new(&Config { allow: Share::ALL, ..Config::default() }))
}

/// Tells a decision with this id.
fn tell(telemetry: &Telemetry, id: &str) {
    let record = Record::bare(id, Reason::Allowed);
    telemetry.decided(&record, Keep::ALL, None);
}

/// The ids in lines, each of which must be whole.
fn ids(text: &str) -> Vec<String> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn");
    let id = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        line["decision_id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

fn rotated(path: &Path, keep: u32) -> String {
    let aside = |n: u32| fs::read_to_string(format!("{}.{n}", path.display())).unwrap_or_default();
    let mut text: String = (1..=keep).rev().map(aside).collect();
    text.push_str(&fs::read_to_string(path).unwrap());
    text
}

fn log_file(path: &Path, rotate: Option<(u64, u32)>) -> LogTo {
    LogTo::File(LogFile { path: path.to_owned(), rotate })
}

fn started(to: &LogTo) -> (Arc<Telemetry>, Writing) {
    let telemetry = telemetry();
    let (writing, _) = start(to, telemetry.lines()).unwrap();
    (telemetry, writing)
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[test]
fn what_is_told_is_in_the_file_once_it_is_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (telemetry, writing) = started(&log_file(&path, None));
    numbered(1000).iter().for_each(|id| tell(&telemetry, id));
    writing.flush();
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), numbered(1000));
    assert_eq!(telemetry.lines().unwrap().written(), 1000);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777 & !0o640, 0);
}

#[test]
fn rotation_loses_and_tears_no_line_and_keeps_to_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (telemetry, writing) = started(&log_file(&path, Some((10_000, 1000))));
    let tellers: Vec<_> = (0..4)
        .map(|teller| {
            let telemetry = Arc::clone(&telemetry);
            thread::spawn(move || {
                for n in 0..2000 {
                    tell(&telemetry, &format!("{teller}-{n}"));
                    if n % 100 == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            })
        })
        .collect();
    tellers.into_iter().for_each(|teller| teller.join().unwrap());
    eventually("all is written", || telemetry.lines().unwrap().written() == 8000);
    writing.flush();
    let found = ids(&rotated(&path, 1000));
    assert_eq!(found.len(), 8000);
    for teller in 0..4 {
        let mine: Vec<&String> = found.iter().filter(|id| id.starts_with(&format!("{teller}-"))).collect();
        assert!(mine.iter().enumerate().all(|(n, id)| **id == format!("{teller}-{n}")), "in their order");
    }
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().len() <= 10_000);
    }
}

#[test]
fn only_so_many_full_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (telemetry, writing) = started(&log_file(&path, Some((1000, 2))));
    numbered(100).iter().for_each(|id| tell(&telemetry, id));
    writing.flush();
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["log", "log.1", "log.2"]);
    let found = ids(&rotated(&path, 2));
    assert_eq!(found.last().map(String::as_str), Some("99"));
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("log"), folder.path().join("moved"));
    let (telemetry, writing) = started(&log_file(&path, None));
    tell(&telemetry, "before");
    eventually("the first line", || telemetry.lines().unwrap().written() == 1);
    fs::rename(&path, &moved).unwrap();
    writing.log().unwrap().reopen();
    eventually("a new file", || path.exists());
    tell(&telemetry, "after");
    writing.flush();
    assert_eq!(ids(&fs::read_to_string(&moved).unwrap()), ["before"]);
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), ["after"]);
}

#[test]
fn a_file_that_was_removed_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (telemetry, writing) = started(&log_file(&path, None));
    fs::remove_file(&path).unwrap();
    eventually("a new file", || path.exists());
    tell(&telemetry, "after");
    writing.flush();
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), ["after"]);
}

#[test]
fn only_plain_files_are_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (precious, link) = (folder.path().join("precious"), folder.path().join("link"));
    fs::write(&precious, "text\n").unwrap();
    symlink(&precious, &link).unwrap();
    symlink(folder.path().join("nowhere"), folder.path().join("dangling")).unwrap();
    for wrong in ["link", "dangling", "."] {
        let path = folder.path().join(wrong);
        let error = GrowingFile::open(&LogFile { path, rotate: None }).err().unwrap();
        assert!(error.contains("not a plain file"), "{error}");
    }
    let device = LogFile { path: "/dev/full".into(), rotate: None };
    assert!(GrowingFile::open(&device).is_err());
    let missing = LogFile { path: folder.path().join("none/log"), rotate: None };
    assert!(GrowingFile::open(&missing).is_err());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "text\n");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_link_that_comes_between_looking_and_opening_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("log"), folder.path().join("elsewhere"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = symlink(&elsewhere, &path);
                let _ = fs::remove_file(&path);
            }
        });
        for _ in 0..20_000 {
            let _ = GrowingFile::open(&LogFile { path: path.clone(), rotate: None });
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(!elsewhere.exists(), "a link was followed");
}

#[test]
fn a_line_that_another_process_left_torn_is_ended_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "{\"torn").unwrap();
    let (telemetry, writing) = started(&log_file(&path, None));
    tell(&telemetry, "whole");
    writing.flush();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(ids(text.strip_prefix("{\"torn\n").unwrap()), ["whole"]);
}

#[test]
fn a_file_that_cannot_be_put_aside_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    // No file can be moved to where a directory with something in it is.
    fs::create_dir_all(folder.path().join("log.1/in")).unwrap();
    let (telemetry, writing) = started(&log_file(&path, Some((1000, 1))));
    numbered(100).iter().for_each(|id| tell(&telemetry, id));
    writing.flush();
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), numbered(100));
}

#[test]
fn dos_8_a_socket_that_is_missing_and_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let (telemetry, writing) = started(&LogTo::Socket(LocalSocket::Path(path.clone())));
    tell(&telemetry, "waits");
    let next = |listener: &UnixListener| {
        let mut lines = BufReader::new(listener.accept().unwrap().0).lines();
        ids(&format!("{}\n", lines.next().unwrap().unwrap()))
    };
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(next(&listener), ["waits"]);
    // That connection is closed, and so is the socket.
    drop(listener);
    fs::remove_file(&path).unwrap();
    tell(&telemetry, "waits too");
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(next(&listener), ["waits too"]);
    assert_eq!(telemetry.lines().unwrap().dropped(), 0);
    writing.flush();
}

/// What becomes of bytes at a sink that fails and is mended.
#[derive(Default)]
struct Moody {
    written: Vec<u8>,
    /// How many bytes are taken before the next fault.
    room: usize,
    /// What a fault leads to.
    fresh: bool,
}

struct Shared(Arc<Mutex<Moody>>);

impl Sink for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut moody = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = bytes.len().min(moody.room);
        if count == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        moody.room -= count;
        moody.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn renew(&mut self, _: bool) -> io::Result<Renewed> {
        let mut moody = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moody.fresh {
            // What begins anew holds whole lines alone.
            let whole = moody.written.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            moody.written.truncate(whole);
            return Ok(Renewed::Fresh);
        }
        Ok(Renewed::Same)
    }
}

#[test]
fn dos_8_a_full_disk_costs_no_line_that_found_room_and_tears_none() {
    for fresh in [false, true] {
        let moody = Arc::new(Mutex::new(Moody { room: 1000, fresh, ..Moody::default() }));
        let telemetry = telemetry();
        let lines = telemetry.lines().unwrap();
        let log = DecisionLog { orders: Arc::default(), lines: Arc::clone(lines) };
        numbered(100).iter().for_each(|id| tell(&telemetry, id));
        let writer = Writer::new(Box::new(Shared(Arc::clone(&moody))), log.clone());
        let thread = thread::spawn(move || writer.run());
        eventually("it is full", || moody.lock().unwrap().room == 0);
        // Checks go on, and their lines are dropped once there is no room.
        let more = 20_000;
        (0..more).for_each(|_| tell(&telemetry, "more"));
        assert!(lines.dropped() > 0);
        moody.lock().unwrap().room = usize::MAX;
        eventually("everything is written", || lines.written() + lines.dropped() == 100 + more);
        log.stop();
        thread.join().unwrap();
        let found = ids(&String::from_utf8(std::mem::take(&mut moody.lock().unwrap().written)).unwrap());
        assert_eq!(found.len() as u64, lines.written());
        assert_eq!(found[..100], numbered(100));
    }
}

#[test]
fn a_writer_that_is_told_to_stop_does_not_wait_for_a_mended_disk() {
    let moody = Arc::new(Mutex::new(Moody::default()));
    let telemetry = telemetry();
    let log = DecisionLog { orders: Arc::default(), lines: Arc::clone(telemetry.lines().unwrap()) };
    tell(&telemetry, "lost");
    let writer = Writer::new(Box::new(Shared(moody)), log.clone());
    let thread = thread::spawn(move || writer.run());
    log.stop();
    eventually("it ends", || thread.is_finished());
    assert_eq!(telemetry.lines().unwrap().written(), 0);
}

#[test]
fn the_same_file_is_known_by_its_inode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut file = GrowingFile::open(&LogFile { path: path.clone(), rotate: None }).unwrap();
    assert_eq!(file.renew(false).unwrap(), Renewed::Same);
    let before = fs::metadata(&path).unwrap().ino();
    fs::write(folder.path().join("other"), "").unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(file.renew(false).unwrap(), Renewed::Fresh);
}
