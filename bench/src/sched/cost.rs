//! What a route costs the master, by the number of workers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::scheduler::Scheduler;
use facefleet_proto::RouteQuery;
use facefleet_service::clock;
use facefleet_sim::policies::mixed;
use facefleet_sim::world::worker::{Habit, Worker};
use fastrand::Rng;
use serde::Serialize;

/// Clusters that are measured.
const WORKERS: [usize; 4] = [10, 100, 1_000, 10_000];
const ROUTES: u32 = 20_000;
/// How many workers a route wants.
const WANTED: [usize; 2] = [1, 4];
/// Time between two routes: 2,000 are asked for in a second.
const BETWEEN: Duration = Duration::from_micros(500);

#[derive(Serialize)]
pub(super) struct Cost {
    pub(super) policy: &'static str,
    pub(super) workers: usize,
    /// Microseconds for each route that wants one worker, and four.
    pub(super) route_us: [f64; 2],
}

/// Measures every policy.
pub(super) fn measure(policies: &[PolicyName]) -> Vec<Cost> {
    let sizes = policies.iter().flat_map(|policy| WORKERS.map(|workers| (*policy, workers)));
    sizes
        .map(|(policy, workers)| Cost {
            policy: policy.as_str(),
            workers,
            route_us: WANTED.map(|wanted| route_us(policy, workers, wanted)),
        })
        .collect()
}

fn route_us(policy: PolicyName, workers: usize, wanted: usize) -> f64 {
    let start = clock::now();
    let mut scheduler = Scheduler::new(policy, 1);
    let mut rng = Rng::with_seed(1);
    for number in 0..workers {
        let board = mixed(&mut rng);
        let worker = Worker::new(number, board.threads, board.frame, Habit::Honest).with_weight(board.weight());
        let id = scheduler.join(worker.join(), start).expect("there is room").id;
        let heartbeat = worker.heartbeat(id, scheduler.epoch(), Duration::ZERO);
        scheduler.heartbeat(&heartbeat, start).expect("it has joined");
    }
    let query = RouteQuery { wanted, ..RouteQuery::default() };
    // The scheduler's time stands nearly still, so that nobody is lost: 20,000 routes are ten seconds.
    let asked = |n: u32| start + BETWEEN * (n % 2_000);
    let begun: Instant = clock::now();
    for n in 0..ROUTES {
        black_box(scheduler.route(&query, asked(n)));
    }
    clock::now().duration_since(begun).as_secs_f64() * 1e6 / f64::from(ROUTES)
}
