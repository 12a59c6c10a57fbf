//! `servers`: where an API is, as hosts and the paths it lies under.

use super::openapi::{Document, entry, items, scalar};
use crate::diag::{Code, Diagnostic};
use crate::words::normalize_host;
use crate::yaml::Node;

/// How many servers are looked at.
const MAX_SERVERS: usize = 32;

/// Hosts and paths, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Servers {
    pub(super) hosts: Vec<String>,
    /// Without a final `/`; empty for the root.
    pub(super) bases: Vec<String>,
}

/// Reads the `servers` of a document, a path or an operation, where it has any.
pub(super) fn servers(of: &Node, document: &mut Document<'_>) -> Option<Servers> {
    let list = items(&entry(of, "servers")?.value);
    let mut servers = Servers::default();
    for server in list.iter().take(MAX_SERVERS) {
        let Some(url) = entry(server, "url").and_then(|url| scalar(&url.value)) else { continue };
        let (host, base) = match substitute(url, server) {
            Ok(url) => split(&url),
            Err(variable) => {
                let span = entry(server, "url").map_or(server.span, |url| url.value.span);
                let message = format!("the server variable `{}` has no default", super::one_line(&variable));
                document.report.push(
                    Diagnostic::at(Code::ApiUnreadable, span, message)
                        .label("where is this?")
                        .help("give it a `default` under `variables`"),
                );
                continue;
            }
        };
        if let Some(host) = host
            && !servers.hosts.contains(&host)
        {
            servers.hosts.push(host);
        }
        if !servers.bases.contains(&base) {
            servers.bases.push(base);
        }
    }
    (!servers.bases.is_empty()).then_some(servers)
}

/// A URL with the defaults of its variables; the error is one without.
fn substitute(url: &str, server: &Node) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        let variable = entry(server, "variables").and_then(|variables| entry(&variables.value, name));
        let default = variable.and_then(|variable| entry(&variable.value, "default"));
        whole.push_str(before);
        whole.push_str(default.and_then(|default| scalar(&default.value)).ok_or(name)?);
        rest = behind;
    }
    Ok(whole + rest)
}

/// Host and path of `https://host:port/path`, `//host/path` or `/path`.
fn split(url: &str) -> (Option<String>, String) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let behind = match url.split_once("://") {
        Some((_, behind)) => Some(behind),
        None => url.strip_prefix("//"),
    };
    let (host, path) = match behind {
        Some(behind) => {
            let slash = behind.find('/').unwrap_or(behind.len());
            (behind.get(..slash), behind.get(slash..).unwrap_or_default())
        }
        None => (None, url.strip_prefix('.').unwrap_or(url)),
    };
    let path = path.trim_matches('/');
    let base = if path.is_empty() { String::new() } else { format!("/{path}") };
    (host.and_then(normalize_host).map(|host| host.into_owned()), base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_hosts_and_paths() {
        for (url, host, base) in [
            ("https://API.example.com:8443/v1/", Some("api.example.com"), "/v1"),
            ("//api.example.com", Some("api.example.com"), ""),
            ("/v1", None, "/v1"),
            ("v1/", None, "/v1"),
            ("./", None, ""),
            ("/", None, ""),
            ("https://a b/x?y#z", None, "/x"),
        ] {
            assert_eq!(split(url), (host.map(str::to_owned), base.to_owned()), "{url}");
        }
    }
}
