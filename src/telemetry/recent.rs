//! Decisions of the last while, with what is needed to decide them again: for
//! who asks why, by the id of a decision.
//!
//! In memory alone, so much and no more. Credentials are not kept: no header in
//! which a token may stand, no cookie, no value that looks like a token, and no
//! body. Whoever decides about a request never waits for this: a decision that
//! finds it busy is not kept.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::record::Record;
use crate::engine::{Input, Principal};
use crate::words::{Reason, redact};

/// How many denials are kept, and how many allows, of which one of sixteen is
/// looked at.
pub const DENIALS: usize = 1000;
/// See [`DENIALS`].
pub const ALLOWS: usize = 256;

/// The largest request that is kept, in bytes.
const LARGEST: usize = 16 << 10;

/// Headers that hold credentials whatever the configuration says.
const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// The decisions.
#[derive(Debug)]
pub struct Recent {
    denials: Mutex<VecDeque<Kept>>,
    allows: Mutex<VecDeque<Kept>>,
    /// Headers in which tokens stand, in lower case.
    tokens: Vec<String>,
}

/// One decision, packed.
#[derive(Debug)]
struct Kept {
    id: Box<str>,
    reason: Reason,
    status: u16,
    detail: Option<Box<str>>,
    revision: Option<Box<str>>,
    caller: Option<Arc<Principal>>,
    source: Option<IpAddr>,
    now: u64,
    body: bool,
    withheld: bool,
    words: Packed,
}

/// One decision, as it was, and the request without its credentials.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Why it ended as it did.
    pub reason: Reason,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What exactly was wrong, in words of ours.
    pub detail: Option<String>,
    /// The content hash of the policy that decided.
    pub revision: Option<String>,
    /// Who called, once known.
    pub caller: Option<Arc<Principal>>,
    /// When: seconds since 1970.
    pub now: u64,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path with its query.
    pub path: String,
    /// The scheme.
    pub scheme: String,
    /// The service that the proxy named.
    pub service: Option<String>,
    /// Where it came from.
    pub source: Option<IpAddr>,
    /// Who was at the other end of the connection.
    pub peer: Option<String>,
    /// The headers that were kept.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Whether there was a body, which is not kept.
    pub body: bool,
    /// Whether a header was left out.
    pub withheld: bool,
}

impl Recent {
    /// Nothing yet. Tokens may stand in these headers.
    pub fn new(tokens: Vec<String>) -> Self {
        let room = |most| Mutex::new(VecDeque::with_capacity(most));
        Self { denials: room(DENIALS), allows: room(ALLOWS), tokens }
    }

    /// Whether a header of this name holds credentials.
    pub fn is_credential(&self, name: &str) -> bool {
        CREDENTIALS.contains(&name) || self.tokens.iter().any(|token| token == name)
    }

    /// Keeps a decision, if that takes no time.
    pub(super) fn keep(&self, record: &Record<'_>) {
        let allowed = record.reason.is_allowed();
        // Ids are as good as drawn by lot.
        if allowed && !record.id.ends_with('0') {
            return;
        }
        let Some(kept) = record.request.and_then(|request| self.packed(record, request)) else { return };
        let (ring, most) = if allowed { (&self.allows, ALLOWS) } else { (&self.denials, DENIALS) };
        let Ok(mut ring) = ring.try_lock() else { return };
        let oldest = if ring.len() >= most { ring.pop_front() } else { None };
        ring.push_back(kept);
        // What it takes to forget is no affair of others.
        drop(ring);
        drop(oldest);
    }

    fn packed(&self, record: &Record<'_>, request: &Input<'_>) -> Option<Kept> {
        let Input { method, host, path, service, source, peer, headers, scheme, body, now } = *request;
        let fixed = [method, host, path, scheme, service.unwrap_or_default(), peer.unwrap_or_default()];
        let kept = |(name, value): &(&str, &[u8])| !self.is_credential(name) && !redact::is_token_in(value);
        let shown = headers.iter().filter(kept).flat_map(|(name, value)| [name.as_bytes(), value]);
        let words = Packed::new(fixed.into_iter().map(str::as_bytes).chain(shown))?;
        let withheld = words.len() < fixed.len() + 2 * headers.iter().count();
        Some(Kept {
            id: record.id.into(),
            reason: record.reason,
            status: record.status,
            detail: record.detail.map(Box::from),
            revision: record.revision.map(Box::from),
            caller: record.principal.cloned(),
            source,
            now,
            body: body.is_some(),
            withheld,
            words,
        })
    }

    /// The decision of this id, if it is kept.
    pub fn find(&self, id: &str) -> Option<Remembered> {
        [&self.denials, &self.allows].into_iter().find_map(|ring| {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.iter().rev().find(|kept| &*kept.id == id).and_then(Kept::unpacked)
        })
    }
}

impl Kept {
    fn unpacked(&self) -> Option<Remembered> {
        let mut words = self.words.parts();
        let mut text = || words.next().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (method, host, path, scheme) = (text()?, text()?, text()?, text()?);
        let (service, peer) = (text()?, text()?);
        let mut headers = Vec::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            headers.push((String::from_utf8_lossy(name).into_owned(), value.to_owned()));
        }
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(Remembered {
            reason: self.reason,
            status: self.status,
            detail: self.detail.as_deref().map(str::to_owned),
            revision: self.revision.as_deref().map(str::to_owned),
            caller: self.caller.clone(),
            now: self.now,
            method,
            host,
            path,
            scheme,
            service: some(service),
            source: self.source,
            peer: some(peer),
            headers,
            body: self.body,
            withheld: self.withheld,
        })
    }
}

/// Texts one behind the other: two allocations for any number of them.
#[derive(Debug)]
struct Packed {
    bytes: Box<[u8]>,
    ends: Box<[u16]>,
}

impl Packed {
    /// `None` where they are too long.
    fn new<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let (mut bytes, mut ends) = (Vec::with_capacity(1024), Vec::with_capacity(48));
        for part in parts {
            if bytes.len() + part.len() > LARGEST {
                return None;
            }
            bytes.extend_from_slice(part);
            ends.push(u16::try_from(bytes.len()).ok()?);
        }
        Some(Self { bytes: bytes.into(), ends: ends.into() })
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&*self.ends);
        starts
            .zip(&*self.ends)
            .filter_map(|(start, end)| self.bytes.get(usize::from(*start)..usize::from(*end)))
    }
}

#[cfg(test)]
mod tests;
