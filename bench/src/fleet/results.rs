//! The figures, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Args;
use super::load::Seen;

/// Longest that 99 of 100 routes may take, in milliseconds.
const ROUTE_GOAL_MS: f64 = 5.0;
/// Most memory of a master.
const MEMORY_GOAL_MB: f64 = 200.0;

#[derive(Serialize)]
pub(super) struct Results {
    routes_per_s: u32,
    connections: u32,
    seconds: u64,
    route_goal_ms: f64,
    memory_goal_mb: f64,
    fleets: Vec<Point>,
}

/// One fleet. Times are from the call to the answer, in milliseconds.
#[derive(Serialize)]
pub(super) struct Point {
    workers: u32,
    routes: usize,
    route: Spread,
    heartbeats: usize,
    heartbeat: Spread,
    /// Heartbeats that were not answered when the next was due.
    late: usize,
    /// Workers that the master did not take for healthy at the end.
    lost: usize,
    /// Processor time that the master used, in cores; None where the system does not tell.
    cores: Option<f64>,
    peak_mb: Option<f64>,
    /// The longest that the generator itself did not run: times of that moment are not the master's.
    generator_behind_ms: f64,
}

#[derive(Serialize)]
struct Spread {
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Results {
    pub(super) fn new(args: &Args, fleets: Vec<Point>) -> Results {
        Results {
            routes_per_s: args.routes,
            connections: args.connections,
            seconds: args.seconds,
            route_goal_ms: ROUTE_GOAL_MS,
            memory_goal_mb: MEMORY_GOAL_MB,
            fleets,
        }
    }
}

impl Point {
    pub(super) fn new(workers: u32, seen: Seen) -> Point {
        let Seen { routes, beats, late, lost, behind, cores, peak_mb } = seen;
        Point {
            workers,
            routes: routes.len(),
            route: Spread::of(routes),
            heartbeats: beats.len(),
            heartbeat: Spread::of(beats),
            late,
            lost,
            cores,
            peak_mb,
            generator_behind_ms: ms(behind),
        }
    }
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Spread {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        let [p50_ms, p99_ms, max_ms] = [50, 99, 100].map(|percent| at(percent).copied().map_or(0.0, ms));
        Spread { p50_ms, p99_ms, max_ms }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { routes_per_s, connections, seconds, .. } = self;
        writeln!(
            f,
            "One master on one core; a heartbeat a second of each worker, {routes_per_s} routes a second (an old client's, 8 and \
             16 wanted, every fourth finds nobody), {seconds} s each. All workers share {connections} connections."
        )?;
        writeln!(
            f,
            "workers   route p50    p99    max ms   beat p50    p99    max ms   late  lost   cores  peak MB  behind ms"
        )?;
        for point in &self.fleets {
            let Point { workers, route, heartbeat, late, lost, cores, peak_mb, generator_behind_ms, .. } = point;
            let known = |value: &Option<f64>, digits| value.map_or_else(|| "-".into(), |v| format!("{v:.digits$}"));
            writeln!(
                f,
                "{workers:>7}   {:>9.2} {:>6.2} {:>6.1}      {:>8.2} {:>6.2} {:>6.1}      {late:>4} {lost:>5}  {:>6} {:>8} {generator_behind_ms:>10.1}",
                route.p50_ms,
                route.p99_ms,
                route.max_ms,
                heartbeat.p50_ms,
                heartbeat.p99_ms,
                heartbeat.max_ms,
                known(cores, 2),
                known(peak_mb, 1),
            )?;
        }
        writeln!(
            f,
            "goals: route p99 under {ROUTE_GOAL_MS} ms, peak under {MEMORY_GOAL_MB} MB, no heartbeat late, nobody lost"
        )
    }
}
