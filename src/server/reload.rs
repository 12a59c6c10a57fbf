//! The policy, read again while the server runs.
//!
//! A thread of its own looks at the directory every second and compiles beside
//! the policy in force, away from every request. Whatever goes wrong, the policy
//! in force stays, and that is said once for every change of the files. The
//! configuration, `doorward.yaml`, is read at the start only.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use super::asking::Asked;
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

/// The longest to wait after a reload before the next that somebody asks for.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// What has become of reloading.
#[derive(Debug, Clone)]
pub struct Reloads {
    /// The number of the policy in force; the first is 1.
    pub generation: u64,
    /// The content hash of the policy in force.
    pub revision: Arc<str>,
    /// The git commit that was checked out where it was read, as far as known.
    pub commit: Option<Arc<str>>,
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

/// What has become of reloading, for others to look at.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Reloads>>);

impl Progress {
    /// How it stands now.
    pub(super) fn now(&self) -> Reloads {
        self.with(|reloads| reloads.clone())
    }

    fn with<T>(&self, what: impl FnOnce(&mut Reloads) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What came of a reload that somebody asked for.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Whether another policy came into force.
    pub(super) replaced: bool,
    /// How it stands then.
    pub(super) reloads: Reloads,
}

/// What reloading needs.
pub(super) struct Reloader {
    watch: Watch,
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    allow_shrink: bool,
    /// Whether the last look brought another policy into force.
    replaced: bool,
    /// The last snapshot. Dropping it can take a while, which no check should
    /// have to wait for: whoever still uses it is done when this lets go.
    retired: Option<Arc<Snapshot>>,
    progress: Progress,
}

/// The thread that reloads. It ends when those who may ask it are gone.
pub(super) struct Reloading {
    ended: oneshot::Receiver<()>,
}

/// Starts the thread, which also looks whenever it is asked to.
pub(super) fn keep(
    mut reloader: Reloader,
    mut candidate: Option<Candidate>,
    asked: Asked,
) -> Result<Reloading, String> {
    let (end, ended) = oneshot::channel::<()>();
    let work = move || {
        let _end = end;
        let mut pause = EVERY;
        if let Some(candidate) = &mut candidate {
            candidate.look(false);
        }
        while let Ok(asked_for) = asked.wait(pause) {
            let begun = Instant::now();
            let asks = asked.take();
            pause = reloader.look(asked_for);
            if let Some(candidate) = &mut candidate {
                pause = pause.max(candidate.look(asked_for));
            }
            reloader.tell(asks);
            // As long again: however often somebody asks, checks have half of
            // the time to themselves.
            thread::sleep(begun.elapsed().min(LONGEST_REST));
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
        let commit = watch.source().commit();
        let now = SystemTime::now();
        let reloads = Reloads {
            generation: 1,
            revision: Arc::clone(live.current().index().revision()),
            commit,
            loaded: now,
            last_attempt: now,
            last_success: now,
            failed: 0,
            last_error: None,
        };
        let progress = Progress(Arc::new(Mutex::new(reloads)));
        Self { watch, live, telemetry, allow_shrink, replaced: false, retired: None, progress }
    }

    /// What becomes of reloading.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Tells those who asked what came of the last look.
    fn tell(&self, asks: Vec<oneshot::Sender<Outcome>>) {
        for hear in asks {
            // Who asked may have given up.
            drop(hear.send(Outcome { replaced: self.replaced, reloads: self.progress.now() }));
        }
    }

    /// Reads the policy if its files have changed, or somebody asked for it.
    /// Gives the time to wait before the next look.
    fn look(&mut self, asked: bool) -> Duration {
        (self.retired, self.replaced) = (None, false);
        let (sight, pause) = self.watch.look(asked);
        match sight {
            Some(sight) => self.judge(sight),
            None => self.follow_commit(),
        }
        pause
    }

    /// Another commit can have the same policy files.
    fn follow_commit(&self) {
        let Reloads { commit: known, last_error, .. } = self.progress.now();
        let commit = self.watch.source().commit();
        if last_error.is_none() && commit != known {
            tracing::info!(commit = commit.as_deref(), "the policy in force is that of another commit too");
            self.with(|reloads| reloads.commit = commit);
        }
    }

    /// Puts what was found in force, or says why not.
    fn judge(&mut self, sight: Sight) {
        let Sight { found, took, torn, quietly } = sight;
        self.with(|reloads| reloads.last_attempt = SystemTime::now());
        let Some(Found { commit, index, findings }) = found else {
            return self.refuse("the compiler panicked, which is a mistake in Doorward", quietly);
        };
        if torn {
            // Seen again at the next look, which differs. Told once.
            return self.refuse("held back: the files did not stop changing while they were read", true);
        }
        let Findings { report, sources } = &findings;
        let findings = render(report, sources, Format::Short);
        let Some(index) = index else { return self.refuse(&findings, quietly) };
        let current = self.live.current();
        let (before, after) = (current.index().routes().count(), index.routes().count());
        if index.revision() == current.index().revision() {
            self.confirm(commit);
        } else if after.saturating_mul(2) < before && !self.allow_shrink {
            let why = format!(
                "held back: of {before} routes only {after} would be left; if that is meant, write `reload: {{ allow_shrink: true }}` in doorward.yaml and restart, or take routes away in steps of up to a half"
            );
            self.refuse(&why, quietly);
        } else {
            for line in findings.lines() {
                tracing::warn!(finding = line, "worth a look");
            }
            self.replace(&current, index, commit, took);
        }
    }

    /// The files are the policy in force.
    fn confirm(&self, commit: Option<Arc<str>>) {
        let mended = self.with(|reloads| {
            reloads.last_success = SystemTime::now();
            reloads.commit = commit;
            reloads.last_error.take().is_some()
        });
        if mended {
            tracing::info!("the policy files are those of the policy in force again");
        } else {
            tracing::debug!("the policy is unchanged");
        }
    }

    fn replace(&mut self, current: &Arc<Snapshot>, index: Index, commit: Option<Arc<str>>, took: Duration) {
        let plan = self.watch.source().plan(&index);
        let meters = self.telemetry.meters(&index);
        let next = current.successor(index, plan, meters);
        let index = next.index();
        let (revision, before) = (Arc::clone(index.revision()), Arc::clone(current.index().revision()));
        let (services, routes, roles) =
            (index.services().count(), index.routes().count(), index.roles().count());
        self.live.replace(next);
        // Those were of the policy before.
        self.telemetry.metrics().new_candidate();
        (self.retired, self.replaced) = (Some(Arc::clone(current)), true);
        let now = SystemTime::now();
        let generation = self.with(|reloads| {
            let generation = reloads.generation.saturating_add(1);
            let failed = reloads.failed;
            *reloads = Reloads {
                generation,
                revision: Arc::clone(&revision),
                commit: commit.clone(),
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
            commit = commit.as_deref(),
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
        self.progress.with(what)
    }
}

#[cfg(test)]
mod tests;
