//! Keys that are fetched: the address, and what it may be.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::units;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Fields, Text};

/// Keys that are fetched from their issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Where to ask.
    pub url: KeyUrl,
    /// The certificates to trust instead of the system's: the path as written,
    /// relative to `doorward.yaml`, and where it stands.
    pub ca_file: Option<(PathBuf, Span)>,
    /// Whether `http` is allowed beyond this machine.
    pub insecure: bool,
    /// How many seconds keys are used after they were last confirmed.
    pub max_stale: u64,
}

/// The longest address.
const MAX_URL_BYTES: usize = 1024;

const MAX_STALE: u64 = 24 * 60 * 60;
const MAX_STALE_BOUNDS: RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;

const WELL_KNOWN: &str = "/.well-known/";
const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

/// An address that keys may be fetched from, or that spans go to: `https`, or `http` where that is
/// allowed, without user, password and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUrl {
    text: String,
    https: bool,
    loopback: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: Option<u16>,
    /// Where path and query begin.
    path_at: usize,
}

impl KeyUrl {
    /// Reads an address. Without `insecure`, `http` is for this machine alone.
    /// Only spellings that every reader of URLs takes alike are addresses.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, &'static str> {
        let url = Self::read(text)?;
        if !url.https && !insecure && !url.loopback {
            return Err("it is not `https`, so anybody on the way could replace the keys");
        }
        Ok(url)
    }

    /// Reads an address, whatever its scheme may be used for.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_URL_BYTES {
            return Err("it is longer than 1024 bytes");
        }
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("it does not begin with `https://`"),
        };
        if rest.contains('#') {
            return Err("it has a fragment");
        }
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err("it holds a user name");
        }
        let unusual = |b: u8| !b.is_ascii_graphic() || b"\\\"<>^`{|}".contains(&b);
        if path.bytes().any(unusual) {
            return Err("it holds a character that must be percent-encoded");
        }
        let (host, port) = host(authority).ok_or("its host and port are not well formed")?;
        let loopback = is_loopback(host);
        let path_at = text.len() - path.len();
        Ok(Self { text: text.to_owned(), https, loopback, host: host.to_owned(), port, path_at })
    }

    /// The address of an issuer's configuration: itself where it is a
    /// well-known one, else the usual one below it.
    fn configuration(self) -> Result<Self, &'static str> {
        if self.text.contains(WELL_KNOWN) {
            return Ok(self);
        }
        if self.text.contains('?') {
            return Err("it has a query, and is not a well-known address");
        }
        Self::parse(&format!("{}{OPENID_CONFIGURATION}", self.text.trim_end_matches('/')), true)
    }

    /// An address that a document from this address names. What is fetched
    /// over `https`, or from elsewhere, does not lead to `http` or into this
    /// machine.
    pub fn names(&self, text: &str) -> Result<Self, &'static str> {
        let named = Self::parse(text, !self.https && !self.loopback)?;
        if self.https && !named.https {
            return Err("it is not `https`, unlike the address that names it");
        }
        if named.loopback && !self.loopback {
            return Err("it is an address of this machine, unlike the address that names it");
        }
        Ok(named)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the port is written.
    pub(super) fn names_port(&self) -> bool {
        self.port.is_some()
    }

    /// Whether it leads to this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Where path and query begin.
    pub(super) fn path_at(&self) -> usize {
        self.path_at
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Host and port as written.
    pub fn authority(&self) -> &str {
        let start = if self.https { "https://".len() } else { "http://".len() };
        self.text.get(start..self.path_at).unwrap_or_default()
    }

    /// Path and query, as they stand in a request.
    pub fn target(&self) -> String {
        match self.text.get(self.path_at..).unwrap_or_default() {
            path if path.starts_with('/') => path.to_owned(),
            query => format!("/{query}"),
        }
    }
}

/// The parts of `host[:port]`, if both are well formed.
fn host(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => {
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            if !named || host.is_empty() || host.starts_with(['.', '-']) || is_odd_number(host) {
                return None;
            }
            (host, port)
        }
    };
    let Some(port) = port else { return Some((host, None)) };
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
    Some((host, Some(port)))
}

