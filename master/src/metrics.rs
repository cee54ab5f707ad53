//! What the master tells Prometheus.

use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::{Health, Nodes};
use facefleet_service::metrics::{Histogram, IntCounter, IntCounterVec, Kind, Metrics, counter, counters, histogram};

use crate::shared::Shared;
use facefleet_cluster::policy::PolicyName;

/// Bounds for the time of a route, in seconds: it looks at a few workers in memory, behind a lock that others may have.
const ROUTE_SECONDS: &[f64] = &[1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 1e-1, 1.0];

/// What is counted as it happens.
#[derive(Debug)]
pub(crate) struct Events {
    /// Those of workers that are registered here, and those of others, which are told to join again.
    pub(crate) heartbeats: IntCounter,
    pub(crate) unknown_heartbeats: IntCounter,
    /// Joins that were taken, one again included.
    pub(crate) joins: IntCounter,
    pub(crate) refused_joins: IntCounter,
    pub(crate) leaves: IntCounter,
    pub(crate) losses: IntCounter,
    /// By policy.
    routes: IntCounterVec,
    least_loaded: IntCounter,
    weighted_round_robin: IntCounter,
    empty_routes: IntCounter,
    route_seconds: Histogram,
}

impl Default for Events {
    fn default() -> Events {
        let policies = [PolicyName::LeastLoaded, PolicyName::WeightedRoundRobin].map(PolicyName::as_str);
        let help = "Questions of streams for workers that were answered, by scheduling policy.";
        let (each, routes) = counters("facefleet_master_routes_total", help, "policy", policies);
        let [least_loaded, weighted_round_robin] = each;
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
            least_loaded,
            weighted_round_robin,
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
    /// A stream was offered so many workers.
    pub(crate) fn routed(&self, policy: PolicyName, offered: usize, took: Duration) {
        match policy {
            PolicyName::LeastLoaded => self.least_loaded.inc(),
            PolicyName::WeightedRoundRobin => self.weighted_round_robin.inc(),
        }
        if offered == 0 {
            self.empty_routes.inc();
        }
        self.route_seconds.observe(took.as_secs_f64());
    }
}

/// All that the master tells.
pub(crate) fn of(shared: &Arc<Shared>) -> Metrics {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let Events { heartbeats, unknown_heartbeats, joins, refused_joins, leaves, losses, .. } = &shared.events;
    for each in [heartbeats, unknown_heartbeats, joins, refused_joins, leaves, losses, &shared.events.empty_routes] {
        metrics.add(each.clone());
    }
    metrics.add(shared.events.routes.clone());
    metrics.add(shared.events.route_seconds.clone());

    let gauge = |name, help, now: fn(&Nodes) -> u32| {
        let shared = shared.clone();
        metrics.gauge(name, help, move || now(&shared.nodes(true)).into());
    };
    gauge("facefleet_master_streams_waiting", "Streams that wait to be let in.", |cluster| cluster.waiting);
    let help = "Workers that fell silent at once, for which the master takes its own network for the cause.";
    gauge("facefleet_master_workers_vanished", help, |cluster| cluster.vanished);
    let whole = shared.clone();
    let help = "Workers by state: healthy ones get streams, draining ones finish what they hold, resting ones were sent out of service, lost ones are silent.";
    metrics.read(Kind::Gauge, "facefleet_master_workers", help, ["state"], move || workers(&whole));
    let whole = shared.clone();
    let help = "Places for streams, as far as --admission gives any, and whether they are taken.";
    metrics.read(Kind::Gauge, "facefleet_master_slots", help, ["state"], move || {
        let (scheduler, _) = whole.locked();
        let (all, taken) = scheduler.all_slots();
        vec![(["free"], f64::from(all.saturating_sub(taken))), (["taken"], taken.into())]
    });
    metrics
}

fn workers(shared: &Shared) -> Vec<([&'static str; 1], f64)> {
    let mut counts = [0_u32; 4];
    let (scheduler, now) = shared.locked();
    for worker in scheduler.registry().workers() {
        let state = match worker.health(now) {
            Health::Healthy => 0,
            Health::Draining if worker.is_resting => 2,
            Health::Draining => 1,
            Health::Lost => 3,
        };
        counts[state] += 1;
    }
    drop(scheduler);
    ["healthy", "draining", "resting", "lost"].map(|state| [state]).into_iter().zip(counts.map(f64::from)).collect()
}

#[cfg(test)]
mod tests {
    use facefleet_proto::{Join, RouteQuery, WorkerId, wire};

    use super::*;
    use facefleet_cluster::liveness::Loss;

    #[test]
    fn what_happens_is_told() {
        let shared = Arc::new(Shared::new(PolicyName::WeightedRoundRobin, Loss::default(), Duration::ZERO));
        let metrics = of(&shared);
        let join = wire::JoinRequest { ip: "10.0.0.1".into(), port: 7, weight: 1, ..Default::default() };
        let (id, _) = shared.join(Join::try_from(join).unwrap()).unwrap();
        let beat = |id: WorkerId| wire::NodeState { id: id.to_wire(), ..Default::default() }.try_into().unwrap();
        shared.heartbeat(beat(id));
        shared.heartbeat(beat(WorkerId(99)));
        futures_util::FutureExt::now_or_never(shared.route(&RouteQuery::default())).unwrap().unwrap();
        let before = metrics.text();
        shared.leave(id, 0, 0).unwrap();
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
