//! The policy, read again while the server runs.
//!
//! A thread of its own looks at the directory every second and compiles beside
//! the policy in force, away from every request. Whatever goes wrong, the policy
//! in force stays, and that is said once for every change of the files. The
//! configuration, `doorward.yaml`, is read at the start only.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::candidate::Candidate;
use super::source::Found;
use super::startup::Findings;
use super::watch::{EVERY, Sight, Watch};
use crate::compile::Index;
use crate::diag::{Format, render};
use crate::gate::{Live, Snapshot};
use crate::telemetry::Telemetry;

/// As much stack as the main thread has, which reads the first policy.
const STACK: usize = 8 << 20;

/// What has become of reloading.
#[derive(Debug, Clone)]
pub struct Reloads {
    /// The number of the policy in force; the first is 1.
    pub generation: u64,
    /// The content hash of the policy in force.
    pub revision: Arc<str>,
    /// When it came into force.
    pub loaded: SystemTime,
    /// When the files were last read.
    pub last_attempt: SystemTime,
    /// When they were last found to be the policy in force, or became it.
    pub last_success: SystemTime,
    /// How many changes did not come into force.
    pub failed: u64,
    /// Why the files as they are now are not in force.
    pub last_error: Option<Arc<str>>,
}

/// What reloading needs.
pub(super) struct Reloader {
    watch: Watch,
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    allow_shrink: bool,
    /// The last snapshot. Dropping it can take a while, which no check should
    /// have to wait for: whoever still uses it is done when this lets go.
    retired: Option<Arc<Snapshot>>,
    reloads: Arc<Mutex<Reloads>>,
}

/// The thread that reloads. It ends when those who may ask it are gone.
pub(super) struct Reloading {
    ended: oneshot::Receiver<()>,
}

/// Starts the thread, which also looks whenever it is asked to.
pub(super) fn keep(
    mut reloader: Reloader,
    mut candidate: Option<Candidate>,
    asked: Receiver<()>,
) -> Result<Reloading, String> {
    let (end, ended) = oneshot::channel::<()>();
    let work = move || {
        let _end = end;
        let mut pause = EVERY;
        if let Some(candidate) = &mut candidate {
            candidate.look(false);
        }
        loop {
            let asked = match asked.recv_timeout(pause) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            pause = reloader.look(asked);
            if let Some(candidate) = &mut candidate {
                pause = pause.max(candidate.look(asked));
            }
        }
    };
    let started = thread::Builder::new().name("doorward-reload".to_owned()).stack_size(STACK).spawn(work);
    started.map(|_| Reloading { ended }).map_err(|error| format!("can't start a thread: {error}"))
}

impl Reloading {
    /// Waits for the thread to end, which it should not: says how it did.
    pub(super) async fn ended(&mut self) -> String {
        match (&mut self.ended).await {
            Ok(()) | Err(_) => "the thread that reloads policies ended by itself".to_owned(),
        }
    }
}

impl Reloader {
    /// Reloads what `watch` sees into `live`.
    pub(super) fn new(watch: Watch, live: Arc<Live>, telemetry: Arc<Telemetry>, allow_shrink: bool) -> Self {
        let now = SystemTime::now();
        let reloads = Reloads {
            generation: 1,
            revision: Arc::clone(live.current().index().revision()),
            loaded: now,
            last_attempt: now,
            last_success: now,
            failed: 0,
            last_error: None,
        };
        Self { watch, live, telemetry, allow_shrink, retired: None, reloads: Arc::new(Mutex::new(reloads)) }
    }

    /// Reads the policy if its files have changed, or somebody asked for it.
    /// Gives the time to wait before the next look.
    fn look(&mut self, asked: bool) -> Duration {
        self.retired = None;
        let (sight, pause) = self.watch.look(asked);
        if let Some(sight) = sight {
            self.judge(sight);
        }
        pause
    }

    /// Puts what was found in force, or says why not.
    fn judge(&mut self, sight: Sight) {
        let Sight { found, took, quietly } = sight;
        self.with(|reloads| reloads.last_attempt = SystemTime::now());
        let Some(Found { index, findings }) = found else {
            return self.refuse("the compiler panicked, which is a mistake in Doorward", quietly);
        };
        let Findings { report, sources } = &findings;
        let findings = render(report, sources, Format::Short);
        let Some(index) = index else { return self.refuse(&findings, quietly) };
        let current = self.live.current();
        let (before, after) = (current.index().routes().count(), index.routes().count());
        if index.revision() == current.index().revision() {
            self.confirm();
        } else if after.saturating_mul(2) < before && !self.allow_shrink {
            let why = format!(
                "held back: of {before} routes only {after} would be left; if that is meant, write `reload: {{ allow_shrink: true }}` in doorward.yaml and restart, or take routes away in steps of up to a half"
            );
            self.refuse(&why, quietly);
        } else {
            for line in findings.lines() {
                tracing::warn!(finding = line, "worth a look");
            }
            self.replace(&current, index, took);
        }
    }

    /// The files are the policy in force.
    fn confirm(&self) {
        let mended = self.with(|reloads| {
            reloads.last_success = SystemTime::now();
            reloads.last_error.take().is_some()
        });
        if mended {
            tracing::info!("the policy files are those of the policy in force again");
        } else {
            tracing::debug!("the policy is unchanged");
        }
    }

    fn replace(&mut self, current: &Arc<Snapshot>, index: Index, took: Duration) {
        let plan = self.watch.source().plan(&index);
        let meters = self.telemetry.metrics().meters(&index);
        let next = current.successor(index, plan, meters);
        let index = next.index();
        let (revision, before) = (Arc::clone(index.revision()), Arc::clone(current.index().revision()));
        let (services, routes, roles) =
            (index.services().count(), index.routes().count(), index.roles().count());
        self.live.replace(next);
        self.retired = Some(Arc::clone(current));
        let now = SystemTime::now();
        let generation = self.with(|reloads| {
            let generation = reloads.generation.saturating_add(1);
            let failed = reloads.failed;
            *reloads = Reloads {
                generation,
                revision: Arc::clone(&revision),
                loaded: now,
                last_attempt: now,
                last_success: now,
                failed,
                last_error: None,
            };
            generation
        });
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            revision = &*revision,
            before = &*before,
            generation,
            services,
            routes,
            roles,
            took_ms,
            "policy reloaded"
        );
    }

    /// The files are not the policy in force and do not become it.
    fn refuse(&self, why: &str, quietly: bool) {
        let told = self.with(|reloads| {
            if quietly && reloads.last_error.as_deref() == Some(why) {
                return None;
            }
            reloads.failed = reloads.failed.saturating_add(1);
            reloads.last_error = Some(why.into());
            Some(reloads.clone())
        });
        let Some(Reloads { generation, revision, failed, .. }) = told else { return };
        for line in why.lines() {
            tracing::error!(finding = line, "policy not reloaded");
        }
        tracing::error!(
            revision = &*revision,
            generation,
            failed,
            "policy not reloaded: the one before stays in force until the files are mended"
        );
    }

    fn with<T>(&self, what: impl FnOnce(&mut Reloads) -> T) -> T {
        what(&mut self.reloads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
