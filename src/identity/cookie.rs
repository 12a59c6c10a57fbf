//! A token in a cookie.
//!
//! Cookies are read as RFC 6265 says: pairs between semicolons, the first `=`
//! ends the name, quotes mean nothing. Other readers take quotes for quotes,
//! or commas for the end of a header; wherever such a reader could see another
//! token than we do, the request is refused. What is wrong with the request's
//! other cookies is nobody's business.

use super::Refusal;
use super::credential::{self, Found, ambiguous};
use crate::engine::Headers;

/// The token in the cookie of exactly this name.
pub(super) fn find<'h>(name: &str, headers: Headers<'h>) -> Result<Found<'h>, Refusal> {
    let mut found = None;
    for header in headers.all("cookie") {
        // Before the pair that is looked at, in the same header.
        let mut quotes = 0;
        for pair in header.split(|b| *b == b';') {
            let (key, value) = split(pair);
            if key == name.as_bytes() {
                if quotes % 2 == 1 {
                    return Err(ambiguous("the cookie stands between quotes"));
                }
                if found.replace(value).is_some() {
                    return Err(ambiguous("the cookie stands there more than once"));
                }
            }
            if hides(pair, name) {
                return Err(ambiguous("the cookie stands behind a comma"));
            }
            quotes += pair.iter().filter(|b| **b == b'"').count();
        }
    }
    let Some(value) = found else {
        return Ok(Found::Nothing("no cookie that may hold a token"));
    };
    if value.contains(&b',') {
        return Err(ambiguous("a comma in the cookie"));
    }
    credential::token(value).map(Found::Token)
}

/// Name and value, without the white space around them.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
    let (name, value) = pair.split_at_checked(at).unwrap_or((pair, &[]));
    (name.trim_ascii(), value.strip_prefix(b"=").unwrap_or(value).trim_ascii())
}

/// Whether a reader that ends a header at a comma would see the cookie in the
/// middle of this pair: Envoy joins cookie headers with commas where raw
/// headers are off.
fn hides(pair: &[u8], name: &str) -> bool {
    pair.split(|b| *b == b',').skip(1).any(|piece| split(piece).0 == name.as_bytes())
}
