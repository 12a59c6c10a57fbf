//! Where the token stands in a request: exactly one, or a refusal. Of several
//! none is picked.

use super::Refusal;
use crate::config::TokenSource;
use crate::engine::{Headers, Reason};

/// The longest token that is looked at. Nothing is decoded before this gate.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token. Without `Debug` and `Display`, so that none gets printed.
pub(super) struct Token<'h>(&'h str);

impl<'h> Token<'h> {
    /// The text.
    pub(super) fn as_str(&self) -> &'h str {
        self.0
    }
}

/// The one token of a request.
pub(super) fn find<'h>(sources: &[TokenSource], headers: Headers<'h>) -> Result<Token<'h>, Refusal> {
    if sources.contains(&TokenSource::Authorization) {
        authorization(headers)
    } else {
        Err(missing("no place for tokens is configured"))
    }
}

/// Refuses a text that is too long to be looked at.
pub(super) fn check_length(token: &str) -> Result<(), Refusal> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Refusal::malformed("the token is longer than 8 KiB"));
    }
    Ok(())
}

fn authorization(headers: Headers<'_>) -> Result<Token<'_>, Refusal> {
    let mut values = headers.all("authorization");
    let Some(value) = values.next() else {
        return Err(missing("no authorization header"));
    };
    if values.next().is_some() {
        return Err(ambiguous("more than one authorization header"));
    }
    if value.len() > MAX_TOKEN_BYTES + "Bearer ".len() {
        return Err(Refusal::malformed("the token is longer than 8 KiB"));
    }
    // Envoy joins several headers of this name with commas, in every mode.
    if value.contains(&b',') {
        return Err(ambiguous("a comma in the authorization header"));
    }
    let Ok(value) = std::str::from_utf8(value) else {
        return Err(Refusal::malformed("the authorization header is not text"));
    };
    let Some((scheme, token)) = value.split_once(' ') else {
        return Err(Refusal::malformed("the authorization header is a single word"));
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        // RFC 6750 section 3.1: to use another method is to send no token.
        return if !scheme.is_empty() && scheme.bytes().all(is_scheme_byte) {
            Err(missing("the authorization header has another scheme"))
        } else {
            Err(Refusal::malformed("the authorization header has no scheme"))
        };
    }
    if token.is_empty() || !token.bytes().all(is_token_byte) {
        return Err(Refusal::malformed("what follows the scheme is not a token"));
    }
    check_length(token)?;
    Ok(Token(token))
}

/// The characters of RFC 6750's `b64token`, `=` among them: what a JWT may
/// hold is for its own parser to say.
fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn is_scheme_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn missing(detail: &'static str) -> Refusal {
    Refusal::new(Reason::TokenMissing, detail)
}

fn ambiguous(detail: &'static str) -> Refusal {
    Refusal::new(Reason::TokenAmbiguous, detail)
}
