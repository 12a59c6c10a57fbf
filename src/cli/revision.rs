//! Policies as they stand in a directory or in git.
//!
//! Of git only objects are read, by the `git` of this machine: no filter, no
//! attribute and no work tree has a part in it, so that nothing can be left out
//! of what is reviewed.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Failure;
use crate::compile::{self, Index};
use crate::diag::{Code, Diagnostic, Report, Sources};
use crate::policy::{Limits, is_policy_file, is_skipped};

/// A policy as it stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    /// In a directory.
    Directory(PathBuf),
    /// In a revision of git.
    Revision(String),
}

/// One that was read.
pub(super) struct Loaded {
    pub(super) index: Index,
    /// What to call it: the directory, or the revision.
    pub(super) label: String,
    /// The directory that its places lie below.
    pub(super) directory: PathBuf,
    /// Whether it is not there at all, so that everything is denied.
    pub(super) absent: bool,
}

/// A repository, and where the policy lies in it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// Where git is asked.
    pub(super) at: PathBuf,
    /// The policy directory, as seen from there.
    pub(super) policies: PathBuf,
}

impl Version {
    /// Two versions out of the arguments: `OLD NEW`, `OLD..NEW`, `OLD...NEW`
    /// (since they parted), or `OLD` alone, against the work tree.
    pub(super) fn pair(
        old: &str,
        new: Option<&str>,
        repository: &Repository,
    ) -> Result<(Self, Self), Failure> {
        let revision = |text: &str| Self::Revision(or_head(text).to_owned());
        let one = |text: &str| match Path::new(text).is_dir() {
            // Whoever adds a directory must not choose what is compared.
            true if repository.is_revision(text) => Err(Failure::new(format!(
                "`{0}` is a directory here and a revision of git: write `./{0}` or `refs/heads/{0}`",
                text.escape_debug()
            ))),
            true => Ok(Self::Directory(text.into())),
            false => Ok(revision(text)),
        };
        if let Some(new) = new {
            return Ok((one(old)?, one(new)?));
        }
        if matches!(one(old)?, Self::Directory(_)) {
            return Err(Failure::new(format!(
                "`{old}` is a directory: name the other one too, or a revision"
            )));
        }
        if let Some((old, new)) = old.split_once("...") {
            let (old, new) = (or_head(old), or_head(new));
            let base = repository.git(&["merge-base", "--end-of-options", old, new])?;
            return Ok((Self::Revision(text(&base)?.trim().to_owned()), Self::Revision(new.to_owned())));
        }
        if let Some((old, new)) = old.split_once("..") {
            return Ok((revision(old), revision(new)));
        }
        let here = repository.at == Path::new(".");
        let directory =
            if here { repository.policies.clone() } else { repository.at.join(&repository.policies) };
        Ok((revision(old), Self::Directory(directory)))
    }

    /// Reads and compiles it. `now`, in seconds since 1970, is for nothing but
    /// what is told of bindings that end.
    pub(super) fn load(&self, repository: &Repository, now: u64) -> Result<Loaded, Failure> {
        let invalid = |found: (Report, Sources), directory: &Path| {
            let mut all = (Report::default(), Sources::default());
            all.0.adopt(&mut all.1, found, directory);
            Failure::Invalid(Box::new(all))
        };
        match self {
            Self::Directory(directory) => {
                let (index, sources, report) = compile::load_at(directory, now);
                let index = index.filter(|_| !report.has_errors());
                let index = index.ok_or_else(|| invalid((report, sources), directory))?;
                let label = directory.display().to_string();
                Ok(Loaded { index, label, directory: directory.clone(), absent: false })
            }
            Self::Revision(revision) => {
                let files = repository.files(revision)?;
                let absent = files.is_none();
                let (index, sources, report) = compile::load_texts(files.unwrap_or_default());
                let directory = PathBuf::from(format!("{revision}:{}", repository.policies.display()));
                let index = index.filter(|_| !report.has_errors());
                let index = index.ok_or_else(|| invalid((report, sources), &directory))?;
                Ok(Loaded { index, label: revision.clone(), directory: repository.policies.clone(), absent })
            }
        }
    }
}

