//! The proxies that stand before doorward, as they are shipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::child::Child;
use super::stack::{Ports, root};

/// A proxy, and how it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Front {
    /// Envoy over gRPC.
    Grpc,
    /// Envoy over HTTP.
    Http,
    /// nginx.
    Nginx,
}

impl Front {
    /// `listen.http.proxy`
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Grpc | Self::Http => "envoy",
            Self::Nginx => "nginx",
        }
    }

    /// What its configuration is called.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Grpc | Self::Http => "envoy.yaml",
            Self::Nginx => "nginx.conf",
        }
    }

    /// What it asks doorward about, and every policy refuses.
    pub(super) fn unrouted(self) -> &'static str {
        match self {
            Self::Grpc | Self::Http => "/",
            // It answers what it has no location for by itself.
            Self::Nginx => "/events/none/of/these",
        }
    }

    /// Its shipped configuration, on other ports.
    pub(super) fn config(self, ports: Ports) -> String {
        let Ports { listener, doorward, events, venues, admin } = ports;
        match self {
            Self::Grpc | Self::Http => {
                let (file, port) =
                    if self == Self::Grpc { ("envoy.yaml", 9191) } else { ("envoy-http.yaml", 9192) };
                let mine =
                    [(10000, listener), (port, doorward), (18081, events), (18082, venues), (9901, admin)];
                let text = mine.iter().fold(shipped(&format!("envoy/{file}")), |text, (default, port)| {
                    let (from, to) = (format!("port_value: {default} "), format!("port_value: {port} "));
                    replaced(&text, &from, &to, 1)
                });
                // Builds and tests run beside each other: a decision may have to wait for a core.
                text.replace("timeout: 0.25s", "timeout: 5s")
            }
            Self::Nginx => {
                let text = shipped("nginx/nginx.conf");
                let mine = [
                    ("127.0.0.1:9192;", doorward),
                    ("127.0.0.1:18081;", events),
                    ("127.0.0.1:18082;", venues),
                ];
                let text = mine
                    .iter()
                    .fold(text, |text, (from, port)| replaced(&text, from, &format!("127.0.0.1:{port};"), 1));
                let text =
                    replaced(&text, "listen 127.0.0.1:10000", &format!("listen 127.0.0.1:{listener}"), 2);
                let text = text.replace(" 250ms;", " 5s;").replace(" 1s;", " 5s;");
                // Folders that the package would have made.
                let temporary = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"];
                let temporary = temporary.map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
                replaced(&text, "\nhttp {\n", &format!("\nhttp {{\n{temporary}"), 1)
            }
        }
    }

    /// Starts it in the folder that holds its configuration.
    pub(super) fn start(self, folder: &Path) -> Child {
        let config = folder.join(self.file());
        let config = config.to_str().unwrap();
        match self {
            Self::Grpc | Self::Http => {
                let args = ["-c", config, "--concurrency", "1", "-l", "warning", "--disable-hot-restart"];
                Child::start("envoy", &folder.join("envoy.log"), &envoy_binary(), &args, &[])
            }
            Self::Nginx => {
                // One process: workers would outlive a master that is killed.
                let global = "daemon off; master_process off; pid nginx.pid;";
                let prefix = folder.to_str().unwrap();
                let args = ["-p", prefix, "-c", config, "-e", "stderr", "-g", global];
                Child::start("nginx", &folder.join("nginx.log"), &nginx_binary(), &args, &[])
            }
        }
    }
}

fn shipped(path: &str) -> String {
    std::fs::read_to_string(root().join("deploy").join(path)).unwrap()
}

#[track_caller]
pub(crate) fn replaced(text: &str, from: &str, to: &str, times: usize) -> String {
    assert_eq!(text.matches(from).count(), times, "`{from}` in the shipped configuration");
    text.replace(from, to)
}

/// `ENVOY_BIN`, as `tests/run` sets it, or what the same script finds.
pub(crate) fn envoy_binary() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| found(".tools/envoy")).clone()
}

/// `NGINX_BIN`, or what `.tools/nginx` finds.
pub(crate) fn nginx_binary() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| found(".tools/nginx")).clone()
}

fn found(script: &str) -> PathBuf {
    let output = Command::new(root().join(script)).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "nothing to test with: see {script}");
    String::from_utf8(output.stdout).unwrap().trim().into()
}
