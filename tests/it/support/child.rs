//! A child process that does not outlive the tests.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

/// A running program with its output in a file. Killed when dropped, and also when the test process
/// ends in any other way: values in statics are never dropped, and a test process may be killed.
pub(crate) struct Child {
    name: &'static str,
    guard: process::Child,
    pid: String,
    log: PathBuf,
}

// Runs a program in the background, says its process id, and kills it once standard input ends.
// Input ends when the test process does, whatever ends it.
const GUARD: &str = r#"out=$1; shift; "$@" >>"$out" 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait"#;

impl Child {
    /// Starts a program; its output is added to `log`.
    pub(crate) fn start(
        name: &'static str,
        log: &Path,
        program: &Path,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Self {
        File::options().append(true).create(true).open(log).unwrap();
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(log)
            .arg(program)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        Self { name, guard, pid: pid.trim().to_owned(), log: log.to_owned() }
    }

    /// Everything it has written so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> &str {
        &self.pid
    }

    /// Sends it a signal, by number.
    pub(crate) fn signal(&self, signal: u8) {
        Command::new("kill").arg(format!("-{signal}")).arg(&self.pid).status().unwrap();
    }

    /// Whether it still runs (and is not merely waited for).
    pub(crate) fn runs(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        match state {
            Ok(state) => !state.rsplit(')').next().unwrap_or("").trim_start().starts_with(['Z', 'X']),
            // No /proc on this system: ask with a signal that does nothing.
            Err(_) => {
                let quiet = Command::new("kill").args(["-0", &self.pid]).stderr(Stdio::null()).status();
                !Path::new("/proc/self").exists() && quiet.is_ok_and(|status| status.success())
            }
        }
    }

    /// The last lines it wrote, for a failure.
    pub(crate) fn last_words(&self) -> String {
        let output = self.output();
        let lines: Vec<_> = output.lines().collect();
        let tail = lines.iter().rev().take(20).rev().copied().collect::<Vec<_>>().join("\n");
        format!("-- {} --\n{tail}", self.name)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
