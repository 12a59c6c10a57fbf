//! Reading a policy directory.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use super::document::{Collector, Policy};
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::yaml;

/// What the names of policy files end with.
const ENDINGS: [&str; 2] = ["yaml", "yml"];

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
/// The policy may be there although the report holds errors: the compiler can
/// then tell what else is wrong, and makes no index of it.
pub fn read_folder(
    root: &Path,
    limits: Limits,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Policy> {
    let before = sources.len();
    let texts = match fs::canonicalize(root) {
        Ok(real) => {
            let mut walk = Walk { real, limits, found: BTreeSet::new(), open: Vec::new(), seen: 0, report };
            walk.directory(&walk.real.clone(), &root.display().to_string(), "");
            if walk.is_too_large() {
                let message = format!("more than {} policy files, or very many others", limits.files);
                report.push(Diagnostic::nowhere(Diag::TooLarge, message));
                return None;
            }
            read_files(walk.found, limits, report)
        }
        Err(error) => {
            report.push(
                unreadable(&root.display().to_string(), &error)
                    .help("name the directory that holds the policy files"),
            );
            return None;
        }
    };
    // A file that was not read may define what the others name.
    let all_read = !report.has_errors();
    let policy = read_texts(texts, sources, report).filter(|_| all_read);
    if !report.has_errors() && policy.as_ref().is_some_and(|p| p.services.is_empty()) {
        let files = sources.len() - before;
        report.push(
            Diagnostic::nowhere(
                Diag::NoPolicy,
                format!("no service is defined below `{}` (policy files found: {files})", root.display()),
            )
            .help("name the directory that holds the policy, or add a `*.yaml` file with `services:`"),
        );
        return None;
    }
    policy
}

/// Reads texts with their names as one policy. As with [`read_folder`], the
/// report says whether it may be used; `None` where so much is missing that
/// nothing more could be said about the rest.
pub fn read_texts(
    texts: impl IntoIterator<Item = (String, String)>,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Policy> {
    let mut collector = Collector::default();
    for (name, text) in texts {
        let file = sources.add(name.as_str(), text.as_str());
        let mut findings = Report::default();
        match yaml::parse(file, &text, &mut findings) {
            Some(document) if !document.is_null() => collector.add(&document, &mut findings),
            Some(_) => {}
            None if findings.has_errors() => collector.gap(),
            None => {}
        }
        report.append(findings);
    }
    collector.finish()
}

/// Whether a file of this name, below a policy directory, is one of the policy's:
/// directories are parted by `/`.
pub fn is_policy_file(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    !is_skipped(name) && ENDINGS.contains(&ending)
}

/// Whether a file or directory of this name is none of the policy's, whatever is in it.
pub fn is_skipped(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part.starts_with('_'))
}

struct Walk<'r> {
    real: PathBuf,
    limits: Limits,
    /// Name as shown, and path.
    found: BTreeSet<(String, PathBuf)>,
    /// The directories above, so that a link to one of them ends the walk.
    open: Vec<PathBuf>,
    /// Entries looked at: links can make few directories into many.
    seen: usize,
    report: &'r mut Report,
}

