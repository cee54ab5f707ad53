//! Route requests that wait until their stream has a slot. None of them holds a lock meanwhile.

use std::sync::Arc;
use std::time::Duration;

use facefleet_cluster::admission::{MAX_WAITING, Place, SlotAnswer, Ticket};
use facefleet_proto::RouteQuery;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::shared_scheduler::SharedScheduler;

/// How long a client that was refused is to wait before it asks again: if all clients that may wait do so at once, this spreads them over 2,000
/// calls a second, which one master is known to bear.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a stream is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// The stream has waited for `--max-wait`.
    #[error("no place on the cluster became free in {} s, which is as long as its master lets a stream wait (--max-wait)", .max_wait.as_secs())]
    InTime { max_wait: Duration },
    /// [`MAX_WAITING`] streams wait.
    #[error("{MAX_WAITING} streams wait for a place on the cluster already")]
    ToWait,
    /// The master ends.
    #[error("this master is stopping")]
    Here,
}

/// Lets streams wait for slots.
pub(crate) struct Waiting {
    scheduler: SharedScheduler,
    max_wait: Duration,
    stopping: CancellationToken,
}

/// The outcome of asking for a slot.
enum Asked<'a> {
    /// The stream need not wait. None: there is no worker to wait for, or every stream is let in.
    Placed(Option<Place>),
    Waits(SlotCall<'a>),
}

impl Waiting {
    /// Calls wait for `max_wait` at most, and until `stopping`.
    pub(crate) fn new(scheduler: SharedScheduler, max_wait: Duration, stopping: CancellationToken) -> Waiting {
        Waiting { scheduler, max_wait, stopping }
    }

    /// Waits until the stream has a slot. None: there is no worker to wait for, or every stream is let in.
    pub(crate) async fn place(&self, query: &RouteQuery) -> Result<Option<Place>, NoPlace> {
        let call = match self.ask(query)? {
            Asked::Placed(place) => return Ok(place),
            Asked::Waits(call) => call,
        };
        let max_wait = self.max_wait;
        tokio::select! {
            // A stream that has a slot is let in, even when its time is over as well.
            biased;
            place = self.wait(call, query) => place,
            () = tokio::time::sleep(max_wait.saturating_sub(query.waited)) => Err(NoPlace::InTime { max_wait }),
            () = self.stopping.cancelled() => Err(NoPlace::Here),
        }
    }

    fn ask(&self, query: &RouteQuery) -> Result<Asked<'_>, NoPlace> {
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        match scheduler.ask(query, now) {
            None | Some(SlotAnswer::Nobody) => Ok(Asked::Placed(None)),
            Some(SlotAnswer::Placed(place)) => Ok(Asked::Placed(Some(place))),
            Some(SlotAnswer::Full) => Err(NoPlace::ToWait),
            // The call is added before the scheduler is unlocked, so that it cannot be woken too early.
            Some(SlotAnswer::Waits(ticket)) => Ok(Asked::Waits(SlotCall::new(&self.scheduler, ticket))),
        }
    }

    async fn wait<'a>(&'a self, mut call: SlotCall<'a>, query: &RouteQuery) -> Result<Option<Place>, NoPlace> {
        loop {
            if let Some(place) = call.placed().await {
                return Ok(Some(place));
            }
            call = match self.ask(query)? {
                Asked::Placed(place) => return Ok(place),
                Asked::Waits(call) => call,
            };
        }
    }
}

/// A call that waits. It leaves the queue when this is dropped, which also happens when its client goes away.
struct SlotCall<'a> {
    scheduler: &'a SharedScheduler,
    ticket: Ticket,
    woken: Arc<Notify>,
}

impl<'a> SlotCall<'a> {
    fn new(scheduler: &'a SharedScheduler, ticket: Ticket) -> SlotCall<'a> {
        SlotCall { scheduler, ticket, woken: scheduler.calls().add(ticket) }
    }

    /// Waits for the slot. None: the call waits no more, because every stream is let in or was for a while, and must ask again.
    async fn placed(&self) -> Option<Place> {
        loop {
            self.woken.notified().await;
            let mut scheduler = self.scheduler.lock();
            let now = scheduler.now();
            let place = scheduler.collect(self.ticket, now);
            if place.is_some() || !scheduler.is_waiting(self.ticket) {
                return place;
            }
        }
    }
}

impl Drop for SlotCall<'_> {
    fn drop(&mut self) {
        self.scheduler.calls().remove(self.ticket);
        // The slot of a call that was woken and has not come is the next one's.
        self.scheduler.lock().cancel(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::parts::Parts;
    use facefleet_cluster::admission::AdmissionName;
    use facefleet_cluster::settings::Settings;
    use facefleet_proto::{Join, wire};
    use tokio::time::timeout;

    /// The master has just started and lets nobody begin. The call is let in because admission is switched off.
    #[tokio::test]
    async fn a_call_is_woken_when_the_guard_is_dropped_under_which_it_was_let_in() {
        let (admission, max_wait) = (AdmissionName::Fifo, Duration::from_secs(3600));
        let master = Parts::of(&Config { admission, max_wait, ..Config::default() });
        let join = wire::JoinRequest { ip: "10.0.0.1".into(), port: 7, weight: 1, ..Default::default() };
        let member = master.members.join(Join::try_from(join).unwrap()).unwrap();
        let route = master.forwarding.route(RouteQuery { lease: Some(7), ..RouteQuery::default() }, 0);
        let let_in = async {
            let mut scheduler = master.scheduler.lock();
            let now = scheduler.now();
            assert_eq!(scheduler.summary(now).waiting, 1);
            let settings = Settings { admission: AdmissionName::Open, ..scheduler.settings() };
            scheduler.set(settings, now);
        };
        let both = async { tokio::join!(biased; route, let_in) };
        let (route, ()) = timeout(Duration::from_secs(20), both).await.expect("the call is woken");
        assert_eq!(route.unwrap().candidates[0].id, Some(member.id));
    }
}
