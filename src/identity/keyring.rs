//! The keys of one issuer as a request sees them: behind one pointer, so that
//! verification takes no lock and never waits for whoever brings new keys.
//!
//! The only file of this room that names the pointer's crate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};

use super::Refusal;
use super::authority::Keys;
use crate::engine::Reason;

/// What is called when keys are wanted. It must return at once.
pub(super) type Call = Box<dyn Fn() + Send + Sync>;

/// The keys in force, and whether others are wanted.
pub(super) struct Keyring {
    held: ArcSwap<Held>,
    wanted: AtomicBool,
    call: OnceLock<Call>,
}

/// The keys of one moment.
pub(super) struct Held {
    keys: Option<Arc<Keys>>,
    /// How many different sets there were.
    generation: u64,
    /// Seconds since 1970, after which the keys are too old.
    until: u64,
}

impl Held {
    /// The keys, unless there are none yet or they are too old.
    pub(super) fn keys(&self, now: u64) -> Result<&Keys, Refusal> {
        let unavailable = |detail| Refusal::new(Reason::KeysUnavailable, detail);
        let keys = self.keys.as_deref().ok_or(unavailable("the issuer's keys were never had"))?;
        if now > self.until {
            return Err(unavailable("the issuer's keys could not be confirmed for too long"));
        }
        Ok(keys)
    }

    /// The number of this set; it grows whenever another takes its place.
    pub(super) fn number(&self) -> u64 {
        self.generation
    }

    /// The number of this set, unless there are no keys yet or they are too
    /// old: then nothing counts that was ever verified with them.
    pub(super) fn generation(&self, now: u64) -> Option<u64> {
        self.keys(now).ok().map(|_| self.generation)
    }
}

impl Keyring {
    /// Keys that never get too old.
    pub(super) fn of(keys: Keys) -> Self {
        Self::holding(Held { keys: Some(Arc::new(keys)), generation: 1, until: u64::MAX })
    }

    /// No keys yet.
    pub(super) fn empty() -> Self {
        Self::holding(Held { keys: None, generation: 0, until: 0 })
    }

    fn holding(held: Held) -> Self {
        Self { held: ArcSwap::from_pointee(held), wanted: AtomicBool::new(false), call: OnceLock::new() }
    }

    /// The keys of this moment.
    pub(super) fn load(&self) -> Guard<Arc<Held>> {
        self.held.load()
    }

    /// Whether there were keys once.
    pub(super) fn was_filled(&self) -> bool {
        self.held.load().generation > 0
    }

    /// Puts other keys in force. Keys that are not among them verify nothing
    /// from here on.
    // INVARIANT: one owner at a time calls this or `confirm`.
    pub(super) fn replace(&self, keys: Keys, until: u64) {
        let generation = self.held.load().generation.saturating_add(1);
        self.held.store(Arc::new(Held { keys: Some(Arc::new(keys)), generation, until }));
    }

    /// The same keys as another set.
    #[cfg(test)]
    pub(super) fn renew(&self) {
        let held = self.held.load();
        let (keys, generation) = (held.keys.clone(), held.generation + 1);
        self.held.store(Arc::new(Held { keys, generation, until: held.until }));
    }

    /// The keys in force are still the right ones.
    pub(super) fn confirm(&self, until: u64) {
        let held = self.held.load();
        let (keys, generation) = (held.keys.clone(), held.generation);
        self.held.store(Arc::new(Held { keys, generation, until }));
    }

    /// Says that a request could not be answered with the keys in force. Of
    /// any number of calls, one calls whoever brings keys.
    pub(super) fn want(&self) {
        // Read first: a flood of tokens then shares the cache line.
        if !self.wanted.load(Ordering::Relaxed)
            && !self.wanted.swap(true, Ordering::AcqRel)
            && let Some(call) = self.call.get()
        {
            call();
        }
    }

    /// Whether other keys are wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Forgets that other keys are wanted.
    pub(super) fn settle(&self) {
        self.wanted.store(false, Ordering::Release);
    }

    /// Sets what is called when keys are wanted; the first one stays.
    pub(super) fn on_want(&self, call: Call) {
        let _ = self.call.set(call);
    }
}
