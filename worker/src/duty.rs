//! Whether the worker takes work: what its streams, its heartbeat and its end agree on.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;

/// What the worker does with streams that want in, and with those that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It takes them.
    Serving,
    /// An administrator has sent it out of service: it answers the frames that it holds, ends its streams, and stays.
    Resting,
    /// The same, and then it goes. That is for good.
    Leaving,
}

/// The duty of one worker. The master's word and the process's signals change it; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct OnDuty(Arc<watch::Sender<Duty>>);

impl OnDuty {
    /// It serves.
    pub(crate) fn new() -> OnDuty {
        OnDuty(Arc::new(watch::Sender::new(Duty::Serving)))
    }

    /// What it is now.
    pub(crate) fn now(&self) -> Duty {
        *self.0.borrow()
    }

    /// For who does something at every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Duty> {
        self.0.subscribe()
    }

    /// It rests, or serves again; who leaves does neither. Returns whether that is a change.
    pub(crate) fn rest(&self, rests: bool) -> bool {
        let next = if rests { Duty::Resting } else { Duty::Serving };
        self.0.send_if_modified(|duty| {
            let changes = *duty != next && *duty != Duty::Leaving;
            if changes {
                *duty = next;
            }
            changes
        })
    }

    /// It leaves.
    pub(crate) fn leave(&self) {
        self.0.send_replace(Duty::Leaving);
    }

    /// Resolves when it serves no more, to what its streams are told.
    pub(crate) async fn refusal(&self) -> Status {
        self.first(Duty::refusal).await
    }

    /// Resolves when it leaves.
    pub(crate) async fn leaves(&self) {
        self.first(|duty| (duty == Duty::Leaving).then_some(())).await;
    }

    async fn first<T>(&self, find: impl Fn(Duty) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        loop {
            let found = find(*changes.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            changes.changed().await.expect("this holds the sender");
        }
    }
}

impl Duty {
    /// What who wants in is told, and who is in and may send no more. None: nothing, it is welcome.
    pub(crate) fn refusal(self) -> Option<Status> {
        match self {
            Duty::Serving => None,
            Duty::Resting => Some(Status::unavailable(
                "this worker is resting: an administrator has sent it out of service; ask the master for another",
            )),
            Duty::Leaving => Some(Status::unavailable(
                "this worker is draining: it finishes what it holds and leaves; ask the master for another",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn who_rests_comes_back_and_who_leaves_does_not() {
        let duty = OnDuty::new();
        assert!(!duty.rest(false), "it serves");
        assert!(duty.rest(true) && !duty.rest(true));
        assert!(duty.refusal().now_or_never().is_some_and(|status| status.message().contains("resting")));
        assert_eq!(duty.leaves().now_or_never(), None);
        assert!(duty.rest(false));
        assert!(duty.now() == Duty::Serving && duty.refusal().now_or_never().is_none());
        duty.leave();
        assert!(!duty.rest(true) && !duty.rest(false));
        assert_eq!((duty.now(), duty.leaves().now_or_never()), (Duty::Leaving, Some(())));
    }
}
