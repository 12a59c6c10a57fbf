//! Where the token stands in a request: exactly one, or a refusal. Of several
//! none is picked, and only the configured places are looked at.
//!
//! The same token in two places (a header and a cookie, say) is one token;
//! twice in one place it is two, because whoever reads that place next may see
//! either.

use super::{Refusal, cookie};
use crate::config::{Scheme, TokenSource};
use crate::engine::{Headers, Reason};

/// The longest token that is looked at. Nothing is decoded before this gate.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token. Without `Debug` and `Display`, so that none gets printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'h>(&'h str);

impl<'h> Token<'h> {
    /// The text.
    pub(super) fn as_str(self) -> &'h str {
        self.0
    }
}

/// What stands in one place.
pub(super) enum Found<'h> {
    /// Nothing, and what exactly was not there.
    Nothing(&'static str),
    /// Credentials of another kind, such as `Basic`.
    Other(&'static str),
    /// A token.
    Token(Token<'h>),
}

/// The one token of a request.
pub(super) fn find<'h>(sources: &'h [TokenSource], headers: Headers<'h>) -> Result<Token<'h>, Refusal> {
    let mut token = None;
    let mut other = None;
    let mut nothing = "no place for tokens is configured";
    for source in sources {
        let found = match source {
            TokenSource::Header { name, scheme: Scheme::Bearer } => bearer(name, headers)?,
            TokenSource::Header { name, scheme: Scheme::None } => plain(name, headers)?,
            TokenSource::Cookie(name) => cookie::find(name, headers)?,
        };
        match (found, token) {
            (Found::Nothing(what), _) => nothing = what,
            (Found::Other(what), _) => other = Some(what),
            (Found::Token(found), None) => token = Some(found),
            (Found::Token(found), Some(first)) if found == first => {}
            (Found::Token(_), Some(_)) => return Err(ambiguous("two tokens in two places")),
        }
    }
    match (token, other) {
        (Some(token), None) => Ok(token),
        // To use another scheme is to send no token (RFC 6750, section 3.1).
        // Beside a token it is a second credential.
        (Some(_), Some(_)) => Err(ambiguous("a token beside credentials of another scheme")),
        (None, Some(other)) => Err(missing(other)),
        (None, None) => Err(missing(nothing)),
    }
}

/// `Bearer`, one space, a token.
fn bearer<'h>(name: &'h str, headers: Headers<'h>) -> Result<Found<'h>, Refusal> {
    let Some(value) = only(name, headers)? else {
        return Ok(Found::Nothing("no header that may hold a token"));
    };
    let mut words = value.splitn(2, |byte| *byte == b' ');
    let (Some(scheme), Some(text)) = (words.next(), words.next()) else {
        return Err(Refusal::malformed("the header is a single word"));
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return if !scheme.is_empty() && scheme.iter().all(|byte| is_scheme_byte(*byte)) {
            Ok(Found::Other("the header has another scheme"))
        } else {
            Err(Refusal::malformed("the header has no scheme"))
        };
    }
    token(text).map(Found::Token)
}

/// A token and nothing else.
fn plain<'h>(name: &'h str, headers: Headers<'h>) -> Result<Found<'h>, Refusal> {
    match only(name, headers)? {
        Some(value) => token(value).map(Found::Token),
        None => Ok(Found::Nothing("no header that may hold a token")),
    }
}

/// The only value of a header.
fn only<'h>(name: &'h str, headers: Headers<'h>) -> Result<Option<&'h [u8]>, Refusal> {
    let mut values = headers.all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ambiguous("the header stands there more than once"));
    }
    if value.len() > MAX_TOKEN_BYTES + "Bearer ".len() {
        return Err(Refusal::malformed("the token is longer than 8 KiB"));
    }
    // Envoy joins several headers of one name with commas: `authorization` in
    // every mode, others where raw headers are off.
    if value.contains(&b',') {
        return Err(ambiguous("a comma in the header"));
    }
    Ok(Some(value))
}

/// A text of the characters of RFC 6750's `b64token`, `=` among them: what a
/// JWT may hold is for its own parser to say.
pub(super) fn token(bytes: &[u8]) -> Result<Token<'_>, Refusal> {
    if bytes.len() > MAX_TOKEN_BYTES {
        return Err(Refusal::malformed("the token is longer than 8 KiB"));
    }
    // All of them are looked at, whatever the first are: that way it is done many at
    // a time.
    let are_token_bytes = bytes.iter().fold(!bytes.is_empty(), |so_far, byte| so_far & is_token_byte(*byte));
    let text = std::str::from_utf8(bytes).ok().filter(|_| are_token_bytes);
    text.map(Token).ok_or(Refusal::malformed("what stands in the token's place is not a token"))
}

fn is_token_byte(b: u8) -> bool {
    matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn is_scheme_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn missing(detail: &'static str) -> Refusal {
    Refusal::new(Reason::TokenMissing, detail)
}

pub(super) fn ambiguous(detail: &'static str) -> Refusal {
    Refusal::new(Reason::TokenAmbiguous, detail)
}
