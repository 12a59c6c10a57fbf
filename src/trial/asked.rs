//! The words of a request that nobody sent.

use crate::words::Target;

/// The words of a request, as a client would send them.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The host that is asked.
    pub host: String,
    /// Whether nobody said which host.
    pub host_assumed: bool,
    /// Path and query.
    pub path: String,
    /// `http` or `https`; `https` where nobody says it.
    pub scheme: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, which is sent whole.
    pub body: Option<String>,
}

/// Asked for where nobody says which host.
const HOST: &str = "localhost";

impl Asked {
    /// The request with a method, or the word `GRPC`, to a URL or a path. `host`
    /// goes before that of the URL; a body is JSON unless a header says otherwise.
    pub fn new(
        method: &str,
        url: &str,
        host: Option<&str>,
        headers: Vec<(String, String)>,
        body: Option<String>,
    ) -> Result<Self, &'static str> {
        Ok(Self::to(method, Target::parse(url)?, host, headers, body))
    }

    /// As [`Asked::new`], to a target that was read already.
    pub fn to(
        method: &str,
        target: Target<'_>,
        host: Option<&str>,
        mut headers: Vec<(String, String)>,
        body: Option<String>,
    ) -> Self {
        let Target { authority, path, plain } = target;
        // The word of the policy for what no client calls by this name.
        let grpc = method == "GRPC";
        let method = if grpc { "POST" } else { method }.to_owned();
        let content_type = match (grpc, &body) {
            (true, _) => Some("application/grpc"),
            (false, Some(_)) => Some("application/json"),
            (false, None) => None,
        };
        if let Some(content_type) = content_type.filter(|_| !headers.iter().any(|(n, _)| n == "content-type"))
        {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let named = host.or(authority);
        Self {
            method,
            host: named.unwrap_or(HOST).to_owned(),
            host_assumed: named.is_none(),
            path,
            scheme: if plain { "http" } else { "https" }.to_owned(),
            headers,
            body,
        }
    }

    /// The headers as the engine takes them, borrowed.
    pub fn pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }
}
