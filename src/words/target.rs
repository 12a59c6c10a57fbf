//! What a request asks for, as somebody writes it down: a URL, or a path alone.

/// A URL or a path, read for its parts.
///
/// No URL library: each of them repairs what it reads, and a request is to be
/// decided as it would be sent. What comes behind the authority stays as it
/// is; an empty path becomes `/` (RFC 9112, section 3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// Host and perhaps port, of a whole URL.
    pub authority: Option<&'a str>,
    /// Path and query.
    pub path: String,
    /// Whether the scheme is `http`; `https` where nobody says it.
    pub plain: bool,
}

impl<'a> Target<'a> {
    /// Reads one.
    pub fn parse(url: &'a str) -> Result<Self, &'static str> {
        if url.starts_with('/') {
            return Ok(Self { authority: None, path: url.to_owned(), plain: false });
        }
        let is = |scheme: &str, name: &str| scheme.eq_ignore_ascii_case(name);
        let scheme = |s: &&str| is(s, "http") || is(s, "https");
        let Some((scheme, rest)) = url.split_once("://").filter(|(before, _)| scheme(before)) else {
            return Err(
                "the URL is neither a path that begins with `/` nor begins with `http://` or `https://`",
            );
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { authority: Some(authority), path: format!("{slash}{path}"), plain: is(scheme, "http") })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parts(url: &str) -> (Option<&str>, String) {
        let target = Target::parse(url).unwrap();
        (target.authority, target.path)
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
            assert!(Target::parse(url).is_err(), "{url}");
        }
        assert!(Target::parse("HTTP://h/").unwrap().plain && !Target::parse("https://h/").unwrap().plain);
    }
}
