//! The last ten minutes, for charts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use facefleet_proto::{OTHER, WorkerId};
use serde::Serialize;

use super::streams::ReportChange;

/// The time that one value stands for.
pub(crate) const STEP: Duration = Duration::from_secs(5);
/// How many values are kept, which is ten minutes.
const STEPS: usize = 120;
/// Workers that have a line of their own; all others share one.
const MOST_WORKERS: usize = 64;
/// Reasons that have a line of their own; all others share one.
const MOST_REASONS: usize = 16;
const OTHER_WORKERS: &str = "others";

/// The steps that are over, and the one that is not.
#[derive(Clone, Debug)]
pub(crate) struct History {
    p95_ms: VecDeque<Option<f32>>,
    drops: ChartLines,
    workers: ChartLines,
    /// When the last step ended, by the master's clock, milliseconds since 1970.
    end_ms: u64,
    /// When the present step began.
    since: Instant,
    /// The greatest p95 of a stream in the present step.
    worst_ms: Option<f32>,
    /// Frames that were dropped in the present step, by reason.
    dropped: BTreeMap<String, u64>,
    /// The frames that each worker had answered well when the present step began.
    counted: HashMap<WorkerId, u64>,
}

/// A worker at the end of a step of the history.
#[derive(Clone, Debug)]
pub(crate) struct WorkerCount {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    /// Frames that the worker has answered well since it started.
    pub(crate) frames_ok: u64,
}

/// The history as the page reads it.
#[derive(Debug, Serialize)]
pub(super) struct HistoryView<'a> {
    step_ms: u64,
    end_ms: u64,
    /// The p95 of the slowest stream in each step, oldest first; None where no frame was answered.
    p95_ms: &'a VecDeque<Option<f32>>,
    /// Dropped frames, by reason.
    drops: &'a BTreeMap<String, VecDeque<f32>>,
    /// Frames a second, by worker.
    workers: &'a BTreeMap<String, VecDeque<f32>>,
}

impl History {
    /// Ten minutes of nothing.
    pub(crate) fn new(now: Instant) -> History {
        History {
            p95_ms: VecDeque::from([None; STEPS]),
            drops: ChartLines::new(MOST_REASONS, OTHER),
            workers: ChartLines::new(MOST_WORKERS, OTHER_WORKERS),
            end_ms: 0,
            since: now,
            worst_ms: None,
            dropped: BTreeMap::new(),
            counted: HashMap::new(),
        }
    }

    /// Adds a stream's report to the present step.
    pub(crate) fn add(&mut self, change: &ReportChange) {
        let ReportChange { dropped, p95_ms } = change;
        // None is less than any time.
        self.worst_ms = self.worst_ms.map_or(*p95_ms, |worst| Some(p95_ms.map_or(worst, |p95| p95.max(worst))));
        for (reason, count) in dropped {
            let is_new = !self.dropped.contains_key(reason);
            let reason = if is_new && self.dropped.len() >= MOST_REASONS { OTHER } else { reason };
            let sum = self.dropped.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// Ends the present step. `workers` are all that there are.
    pub(crate) fn step(&mut self, workers: &[WorkerCount], now: Instant, end_ms: u64) {
        let seconds = now.saturating_duration_since(self.since).as_secs_f32().max(f32::MIN_POSITIVE);
        let mut counted = HashMap::with_capacity(self.counted.len());
        self.workers.begin_step();
        for WorkerCount { id, name, frames_ok } in workers {
            // When a worker did its frames that was not there at the beginning of the step, nobody knows.
            let before = self.counted.get(id).copied().unwrap_or(*frames_ok);
            self.workers.add(name, frames_ok.saturating_sub(before) as f32 / seconds);
            counted.insert(*id, *frames_ok);
        }
        self.drops.begin_step();
        for (reason, count) in std::mem::take(&mut self.dropped) {
            self.drops.add(&reason, count as f32);
        }
        self.p95_ms.pop_front();
        self.p95_ms.push_back(self.worst_ms.take().map(short));
        (self.counted, self.since, self.end_ms) = (counted, now, end_ms);
    }

    /// The steps that are over.
    pub(super) fn view(&self) -> HistoryView<'_> {
        HistoryView {
            step_ms: u64::try_from(STEP.as_millis()).expect("it is a few seconds"),
            end_ms: self.end_ms,
            p95_ms: &self.p95_ms,
            drops: &self.drops.lines,
            workers: &self.workers.lines,
        }
    }
}

/// Lines of a chart, each with a value for every step. Lines of nothing but 0 are left out.
#[derive(Clone, Debug)]
struct ChartLines {
    lines: BTreeMap<String, VecDeque<f32>>,
    most: usize,
    other: &'static str,
}

impl ChartLines {
    fn new(most: usize, other: &'static str) -> ChartLines {
        ChartLines { lines: BTreeMap::new(), most, other }
    }

