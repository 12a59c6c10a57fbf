//! The real binary and other servers as child processes, and what the kernel says of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server, killed when dropped.
pub(crate) struct Process(Child);

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
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut before = Vec::new();
    let listening =
        lines.by_ref().inspect(|line| before.push(line.clone())).find(|line| line.contains("\"listening\""));
    let Some(listening) = listening else { panic!("doorward does not serve: {}", before.join("\n")) };
    std::thread::spawn(move || lines.for_each(drop));
    let line: serde_json::Value = serde_json::from_str(&listening).unwrap();
    (Process(child), line["grpc"].as_str().unwrap().to_owned())
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
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
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
