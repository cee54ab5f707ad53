//! The figures, for people and for programs.

use std::fmt;

use facefleet_cluster::policy::PolicyName;
use facefleet_sim::policies::{Cluster, Figures, Trial};
use serde::Serialize;

use super::cost::Cost;

/// The policy that is to be the best where boards differ: no other has a lower 99th percentile of the time to a result, and
/// none has more than 3 % more frames a second.
const BEST: PolicyName = PolicyName::LeastLoaded;
const LEAST_THROUGHPUT: f64 = 0.97;
/// Times that differ by less than this are a draw: where a client uses all the workers there are, the choice is its own.
const EQUAL_TIME: f64 = 1.01;

#[derive(Serialize)]
pub(super) struct Results {
    seed: u64,
    /// The worlds and kinds of clients in which the policy that is to be the best is not.
    goal_missed: Vec<String>,
    pub(super) runs: Vec<Run>,
    route_cost: Vec<Cost>,
}

/// One policy in one world.
#[derive(Serialize)]
pub(super) struct Run {
    pub(super) world: &'static str,
    heterogeneous: bool,
    pub(super) clients: String,
    pub(super) policy: &'static str,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

impl Run {
    pub(super) fn new(Trial { cluster, policy, kind, .. }: Trial<'_>, figures: Figures) -> Run {
        let Cluster { name, heterogeneous, .. } = *cluster;
        Run { world: name, heterogeneous, clients: kind.to_string(), policy: policy.as_str(), figures }
    }

    fn is_best(&self, runs: &[Run]) -> bool {
        let rivals = runs.iter().filter(|run| (run.world, &run.clients) == (self.world, &self.clients));
        rivals.map(|rival| &rival.figures).all(|rival| {
            let is_quick = !self.heterogeneous || self.figures.p99_ms <= rival.p99_ms * EQUAL_TIME;
            is_quick && self.figures.frames_per_s >= rival.frames_per_s * LEAST_THROUGHPUT
        })
    }
}

impl Results {
    pub(super) fn new(seed: u64, runs: Vec<Run>, route_cost: Vec<Cost>) -> Results {
        let missed = runs.iter().filter(|run| run.policy == BEST.as_str() && !run.is_best(&runs));
        let goal_missed = missed.map(|run| format!("{}, {}", run.world, run.clients)).collect();
        Results { seed, goal_missed, runs, route_cost }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:20} {:11} {:21}", "world", "clients", "policy")?;
        writeln!(f, "frames/s     p50     p95     p99 ms   Jain  in flight  most on one")?;
        for Run { world, clients, policy, figures, .. } in &self.runs {
            let Figures { frames_per_s, p50_ms, p95_ms, p99_ms, fairness, in_flight, most_in_flight_on_one } = figures;
            write!(f, "{world:20} {clients:11} {policy:21}{frames_per_s:8.1}{p50_ms:8.0}{p95_ms:8.0}{p99_ms:8.0}")?;
            writeln!(f, "{fairness:10.3}{in_flight:11.1}{most_in_flight_on_one:13}")?;
        }
        write!(f, "\n{}: lowest p99 where boards differ, at least 97 % of the most frames/s: ", BEST.as_str())?;
        match &self.goal_missed[..] {
            [] => writeln!(f, "everywhere")?,
            missed => writeln!(f, "MISSED in {}", missed.join("; "))?,
        }
        writeln!(f, "\nmicroseconds for a route that wants one worker, and four")?;
        for Cost { policy, workers, route_us: [one, four] } in &self.route_cost {
            writeln!(f, "{policy:21} {workers:7} workers {one:8.2} {four:8.2}")?;
        }
        Ok(())
    }
}
