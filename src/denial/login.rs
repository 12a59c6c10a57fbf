//! Whether and where a browser is sent to log in.
//!
//! Never an open redirect: scheme, host and port of the login page are the
//! configuration's, and so are those of the address to return to; of the
//! request's host only those that are listed count. The path is what the engine
//! accepted as canonical, so it can't be read as another host (`//evil`), and
//! the whole address is one encoded value of the login page's query.

use super::accept::wants_html;
use crate::config::Login;
use crate::engine::Input;
use crate::policy::RequestPath;
use crate::words::normalize_host;

/// Where to send a browser: visible ASCII, at an origin that the configuration
/// names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(String);

impl Location {
    /// The HTTP status that sends a browser there. 302 has it ask again by `GET`
    /// or `HEAD`, which is all that is sent to log in.
    pub const STATUS: u16 = 302;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest path and query to return to.
const MAX_TARGET_BYTES: usize = 2048;

/// Where to send this request, if it is one that a person waits for.
pub(super) fn location(login: &Login, request: &Input<'_>) -> Option<Location> {
    let host = normalize_host(request.host).filter(|_| is_navigation(request))?;
    let origin = login.hosts.iter().find_map(|origin| origin.of(&host))?;
    let path = RequestPath::parse(request.path).ok()?;
    if path.as_str().len() > MAX_TARGET_BYTES {
        return None;
    }
    let mut address = format!("{origin}{}", path.as_str());
    if address.trim_end_matches('/') == login.url.address().trim_end_matches('/') {
        // The login page itself needs a login: there is no way in.
        return None;
    }
    // What is not a query as clients send it, or too long, is left out: the
    // page is found without it.
    let query = request.path.get(path.as_str().len()..).unwrap_or_default();
    let whole = path.as_str().len() + query.len() <= MAX_TARGET_BYTES;
    if whole && query.bytes().all(|b| b.is_ascii_graphic()) {
        address.push_str(query);
    }
    let url = login.url.fill(|_| address.as_str().into());
    url.bytes().all(|b| b.is_ascii_graphic()).then_some(Location(url))
}

/// Whether a browser is about to show a page. A script that gets a redirect
/// instead of its 401 would follow it, and take the login page for its answer.
fn is_navigation(request: &Input<'_>) -> bool {
    let headers = request.headers;
    matches!(request.method, "GET" | "HEAD")
        && wants_html(headers.all("accept"))
        && headers.all("sec-fetch-mode").all(|mode| mode == b"navigate")
        && !headers.has("x-requested-with")
        && !headers.has("upgrade")
        && !headers.all("content-type").any(|kind| kind.starts_with(b"application/grpc"))
}
