//! The real binary and other servers as child processes, and what the kernel says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running server, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Lines that it has written to standard output, which are read as they come.
    lines: Arc<AtomicUsize>,
}

/// The real binary: that of this build, or the one that `DOORWARD_BIN` names.
pub(crate) fn doorward() -> PathBuf {
    std::env::var_os("DOORWARD_BIN").map_or_else(|| env!("CARGO_BIN_EXE_doorward").into(), PathBuf::from)
}

/// Starts `doorward serve` with `doorward.yaml` of a folder, and gives the address where it is asked.
pub(crate) fn serve(folder: &Path, env: &[(&str, &str)]) -> (Process, String) {
    let mut child = Command::new(doorward())
        .args(["serve", "--config"])
        .arg(folder.join("doorward.yaml"))
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut before = Vec::new();
    let listening =
        lines.by_ref().inspect(|line| before.push(line.clone())).find(|line| line.contains("\"listening\""));
    let Some(listening) = listening else { panic!("doorward does not serve: {}", before.join("\n")) };
    std::thread::spawn(move || lines.for_each(drop));
    let line: serde_json::Value = serde_json::from_str(&listening).unwrap();
    let process = Process::new(child);
    let lines = Arc::clone(&process.lines);
    std::thread::spawn(move || count(output, &lines));
    (process, line["grpc"].as_str().unwrap().to_owned())
}

fn count(mut output: impl Read, lines: &AtomicUsize) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = output.read(&mut buffer) {
        lines.fetch_add(buffer[..read].iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
    }
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self { child, lines: Arc::default() }
    }

    /// How many lines it has written to standard output.
    pub(crate) fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How long all its threads have run, in user and system mode: the scheduler's count, which is
    /// finer than the ticks of `stat`.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let ran = |thread: std::io::Result<fs::DirEntry>| {
            let stat = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
        };
        threads.map(ran).sum()
    }

    /// Resident memory, in kB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        kilobytes(&status, "VmRSS:").unwrap()
    }
}

/// A program that ran to its end.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) took: Duration,
    /// The most resident memory, in kB.
    pub(crate) most_resident: u64,
}

/// Runs a program to its end. What it says against its use is shown.
pub(crate) fn run(command: &mut Command) -> Ran {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let ended = AtomicBool::new(false);
    let (most_resident, out) = std::thread::scope(|scope| {
        // The kernel keeps the peak, but only for as long as the process lives.
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&status).unwrap_or_default();
                most = kilobytes(&text, "VmHWM:").unwrap_or(most);
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let mut out = String::new();
        stdout.read_to_string(&mut out).unwrap();
        ended.store(true, Ordering::Relaxed);
        (watching.join().unwrap(), out)
    });
    let code = child.wait().unwrap().code().unwrap();
    Ran { code, out, took: begun.elapsed(), most_resident }
}

/// A line of `/proc/PID/status`.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
