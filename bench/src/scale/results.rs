//! The figures, for people and for programs.

use std::fmt;
use std::path::Path;

use facefleet_vision::Size;
use serde::Serialize;

use super::watch::{Cores, Seen};
use super::{Args, FAST, FRAME_MS, SHARED_MS, WORKERS, simulated};

/// Least speed-up of the largest cluster, in percent of its size.
const EFFICIENCY_GOAL: f64 = 95.0;
/// Most cores of the client at [`CLIENT_RATE`].
const CLIENT_GOAL: f64 = 0.5;
/// Frames a second.
const CLIENT_RATE: f64 = 300.0;
/// Most throughput that one slow worker may cost the fast ones, in percent.
const SLOW_GOAL: f64 = 15.0;

/// Most by which one of equal live clients may be ahead of another, in percent.
const FAIR_GOAL: f64 = 20.0;

/// What was seen, each once a round.
#[derive(Default)]
pub(super) struct Rounds {
    /// What was seen with each of the numbers of [`WORKERS`].
    pub(super) curve: [Vec<Seen>; WORKERS.len()],
    /// [`FAST`] equal workers.
    pub(super) fast_alone: Vec<Seen>,
    /// [`FAST`] equal workers beside one that takes ten times as long.
    pub(super) fast_with_slow: Vec<Seen>,
    /// Frames a second of live clients.
    pub(super) equal: Vec<Vec<f64>>,
    /// Frames a second of live clients, of which the first has a higher priority.
    pub(super) first_ahead: Vec<Vec<f64>>,
}

/// What it comes to. Each figure is that of the round with the median rate, but for live clients: there the worst counts.
#[derive(Serialize)]
pub(super) struct Results {
    video: String,
    source_size: String,
    rounds: u32,
    seconds: u64,
    frame_ms: u32,
    jitter: f32,
    pub(super) curve: Vec<Point>,
    efficiency_goal_percent: f64,
    /// The client's part at the largest cluster, reckoned to [`CLIENT_RATE`]. None where the system does not tell.
    client_cores_at_300_per_s: Option<f64>,
    client_goal_cores: f64,
    fast_alone_per_s: f64,
    fast_with_slow_per_s: f64,
    /// Throughput that the slow worker costs; below 0 it adds some.
    slow_costs_percent: f64,
    slow_goal_percent: f64,
    /// The round in which one was ahead of another the furthest.
    equal_live_per_s: Vec<f64>,
    ahead_percent: f64,
    ahead_goal_percent: f64,
    /// The first has a higher priority.
    prioritised_live_per_s: Vec<f64>,
}

/// One cluster.
#[derive(Serialize)]
pub(super) struct Point {
    pub(super) workers: u32,
    pub(super) frames_per_s: f64,
    /// What as many times the rate of one worker would be.
    pub(super) linear_per_s: f64,
    pub(super) efficiency_percent: f64,
    client_cores: Option<f64>,
    ffmpeg_cores: Option<f64>,
    cluster_cores: Option<f64>,
}

impl Results {
    pub(super) fn new(video: &Path, source: Size, args: &Args, rounds: &Rounds) -> Results {
        let one = median(&rounds.curve[0]).frames_per_s;
        let points = rounds.curve.iter().zip(WORKERS).map(|(rounds, workers)| Point::new(workers, median(rounds), one));
        let curve: Vec<Point> = points.collect();
        let largest = curve.last().expect("there are clusters");
        let [alone, with_slow] = [&rounds.fast_alone, &rounds.fast_with_slow].map(|rounds| median(rounds).frames_per_s);
        let least_fair = rounds.equal.iter().max_by(|a, b| ahead(a).total_cmp(&ahead(b))).expect("there are rounds");
        let prioritised = rounds.first_ahead.iter().min_by(|a, b| a[0].total_cmp(&b[0])).expect("there are rounds");
        Results {
            video: video.display().to_string(),
            source_size: source.to_string(),
            rounds: args.rounds,
            seconds: args.seconds,
            frame_ms: FRAME_MS,
            jitter: simulated::JITTER,
            efficiency_goal_percent: EFFICIENCY_GOAL,
            client_cores_at_300_per_s: largest.client_cores.map(|cores| cores / largest.frames_per_s * CLIENT_RATE),
            client_goal_cores: CLIENT_GOAL,
            fast_alone_per_s: alone,
            fast_with_slow_per_s: with_slow,
            slow_costs_percent: (1.0 - with_slow / alone) * 100.0,
            slow_goal_percent: SLOW_GOAL,
            equal_live_per_s: least_fair.clone(),
            ahead_percent: ahead(least_fair),
            ahead_goal_percent: FAIR_GOAL,
            prioritised_live_per_s: prioritised.clone(),
            curve,
        }
    }
}

