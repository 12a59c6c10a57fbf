//! An Envoy that asks Doorward about every request and answers by itself: for tests of what lies
//! between the two.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tempfile::TempDir;

use super::child::Child;
use super::eventually;
use super::front::envoy_binary;
use super::stack::{folder, free_port, root};

/// A running Envoy. Killed when dropped.
pub(crate) struct Edge {
    envoy: Child,
    listener: u16,
    admin: u16,
    _folder: TempDir,
}

/// A client of it, with a connection of its own.
pub(crate) struct Browser {
    port: u16,
    stream: Option<TcpStream>,
}

impl Edge {
    /// With Doorward at these addresses: `127.0.0.1:9191`, `unix:/path` or `unix:@name`; and with
    /// these lines in Doorward's cluster.
    pub(crate) fn start(addresses: &[&str], lines: &str) -> Self {
        let folder = folder();
        let (listener, admin) = (free_port(), free_port());
        let endpoints: String = addresses
            .iter()
            .map(|address| format!("        - endpoint: {{ address: {{ {} }} }}\n", endpoint(address)))
            .collect();
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let config = CONFIG
            .replace("LISTENER", &listener.to_string())
            .replace("ADMIN", &admin.to_string())
            .replace("ENDPOINTS\n", &endpoints)
            .replace("LINES\n", &lines);
        let file = folder.path().join("envoy.yaml");
        std::fs::write(&file, config).unwrap();
        let args =
            ["-c", file.to_str().unwrap(), "--concurrency", "1", "-l", "warning", "--disable-hot-restart"];
        let envoy = Child::start("envoy", &folder.path().join("envoy.log"), &envoy_binary(), &args, &[]);
        let edge = Self { envoy, listener, admin, _folder: folder };
        eventually("Envoy listens", || match TcpStream::connect(("127.0.0.1", admin)) {
            Ok(_) => Ok(()),
            Err(_) => Err(edge.envoy.last_words()),
        });
        edge
    }

    /// A client.
    pub(crate) fn browser(&self) -> Browser {
        Browser { port: self.listener, stream: None }
    }

    /// The status of an answer, over a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Option<u16> {
        self.browser().get(path)
    }

    /// Waits until `path` is answered by this status.
    pub(crate) fn until(&self, path: &str, status: u16) {
        eventually("no such answer", || match self.get(path) {
            Some(got) if got == status => Ok(()),
            got => Err(format!("{got:?}\n{}", self.envoy.last_words())),
        });
    }

    /// A number that Envoy counts.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        let text = self.ask_admin(&format!("/stats?filter=^{}$", name.replace('.', "%5C.")));
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).trim().parse().unwrap()
    }

    /// How many of Doorward's instances Envoy holds for healthy.
    pub(crate) fn healthy(&self) -> usize {
        let text = self.ask_admin("/clusters");
        text.lines()
            .filter(|line| line.starts_with("doorward::") && line.ends_with("::health_flags::healthy"))
            .count()
    }

    /// What Envoy has counted about Doorward, for a failure.
    pub(crate) fn counted(&self) -> String {
        let clusters = self.ask_admin("/clusters");
        let stats = self.ask_admin("/stats?usedonly&filter=^cluster.doorward");
        format!("{clusters}\n{stats}\n{}", self.envoy.last_words())
    }

    fn ask_admin(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Browser {
    /// The status of an answer. `None` if there is none.
    pub(crate) fn get(&mut self, path: &str) -> Option<u16> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                none.insert(stream)
            }
        };
        let status = exchange(stream, path);
        if status.is_none() {
            self.stream = None;
        }
        status
    }
}

fn exchange(stream: &mut TcpStream, path: &str) -> Option<u16> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: api.test\r\n\r\n").ok()?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    head.split(' ').nth(1)?.parse().ok()
}

fn endpoint(address: &str) -> String {
    match address.strip_prefix("unix:") {
        Some(path) => format!("pipe: {{ path: \"{path}\" }}"),
        None => {
            let (host, port) = address.rsplit_once(':').unwrap();
            format!("socket_address: {{ address: {host}, port_value: {port} }}")
        }
    }
}

/// A block of the guide that goes into Doorward's cluster: the one that holds this word.
pub(crate) fn guide(word: &str) -> String {
    let guide = std::fs::read_to_string(root().join("docs/envoy.md")).unwrap();
    let blocks = guide.split("```yaml envoy-cluster\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut blocks = blocks.filter(|block| block.contains(word));
    let (Some(block), None) = (blocks.next(), blocks.next()) else { panic!("one block with {word}") };
    block.to_owned()
}

const CONFIG: &str = r#"
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ADMIN } } }
static_resources:
  listeners:
  - name: public
    address: { socket_address: { address: 127.0.0.1, port_value: LISTENER } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: public
          http_filters:
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: { envoy_grpc: { cluster_name: doorward }, timeout: 5s }
              failure_mode_allow: false
              status_on_error: { code: ServiceUnavailable }
              encode_raw_headers: true
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: / }
                direct_response: { status: 200, body: { inline_string: through } }
  clusters:
  - name: doorward
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
LINES
    load_assignment:
      cluster_name: doorward
      endpoints:
      - lb_endpoints:
ENDPOINTS
"#;