    /// Begins a step, in which all values are 0 until something is added.
    fn begin_step(&mut self) {
        for line in self.lines.values_mut() {
            line.pop_front();
            line.push_back(0.0);
        }
        self.lines.retain(|_, line| line.iter().any(|value| *value > 0.0));
    }

    /// Adds a value to the present step of a line.
    fn add(&mut self, name: &str, value: f32) {
        if value <= 0.0 {
            return;
        }
        let is_full = self.lines.len() - usize::from(self.lines.contains_key(self.other)) >= self.most;
        let name = if self.lines.contains_key(name) || !is_full { name } else { self.other };
        let line = self.lines.entry(name.to_owned()).or_insert_with(|| VecDeque::from([0.0; STEPS]));
        let newest = line.back_mut().expect("a line has a value for every step");
        *newest = short(*newest + value);
    }
}

/// Rounds to two decimal places, since nobody reads the rest.
fn short(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_service::clock;

    fn step(history: &mut History, at: Instant, workers: &[(u32, &str, u64)]) {
        let count = |(id, name, frames_ok): &(u32, &str, u64)| WorkerCount {
            id: WorkerId(*id),
            name: (*name).to_owned(),
            frames_ok: *frames_ok,
        };
        history.step(&workers.iter().map(count).collect::<Vec<_>>(), at, 7);
    }

    fn change(reason: &str, count: u64, p95_ms: Option<f32>) -> ReportChange {
        ReportChange { dropped: [(reason.to_owned(), count)].into(), p95_ms }
    }

    #[test]
    fn a_step_is_the_difference_to_the_one_before() {
        let start = clock::now();
        let mut history = History::new(start);
        step(&mut history, start + STEP, &[(0, "a", 1000), (1, "b", 0)]);
        assert!(history.view().workers.is_empty(), "what they did before this master knew them");
        step(&mut history, start + STEP * 2, &[(0, "a", 1050), (1, "b", 0)]);
        let workers = history.view().workers;
        assert_eq!(workers.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!((workers["a"].len(), workers["a"][STEPS - 2], workers["a"][STEPS - 1]), (STEPS, 0.0, 10.0));
        // The same name with another number is another life, which counts anew.
        step(&mut history, start + STEP * 3, &[(2, "a", 5)]);
        step(&mut history, start + STEP * 4, &[(2, "a", 10)]);
        assert!(history.view().workers["a"].range(STEPS - 3..).eq(&[10.0, 0.0, 1.0]));
    }

    #[test]
    fn drops_and_the_slowest_p95_are_those_of_the_step() {
        let start = clock::now();
        let mut history = History::new(start);
        for p95 in [None, Some(30.0), Some(80.127), None, Some(20.0)] {
            history.add(&change("stale_client", 2, p95));
        }
        step(&mut history, start + STEP, &[]);
        step(&mut history, start + STEP * 2, &[]);
        let view = history.view();
        assert_eq!((view.p95_ms.len(), view.p95_ms[STEPS - 2], view.p95_ms[STEPS - 1]), (STEPS, Some(80.13), None));
        assert!(view.drops["stale_client"].range(STEPS - 2..).eq(&[10.0, 0.0]));
    }

    #[test]
    fn what_is_older_than_ten_minutes_is_gone() {
        let start = clock::now();
        let mut history = History::new(start);
        history.add(&change("a", 1, None));
        for n in 1..=STEPS as u32 {
            step(&mut history, start + STEP * n, &[]);
        }
        assert_eq!(history.view().drops["a"][0], 1.0);
        step(&mut history, start + STEP * 121, &[]);
        assert!(history.view().drops.is_empty());
    }

    #[test]
    fn however_many_names_there_are_lines_are_bounded() {
        let start = clock::now();
        let mut history = History::new(start);
        let names: Vec<String> = (0..1000).map(|n| format!("w{n}")).collect();
        for turn in 0..3_u64 {
            let workers: Vec<_> = names.iter().zip(0..).map(|(name, id)| (id, name.as_str(), turn * 5)).collect();
            names.iter().for_each(|name| history.add(&change(name, u64::MAX, None)));
            step(&mut history, start + STEP * (turn as u32 + 1), &workers);
        }
        let view = history.view();
        assert_eq!((view.workers.len(), view.drops.len()), (MOST_WORKERS + 1, MOST_REASONS + 1));
        assert_eq!(view.workers[OTHER_WORKERS][STEPS - 1], (1000 - MOST_WORKERS) as f32);
        let json = serde_json::to_string(&view).unwrap();
        assert!(
            json.len() < 100_000 && json.starts_with(r#"{"step_ms":5000,"end_ms":7,"p95_ms":[null,"#),
            "{}",
            json.len()
        );
    }
}
