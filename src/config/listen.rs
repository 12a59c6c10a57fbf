//! Where to listen.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{Entry, Fields, Kind, Node, Shape};

/// The addresses of all listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// Envoy's `ext_authz` calls.
    pub grpc: Listen,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

pub(super) const SHAPE: Shape = Shape {
    what: "`listen`",
    known: &["grpc"],
    later: &[
        ("http", "remove it: this version answers Envoy's gRPC calls alone"),
        ("admin", "remove it: health is answered on the gRPC address"),
    ],
};

/// Nobody but this machine may ask, unless the configuration says so.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9191);

/// The longest path that a Unix socket can have on every system.
const MAX_SOCKET_PATH: usize = 103;

pub(super) fn read(entry: Option<&Entry>, directory: &Path, report: &mut Report) -> Option<Listeners> {
    let Some(entry) = entry else {
        return Some(Listeners { grpc: Listen::Tcp(DEFAULT) });
    };
    let fields = Fields::read(&entry.value, SHAPE, report)?;
    let grpc = fields.require("grpc", report)?;
    Some(Listeners { grpc: address(&grpc.value, directory, report)? })
}

/// `host:port` or `unix:path`. Read without the rule that a plain scalar may
/// not look like a number: `127.0.0.1:9191` needs no quotes.
fn address(node: &Node, directory: &Path, report: &mut Report) -> Option<Listen> {
    let Kind::Scalar { text, .. } = &node.kind else {
        report.push(
            Diagnostic::at(
                Code::WrongType,
                node.span,
                format!("an address must be text, found {}", node.describe()),
            )
            .label("not text")
            .help("write `host:port` or `unix:/path`"),
        );
        return None;
    };
    if node.is_null() || text.is_empty() {
        report.push(
            Diagnostic::at(Code::EmptyValue, node.span, "an address is empty")
                .label("nothing here")
                .help("write `host:port` or `unix:/path`"),
        );
        return None;
    }
    match parse(text, directory) {
        Ok(listen) => Some(listen),
        Err(help) => {
            report.push(
                Diagnostic::at(Code::BadAddress, node.span, format!("`{text}` is not a listen address"))
                    .label("not an address")
                    .help(help),
            );
            None
        }
    }
}

/// The address, or what to write instead.
fn parse(text: &str, directory: &Path) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() || path.ends_with('/') || path.chars().any(char::is_control) {
            return Err("write `unix:` and the path of the socket, such as `unix:/run/doorward.sock`".into());
        }
        let path = directory.join(path);
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(format!(
                "the path of a socket may have {MAX_SOCKET_PATH} bytes: choose a shorter one"
            ));
        }
        return Ok(Listen::Unix(path));
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
    }
}
