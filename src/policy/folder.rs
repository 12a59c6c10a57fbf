//! Reading a policy directory.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::document::{Collector, Policy};
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::yaml;

/// How much a policy may be. All sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One file.
    pub file: u64,
    /// All files together.
    pub total: u64,
    /// The number of files.
    pub files: usize,
    /// How deep directories may be nested.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 1 << 20, total: 64 << 20, files: 20_000, depth: 32 }
    }
}

/// Reads every `*.yaml` and `*.yml` below a directory as one policy.
///
/// Names that begin with `.` or `_` are skipped; links are followed where they
/// stay inside the directory (Kubernetes links files through `..data`).
/// `None` if anything is an error: there is no partial policy.
pub fn read_folder(
    root: &Path,
    limits: Limits,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Policy> {
    let before = sources.len();
    let texts = match fs::canonicalize(root) {
        Ok(real) => {
            let mut walk = Walk { real, limits, found: BTreeSet::new(), open: Vec::new(), report };
            walk.directory(&walk.real.clone(), "");
            let found = walk.found;
            read_files(found, limits, report)
        }
        Err(error) => {
            report.push(
                unreadable(&root.display().to_string(), &error)
                    .help("name the directory that holds the policy files"),
            );
            return None;
        }
    };
    let policy = read_texts(texts, sources, report);
    if policy.as_ref().is_some_and(|p| p.services.is_empty()) {
        let files = sources.len() - before;
        report.push(
            Diagnostic::nowhere(
                Diag::NoPolicy,
                format!("no service is defined in the {files} policy files below `{}`", root.display()),
            )
            .help("add a `*.yaml` file with `services:`; an empty policy would deny everything"),
        );
        return None;
    }
    policy
}

/// Reads texts with their names as one policy.
pub fn read_texts(
    texts: impl IntoIterator<Item = (String, String)>,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Policy> {
    let mut collector = Collector::default();
    for (name, text) in texts {
        let file = sources.add(name.as_str(), text.as_str());
        if let Some(document) = yaml::parse(file, &text, report)
            && !document.is_null()
        {
            collector.add(&document, report);
        }
    }
    (!report.has_errors()).then(|| collector.finish())
}

struct Walk<'r> {
    real: PathBuf,
    limits: Limits,
    /// Name as shown, and path.
    found: BTreeSet<(String, PathBuf)>,
    /// The directories above, so that a link to one of them ends the walk.
    open: Vec<PathBuf>,
    report: &'r mut Report,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, shown: &str) {
        if self.open.iter().any(|above| above == path) || self.open.len() >= self.limits.depth {
            self.stray(shown, "is a link to a directory above it, or nested too deep", "remove it");
            return;
        }
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                return self.report.push(unreadable(if shown.is_empty() { "." } else { shown }, &error));
            }
        };
        self.open.push(path.to_owned());
        for entry in entries {
            if self.found.len() > self.limits.files {
                break;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.stray(&name.to_string_lossy(), "has a name that is not UTF-8", "rename it");
                continue;
            };
            if !name.starts_with(['.', '_']) {
                let shown = if shown.is_empty() { name.to_owned() } else { format!("{shown}/{name}") };
                self.entry(&entry.path(), name, shown);
            }
        }
        self.open.pop();
    }

    fn entry(&mut self, path: &Path, name: &str, shown: String) {
        let is_policy = name.ends_with(".yaml") || name.ends_with(".yml");
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            // A dangling link beside the policy is nobody's business.
            Err(_) if !is_policy => return,
            Err(error) => return self.report.push(unreadable(&shown, &error)),
        };
        let kind = match fs::metadata(&real) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => return self.report.push(unreadable(&shown, &error)),
        };
        if !kind.is_dir() && !is_policy {
            return;
        }
        if !real.starts_with(&self.real) {
            return self.stray(
                &shown,
                "is a link that leaves the policy directory",
                "copy the file, or remove the link",
            );
        }
        if kind.is_dir() {
            self.directory(&real, &shown);
        } else if kind.is_file() {
            self.found.insert((shown, real));
        } else {
            self.stray(&shown, "is not a file", "policy files are plain files");
        }
    }

    fn stray(&mut self, shown: &str, what: &str, help: &str) {
        self.report.push(
            Diagnostic::nowhere(Diag::StrayFile, format!("`{}` {what}", shown.escape_debug())).help(help),
        );
    }
}

fn read_files(
    found: BTreeSet<(String, PathBuf)>,
    limits: Limits,
    report: &mut Report,
) -> Vec<(String, String)> {
    if found.len() > limits.files {
        report.push(Diagnostic::nowhere(Diag::TooLarge, format!("more than {} policy files", limits.files)));
        return Vec::new();
    }
    let mut total = 0;
    let mut texts = Vec::new();
    for (shown, path) in found {
        match read_file(&path, limits.file) {
            Ok(Some(text)) => {
                total += u64::try_from(text.len()).unwrap_or(u64::MAX);
                if total > limits.total {
                    report.push(Diagnostic::nowhere(
                        Diag::TooLarge,
                        format!("the policy files together hold more than {} bytes", limits.total),
                    ));
                    return Vec::new();
                }
                texts.push((shown, text));
            }
            Ok(None) => report.push(
                Diagnostic::nowhere(
                    Diag::TooLarge,
                    format!("`{shown}` holds more than {} bytes", limits.file),
                )
                .help("split it: all files of the directory are one policy"),
            ),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => report.push(
                Diagnostic::nowhere(Diag::NotUtf8, format!("`{shown}` is not UTF-8 text"))
                    .help("save it as UTF-8"),
            ),
            Err(error) => report.push(unreadable(&shown, &error)),
        }
    }
    texts
}

/// `None` when it is larger than the limit: never more than that is read.
fn read_file(path: &Path, limit: u64) -> io::Result<Option<String>> {
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > limit {
        return Ok(None);
    }
    let mut text = String::new();
    let read = file.take(limit + 1).read_to_string(&mut text)?;
    Ok((u64::try_from(read).unwrap_or(u64::MAX) <= limit).then_some(text))
}

fn unreadable(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::nowhere(Diag::Unreadable, format!("`{}` can't be read: {error}", shown.escape_debug()))
}