fn or_head(revision: &str) -> &str {
    if revision.is_empty() { "HEAD" } else { revision }
}

/// A file in a tree of git.
struct Entry {
    name: String,
    object: String,
    size: u64,
}

impl Repository {
    /// The policy files of a revision, by their names below the policy directory;
    /// `None` where the directory is not there.
    fn files(&self, revision: &str) -> Result<Option<Vec<(String, String)>>, Failure> {
        let commit = self.resolve(&format!("{revision}^{{commit}}"));
        let commit = commit?.map_err(|why| match why.as_str() {
            "" => Failure::new(format!("`{revision}` is neither a directory nor a revision of git here")),
            why => Failure::new(format!("git: {why}")),
        })?;
        let commit = text(&commit)?.trim().to_owned();
        let Some(tree) = self.tree(&commit)? else { return Ok(None) };
        let entries = self.entries(&tree, revision)?;
        let contents = self.contents(&entries)?;
        let mut files = Vec::with_capacity(entries.len());
        for (entry, content) in entries.into_iter().zip(contents) {
            let text = String::from_utf8(content)
                .map_err(|_| not_readable(revision, &entry.name, "is not UTF-8 text"))?;
            files.push((entry.name, text));
        }
        files.sort();
        Ok(Some(files))
    }

    /// The text of a file outside of the policy directory in a revision, by its name
    /// as seen from where git is asked; `None` where it is not there.
    pub(super) fn text_of(&self, revision: &str, file: &Path) -> Result<Option<String>, Failure> {
        let Some(name) = file.to_str().filter(|_| file.is_relative()) else { return Ok(None) };
        let name = name.trim_start_matches("./");
        let Ok(object) = self.resolve(&format!("{revision}:./{name}"))? else { return Ok(None) };
        let bytes = self.git(&["cat-file", "blob", text(&object)?.trim()])?;
        Ok(Some(text(&bytes)?.to_owned()))
    }

    /// The object of the policy directory in a commit.
    fn tree(&self, commit: &str) -> Result<Option<String>, Failure> {
        let bare = text(&self.git(&["rev-parse", "--is-inside-work-tree"])?)?.trim() != "true";
        let path =
            self.policies.to_str().ok_or_else(|| Failure::new("the policy directory has an odd name"))?;
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let path = if path == "." { "" } else { path };
        let below = if bare { "" } else { "./" };
        let spelled = format!("{commit}:{below}{path}");
        let spelled = if path.is_empty() && bare { format!("{commit}^{{tree}}") } else { spelled };
        let Ok(object) = self.resolve(&spelled)? else {
            // Git is as silent about a tree that is damaged as about a path that is
            // not there; a listing fails for the one and is empty for the other.
            let path = if path.is_empty() { "." } else { path };
            self.git(&["ls-tree", commit, "--", path])?;
            return Ok(None);
        };
        let object = text(&object)?.trim().to_owned();
        let kind = self.git(&["cat-file", "-t", &object])?;
        if text(&kind)?.trim() != "tree" {
            return Err(Failure::new(format!("`{path}` is not a directory in {commit}")));
        }
        Ok(Some(object))
    }