/// Readers of URLs take `127.1`, `0x7f000001` and `2130706433` for addresses.
fn is_odd_number(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let number = last.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && (last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X"));
    number && host.parse::<Ipv4Addr>().is_err()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// What stands beside an address in `keys`.
pub(super) const BESIDE: [&str; 3] = ["ca_file", "insecure", "max_stale"];

/// Reads the address and what stands beside it.
pub(super) fn read(
    url: Text<'_>,
    discovery: bool,
    fields: &Fields<'_>,
    report: &mut Report,
) -> Option<Remote> {
    let insecure = match fields.get("insecure") {
        Some(entry) => yaml::yes_or_no(&entry.value, "`insecure`", report),
        None => Some(false),
    };
    let ca_file = match fields.get("ca_file") {
        Some(entry) => {
            yaml::text(&entry.value, "`ca_file`", report).map(|text| Some((text.value.into(), text.span)))
        }
        None => Some(None),
    };
    let max_stale = match fields.get("max_stale") {
        Some(entry) => units::seconds(&entry.value, "`max_stale`", MAX_STALE_BOUNDS, report),
        None => Some(MAX_STALE),
    };
    let insecure = insecure?;
    let parsed = KeyUrl::parse(url.value, insecure);
    let parsed = parsed.and_then(|parsed| if discovery { parsed.configuration() } else { Ok(parsed) });
    let url = parsed.map_err(|why| {
        // A password may stand in it: the message does not repeat it.
        report.push(
            Diagnostic::at(Code::BadValue, url.span, format!("the address of the keys can't be used: {why}"))
                .label("not usable")
                .help(
                    "write it as `https://id.example.com/keys`; `http` is for this machine, or with \
                     `insecure: true`",
                ),
        );
    });
    Some(Remote { url: url.ok()?, ca_file: ca_file?, insecure, max_stale: max_stale? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn jwks_2_only_plain_https_addresses_are_fetched_from() {
        for text in [
            "https://id.example.com/keys",
            "https://id.example.com:8443",
            "https://10.0.0.7/keys?v=1",
            "https://[2001:db8::1]:443/",
            "http://127.0.0.1:8080/keys",
            "http://localhost/keys",
            "http://[::1]:80/keys",
        ] {
            assert!(KeyUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "",
            "id.example.com",
            "https://",
            "https:///keys",
            "HTTPS://id.example.com",
            "ftp://id.example.com",
            "file:///etc/keys",
            "http://id.example.com/keys",
            "http://localhost.example.com/keys",
            "http://127.0.0.1.example.com/keys",
            "https://me:secret@id.example.com/keys",
            "https://id.example.com@evil.example/keys",
            "https://id.example.com/keys#1",
            "https://id.example.com\\@evil.example/keys",
            "https://id.example.com/ke ys",
            "https://id.example.com/keys\n",
            "https://id.example.com:0/keys",
            "https://id.example.com:99999/keys",
            "https://id.example.com:+1/keys",
            "https://id.example.com:/keys",
            "https://id_1.example.com/keys",
            "https://bücher.example/keys",
            "https://[::1/keys",
            "https://[::1]x/keys",
            "https://2130706433/keys",
            "https://127.1/keys",
            "https://0x7f.0x1/keys",
        ] {
            assert!(KeyUrl::parse(text, false).is_err(), "{text}");
        }
        assert!(KeyUrl::parse("http://id.example.com/keys", true).is_ok());
    }

    #[test]
    fn an_address_has_its_parts() {
        let parts = |text| {
            let url = KeyUrl::parse(text, true).unwrap();
            (url.host().to_owned(), url.port(), url.authority().to_owned(), url.target())
        };
        let made = |host: &str, port, authority: &str, target: &str| {
            (host.to_owned(), port, authority.to_owned(), target.to_owned())
        };
        assert_eq!(parts("https://a.example"), made("a.example", 443, "a.example", "/"));
        assert_eq!(parts("http://a.example?x=/y"), made("a.example", 80, "a.example", "/?x=/y"));
        assert_eq!(parts("https://[::1]:8443/a?b"), made("::1", 8443, "[::1]:8443", "/a?b"));
    }

    #[test]
    fn jwks_2_a_document_does_not_lead_to_weaker_addresses() {
        let at = |text| KeyUrl::parse(text, true).unwrap();
        let far = at("https://id.example.com/c");
        assert!(far.names("https://keys.example.com/").is_ok());
        for text in
            ["http://id.example.com/", "http://127.0.0.1/", "https://127.0.0.1/", "https://localhost/", "x"]
        {
            assert!(far.names(text).is_err(), "{text}");
        }
        let near = at("http://127.0.0.1:80/c");
        assert!(near.names("http://127.0.0.1:81/").is_ok());
        assert!(near.names("http://id.example.com/").is_err());
        let bare = at("http://id.example.com/c");
        assert!(bare.names("http://id.example.com/keys").is_ok());
        assert!(bare.names("http://127.0.0.1/keys").is_err());
    }

    #[test]
    fn an_issuer_leads_to_its_configuration() {
        let of = |text| KeyUrl::parse(text, false).unwrap().configuration().unwrap().text;
        let usual = "https://id.example.com/a/.well-known/openid-configuration";
        for text in ["https://id.example.com/a", "https://id.example.com/a/", usual] {
            assert_eq!(of(text), usual);
        }
        let other = "https://id.example.com/.well-known/oauth-authorization-server/a";
        assert_eq!(of(other), other);
    }
}
