//! CheckRequest to the words of a request.
//!
//! Only what design calls the inputs of a decision is taken: method, host,
//! path, headers, the service that Envoy's own configuration names, the
//! client's address and certificate, and, for conditions that ask for them,
//! the scheme and a whole body. Everything else in the message (`size`, `id`,
//! `query`, `fragment`, `source.service`, metadata) is either the client's to
//! choose or not needed, and is stepped over.
//!
//! Nothing is copied: the words lie in the message. The tests hold this reading
//! against the generated types, which copy all of it.

use std::borrow::Cow;
use std::net::IpAddr;

use super::wire::{Broken, Fields, Value};
use crate::gate::Words;

/// The key of `context_extensions` that names the service.
const SERVICE: &str = "service";

/// The header by which Envoy tells whether it sends a part of the body only.
const PARTIAL_BODY: &str = "x-envoy-auth-partial-body";

/// As many headers as requests commonly have.
const HEADERS: usize = 32;

/// Why a CheckRequest is no request at all. Goes to the log, never to the
/// caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is no protobuf, text in it is no UTF-8, or a field has another type.
    Unreadable,
    /// `attributes`, `attributes.request` or `attributes.request.http` is not
    /// there.
    NoAttributes,
    /// Both `headers` and `header_map` are there: which one would count?
    TwoHeaderForms,
    /// Neither is there. Envoy always sends some, pseudo headers at the least:
    /// its configuration hides them (`allowed_headers`), and with them the
    /// copies of identity headers that are to be removed.
    NoHeaders,
    /// A header without a name, or with two values in one entry.
    BadHeader,
}

impl Malformed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "the check can't be read",
            Self::NoAttributes => "the check has no attributes.request.http",
            Self::TwoHeaderForms => "the check has both headers and header_map",
            Self::NoHeaders => "the check has no headers at all; is allowed_headers set in envoy?",
            Self::BadHeader => "the check has a header without a name or with two values",
        }
    }
}

impl From<Broken> for Malformed {
    fn from(_: Broken) -> Self {
        Self::Unreadable
    }
}

/// Takes the words out of an encoded check.
pub(super) fn read(check: &[u8]) -> Result<Words<'_>, Malformed> {
    let mut seen = Seen::default();
    for field in Fields::of(check) {
        if let (1, attributes) = field? {
            seen.attributes(attributes.bytes()?)?;
        }
    }
    seen.words()
}

/// What was seen of a message. As protobuf has it, a message that stands twice
/// is one, the fields of which come from both, and of a text that stands twice
/// the last counts.
#[derive(Debug, Default)]
struct Seen<'m> {
    words: Words<'m>,
    has_http: bool,
    /// There are `headers`.
    has_headers: bool,
    /// There is a `header_map`.
    has_map: bool,
    /// There is a header in it.
    has_raw: bool,
    address: &'m str,
    body: &'m [u8],
    /// What is wrong with a header: told last, as it is the least.
    bad_header: bool,
}

impl<'m> Seen<'m> {
    fn attributes(&mut self, message: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(message) {
            match field? {
                (1, source) => self.source(source.bytes()?)?,
                (4, request) => self.request(request.bytes()?)?,
                (10, extension) => {
                    let (key, value) = entry(extension)?;
                    if key == SERVICE {
                        self.words.service = Some(str::from_utf8(value).map_err(|_| Broken)?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn source(&mut self, peer: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(peer) {
            match field? {
                (1, address) => self.address(address.bytes()?)?,
                (4, principal) => self.words.peer = Some(principal.text()?).filter(|uri| !uri.is_empty()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The client's address; none for a pipe or a name.
    fn address(&mut self, message: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(message) {
            match field? {
                (1, socket) => {
                    for field in Fields::of(socket.bytes()?) {
                        if let (2, address) = field? {
                            self.address = address.text()?;
                        }
                    }
                }
                // Of two kinds of address the last counts.
                (2 | 3, _) => self.address = "",
                _ => {}
            }
        }
        Ok(())
    }

    fn request(&mut self, message: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(message) {
            if let (2, http) = field? {
                self.has_http = true;
                self.http(http.bytes()?)?;
            }
        }
        Ok(())
    }

    fn http(&mut self, message: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(message) {
            match field? {
                (2, method) => self.words.method = method.text()?,
                (3, header) => {
                    self.has_headers = true;
                    let (key, value) = entry(header)?;
                    self.header(key, value);
                }
                (4, path) => self.words.path = path.text()?,
                (5, host) => self.words.host = host.text()?,
                (6, scheme) => self.words.scheme = scheme.text()?,
                (12, body) => self.body = body.bytes()?,
                (13, map) => {
                    self.has_map = true;
                    self.map(map.bytes()?)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Envoy with `encode_raw_headers`: the bytes of the wire, in their order.
    fn map(&mut self, message: &'m [u8]) -> Result<(), Broken> {
        for field in Fields::of(message) {
            let (1, header) = field? else { continue };
            self.has_raw = true;
            let (mut key, mut value, mut raw) = ("", &[][..], &[][..]);
            for field in Fields::of(header.bytes()?) {
                match field? {
                    (1, text) => key = text.text()?,
                    (2, text) => value = text.bytes()?,
                    (3, bytes) => raw = bytes.bytes()?,
                    _ => {}
                }
            }
            self.bad_header |= !value.is_empty() && !raw.is_empty();
            self.header(key, if raw.is_empty() { value } else { raw });
        }
        Ok(())
    }

    fn header(&mut self, name: &'m str, value: &'m [u8]) {
        if name.is_empty() {
            self.bad_header = true;
        }
        if !name.starts_with(':') {
            if self.words.headers.is_empty() {
                self.words.headers.reserve(HEADERS);
            }
            // Envoy sends lower case; another caller might not, and a look-up
            // that misses `Authorization` is not one to rely on.
            let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
            let name = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
            self.words.headers.push((name, value));
        }
    }

    fn words(self) -> Result<Words<'m>, Malformed> {
        let Self { words, has_http, has_headers, has_map, has_raw, address, body, bad_header } = self;
        if !has_http {
            return Err(Malformed::NoAttributes);
        }
        if has_map && has_headers {
            return Err(Malformed::TwoHeaderForms);
        }
        if !has_headers && !has_raw {
            return Err(Malformed::NoHeaders);
        }
        if bad_header {
            return Err(Malformed::BadHeader);
        }
        // One client has one address: `::ffff:192.0.2.1` is `192.0.2.1`.
        let source = address.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        let body = is_whole(&words.headers).then_some(body);
        Ok(Words { source, body, ..words })
    }
}

/// One of a map of text to text. Whether the value is text is for those to see who
/// take it for that: a header's may be anything.
fn entry(entry: Value<'_>) -> Result<(&str, &[u8]), Broken> {
    let (mut key, mut value) = ("", &[][..]);
    for field in Fields::of(entry.bytes()?) {
        match field? {
            (1, text) => key = text.text()?,
            (2, text) => value = text.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Whether Envoy sends the body, and all of it. Where it buffers bodies it says
/// so in a header of its own, and hides what the client sent by that name.
fn is_whole(headers: &[(Cow<'_, str>, &[u8])]) -> bool {
    let mut told = headers.iter().filter(|(name, _)| name == PARTIAL_BODY);
    matches!((told.next(), told.next()), (Some((_, value)), None) if *value == b"false")
}

#[cfg(test)]
pub(super) mod tests;
