//! One view, as all viewers get it.

use std::sync::OnceLock;
use std::time::Instant;

use axum::body::Bytes;
use facefleet_proto::view::ClusterView;

/// Most decisions that are sent to a viewer that has seen the view before.
const NEW_DECISIONS: usize = 20;

/// The cluster at one moment: built once a second at most, whoever looks.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) at: Instant,
    /// The view with all decisions that are kept.
    view: ClusterView,
    /// How many of the decisions are not in the snapshot before this one.
    new_decisions: usize,
    /// The event for new viewers; made when somebody asks.
    event_for_new: OnceLock<Bytes>,
    /// The event for viewers that return; made when somebody asks.
    event_for_returning: OnceLock<Bytes>,
}

/// What a viewer has seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Nothing.
    New,
    /// The snapshot before.
    Returning,
}

impl Snapshot {
    /// `view` has all decisions; those with a number above `shown` are new.
    pub(super) fn new(view: ClusterView, shown: u64, at: Instant) -> Snapshot {
        let is_new = view.decisions.iter().filter(|decision| decision.number > shown);
        let new_decisions = is_new.count().min(NEW_DECISIONS);
        Snapshot { at, view, new_decisions, event_for_new: OnceLock::new(), event_for_returning: OnceLock::new() }
    }

    /// The view: with all decisions for new viewers, and with the new ones for those that return.
    pub(super) fn view(&self, audience: Audience) -> ClusterView {
        let mut view = self.view.clone();
        if audience == Audience::Returning {
            view.decisions.drain(..view.decisions.len() - self.new_decisions);
        }
        view
    }

    /// The view as a server-sent event. (JSON without spaces is one line, as the format wants it.)
    pub(super) fn event(&self, audience: Audience) -> Bytes {
        let event = match audience {
            Audience::New => &self.event_for_new,
            Audience::Returning => &self.event_for_returning,
        };
        let encode = || {
            let json = serde_json::to_string(&self.view(audience)).expect("a view has no map whose keys are not text");
            Bytes::from(format!("event: view\ndata: {json}\n\n"))
        };
        event.get_or_init(encode).clone()
    }

    /// The number of the newest decision; 0: there was none.
    pub(super) fn newest_decision(&self) -> u64 {
        self.view.decisions.last().map_or(0, |decision| decision.number)
    }
}
