//! One view, as everybody who looks gets it.

use std::sync::OnceLock;
use std::time::Instant;

use axum::body::Bytes;
use facefleet_proto::view::ClusterView;

/// Most decisions that are sent to who has seen the view before.
const NEW_DECISIONS: usize = 20;

/// The cluster at one moment: built once a second at the most, whoever looks.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) at: Instant,
    /// With all decisions that are kept.
    view: ClusterView,
    /// How many of them are not in the snapshot before this one.
    new: usize,
    /// For who has looked before, and for who looks for the first time; made when somebody asks.
    event: [OnceLock<Bytes>; 2],
}

impl Snapshot {
    /// `view` has all decisions; those above number `seen` are new.
    pub(super) fn new(view: ClusterView, seen: u64, at: Instant) -> Snapshot {
        let new = view.decisions.iter().filter(|decision| decision.number > seen).count().min(NEW_DECISIONS);
        Snapshot { at, view, new, event: Default::default() }
    }

    /// For who looks for the `first` time, or has seen the one before.
    pub(crate) fn view(&self, first: bool) -> ClusterView {
        let mut view = self.view.clone();
        if !first {
            view.decisions.drain(..view.decisions.len() - self.new);
        }
        view
    }

    /// The same as the page reads it, as a server-sent event. (JSON without spaces is one line, as the format wants it.)
    pub(crate) fn event(&self, first: bool) -> Bytes {
        let event = || {
            let json = serde_json::to_string(&self.view(first)).expect("a view has no map whose keys are not text");
            Bytes::from(format!("event: view\ndata: {json}\n\n"))
        };
        self.event[usize::from(first)].get_or_init(event).clone()
    }

    /// The number of the newest decision; 0: there was none.
    pub(super) fn seen(&self) -> u64 {
        self.view.decisions.last().map_or(0, |decision| decision.number)
    }
}
