//! Asking for reloads: one may be under way and one wait, however many ask.
//!
//! Who asks while one is under way is told what comes of the next, which sees
//! the files as they are by then.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::reload::Outcome;

/// Asks for reloads.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    wake: SyncSender<()>,
    waiting: Waiting,
}

/// Where those arrive who ask.
#[derive(Debug)]
pub(super) struct Asked {
    woken: Receiver<()>,
    waiting: Waiting,
}

/// Those who want to hear what comes of the next reload.
type Waiting = Arc<Mutex<Vec<oneshot::Sender<Outcome>>>>;

/// Those who ask, and where they arrive.
pub(super) fn asking() -> (Asker, Asked) {
    // Room for one: whoever finds it taken is served by the same reload.
    let (wake, woken) = mpsc::sync_channel(1);
    let waiting = Waiting::default();
    (Asker { wake, waiting: Arc::clone(&waiting) }, Asked { woken, waiting })
}

impl Asker {
    /// Asks.
    pub(super) fn ask(&self) {
        if let Err(TrySendError::Disconnected(())) = self.wake.try_send(()) {
            // Nobody is there to be asked, which whoever runs the server is told
            // too.
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Asks, and gives what hears of the outcome. Nothing is heard where nobody
    /// is there to be asked.
    pub(super) fn ask_and_hear(&self) -> oneshot::Receiver<Outcome> {
        let (tell, hear) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Some have given up.
        waiting.retain(|tell| !tell.is_closed());
        waiting.push(tell);
        drop(waiting);
        self.ask();
        hear
    }
}

impl Asked {
    /// Waits until somebody asks, but no longer than this. Says whether somebody
    /// did; the error is that nobody ever will again.
    pub(super) fn wait(&self, patience: Duration) -> Result<bool, ()> {
        match self.woken.recv_timeout(patience) {
            Ok(()) => Ok(true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    /// Those who have asked until now: to be taken before the reload begins that
    /// they are told of.
    pub(super) fn take(&self) -> Vec<oneshot::Sender<Outcome>> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn however_many_ask_one_reload_waits_and_all_hear_of_it() {
        let (asker, asked) = asking();
        assert_eq!(asked.wait(NOW), Ok(false));
        for round in 1..=3 {
            // As while one is under way.
            let heard: Vec<_> = (0..100).map(|_| asker.ask_and_hear()).collect();
            assert_eq!((asked.wait(NOW), asked.take().len()), (Ok(true), 100), "{round}");
            assert_eq!((asked.wait(NOW), asked.take().len()), (Ok(false), 0), "{round}");
            drop(heard);
        }
    }

    #[test]
    fn who_gave_up_takes_no_room() {
        let (asker, asked) = asking();
        (0..100).for_each(|_| drop(asker.ask_and_hear()));
        assert_eq!(asked.take().len(), 1);
    }

    #[test]
    fn where_nobody_is_asked_nothing_is_waited_for() {
        let (asker, asked) = asking();
        let before = asker.ask_and_hear();
        drop(asked);
        asker.ask_and_hear().blocking_recv().unwrap_err();
        before.blocking_recv().unwrap_err();
        let (asker, asked) = asking();
        drop(asker);
        assert_eq!(asked.wait(NOW), Err(()));
    }
}
