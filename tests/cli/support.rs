//! The binary as a child process, and golden files.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command that is about to run, in the top of the repository.
pub(crate) struct Doorward(Command);

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Doorward {
    pub(crate) fn new<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(args).current_dir(root()).env_remove("NO_COLOR").stdin(Stdio::null());
        Self(command)
    }

    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Said {
        Said::of(self.0.output().unwrap())
    }

    /// Runs it to its end with a text as its standard input.
    #[track_caller]
    pub(crate) fn run_with_input(mut self, input: &str) -> Said {
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // Beside it: it may say more than a pipe holds before it has read everything.
            scope.spawn(move || match stdin.write_all(input.as_bytes()) {
                // It may also end without having read it: what it says of that is what counts.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                written => written.unwrap(),
            });
            Said::of(child.wait_with_output().unwrap())
        })
    }

    /// Runs it with nobody to read what it says.
    #[track_caller]
    pub(crate) fn run_unread(mut self) -> i32 {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = self.0.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        // The command keeps the writing end of the pipe: give it up here.
        drop(self);
        child.wait().unwrap().code().unwrap()
    }
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// All of it, for a golden file.
    pub(crate) fn transcript(&self) -> String {
        let Self { code, out, err } = self;
        let err = if err.is_empty() { String::new() } else { format!("-- standard error --\n{err}") };
        format!("{out}{err}-- exit {code} --\n")
    }
}

/// Runs the binary with arguments.
#[track_caller]
pub(crate) fn doorward<'a>(args: impl IntoIterator<Item = &'a str>) -> Said {
    Doorward::new(args).run()
}

/// What is said must be what `tests/golden/cli/<name>.txt` holds.
#[track_caller]
pub(crate) fn golden(name: &str, actual: &str) {
    let file = root().join("tests/golden/cli").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; if that is meant: UPDATE_GOLDEN=1 cargo test --test cli\n{actual}",
        file.display()
    );
}

/// Every file below a directory whose name ends so, sorted.
pub(crate) fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
