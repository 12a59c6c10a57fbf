//! Spans between the checks that they are of and the one who sends them.
//!
//! Bounded, and nobody waits for room: spans that find none are dropped and counted.
//! Under the lock spans are moved into memory that is there already, and nothing
//! else happens.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::correlation::TraceId;

/// How many spans may wait. One has less than 1 KiB, but for long names of routes.
pub const MOST_SPANS: usize = 8192;

/// A part of a check.
#[derive(Debug)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its own id.
    pub id: NonZero<u64>,
    /// The span that it is a part of.
    pub parent: Option<NonZero<u64>>,
    /// The `tracestate`.
    pub state: String,
    /// The flags, as OTLP has them.
    pub flags: u32,
    /// What it is.
    pub name: &'static str,
    /// Who asked for it.
    pub kind: Kind,
    /// When it began, in nanoseconds since 1970.
    pub from: u64,
    /// When it ended.
    pub to: u64,
    /// What there is to say.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it failed by a fault of ours.
    pub fault: bool,
}

/// Who asked for a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Doorward itself.
    Internal,
    /// Somebody else.
    Server,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// Spans that wait, and what became of those before.
#[derive(Debug)]
pub struct Spans {
    waiting: Mutex<VecDeque<Span>>,
    exported: AtomicU64,
    no_room: AtomicU64,
    failed: AtomicU64,
    limited: AtomicU64,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(VecDeque::with_capacity(MOST_SPANS)),
            exported: AtomicU64::new(0),
            no_room: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        }
    }
}

impl Spans {
    /// Takes the spans of one check: all or none.
    pub(super) fn push(&self, spans: Vec<Span>) {
        let count = spans.len();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + count <= MOST_SPANS {
            waiting.extend(spans);
        } else {
            // What it takes to forget them is no affair of others.
            drop(waiting);
            add(&self.no_room, count);
        }
    }

    /// A check was to be traced and is not: there were too many.
    pub(super) fn limited(&self) {
        add(&self.limited, 1);
    }

    /// Takes the oldest, as many as are asked for.
    pub fn take(&self, most: usize) -> Vec<Span> {
        let mut taken = Vec::with_capacity(most);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = most.min(waiting.len());
        taken.extend(waiting.drain(..count));
        taken
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// So many were taken over by somebody else.
    pub fn were_exported(&self, count: usize) {
        add(&self.exported, count);
    }

    /// So many were taken and are lost.
    pub fn have_failed(&self, count: usize) {
        add(&self.failed, count);
    }

    /// How many were taken over by somebody else.
    pub fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// How many found no room, and how many could not be sent.
    pub fn dropped(&self) -> (u64, u64) {
        (self.no_room.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// How many checks were to be traced and are not.
    pub fn checks_limited(&self) -> u64 {
        self.limited.load(Ordering::Relaxed)
    }
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
}
