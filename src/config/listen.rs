//! Where to listen: `listen`.

mod address;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::keys;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Elsewhere, Entry, Fields, Kind, Shape};

pub use address::Listen;
pub use tls::{ClientName, Tls};

pub(super) use address::parse;
pub(super) use tls::SHAPE as TLS;

/// All listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// Envoy's `ext_authz` calls.
    pub grpc: Listener,
    /// The same questions over HTTP, from a proxy.
    pub http: Option<HttpListener>,
    /// Health, metrics and the like.
    pub admin: Option<AdminListener>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: Listen,
    /// The place of the address in `doorward.yaml`; none if it is the default.
    pub span: Option<Span>,
    /// The mode of the file of a Unix socket.
    pub mode: u32,
    /// With it nothing but TLS is spoken.
    pub tls: Option<Tls>,
}

/// The listener for a proxy that asks over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpListener {
    /// Where.
    pub listener: Listener,
    /// Whose way of asking is understood.
    pub proxy: Proxy,
}

/// A proxy that asks over HTTP, each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// `http_service` of Envoy's `ext_authz`.
    Envoy,
    /// `auth_request` of nginx.
    Nginx,
    /// Traefik's ForwardAuth.
    Traefik,
    /// `forward_auth` of Caddy.
    Caddy,
}

/// The listener for those who run Doorward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminListener {
    /// Where.
    pub listener: Listener,
    /// The environment variable with the secret that requests which change or
    /// reveal something must carry, and its place.
    pub secret_env: Option<(String, Span)>,
}

pub(super) const SHAPE: Shape = Shape { what: "`listen`", known: &["grpc", "http", "admin"], later: &[] };
pub(super) const GRPC: Shape =
    Shape { what: "`listen.grpc`", known: &["address", "mode", "tls"], later: &[] };
pub(super) const HTTP: Shape =
    Shape { what: "`listen.http`", known: &["address", "proxy", "mode", "tls"], later: &[] };
pub(super) const ADMIN: Shape =
    Shape { what: "`listen.admin`", known: &["address", "secret_env", "mode", "tls"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["addr", "host", "port", "bind", "listen", "socket", "path"],
        meant: "address",
        help: "write `address:` and `host:port` or `unix:/path`",
    },
    Elsewhere {
        words: &["socket_mode", "permissions", "perm"],
        meant: "mode",
        help: "write `mode:` and the mode of the socket's file, such as `\"0660\"`",
    },
    Elsewhere {
        words: &["certificate", "cert", "key", "client_ca", "clients", "mtls", "ssl"],
        meant: "tls",
        help: "write `tls:` and below it `certificate:` and `key:`",
    },
    Elsewhere {
        words: &["max_connections", "max_concurrent_streams", "connections", "streams", "max_connection_age"],
        meant: "",
        help: "write `limits:` at the top of the file",
    },
    Elsewhere {
        words: &["secret", "token", "bearer", "password", "auth"],
        meant: "secret_env",
        help: "`listen.admin` takes `secret_env:` and the name of the environment variable with the secret",
    },
];

/// Nobody but this machine may ask, unless the configuration says so.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9191);

pub(super) fn read(entry: Option<&Entry>, directory: &Path, report: &mut Report) -> Option<Listeners> {
    let Some(entry) = entry else {
        let grpc = plain(Listen::Tcp(DEFAULT), None);
        return Some(Listeners { grpc, http: None, admin: None });
    };
    let fields = Fields::read(&entry.value, SHAPE, report)?;
    // All are read before any is given up, so that all mistakes are told.
    let grpc = fields.require("grpc", report).and_then(|entry| grpc(entry, directory, report));
    let http = match fields.get("http") {
        Some(entry) => http(entry, directory, report).map(Some),
        None => Some(None),
    };
    let admin = match fields.get("admin") {
        Some(entry) => admin(entry, directory, report).map(Some),
        None => Some(None),
    };
    let listeners = Listeners { grpc: grpc?, http: http?, admin: admin? };
    clashes(&listeners, report);
    warn_if_open(&listeners.grpc, report);
    listeners.http.iter().for_each(|http| warn_if_open(&http.listener, report));
    Some(listeners)
}

fn grpc(entry: &Entry, directory: &Path, report: &mut Report) -> Option<Listener> {
    if !matches!(entry.value.kind, Kind::Map(_)) {
        let address = address::read(&entry.value, directory, report)?;
        return Some(plain(address, Some(entry.value.span)));
    }
    let fields = Fields::read_with(&entry.value, GRPC, ELSEWHERE, report)?;
    listener(&fields, directory, report)
}

fn http(entry: &Entry, directory: &Path, report: &mut Report) -> Option<HttpListener> {
    const HELP: &str = "write `address:` and `proxy:` below it: each proxy asks in its own way";
    if let Kind::Scalar { text, .. } = &entry.value.kind
        && !text.is_empty()
    {
        let message = "`listen.http` must say which proxy asks";
        report.push(
            Diagnostic::at(Code::WrongType, entry.value.span, message).label("an address alone").help(HELP),
        );
        return None;
    }
    let fields = Fields::read_with(&entry.value, HTTP, ELSEWHERE, report)?;
    let listener = listener(&fields, directory, report);
    let proxy = fields.require("proxy", report).and_then(|entry| proxy(entry, report));
    Some(HttpListener { listener: listener?, proxy: proxy? })
}

