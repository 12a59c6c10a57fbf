//! One address: `host:port`, a Unix socket or an abstract one.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{self, Entry, Kind, Node};

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket with a file.
    Unix(PathBuf),
    /// A Unix socket with a name and no file, as Linux has them.
    Abstract(String),
}

impl Listen {
    /// Whether it can be reached from this machine alone.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) | Self::Abstract(_) => true,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

/// Owner and group may ask; whoever can ask learns what a policy allows.
pub(super) const DEFAULT_MODE: u32 = 0o660;

/// The longest path or name that a Unix socket can have on every system.
const MAX_SOCKET_PATH: usize = 103;

const HELP: &str = "write `host:port` or `unix:/path`";

/// Reads an address. Without the rule that a plain scalar may not look like a
/// number: `127.0.0.1:9191` needs no quotes.
pub(super) fn read(node: &Node, directory: &Path, report: &mut Report) -> Option<Listen> {
    let Kind::Scalar { text, .. } = &node.kind else {
        let message = format!("an address must be text, found {}", node.describe());
        report.push(Diagnostic::at(Code::WrongType, node.span, message).label("not text").help(HELP));
        return None;
    };
    if node.is_null() || text.is_empty() {
        let empty = Diagnostic::at(Code::EmptyValue, node.span, "an address is empty");
        report.push(empty.label("nothing here").help(HELP));
        return None;
    }
    match parse(text, directory) {
        Ok(listen) => Some(listen),
        Err(help) => {
            let message = format!("`{}` is not a listen address", text.escape_debug());
            report.push(
                Diagnostic::at(Code::BadAddress, node.span, message).label("not an address").help(help),
            );
            None
        }
    }
}

/// The address, or what to write instead.
pub(in crate::config) fn parse(text: &str, directory: &Path) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return socket(path, directory);
    }
    if let Ok(address) = text.parse() {
        return Ok(Listen::Tcp(address));
    }
    // Names would mean a look-up whose answer may change: the address that is
    // meant stands in the file.
    match text.rsplit_once(':') {
        Some(("localhost", port)) => Err(format!("write `127.0.0.1:{port}` or `[::1]:{port}`")),
        Some(("" | "*", port)) => Err(format!("write `0.0.0.0:{port}` for every address of this machine")),
        Some(_) => Err("write an IP address and a port, such as `127.0.0.1:9191` or `[::1]:9191`".into()),
        None => Err("add the port, such as `127.0.0.1:9191`".into()),
    }
}

fn socket(path: &str, directory: &Path) -> Result<Listen, String> {
    if let Some(name) = path.strip_prefix('@') {
        let usual = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b);
        if name.is_empty() || name.len() > MAX_SOCKET_PATH || !name.bytes().all(usual) {
            return Err(format!(
                "write `unix:@` and a name of at most {MAX_SOCKET_PATH} letters, digits and `_ - . : /`"
            ));
        }
        return Ok(Listen::Abstract(name.to_owned()));
    }
    if path.is_empty() || path.ends_with('/') || path.chars().any(char::is_control) {
        return Err("write `unix:` and the path of the socket, such as `unix:/run/doorward.sock`".into());
    }
    let path = directory.join(path);
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        return Err(format!("the path of a socket may have {MAX_SOCKET_PATH} bytes: choose a shorter one"));
    }
    Ok(Listen::Unix(path))
}

/// Who may connect to the file of a Unix socket: an octal mode, as `chmod`
/// takes it.
pub(super) fn mode(entry: &Entry, report: &mut Report) -> Option<u32> {
    let text = yaml::text(&entry.value, "`mode`", report)?;
    let digits = text.value.strip_prefix('0').unwrap_or(text.value);
    let octal = digits.len() == 3 && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| octal && mode & 0o600 == 0o600);
    if mode.is_none() {
        let message = format!("`{}` is not the mode of a socket", text.value.escape_debug());
        report.push(Diagnostic::at(Code::BadValue, text.span, message).label("not a mode").help(
            "write `\"0600\"` for the owner alone, `\"0660\"` for the group too, `\"0666\"` for everybody",
        ));
    }
    mode
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_and_sockets() {
        let parse = |text| parse(text, Path::new("/etc/doorward"));
        assert_eq!(parse("0.0.0.0:9191").unwrap(), Listen::Tcp("0.0.0.0:9191".parse().unwrap()));
        assert_eq!(parse("[::1]:0").unwrap(), Listen::Tcp("[::1]:0".parse().unwrap()));
        assert_eq!(parse("unix:/run/d.sock").unwrap(), Listen::Unix("/run/d.sock".into()));
        assert_eq!(parse("unix:d.sock").unwrap(), Listen::Unix("/etc/doorward/d.sock".into()));
        assert_eq!(parse("unix:@doorward/1").unwrap(), Listen::Abstract("doorward/1".into()));
        for text in ["0.0.0.0:9191", "[::1]:0", "unix:/run/d.sock", "unix:@d"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_told_what_to_write() {
        let help = |text: &str| parse(text, Path::new(".")).unwrap_err();
        assert!(help("localhost:9191").contains("127.0.0.1:9191"));
        assert!(help(":9191").contains("0.0.0.0:9191"));
        assert!(help("127.0.0.1").contains("port"));
        for text in ["unix:", "unix:/run/", "::1:9191", "http://127.0.0.1:1", "1.2.3.4:99999", "1.2.3.4: 1"] {
            assert!(!help(text).is_empty(), "{text}");
        }
        assert!(help(&format!("unix:/{}", "a".repeat(200))).contains("shorter"));
        for name in ["", "a b", "a\0", "é", &"a".repeat(104)] {
            assert!(help(&format!("unix:@{name}")).contains("unix:@"), "{name}");
        }
    }

    #[test]
    fn attr_12_what_other_machines_may_reach_is_not_local() {
        let local = |text: &str| parse(text, Path::new("/")).unwrap().is_local();
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a", "unix:@a"] {
            assert!(local(text), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1"] {
            assert!(!local(text), "{text}");
        }
    }
}
