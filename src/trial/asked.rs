//! The words of a request that nobody sent.

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
        mut headers: Vec<(String, String)>,
        body: Option<String>,
    ) -> Result<Self, &'static str> {
        let (authority, path) = split(url)?;
        let plain = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
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
        Ok(Self {
            method,
            host: named.unwrap_or(HOST).to_owned(),
            host_assumed: named.is_none(),
            path,
            scheme: if plain { "http" } else { "https" }.to_owned(),
            headers,
            body,
        })
    }

    /// The headers as the engine takes them, borrowed.
    pub fn pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }
}

/// Whether this can be the name of a header.
pub fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token)
}

/// A URL into its authority, where it has one, and its path and query.
///
/// No URL library: each of them repairs what it reads, and a request is to be
/// decided as it would be sent. What comes behind the authority stays as it
/// is; an empty path becomes `/` (RFC 9112, section 3.2.1).
fn split(url: &str) -> Result<(Option<&str>, String), &'static str> {
    if url.starts_with('/') {
        return Ok((None, url.to_owned()));
    }
    let scheme = |s: &&str| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https");
    let Some((_, rest)) = url.split_once("://").filter(|(before, _)| scheme(before)) else {
        return Err("the URL is neither a path that begins with `/` nor begins with `http://` or `https://`");
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((Some(authority), format!("{slash}{path}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parts(url: &str) -> (Option<&str>, String) {
        split(url).unwrap()
    }

    #[test]
    fn path_and_query_stay_as_they_are_written() {
        for raw in [
            "/",
            "//admin",
            "/a/../b",
            "/a%2Fb?x=//y#z",
            "/a b",
            "/é",
            "/a?b?c",
            "/http://x/y",
            "/;x",
            "/a\\b",
        ] {
            assert_eq!(parts(raw), (None, raw.to_owned()));
            if raw != "/" {
                assert_eq!(parts(&format!("https://h.test:1{raw}")), (Some("h.test:1"), raw.to_owned()));
            }
        }
    }

    #[test]
    fn the_authority_ends_where_the_path_begins() {
        for (url, authority, path) in [
            ("http://h.test", "h.test", "/"),
            ("HTTPS://H.test?x=1", "H.test", "/?x=1"),
            ("http://h.test#f", "h.test", "/#f"),
            ("http://[::1]:80/a", "[::1]:80", "/a"),
            ("http://u:p@h.test/a", "u:p@h.test", "/a"),
            ("http:///a", "", "/a"),
            ("http://a.test//b@c", "a.test", "//b@c"),
        ] {
            assert_eq!(parts(url), (Some(authority), path.to_owned()), "{url}");
        }
        for url in ["", "events", "h.test/a", "ftp://h/a", "://h/a", "http:/h/a", "*", "?x"] {
            assert!(split(url).is_err(), "{url}");
        }
    }
}
