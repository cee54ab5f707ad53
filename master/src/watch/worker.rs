//! A worker as people are shown it, beyond what the list of nodes has.

use facefleet_cluster::registry::Worker;
use facefleet_proto::view::WorkerView;
use facefleet_proto::{Health, Node};

/// The view of a worker, of which `node` is the entry in the list of nodes.
pub(super) fn view(worker: &Worker, node: Node) -> WorkerView {
    let is_lost = node.health == Health::Lost;
    WorkerView {
        frames_per_s: if is_lost { 0.0 } else { worker.frames_per_s() },
        slow: node.health == Health::Healthy && worker.is_slow(),
        live: worker.join.http_port.is_some(),
        node,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load, Throttling};
    use facefleet_service::clock;

    use super::*;
    use crate::nodes::node;
    use facefleet_cluster::admission::SlotCount;
    use facefleet_cluster::registry::Registry;

    /// Whether a worker with two threads and this load is slow.
    fn slow(load: Load) -> bool {
        let (mut registry, now) = (Registry::default(), clock::now());
        let join = Join {
            address: "10.0.0.1:7".parse().unwrap(),
            weight: 1,
            identity: Identity { name: "pi".into(), generation: 1 },
            cores: 2,
            heartbeat_interval: Some(Duration::from_secs(1)),
            frames_per_s: None,
            version: String::new(),
            detectors: Vec::new(),
            http_port: None,
        };
        let id = registry.join(join, now).unwrap().id;
        let (legacy, leases) = (LegacyState::default(), Vec::new());
        registry.heartbeat(&Heartbeat { id, generation: 1, epoch: 0, load, legacy, leases }, now).unwrap();
        let worker = registry.get(id).unwrap();
        view(worker, node(worker, SlotCount::default(), now)).slow
    }

    #[test]
    fn a_worker_is_slow_that_is_held_back_or_takes_three_times_what_it_measured() {
        // Two threads that do 50 frames a second take 40 ms each.
        let load = |frame_ms, p50| Load { frames_per_s: Some(50.0), frame_ms, frame_ms_p50: p50, ..Load::default() };
        assert!(!slow(Load::default()) && !slow(load(None, None)));
        assert!(!slow(load(Some(119.0), None)) && slow(load(Some(121.0), None)));
        assert!(!slow(load(Some(121.0), Some(119.0))) && slow(load(Some(40.0), Some(121.0))));
        assert!(slow(Load { throttling: Throttling::HOT, ..load(None, None) }));
        assert!(
            !slow(Load { throttling: Throttling::HOT, draining: true, ..load(None, None) }),
            "it is not in service"
        );
        assert!(!slow(Load { frame_ms: Some(500.0), ..Load::default() }), "it has not measured itself");
    }
}
