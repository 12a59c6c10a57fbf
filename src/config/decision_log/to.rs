//! Where the lines about decisions go.

use std::path::{Path, PathBuf};

use crate::config::listen::{self, Listen};
use crate::config::units;
use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{self, Elsewhere, Entry, Fields, Kind, Node, Shape};

/// Where the lines about decisions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTo {
    /// Nowhere: none are written.
    Nowhere,
    /// Standard output.
    Stdout,
    /// Standard error, between the lines of the process's own log.
    Stderr,
    /// A file.
    File(LogFile),
    /// Whoever listens on a Unix socket.
    Socket(LocalSocket),
}

/// A file that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Where it lies.
    pub path: PathBuf,
    /// At which size it is put aside, and how many of those put aside are
    /// kept; without it somebody else sees to that.
    pub rotate: Option<(u64, u32)>,
}

/// A Unix socket to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalSocket {
    /// With a file.
    Path(PathBuf),
    /// With a name and no file, as Linux has them.
    Abstract(String),
}

pub(in crate::config) const SHAPE: Shape =
    Shape { what: "`decision_log.to`", known: &["file", "max_size", "keep", "socket"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["path", "filename", "file_name"],
        meant: "file",
        help: "write `file:` and the path of the file",
    },
    Elsewhere {
        words: &["size", "max_bytes", "maxsize", "max_file_size", "rotate"],
        meant: "max_size",
        help: "write `max_size:` and a size such as `100MiB`",
    },
    Elsewhere {
        words: &["max_files", "max_backups", "backups", "count"],
        meant: "keep",
        help: "write `keep:` and how many full files are kept",
    },
    Elsewhere {
        words: &["unix", "address", "syslog", "tcp", "udp", "http", "grpc", "url"],
        meant: "socket",
        help: "write `socket: unix:/path`: lines go to a Unix socket, from which an agent takes them further",
    },
];

const WORDS: &str = "`stdout`, `stderr`, `none`, `{ file: PATH }` or `{ socket: unix:PATH }`";

/// How many full files are kept where nothing else is said.
const KEEP: u32 = 5;

pub(super) fn read(entry: &Entry, directory: &Path, report: &mut Report) -> Option<LogTo> {
    match &entry.value.kind {
        Kind::Map(_) => mapping(&entry.value, directory, report),
        _ => match yaml::word(&entry.value, "`decision_log.to`", WORDS, report)?.value {
            "stdout" => Some(LogTo::Stdout),
            "stderr" => Some(LogTo::Stderr),
            "none" => Some(LogTo::Nowhere),
            other => {
                let message = format!("`decision_log.to` can't be `{}`", other.escape_debug());
                report.push(
                    Diagnostic::at(Code::BadValue, entry.value.span, message)
                        .label("not known")
                        .help(format!("write {WORDS}")),
                );
                None
            }
        },
    }
}

fn mapping(node: &Node, directory: &Path, report: &mut Report) -> Option<LogTo> {
    let fields = Fields::read_with(node, SHAPE, ELSEWHERE, report)?;
    let size = match fields.get("max_size") {
        Some(entry) => units::bytes(&entry.value, "`max_size`", 1 << 16..=1 << 40, report).map(Some),
        None => Some(None),
    };
    let keep = match fields.get("keep") {
        Some(entry) => yaml::integer(&entry.value, "`keep`", 1..=1000, report)
            .and_then(|keep| u32::try_from(keep).ok())
            .map(Some),
        None => Some(None),
    };
    let wrong = |entry: &Entry, message: &str, help: &str| {
        Diagnostic::at(Code::BadValue, entry.key_span, message).label("without meaning here").help(help)
    };
    match (fields.get("file"), fields.get("socket")) {
        (Some(_), Some(socket)) => {
            report.push(wrong(socket, "`socket` beside `file`", "keep one of them"));
            None
        }
        (None, None) => {
            if !fields.has_unknown() {
                report.push(
                    Diagnostic::at(Code::MissingKey, node.span, "`decision_log.to` does not say where to")
                        .label("`file` or `socket` is missing here")
                        .help(format!("write {WORDS}")),
                );
            }
            None
        }
        (None, Some(entry)) => {
            let stray = ["max_size", "keep"].iter().find_map(|key| fields.get(key));
            if let Some(stray) = stray {
                let message = format!("`{}` beside `socket`", stray.key);
                report.push(wrong(stray, &message, "remove it: only files grow"));
                return None;
            }
            socket(&entry.value, directory, report).map(LogTo::Socket)
        }
        (Some(entry), None) => {
            let path = file(&entry.value, directory, report);
            let rotate = match (size?, keep?, fields.get("keep")) {
                (Some(size), keep, _) => Some((size, keep.unwrap_or(KEEP))),
                (None, Some(_), Some(entry)) => {
                    let help = "add `max_size:`, the size at which a file is full";
                    report.push(wrong(entry, "`keep` without `max_size`", help));
                    return None;
                }
                (None, ..) => None,
            };
            Some(LogTo::File(LogFile { path: path?, rotate }))
        }
    }
}

fn file(node: &Node, directory: &Path, report: &mut Report) -> Option<PathBuf> {
    let text = yaml::text(node, "`file`", report)?;
    let help = match text.value {
        "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => "write `to: stdout`",
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => "write `to: stderr`",
        "/dev/null" => "write `to: none`",
        path if path.ends_with('/') => "add the name of the file",
        path if path.chars().any(char::is_control) => "write a path without control characters",
        path => return Some(directory.join(path)),
    };
    let message = format!("`{}` is not a file to write to", text.value.escape_debug());
    report.push(Diagnostic::at(Code::BadValue, text.span, message).label("not a file").help(help));
    None
}

fn socket(node: &Node, directory: &Path, report: &mut Report) -> Option<LocalSocket> {
    let text = yaml::text(node, "`socket`", report)?;
    let help = match listen::parse(text.value, directory) {
        Ok(Listen::Unix(path)) => return Some(LocalSocket::Path(path)),
        Ok(Listen::Abstract(name)) => return Some(LocalSocket::Abstract(name)),
        Err(help) if text.value.starts_with("unix:") => help,
        Ok(Listen::Tcp(_)) | Err(_) => {
            "write `unix:` and the path of the socket, such as `unix:/run/log.sock`".to_owned()
        }
    };
    let message = format!("`{}` is not a Unix socket", text.value.escape_debug());
    report.push(Diagnostic::at(Code::BadAddress, text.span, message).label("not a socket").help(help));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for entry in ELSEWHERE {
            assert!(SHAPE.known.contains(&entry.meant), "{}", entry.meant);
            assert!(entry.words.iter().all(|word| !SHAPE.known.contains(word)), "{:?}", entry.words);
        }
    }
}
