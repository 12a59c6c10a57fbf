//! The threads on which checks are answered: one for each processor, each with a
//! runtime of its own.
//!
//! A check waits for nothing, so there is nothing for an idle thread to take over
//! in the midst of it, and what threads have to tell each other for that would
//! cost more than the check. A connection stays on the thread that has the fewest
//! when it is opened.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// All threads.
pub(super) struct Workers {
    all: Vec<Worker>,
}

struct Worker {
    runtime: Handle,
    /// Held by each connection too.
    taken: Arc<()>,
    /// None where it is the caller's runtime.
    thread: Option<Thread>,
}

struct Thread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

/// A place on one of the threads, taken while this is kept.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    runtime: Handle,
    _taken: Arc<()>,
}

impl Workers {
    /// Starts as many threads as there are processors.
    pub(super) fn start() -> Result<Self, String> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let started: io::Result<_> = (0..count).map(|_| Worker::start()).collect();
        Ok(Self { all: started.map_err(|error| format!("can't start a thread for checks: {error}"))? })
    }

    /// No threads: what would be theirs runs where this is called.
    pub(super) fn here() -> Self {
        Self { all: vec![Worker { runtime: Handle::current(), taken: Arc::default(), thread: None }] }
    }

    /// A place where there is the most room.
    pub(super) fn seat(&self) -> Seat {
        let freest = self.all.iter().min_by_key(|worker| Arc::strong_count(&worker.taken));
        freest.map_or_else(
            || Seat { runtime: Handle::current(), _taken: Arc::default() },
            |worker| Seat { runtime: worker.runtime.clone(), _taken: Arc::clone(&worker.taken) },
        )
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("checks".to_owned()).spawn(move || {
            // Whether it is told to stop or left alone.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, taken: Arc::default(), thread: Some(Thread { stop, handle: thread }) })
    }
}

impl Seat {
    /// The runtime of the thread.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for Thread { stop, handle } in self.all.drain(..).filter_map(|worker| worker.thread) {
            let _ = stop.send(());
            // A panic was told when it happened.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_sits_where_the_fewest_do_and_leaves_the_place_to_others() {
        let all = ["a", "b", "c"].map(|_| Worker::start().unwrap());
        let workers = Workers { all: all.into() };
        let taken = || {
            let mut taken: Vec<_> = workers.all.iter().map(|w| Arc::strong_count(&w.taken) - 1).collect();
            taken.sort_unstable();
            taken
        };
        let mut seats: Vec<_> = (0..7).map(|_| workers.seat()).collect();
        assert_eq!(taken(), [2, 2, 3]);
        seats.drain(..4);
        seats.extend((0..3).map(|_| workers.seat()));
        assert_eq!(taken(), [2, 2, 2]);
    }

    #[tokio::test]
    async fn a_panic_on_a_thread_leaves_it_to_those_who_come_after() {
        let workers = Workers { all: vec![Worker::start().unwrap()] };
        let panics = workers.seat().runtime().spawn(async { [0_u8; 0].first().unwrap().to_owned() });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(workers.seat().runtime().spawn(async { 7 }).await.unwrap(), 7);
    }
}
