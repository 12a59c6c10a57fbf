//! Where a browser without a token is sent: `deny.login`.

use crate::config::url_template::{Placeholder, UrlTemplate};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::words::HostPattern;
use crate::yaml::{self, Elsewhere, Fields, Node, Shape, Text};

/// Where a browser without a token is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The login page. The address that was asked for is its `{url}`.
    pub url: UrlTemplate,
    /// Where users may be sent back to. Never empty.
    pub hosts: Vec<Origin>,
}

/// Scheme, host and port that users may be sent back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: HostPattern,
    port: Option<u16>,
}

impl Origin {
    /// The beginning of an address on this host, if it is one of those meant.
    /// Of the request nothing is taken but the host, in its normal form; scheme
    /// and port are those of the configuration.
    pub fn of(&self, host: &str) -> Option<String> {
        let scheme = if self.https { "https" } else { "http" };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        self.host.matches(host).then(|| format!("{scheme}://{host}{port}"))
    }

    /// Reads `app.example.com`, `*.example.com` or `http://localhost:8080`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => (true, text),
        };
        if rest.contains(['/', '?', '#']) {
            return Err("it has a path: only hosts are compared");
        }
        let colon = rest.rfind(':').filter(|at| rest.rfind(']').is_none_or(|bracket| bracket < *at));
        let (host, port) = match colon.and_then(|at| rest.split_at_checked(at)) {
            Some((host, port)) => {
                let digits = port.trim_start_matches(':');
                let number = digits.parse::<u16>().ok();
                let number = number.filter(|port| *port > 0 && port.to_string() == digits);
                (host, Some(number.ok_or("its port is not a number from 1 to 65535")?))
            }
            None => (rest, None),
        };
        Ok(Self { https, host: HostPattern::parse(host)?, port })
    }
}

pub(in crate::config) const SHAPE: Shape = Shape { what: "`login`", known: &["url", "hosts"], later: &[] };

pub(super) const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["uri", "location", "address", "redirect", "redirect_to", "to", "page"],
        meant: "url",
        help: "write `url: \"https://login.example.com/start?return_to={url}\"`",
    },
    Elsewhere {
        words: &["domains", "domain", "allowed_hosts", "allow", "whitelist", "origins", "return_to"],
        meant: "hosts",
        help: "write `hosts: [app.example.com]`",
    },
];

const MAX_HOSTS: usize = 64;

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Login> {
    let fields = Fields::read_with(node, SHAPE, ELSEWHERE, report)?;
    let url = fields.require("url", report).and_then(|entry| {
        let text = yaml::text(&entry.value, "`url`", report)?;
        let url = UrlTemplate::read(text, "`url`", &[Placeholder::Url], report)?;
        if !url.has(Placeholder::Url) {
            report.push(
                Diagnostic::at(Code::BadValue, text.span, "`url` does not tell where the user wanted to go")
                    .label("no `{url}` in it")
                    .help("add it as the value that the login page reads, such as `?return_to={url}`"),
            );
            return None;
        }
        Some(url)
    });
    let hosts = fields.require("hosts", report).and_then(|entry| {
        let texts = yaml::texts(&entry.value, "a host", report);
        if let Some(extra) = texts.get(MAX_HOSTS) {
            let message = format!("more than {MAX_HOSTS} hosts to return to");
            report.push(Diagnostic::at(Code::TooLarge, extra.span, message).label("one too many"));
            return None;
        }
        origins(&texts, report)
    });
    Some(Login { url: url?, hosts: hosts? })
}

fn origins(texts: &[Text<'_>], report: &mut Report) -> Option<Vec<Origin>> {
    let mut read: Vec<(Origin, Span)> = Vec::new();
    for text in texts {
        let shown = text.value.escape_debug();
        match Origin::parse(text.value) {
            Ok(origin) => match read.iter().find(|(earlier, _)| earlier.host == origin.host) {
                Some((_, first)) => report.push(
                    Diagnostic::at(
                        Code::BadValue,
                        text.span,
                        format!("the host of `{shown}` stands here twice"),
                    )
                    .label("second")
                    .related(*first, "first")
                    .help("a host has one address to return to: keep one of them"),
                ),
                None => read.push((origin, text.span)),
            },
            Err(why) => report.push(
                Diagnostic::at(Code::BadHost, text.span, format!("`{shown}`: {why}"))
                    .label("not a host to return to")
                    .help("write `app.example.com`, `*.example.com` or `http://localhost:8080`"),
            ),
        }
    }
    let whole = read.len() == texts.len() && !read.is_empty();
    // A host of its own counts before a pattern that it also fits.
    read.sort_by_key(|(origin, _)| matches!(origin.host, HostPattern::Below(_)));
    whole.then(|| read.into_iter().map(|(origin, _)| origin).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_configurations_but_for_the_host() {
        let of = |text: &str, host: &str| Origin::parse(text).unwrap().of(host);
        assert_eq!(of("app.example.com", "app.example.com").unwrap(), "https://app.example.com");
        assert_eq!(
            of("https://App.example.com:8443", "app.example.com").unwrap(),
            "https://app.example.com:8443"
        );
        assert_eq!(of("*.example.com", "a.b.example.com").unwrap(), "https://a.b.example.com");
        assert_eq!(of("http://localhost:8080", "localhost").unwrap(), "http://localhost:8080");
        assert_eq!(of("[::1]:8080", "[::1]").unwrap(), "https://[::1]:8080");
        for (text, host) in [
            ("app.example.com", "evil.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "evilexample.com"),
            ("app.example.com", "app.example.com.evil.test"),
        ] {
            assert_eq!(of(text, host), None, "{host}");
        }
    }

    #[test]
    fn what_is_no_origin() {
        for text in [
            "",
            "*",
            "https://",
            "https://app.example.com/",
            "app.example.com/x",
            "app.example.com?x",
            "app.example.com:",
            "app.example.com:0",
            "app.example.com:080",
            "app.example.com:x",
            "app.example.com:65536",
            "me@app.example.com",
            "ftp://app.example.com",
            "//app.example.com",
            "a b",
            "a,b",
            "*.com",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