impl Point {
    fn new(workers: u32, Seen { frames_per_s, cores }: Seen, one: f64) -> Point {
        let linear_per_s = one * f64::from(workers);
        let part = |part: fn(Cores) -> f64| cores.map(part);
        Point {
            workers,
            frames_per_s,
            linear_per_s,
            efficiency_percent: frames_per_s / linear_per_s * 100.0,
            client_cores: part(|cores| cores.client),
            ffmpeg_cores: part(|cores| cores.ffmpeg),
            cluster_cores: part(|cores| cores.cluster),
        }
    }
}

/// The round in the middle, by its rate.
fn median(rounds: &[Seen]) -> Seen {
    let mut rounds = rounds.to_vec();
    rounds.sort_unstable_by(|a, b| a.frames_per_s.total_cmp(&b.frames_per_s));
    rounds[rounds.len() / 2]
}

/// By how much the first of these is ahead of the last, in percent of the last.
fn ahead(rates: &[f64]) -> f64 {
    let most = rates.iter().copied().fold(0.0, f64::max);
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    (most / least - 1.0) * 100.0
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { video, source_size, rounds, seconds, frame_ms, jitter, .. } = self;
        let percent = jitter * 100.0;
        writeln!(f, "{video}: frames of {source_size}, {rounds} times {seconds} s for each cluster, medians")?;
        writeln!(f, "workers of one thread that take {frame_ms} ms ± {percent} % for a frame and no processor\n")?;
        writeln!(f, "workers  frames/s  of linear   cores: client  its ffmpeg  master and workers")?;
        for point in &self.curve {
            let &Point { workers, frames_per_s, efficiency_percent, client_cores, ffmpeg_cores, cluster_cores, .. } =
                point;
            let [client, ffmpeg, cluster] = [client_cores, ffmpeg_cores, cluster_cores].map(known);
            write!(f, "{workers:7}  {frames_per_s:8.1}  {efficiency_percent:7.1} %  ")?;
            writeln!(f, "{client:>14}  {ffmpeg:>10}  {cluster:>18}")?;
        }
        let most = WORKERS[WORKERS.len() - 1];
        writeln!(f, "\n{most} workers: goal at least {EFFICIENCY_GOAL} % of linear")?;
        let client = known(self.client_cores_at_300_per_s);
        writeln!(f, "client without its ffmpeg: {client} cores at {CLIENT_RATE} frames/s (goal: under {CLIENT_GOAL})")?;
        let Results { fast_alone_per_s, fast_with_slow_per_s, slow_costs_percent, .. } = self;
        write!(f, "{FAST} workers: {fast_alone_per_s:.1} frames/s; ")?;
        write!(f, "with one more that is ten times slower: {fast_with_slow_per_s:.1}, ")?;
        writeln!(f, "which costs {slow_costs_percent:.1} % (goal: under {SLOW_GOAL} %)")?;
        let (together, wanted) = (SHARED_MS.iter().map(|ms| 1000 / ms).sum::<u32>(), 3 * 25);
        writeln!(
            f,
            "three live clients, which want {wanted} frames/s of workers that do {together}; the worst round:"
        )?;
        let list = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.1}")).collect::<Vec<_>>().join(", ");
        let Results { equal_live_per_s, ahead_percent, prioritised_live_per_s, .. } = self;
        write!(f, "  equal: {} frames/s, one is ahead by ", list(equal_live_per_s))?;
        writeln!(f, "{ahead_percent:.1} % (goal: at most {FAIR_GOAL} %)")?;
        writeln!(f, "  the first with a higher priority: {}", list(prioritised_live_per_s))
    }
}

fn known(cores: Option<f64>) -> String {
    cores.map_or_else(|| "?".to_owned(), |cores| format!("{cores:.2}"))
}
