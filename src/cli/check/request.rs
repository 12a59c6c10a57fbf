//! The request that the arguments describe.

use crate::cli::Failure;

/// The words of a request, as a client would send them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) host: String,
    /// Whether nobody said which host.
    pub(super) host_assumed: bool,
    /// Path and query.
    pub(super) path: String,
    /// `http` or `https`; `https` where nobody says it.
    pub(super) scheme: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

/// Asked for where nobody says which host.
const HOST: &str = "localhost";

impl Request {
    pub(super) fn read(
        method: &str,
        url: &str,
        host: Option<&str>,
        headers: &[String],
        body: Option<String>,
    ) -> Result<Self, Failure> {
        let (authority, path) = split(url)?;
        let plain = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        let mut headers = headers.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
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
}

/// A URL into its authority, where it has one, and its path and query.
///
/// No URL library: each of them repairs what it reads, and a request is to be
/// decided as it would be sent. What comes behind the authority stays as it
/// is; an empty path becomes `/` (RFC 9112, section 3.2.1).
fn split(url: &str) -> Result<(Option<&str>, String), Failure> {
    if url.starts_with('/') {
        return Ok((None, url.to_owned()));
    }
    let scheme = |s: &&str| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https");
    let Some((_, rest)) = url.split_once("://").filter(|(before, _)| scheme(before)) else {
        return Err(Failure::new(
            "the URL is neither a path that begins with `/` nor begins with `http://` or `https://`",
        ));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((Some(authority), format!("{slash}{path}")))
}

/// `name: value`. The value is never repeated: it may be a credential.
fn header(text: &str) -> Result<(String, String), Failure> {
    let Some((name, value)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        return Err(Failure::new(
            "a header is written 'name: value'; `:authority` is `--host`, `:path` is the URL",
        ));
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.bytes().all(token) {
        return Err(Failure::new(format!("`{}` is not the name of a header", name.escape_debug())));
    }
    let name = name.to_ascii_lowercase();
    if name == "host" {
        return Err(Failure::new("the header `host` is given with `--host`"));
    }
    Ok((name, value.trim_matches([' ', '\t']).to_owned()))
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

    #[test]
    fn headers_have_names_in_lower_case_and_their_values_alone() {
        assert_eq!(header("X-A:  b: c\t").unwrap(), ("x-a".to_owned(), "b: c".to_owned()));
        assert_eq!(header("x-a:").unwrap(), ("x-a".to_owned(), String::new()));
        for text in ["x-a", ":path: /", "x a: b", "host: h", "Host: h", ": b", "é: b"] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
