//! What is known of a worker when a route is made: for the policy that compares it, and for the client that is offered it.

use facefleet_proto::Candidate;

use crate::policy::Contender;
use crate::promise::Promises;
use crate::registry::Worker;

/// The worker as a policy compares it with others.
pub(super) fn contender(worker: &Worker, promises: &Promises) -> Contender {
    let in_flight = worker.load.as_ref().map_or(0, |load| load.in_flight);
    Contender {
        id: worker.id,
        weight: worker.join.weight,
        cores: worker.join.cores,
        frame_ms: frame_ms(worker),
        slowdown: slowdown(worker),
        backlog: u64::from(in_flight) + u64::from(promises.frames(worker.id)),
        cpu_percent: worker.load.as_ref().map_or(0.0, |load| load.cpu_percent),
    }
}

/// The worker as a client is offered it.
pub(super) fn candidate(worker: &Worker, share: f64) -> Candidate {
    Candidate {
        id: Some(worker.id),
        generation: worker.join.identity.generation,
        name: worker.join.identity.name.clone(),
        address: worker.join.address,
        cores: worker.join.cores,
        share: share as f32,
        frame_ms: frame_ms(worker),
    }
}

/// Milliseconds that one of the worker's threads spends on a frame now; None when not known.
///
/// The worker's own measurement comes first. An old worker sends none, and clients' measurements take its place. Before the
/// first frame the self-test counts, stretched while something slows the machine down; real frames show that by themselves.
fn frame_ms(worker: &Worker) -> Option<f32> {
    let measured = worker.load.as_ref().and_then(|load| load.frame_ms);
    let expected = worker.self_test_ms().map(|ms| ms * slowdown(worker));
    // A worker may claim next to no frames a second, and the time of one is then beyond what a float can hold.
    measured.or(worker.submitted_ms).or(expected.filter(|ms| ms.is_normal()))
}

fn slowdown(worker: &Worker) -> f32 {
    worker.load.as_ref().map_or(1.0, |load| load.throttling.slowdown())
}
