//! Calls that wait for a slot. None of them holds a lock meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facefleet_proto::RouteQuery;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;
use facefleet_cluster::admission::{Answer, MAX_WAITING, Place, Ticket};

/// When a client that was refused is to ask again: if all of those who may wait do so at once, this spreads them over
/// 2,000 calls a second, which one master is known to bear.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a stream is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// `--max-wait` is over.
    #[error("no place on the cluster became free in {} s, which is as long as its master lets a stream wait (--max-wait)", .max_wait.as_secs())]
    InTime { max_wait: Duration },
    /// [`MAX_WAITING`] streams wait.
    #[error("{MAX_WAITING} streams wait for a place on the cluster already")]
    ToWait,
    /// This master ends.
    #[error("this master is stopping")]
    Here,
}

/// The calls that wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    calls: Mutex<HashMap<Ticket, Arc<Notify>>>,
    pub(crate) max_wait: Duration,
    /// Cancelled when the master stops.
    stopping: CancellationToken,
}

impl Waiting {
    pub(crate) fn new(max_wait: Duration) -> Waiting {
        Waiting { calls: Mutex::default(), max_wait, stopping: CancellationToken::new() }
    }

    /// Tells these calls to look whether they have a slot.
    pub(crate) fn wake(&self, called: &[Ticket]) {
        if called.is_empty() {
            return;
        }
        let calls = self.calls();
        called.iter().filter_map(|ticket| calls.get(ticket)).for_each(|call| call.notify_one());
    }

    /// Ends all calls that wait.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until the master stops.
    pub(crate) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Ticket, Arc<Notify>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits. It leaves the queue when this is dropped, as it is when its client goes away.
struct Call<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    word: Arc<Notify>,
}

impl<'a> Call<'a> {
    /// To be made before the scheduler is unlocked that gave the ticket, so that its word is not missed.
    fn new(shared: &'a Shared, ticket: Ticket) -> Call<'a> {
        let word = Arc::new(Notify::new());
        shared.waiting.calls().insert(ticket, word.clone());
        Call { shared, ticket, word }
    }

    /// None: it does not wait any more, because everybody is let in; or was for a while, so that it has to ask again.
    async fn placed(&self) -> Option<Place> {
        loop {
            self.word.notified().await;
            let (mut scheduler, now) = self.shared.locked();
            let place = scheduler.collect(self.ticket, now);
            if place.is_some() || !scheduler.is_waiting(self.ticket) {
                return place;
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.shared.waiting.calls().remove(&self.ticket);
        let (mut scheduler, now) = self.shared.locked();
        // The slot of one that was called and has not come is the next one's.
        scheduler.cancel(self.ticket);
        self.shared.admit(scheduler, now);
    }
}

impl Shared {
    /// Waits for a slot. None: there is no worker to wait for, or everybody is let in.
    pub(crate) async fn place(&self, query: &RouteQuery) -> Result<Option<Place>, NoPlace> {
        let max_wait = self.waiting.max_wait;
        let too_long = tokio::time::sleep(max_wait.saturating_sub(query.waited));
        tokio::select! {
            // Who need not wait is let in, also where nobody may.
            biased;
            place = self.placed(query) => place,
            () = too_long => Err(NoPlace::InTime { max_wait }),
            () = self.waiting.stopped() => Err(NoPlace::Here),
        }
    }

    async fn placed(&self, query: &RouteQuery) -> Result<Option<Place>, NoPlace> {
        loop {
            let call = {
                let (mut scheduler, now) = self.locked();
                let answer = scheduler.ask(query, now);
                let called = scheduler.admit(now);
                self.waiting.wake(&called);
                match answer {
                    None | Some(Answer::Nobody) => return Ok(None),
                    Some(Answer::Placed(place)) => return Ok(Some(place)),
                    Some(Answer::Full) => return Err(NoPlace::ToWait),
                    Some(Answer::Waits(ticket)) => Call::new(self, ticket),
                }
            };
            if let Some(place) = call.placed().await {
                return Ok(Some(place));
            }
        }
    }
}
