//! The headers that are Doorward's to set, and those that carry tokens.

use crate::words::HEADER_PREFIX;

/// The headers of a deployment that Envoy's configuration must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    names: Vec<String>,
    /// Headers that carry tokens, in lower case.
    credentials: Vec<String>,
}

impl Managed {
    /// The managed names, and the headers that carry tokens (`cookie` for
    /// cookies), all in lower case.
    pub fn new(names: Vec<String>, credentials: Vec<String>) -> Self {
        Self { names, credentials }
    }

    /// The names that must never come from a client.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names, and the spellings that Doorward removes beside them because
    /// CGI-like upstreams read them alike.
    pub(super) fn spellings(&self) -> impl Iterator<Item = String> {
        self.names.iter().flat_map(|name| [name.clone(), name.replace('-', "_"), name.replace('-', ".")])
    }

    /// The headers that carry tokens.
    pub(super) fn credentials(&self) -> &[String] {
        &self.credentials
    }

    /// Whether a header is managed or may become so, in any spelling that
    /// upstreams may read as one.
    pub(super) fn holds(&self, header: &str) -> bool {
        let header = header.to_ascii_lowercase().replace(['_', '.'], "-");
        header.starts_with(HEADER_PREFIX) || self.names.contains(&header)
    }
}

impl Default for Managed {
    /// Those of a configuration that says nothing of them. The last name
    /// stands for others that a deployment may add under the same prefix.
    fn default() -> Self {
        let names = ["id", "roles", "name", "tenant"].map(|name| format!("{HEADER_PREFIX}{name}"));
        Self::new(names.into(), vec!["authorization".to_owned()])
    }
}
