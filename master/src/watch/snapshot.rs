//! One view, as everybody who looks gets it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

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
    /// For who looks for the first time, and for all others; made when somebody asks.
    json: [OnceLock<Arc<str>>; 2],
}

impl Snapshot {
    /// `view` has all decisions; those above number `seen` are new.
    pub(super) fn new(view: ClusterView, seen: u64, at: Instant) -> Snapshot {
        let new = view.decisions.iter().filter(|decision| decision.number > seen).count().min(NEW_DECISIONS);
        Snapshot { at, view, new, json: Default::default() }
    }

    /// For who looks for the `first` time, or has seen the one before.
    pub(crate) fn view(&self, first: bool) -> ClusterView {
        let mut view = self.view.clone();
        if !first {
            view.decisions.drain(..view.decisions.len() - self.new);
        }
        view
    }

    /// The same as the page reads it.
    pub(crate) fn json(&self, first: bool) -> Arc<str> {
        let json = || {
            let text = serde_json::to_string(&self.view(first)).expect("a view has no map whose keys are not text");
            Arc::from(text)
        };
        self.json[usize::from(first)].get_or_init(json).clone()
    }

    /// The number of the newest decision; 0: there was none.
    pub(super) fn seen(&self) -> u64 {
        self.view.decisions.last().map_or(0, |decision| decision.number)
    }
}
