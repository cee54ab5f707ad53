//! The metrics of the master, for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use facefleet_cluster::admission::SlotCount;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Summary;
use facefleet_proto::Health;
use facefleet_service::metrics::{Histogram, IntCounter, IntCounterVec, Kind, Metrics, counter, counters, histogram};

use crate::shared_scheduler::SharedScheduler;

/// Bounds for the time of a route, in seconds: it looks at a few workers in memory, behind a lock that others may have.
const ROUTE_SECONDS: &[f64] = &[1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 1e-1, 1.0];

/// The states of workers, as the label `state` has them.
const STATES: [&str; 4] = ["healthy", "draining", "resting", "lost"];

/// Counters of what happens.
#[derive(Debug)]
pub(crate) struct Events {
    /// Heartbeats of workers that are registered here.
    pub(crate) heartbeats: IntCounter,
    /// Heartbeats of other workers, which are told to join again.
    pub(crate) unknown_heartbeats: IntCounter,
    /// Joins that were taken, also of workers that were in.
    pub(crate) joins: IntCounter,
    pub(crate) refused_joins: IntCounter,
    pub(crate) leaves: IntCounter,
    pub(crate) losses: IntCounter,
    /// Routes, by policy.
    routes: IntCounterVec,
    empty_routes: IntCounter,
    route_seconds: Histogram,
}

impl Default for Events {
    fn default() -> Events {
        let help = "Questions of streams for workers that were answered, by scheduling policy.";
        let ([], routes) = counters("facefleet_master_routes_total", help, "policy", []);
        // Every policy has a series from the start, at 0.
        for policy in PolicyName::value_variants() {
            routes.with_label_values(&[policy.as_str()]);
        }
        Events {
            heartbeats: counter("facefleet_master_heartbeats_total", "Heartbeats of workers that are registered."),
            unknown_heartbeats: counter(
                "facefleet_master_unknown_heartbeats_total",
                "Heartbeats of workers that are not registered, and are told to join again.",
            ),
            joins: counter("facefleet_master_joins_total", "Workers that were taken in, or joined again."),
            refused_joins: counter("facefleet_master_refused_joins_total", "Workers that were not taken in."),
            leaves: counter("facefleet_master_leaves_total", "Workers that left and said so."),
            losses: counter("facefleet_master_losses_total", "Workers that fell silent."),
            routes,
            empty_routes: counter("facefleet_master_empty_routes_total", "Routes that offered no worker."),
            route_seconds: histogram(
                "facefleet_master_route_seconds",
                "Seconds to choose the workers of a stream, once it is let in.",
                ROUTE_SECONDS,
            ),
        }
    }
}

impl Events {
    /// Counts a route that offers so many workers.
    pub(crate) fn routed(&self, policy: PolicyName, offered: usize, took: Duration) {
        self.routes.with_label_values(&[policy.as_str()]).inc();
        if offered == 0 {
            self.empty_routes.inc();
        }
        self.route_seconds.observe(took.as_secs_f64());
    }
}

/// All metrics of a master.
pub(crate) fn of(events: &Arc<Events>, scheduler: &SharedScheduler) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let Events { heartbeats, unknown_heartbeats, joins, refused_joins, leaves, losses, .. } = &**events;
    for each in [heartbeats, unknown_heartbeats, joins, refused_joins, leaves, losses, &events.empty_routes] {
        metrics.add(each.clone());
    }
    metrics.add(events.routes.clone());
    metrics.add(events.route_seconds.clone());

    let gauge = |name, help, read: fn(Summary) -> usize| {
        let scheduler = scheduler.clone();
        metrics.gauge(name, help, move || {
            let scheduler = scheduler.lock();
            read(scheduler.summary(scheduler.now())) as f64
        });
    };
    gauge("facefleet_master_streams_waiting", "Streams that wait to be let in.", |cluster| cluster.waiting);
    let help = "Workers that fell silent at once, for which the master takes its own network for the cause.";
    gauge("facefleet_master_workers_vanished", help, |cluster| cluster.vanished);
    let whole = scheduler.clone();
    let help = "Workers by state: healthy ones get streams, draining ones finish what they hold, resting ones were sent out of service, lost ones are silent.";
    metrics.read(Kind::Gauge, "facefleet_master_workers", help, ["state"], move || workers(&whole));
    let whole = scheduler.clone();
    let help = "Places for streams, as far as --admission gives any, and whether they are taken.";
    metrics.read(Kind::Gauge, "facefleet_master_slots", help, ["state"], move || {
        let SlotCount { offered, taken } = whole.lock().all_slots();
        vec![(["free"], f64::from(offered.saturating_sub(taken))), (["taken"], taken.into())]
    });
    metrics
}

/// How many workers are in each of the [`STATES`].
fn workers(scheduler: &SharedScheduler) -> Vec<([&'static str; 1], f64)> {
    let mut counts = [0_u32; STATES.len()];
    let scheduler = scheduler.lock();
    for worker in scheduler.registry().workers() {
        let state = match worker.health(scheduler.now()) {
            Health::Healthy => 0,
            Health::Draining if worker.is_resting => 2,
            Health::Draining => 1,
            Health::Lost => 3,
        };
        counts[state] += 1;
    }
    drop(scheduler);
    STATES.map(|state| [state]).into_iter().zip(counts.map(f64::from)).collect()
}

#[cfg(test)]
mod tests {
    use facefleet_proto::{Join, RouteQuery, WorkerId, wire};

    use super::*;
    use crate::config::Config;
    use crate::parts::Parts;

    #[test]
    fn what_happens_is_told() {
        let master = Parts::of(&Config { policy: PolicyName::WeightedRoundRobin, ..Config::default() });
        let metrics = of(&master.events, &master.scheduler);
        let join = wire::JoinRequest { ip: "10.0.0.1".into(), port: 7, weight: 1, ..Default::default() };
        let id = master.members.join(Join::try_from(join).unwrap()).unwrap().id;
        let beat = |id: WorkerId| wire::NodeState { id: id.to_wire(), ..Default::default() }.try_into().unwrap();
        master.members.heartbeat(beat(id));
        master.members.heartbeat(beat(WorkerId(99)));
        futures_util::FutureExt::now_or_never(master.forwarding.route(RouteQuery::default(), 0)).unwrap().unwrap();
        let before = metrics.text();
        master.members.leave(id, 0, 0).unwrap();
        let after = metrics.text();
        for (text, line) in [
            (&before, "facefleet_master_joins_total 1"),
            (&before, "facefleet_master_heartbeats_total 1"),
            (&before, "facefleet_master_unknown_heartbeats_total 1"),
            (&before, "facefleet_master_routes_total{policy=\"weighted-round-robin\"} 1"),
            (&before, "facefleet_master_routes_total{policy=\"least-loaded\"} 0"),
            (&before, "facefleet_master_empty_routes_total 0"),
            (&before, "facefleet_master_route_seconds_count 1"),
            (&before, "facefleet_master_workers{state=\"healthy\"} 1"),
            (&before, "facefleet_master_slots{state=\"taken\"} 0"),
            (&after, "facefleet_master_workers{state=\"healthy\"} 0"),
            (&after, "facefleet_master_leaves_total 1"),
            (&after, "facefleet_master_losses_total 0"),
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` in:\n{text}");
        }
    }
}
