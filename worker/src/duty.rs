//! Whether the worker accepts work. Its streams, its heartbeat and its shutdown all go by this.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;

/// What the worker does with new streams and with those that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// The worker accepts streams and their frames.
    Serving,
    /// An administrator has taken the worker out of service: it answers the frames that it holds, ends its streams, and stays.
    Resting,
    /// The worker is shutting down: it answers the frames that it holds, ends its streams, and exits. Nothing revokes this.
    Leaving,
}

/// The current duty of one worker, which replies of the master and signals to the process change. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct DutyState(Arc<watch::Sender<Duty>>);

impl DutyState {
    /// A worker that serves.
    pub(crate) fn new() -> DutyState {
        DutyState(Arc::new(watch::Sender::new(Duty::Serving)))
    }

    /// The duty now.
    pub(crate) fn now(&self) -> Duty {
        *self.0.borrow()
    }

    /// A receiver for those who act on every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Duty> {
        self.0.subscribe()
    }

    /// Takes the worker out of service. Changes nothing for a worker that is leaving. Returns whether the duty has changed.
    pub(crate) fn rest(&self) -> bool {
        self.change_to(Duty::Resting)
    }

    /// Puts a resting worker back into service. Changes nothing for a worker that is leaving. Returns whether the duty has changed.
    pub(crate) fn resume(&self) -> bool {
        self.change_to(Duty::Serving)
    }

    fn change_to(&self, next: Duty) -> bool {
        self.0.send_if_modified(|duty| {
            let changes = *duty != next && *duty != Duty::Leaving;
            if changes {
                *duty = next;
            }
            changes
        })
    }

    /// Starts the shutdown, for good.
    pub(crate) fn leave(&self) {
        self.0.send_replace(Duty::Leaving);
    }

    /// Resolves when the worker stops serving, to the status with which its streams end.
    pub(crate) async fn refusal(&self) -> Status {
        self.first(Duty::refusal).await
    }

    /// Resolves when the worker leaves.
    pub(crate) async fn leaves(&self) {
        self.first(|duty| (duty == Duty::Leaving).then_some(())).await;
    }

    /// Resolves to the first duty, from now on, in which `find` finds something.
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
    /// The status for a stream that is not admitted, or that may send no more. None while streams are welcome.
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
        let duty = DutyState::new();
        assert!(!duty.resume(), "it serves");
        assert!(duty.rest() && !duty.rest());
        assert!(duty.refusal().now_or_never().is_some_and(|status| status.message().contains("resting")));
        assert_eq!(duty.leaves().now_or_never(), None);
        assert!(duty.resume());
        assert!(duty.now() == Duty::Serving && duty.refusal().now_or_never().is_none());
        duty.leave();
        assert!(!duty.rest() && !duty.resume());
        assert_eq!((duty.now(), duty.leaves().now_or_never()), (Duty::Leaving, Some(())));
    }
}
