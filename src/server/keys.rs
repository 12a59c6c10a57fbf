//! The tasks that bring keys and keep them fresh, away from every request.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::fares::{Fare, Fares};
use super::fetch::Fetcher;
use crate::identity::{Event, Feed, KeyFile, Moment, Readiness, Step, Upkeep};

/// How often key files are looked at.
const FILES: Duration = Duration::from_secs(5);

/// Where the time comes from.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;

    /// Waits until the steady clock shows this.
    fn until(&self, steady: Duration) -> impl Future<Output = ()> + Send;
}

/// The clocks of the system.
#[derive(Debug, Clone)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Its steady time begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        // Before 1970 no request is answered either.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Moment { steady: self.0.elapsed(), wall }
    }

    async fn until(&self, steady: Duration) {
        tokio::time::sleep(steady.saturating_sub(self.0.elapsed())).await;
    }
}

/// The tasks. They end when this is dropped.
pub struct KeyTasks {
    tasks: JoinSet<()>,
    fares: Arc<Fares>,
}

/// Tells when the required keys were had.
pub struct Ready {
    readiness: Readiness,
    news: watch::Receiver<()>,
}

/// Starts the tasks. Must be called within the runtime.
pub fn keep(upkeep: Upkeep, clock: impl Clock) -> Result<(KeyTasks, Ready), String> {
    let Upkeep { feeds, files, readiness } = upkeep;
    let (tell, news) = watch::channel(());
    let mut tasks = JoinSet::new();
    let fares = Arc::new(Fares::new(&feeds, &files, clock.now()));
    for feed in feeds {
        let fetcher = Fetcher::new(feed.trusted())
            .map_err(|why| format!("the keys of `{}` can't be fetched: {why}", feed.issuer()))?;
        let fare = fares.of(feed.issuer());
        tasks.spawn(keep_fetched(feed, fetcher, clock.clone(), fare, tell.clone()));
    }
    if !files.is_empty() {
        let files = files.into_iter().map(|file| (fares.of(file.issuer()), file)).collect();
        tasks.spawn(keep_read(files, clock));
    }
    Ok((KeyTasks { tasks, fares }, Ready { readiness, news }))
}

impl KeyTasks {
    /// How the keys of each issuer fare.
    pub(super) fn fares(&self) -> Arc<Fares> {
        Arc::clone(&self.fares)
    }

    /// Waits for a task to end, which none should: says how it did.
    pub async fn ended(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(())) => "a task that keeps keys ended by itself".to_owned(),
            Some(Err(error)) => format!("a task that keeps keys failed: {error}"),
            None => std::future::pending().await,
        }
    }
}

impl Ready {
    /// Whether the required keys were had.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// The issuers that are waited for.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.readiness.missing()
    }

    /// The same, for others to look at.
    pub(super) fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Waits until the required keys were had.
    pub async fn wait(&mut self) {
        while !self.readiness.is_ready() {
            self.heard().await;
        }
    }

    /// Waits until something, good or bad, was heard of remote keys since the
    /// last call.
    pub async fn heard(&mut self) {
        if self.news.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn keep_fetched(
    mut feed: Feed,
    fetcher: Fetcher,
    clock: impl Clock,
    fare: Arc<Fare>,
    tell: watch::Sender<()>,
) {
    let wanted = Arc::new(Notify::new());
    feed.on_want({
        let wanted = Arc::clone(&wanted);
        move || wanted.notify_one()
    });
    loop {
        match feed.step(clock.now()) {
            Step::Wait(until) => tokio::select! {
                () = clock.until(until) => {}
                () = wanted.notified() => {}
            },
            Step::Get(url) => {
                let answer = fetcher.get(&url).await;
                if let Some(event) = feed.answered(answer, clock.now()) {
                    fare.fetched(&event, clock.now());
                    log(feed.issuer(), url.as_str(), event);
                    tell.send_replace(());
                }
            }
        }
    }
}

async fn keep_read(mut files: Vec<(Arc<Fare>, KeyFile)>, clock: impl Clock) {
    loop {
        clock.until(clock.now().steady.saturating_add(FILES)).await;
        let now = clock.now();
        let read = tokio::task::spawn_blocking(move || {
            for (fare, file) in &mut files {
                let event = file.poll();
                fare.read(event.as_ref(), now);
                if let Some(event) = event {
                    log(file.issuer(), "file", event);
                }
            }
            files
        });
        match read.await {
            Ok(back) => files = back,
            // The runtime stops, or reading panicked: whoever waits for this
            // task is told that it ended.
            Err(_) => return,
        }
    }
}

/// Nothing in an event was chosen by whoever sends tokens.
fn log(issuer: &str, from: &str, event: Event) {
    match event {
        Event::Replaced { keys, dropped } => {
            for dropped in dropped {
                tracing::warn!(issuer, from, dropped, "a key is left out");
            }
            tracing::info!(issuer, from, keys, "new keys are in force");
        }
        Event::Confirmed => tracing::debug!(issuer, from, "the keys are unchanged"),
        Event::Failed { why, held: true } => {
            tracing::warn!(issuer, from, why, "no new keys: those that were had before stay in force");
        }
        Event::Failed { why, held: false } => {
            tracing::error!(issuer, from, why, "no keys: every token of this issuer is refused");
        }
    }
}
