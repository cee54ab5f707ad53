//! The cluster as `ListNodes` shows it.

use std::time::Instant;

use facefleet_cluster::admission::SlotCount;
use facefleet_cluster::registry::Worker;
use facefleet_cluster::scheduler::{Scheduler, Summary};
use facefleet_proto::{Join, Load, Node, Nodes};

/// The cluster with every worker, by id.
pub(crate) fn nodes(scheduler: &Scheduler, now: Instant) -> Nodes {
    let nodes = scheduler.registry().workers().map(|worker| node(worker, scheduler.slots(worker.id), now)).collect();
    Nodes { nodes, ..summary(scheduler, now) }
}

/// The cluster as a whole, without the workers.
pub(crate) fn summary(scheduler: &Scheduler, now: Instant) -> Nodes {
    let Summary { epoch, policy, vanished, admission, waiting, stale } = scheduler.summary(now);
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Nodes {
        nodes: Vec::new(),
        epoch,
        policy: policy.as_str().to_owned(),
        vanished: count(vanished),
        admission: admission.as_str().to_owned(),
        waiting: count(waiting),
        stale,
    }
}

/// One worker.
pub(crate) fn node(worker: &Worker, slots: SlotCount, now: Instant) -> Node {
    let Join { address, weight, identity, cores, version, detectors, .. } = worker.join.clone();
    Node {
        id: worker.id,
        identity,
        address,
        weight,
        cores,
        version,
        detectors,
        health: worker.health(now),
        silent: worker.silent(now),
        load: worker.load.clone().map(|load| Load { resting: worker.is_resting || load.resting, ..load }),
        slots: slots.offered,
        slots_taken: slots.taken,
    }
}