fn proxy(entry: &Entry, report: &mut Report) -> Option<Proxy> {
    const WORDS: &str = "`envoy`, `nginx`, `traefik` or `caddy`";
    let word = yaml::word(&entry.value, "`proxy`", WORDS, report)?;
    match word.value {
        "envoy" => Some(Proxy::Envoy),
        "nginx" => Some(Proxy::Nginx),
        "traefik" => Some(Proxy::Traefik),
        "caddy" => Some(Proxy::Caddy),
        other => {
            let message = format!("`{}` is not a proxy that is understood", other.escape_debug());
            let known = ["envoy", "nginx", "traefik", "caddy"];
            let finding = Diagnostic::at(Code::BadValue, word.span, message).label("not known");
            report.push(finding.suggest(other, known, format!("write {WORDS}")));
            None
        }
    }
}

fn admin(entry: &Entry, directory: &Path, report: &mut Report) -> Option<AdminListener> {
    if !matches!(entry.value.kind, Kind::Map(_)) {
        let address = address::read(&entry.value, directory, report)?;
        let listener = plain(address, Some(entry.value.span));
        return Some(AdminListener { listener, secret_env: None });
    }
    let fields = Fields::read_with(&entry.value, ADMIN, ELSEWHERE, report)?;
    let listener = listener(&fields, directory, report);
    let secret_env = match fields.get("secret_env") {
        Some(entry) => yaml::text(&entry.value, "`secret_env`", report)
            .and_then(|text| Some(Some((keys::variable(text, "`secret_env`", report)?, text.span)))),
        None => Some(None),
    };
    Some(AdminListener { listener: listener?, secret_env: secret_env? })
}

fn plain(address: Listen, span: Option<Span>) -> Listener {
    Listener { address, span, mode: address::DEFAULT_MODE, tls: None }
}

/// What all mappings of listeners hold.
fn listener(fields: &Fields<'_>, directory: &Path, report: &mut Report) -> Option<Listener> {
    let place = fields.require("address", report);
    let address = place.and_then(|entry| address::read(&entry.value, directory, report));
    let mode = match fields.get("mode") {
        Some(entry) => address::mode(entry, report),
        None => Some(address::DEFAULT_MODE),
    };
    let tls = match fields.get("tls") {
        Some(entry) => tls::read(entry, report).map(Some),
        None => Some(None),
    };
    let (place, address) = (place?, address?);
    if let (Some(entry), Listen::Tcp(_) | Listen::Abstract(_)) = (fields.get("mode"), &address) {
        report.push(
            Diagnostic::at(Code::BadValue, entry.key_span, "`mode` is for a socket with a file")
                .label("of no use")
                .related(place.value.span, "this has none")
                .help("remove it, or listen on `unix:/path`"),
        );
        return None;
    }
    Some(Listener { address, span: Some(place.value.span), mode: mode?, tls: tls? })
}

/// No two listeners can have one address.
fn clashes(listeners: &Listeners, report: &mut Report) {
    let http = listeners.http.iter().map(|http| &http.listener);
    let admin = listeners.admin.iter().map(|admin| &admin.listener);
    let all: Vec<&Listener> = std::iter::once(&listeners.grpc).chain(http).chain(admin).collect();
    for (n, second) in all.iter().enumerate() {
        // Port 0 is another port each time.
        let chosen = matches!(second.address, Listen::Tcp(address) if address.port() == 0);
        let first = all.iter().take(n).find(|first| first.address == second.address && !chosen);
        let (Some(first), Some(place)) = (first, second.span) else { continue };
        let message = format!("`{}` is the address of two listeners", second.address);
        let finding = Diagnostic::at(Code::BadAddress, place, message).label("second");
        let finding = first.span.into_iter().fold(finding, |finding, span| finding.related(span, "first"));
        report.push(finding.help("give each an address of its own"));
    }
}

/// Whoever reaches an address can ask what any user may do.
fn warn_if_open(listener: &Listener, report: &mut Report) {
    let known = listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let (false, false, Some(span)) = (listener.address.is_local(), known, listener.span) else { return };
    let message = format!("whoever reaches `{}` may ask what any user may do", listener.address);
    report.push(
        Diagnostic::at(Code::OpenListener, span, message).label("not this machine alone").help(
            "listen on a Unix socket or loopback, require client certificates by `tls.client_ca`, or let nobody but the proxy reach it",
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for (shape, table) in [(ADMIN, ELSEWHERE), (TLS, tls::ELSEWHERE)] {
            for entry in table {
                assert!(entry.meant.is_empty() || shape.known.contains(&entry.meant), "{}", entry.meant);
                assert!(entry.words.iter().all(|word| !shape.known.contains(word)), "{:?}", entry.words);
            }
        }
    }
}