    fn entries(&self, tree: &str, revision: &str) -> Result<Vec<Entry>, Failure> {
        let listed = self.git(&["ls-tree", "-r", "-z", "-l", "--full-tree", tree])?;
        let mut entries = Vec::new();
        let limits = Limits::default();
        let mut total = 0;
        for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line)
                .map_err(|_| not_readable(revision, "a file", "has a name that is not UTF-8"))?;
            let Some((about, name)) = line.split_once('\t') else { continue };
            let mut about = about.split_ascii_whitespace();
            let (mode, _, object, size) = (about.next(), about.next(), about.next(), about.next());
            // Whatever they are called, a server may find a directory of policy files
            // behind them.
            let elsewhere = match mode {
                Some("120000") => Some("is a link, which is not followed in git: put the files there"),
                Some("160000") => Some("is a submodule, which is not looked into: put the files there"),
                _ => None,
            };
            if let Some(why) = elsewhere.filter(|_| !is_skipped(name)) {
                return Err(not_readable(revision, name, why));
            }
            if !is_policy_file(name) {
                continue;
            }
            let size: u64 = size.and_then(|size| size.parse().ok()).unwrap_or(0);
            total += size;
            if size > limits.file || total > limits.total || entries.len() >= limits.files {
                return Err(not_readable(revision, name, "is over the limit for policies"));
            }
            let object = object.unwrap_or_default().to_owned();
            entries.push(Entry { name: name.to_owned(), object, size });
        }
        Ok(entries)
    }

    /// The bytes of every file, in order.
    fn contents(&self, entries: &[Entry]) -> Result<Vec<Vec<u8>>, Failure> {
        let names: String = entries.iter().map(|entry| format!("{}\n", entry.object)).collect();
        let batch = ["cat-file", "--batch"];
        let answer = self.ask(&batch, names.as_bytes())?.map_err(|why| refused(&batch, &why))?;
        let mut rest = answer.as_slice();
        let mut contents = Vec::with_capacity(entries.len());
        for entry in entries {
            // A line on the object, its bytes, a line end.
            let line = rest.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
            let content = rest.get(line..line.saturating_add(size));
            let content =
                content.ok_or_else(|| Failure::new(format!("git does not give `{}` whole", entry.name)))?;
            contents.push(content.to_vec());
            rest = rest.get(line + size + 1..).unwrap_or_default();
        }
        Ok(contents)
    }

    /// The name of an object, or what git says where there is none: nothing, if
    /// it is no more than that.
    fn resolve(&self, spelled: &str) -> Result<Result<Vec<u8>, String>, Failure> {
        self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", spelled], b"")
    }

    /// Whether git takes a text for a commit.
    fn is_revision(&self, text: &str) -> bool {
        matches!(self.resolve(&format!("{text}^{{commit}}")), Ok(Ok(_)))
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        self.ask(arguments, b"")?.map_err(|why| refused(arguments, &why))
    }

    /// What git answers, or its complaint; a failure where it can't be asked.
    fn ask(&self, arguments: &[&str], input: &[u8]) -> Result<Result<Vec<u8>, String>, Failure> {
        let failed = |what: &dyn std::fmt::Display| Failure::new(format!("can't run git: {what}"));
        let mut git = Command::new("git")
            .arg("-C")
            .arg(&self.at)
            .args(["--no-replace-objects", "--literal-pathspecs"])
            .args(arguments.iter().map(OsStr::new))
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let stdin = git.stdin.take();
        let stdout = git.stdout.take();
        let output = std::thread::scope(|scope| {
            // What git is still to be told must not wait for what it answers.
            let writer = scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            let mut output = Vec::new();
            let read = stdout.map(|mut stdout| stdout.read_to_end(&mut output));
            let _ = writer.join();
            read.transpose().map(|_| output)
        });
        let ended = git.wait_with_output().map_err(|error| failed(&error))?;
        if !ended.status.success() {
            let why = String::from_utf8_lossy(&ended.stderr);
            return Ok(Err(why.lines().next().unwrap_or_default().trim().escape_debug().to_string()));
        }
        output.map(Ok).map_err(|error| failed(&error))
    }
}

fn refused(arguments: &[&str], why: &str) -> Failure {
    let command = arguments.first().copied().unwrap_or_default();
    Failure::new(if why.is_empty() { format!("git {command} failed") } else { format!("git: {why}") })
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| Failure::new("git answers what is no text"))
}

fn not_readable(revision: &str, name: &str, why: &str) -> Failure {
    let mut found = (Report::default(), Sources::default());
    let message = format!("`{}:{}` {why}", revision.escape_debug(), name.escape_debug());
    found.0.push(Diagnostic::nowhere(Code::StrayFile, message));
    Failure::Invalid(Box::new(found))
}