impl Walk<'_> {
    /// Walks a directory, known to a person as `shown`; the names of what is
    /// in it begin with `below`.
    fn directory(&mut self, path: &Path, shown: &str, below: &str) {
        if self.open.iter().any(|above| above == path) {
            return self.stray(shown, "is a link to a directory above it", "remove the link");
        }
        if self.open.len() >= self.limits.depth {
            let message =
                format!("`{}` is nested deeper than {} directories", shown.escape_debug(), self.limits.depth);
            return self.report.push(Diagnostic::nowhere(Diag::TooLarge, message).help("move it up"));
        }
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.report.push(unreadable(shown, &error)),
        };
        self.open.push(path.to_owned());
        for entry in entries {
            self.seen += 1;
            if self.is_too_large() {
                break;
            }
            let name = entry.file_name();
            if !name.as_encoded_bytes().starts_with(b".") && !name.as_encoded_bytes().starts_with(b"_") {
                let shown = format!("{below}{}", name.to_string_lossy());
                self.entry(&entry.path(), name.to_str(), shown);
            }
        }
        self.open.pop();
    }

    fn is_too_large(&self) -> bool {
        self.found.len() > self.limits.files || self.seen > self.limits.files.saturating_mul(10)
    }

    /// `name` is `None` where it is not UTF-8.
    fn entry(&mut self, path: &Path, name: Option<&str>, shown: String) {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let is_policy = ENDINGS.contains(&ending);
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            // A dangling link beside the policy is nobody's business.
            Err(_) if !is_policy => return,
            Err(_) if path.is_symlink() => {
                return self.stray(&shown, "is a link that leads nowhere", "mend or remove the link");
            }
            Err(error) => return self.report.push(unreadable(&shown, &error)),
        };
        let kind = match fs::metadata(&real) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => return self.report.push(unreadable(&shown, &error)),
        };
        if !kind.is_dir() && !is_policy {
            if ENDINGS.iter().any(|e| e.eq_ignore_ascii_case(ending)) {
                self.stray(&shown, "would not be read", "write the ending in lower case: `.yaml`");
            }
        } else if name.is_none() {
            self.stray(&shown, "has a name that is not UTF-8", "rename it");
        } else if name.is_some_and(|name| name.chars().any(is_unseen)) {
            // Messages, explanations and log lines repeat it to a terminal.
            self.stray(&shown, "has a name with characters that do not show", "rename it");
        } else if !real.starts_with(&self.real) {
            let help = "put what it leads to into the directory, or remove the link";
            self.stray(&shown, "is a link that leaves the policy directory", help);
        } else if kind.is_dir() {
            self.directory(&real, &shown, &format!("{shown}/"));
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

/// Control characters, characters without width, and those that turn the
/// direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn read_files(
    found: BTreeSet<(String, PathBuf)>,
    limits: Limits,
    report: &mut Report,
) -> Vec<(String, String)> {
    let mut total = 0;
    let mut texts = Vec::new();
    let mut seen = HashMap::new();
    for (shown, path) in found {
        if let Some(other) = seen.insert(path.clone(), shown.clone()) {
            report.push(
                Diagnostic::nowhere(Diag::StrayFile, format!("`{other}` and `{shown}` are the same file"))
                    .help("remove one of the links that lead to it"),
            );
            continue;
        }
        match read_file(&path, limits.file) {
            Ok(Contents::Text(text)) => {
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
            Ok(Contents::TooLarge) => report.push(
                Diagnostic::nowhere(
                    Diag::TooLarge,
                    format!("`{shown}` holds more than {} bytes", limits.file),
                )
                .help("split it: all files of the directory are one policy"),
            ),
            Ok(Contents::NotUtf8 { line }) => report.push(
                Diagnostic::nowhere(
                    Diag::NotUtf8,
                    format!("`{shown}` is not UTF-8 text, first in line {line}"),
                )
                .help("save it as UTF-8"),
            ),
            Err(error) => report.push(unreadable(&shown, &error)),
        }
    }
    texts
}

enum Contents {
    Text(String),
    TooLarge,
    NotUtf8 { line: usize },
}

/// Never reads more than the limit.
fn read_file(path: &Path, limit: u64) -> io::Result<Contents> {
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > limit {
        return Ok(Contents::TooLarge);
    }
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Ok(Contents::TooLarge);
    }
    Ok(String::from_utf8(bytes).map_or_else(|error| not_utf8(&error), Contents::Text))
}

fn not_utf8(error: &FromUtf8Error) -> Contents {
    let fine = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
    Contents::NotUtf8 { line: fine.filter(|byte| **byte == b'\n').count() + 1 }
}

fn unreadable(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::nowhere(Diag::Unreadable, format!("`{}` can't be read: {error}", shown.escape_debug()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn log_2_a_file_name_can_not_speak_to_the_terminal() {
        let read = |name: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "services: { a: { paths: [/a], routes: [{ route: GET /a, access: denied }] } }")
                .unwrap();
            let (mut sources, mut report) = (Sources::default(), Report::default());
            let policy = read_folder(folder.path(), Limits::default(), &mut sources, &mut report);
            let codes: Vec<_> = report.diagnostics().iter().map(|d| d.code).collect();
            assert!(report.diagnostics().iter().all(|d| !d.message.chars().any(is_unseen)), "{name:?}");
            (policy.is_some(), codes)
        };
        for name in ["a\u{1b}[31m.yaml", "a\nerror: b.yaml", "\u{202e}a.yml", "a\r/b.yaml"] {
            assert_eq!(read(name), (false, vec![Diag::StrayFile]), "{name:?}");
        }
        for name in ["it's.yaml", "a b/c.yaml", "caf\u{e9}.yaml", "cafe\u{301}.yaml"] {
            assert_eq!(read(name), (true, vec![]), "{name:?}");
        }
    }
}
