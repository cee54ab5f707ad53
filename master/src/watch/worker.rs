//! What people are shown of a worker beside the list of nodes. Pure.

use facefleet_proto::view::WorkerView;
use facefleet_proto::{Health, Node};

use facefleet_cluster::registry::Worker;

/// A worker is slow whose frames take so many times what it measured of itself when it started: other pictures and other
/// detectors than those of its self-test may well take twice as long.
const SLOW: f32 = 3.0;

/// The view of a worker of which `node` is what the list of nodes says.
pub(super) fn view(worker: &Worker, node: Node) -> WorkerView {
    let is_lost = node.health == Health::Lost;
    WorkerView {
        frames_per_s: if is_lost { 0.0 } else { worker.frames_per_s() },
        slow: node.health == Health::Healthy && is_slow(worker),
        live: worker.join.http_port.is_some(),
        node,
    }
}

fn is_slow(worker: &Worker) -> bool {
    let Some(load) = &worker.load else { return false };
    let measured = load.frames_per_s.or(worker.join.frames_per_s);
    let alone_ms = measured.map(|frames_per_s| 1000.0 * worker.join.cores as f32 / frames_per_s);
    let takes_ms = load.frame_ms_p50.or(load.frame_ms);
    let is_slower = alone_ms.zip(takes_ms).is_some_and(|(alone, takes)| takes > SLOW * alone);
    load.throttling.is_on() || is_slower
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load, Throttling};
    use facefleet_service::clock;

    use super::*;
    use facefleet_cluster::liveness::Loss;
    use facefleet_cluster::registry::Registry;

    /// Slow or not, of a worker with two threads and this load.
    fn slow(load: Load) -> bool {
        let (mut registry, now) = (Registry::new(Loss::default()), clock::now());
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
        view(worker, worker.node(now)).slow
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
