//! Counters of how frames ended.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, Opts};

use super::read::WRITTEN;

/// A counter for each way in which a frame can end, with the labels `outcome` (`ok`, `dropped`, `failed`) and `reason`. The reason
/// is one of a fixed list, and empty where the outcome is `ok`. Clones count together.
#[derive(Clone, Debug)]
pub struct Outcomes {
    family: IntCounterVec,
    ok: IntCounter,
    dropped: Vec<(&'static str, IntCounter)>,
    failed: Vec<(&'static str, IntCounter)>,
}

impl Outcomes {
    /// Counters that are all 0. `dropped` and `failed` are the values that `reason` may have; the last of each list counts
    /// every reason that is not in the list.
    ///
    /// # Panics
    /// Panics when `name` is not a valid name of a metric.
    pub fn new(name: &str, help: &str, dropped: &[&'static str], failed: &[&'static str]) -> Outcomes {
        let family = IntCounterVec::new(Opts::new(name, help), &["outcome", "reason"]).expect(WRITTEN);
        let all = |outcome, reasons: &[&'static str]| {
            reasons.iter().map(|reason| (*reason, family.with_label_values(&[outcome, *reason]))).collect()
        };
        let (dropped, failed) = (all("dropped", dropped), all("failed", failed));
        Outcomes { ok: family.with_label_values(&["ok", ""]), dropped, failed, family }
    }

    /// Counts a frame that was analyzed.
    pub fn ok(&self) {
        self.ok.inc();
    }

    /// Counts a frame that was left out on purpose.
    pub fn dropped(&self, reason: &str) {
        add(&self.dropped, reason);
    }

    /// Counts a frame that could not be analyzed.
    pub fn failed(&self, reason: &str) {
        add(&self.failed, reason);
    }
}

/// Counts a reason. There are so few reasons that a linear search takes less time than hashing one.
fn add(counters: &[(&'static str, IntCounter)], reason: &str) {
    let counter = counters.iter().find(|(word, _)| *word == reason).or(counters.last());
    counter.expect("the last one is for all others").1.inc();
}

impl Collector for Outcomes {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.family.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn each_end_is_counted_once_and_no_stranger_gets_a_name() {
        let (dropped, failed) = (&["queue_full", "other"], &["corrupt", "truncated", "other"]);
        let (metrics, outcomes) = (Metrics::new(""), Outcomes::new("frames_total", "Frames.", dropped, failed));
        metrics.add(outcomes.clone());
        let series = |text: &str| text.lines().filter(|line| line.starts_with("frames_total{")).count();
        let before = series(&metrics.text());
        outcomes.ok();
        outcomes.dropped("queue_full");
        outcomes.failed("corrupt");
        outcomes.failed("corrupt");
        outcomes.failed("\"} 1\nevil 2");
        let text = metrics.text();
        for line in [
            "frames_total{outcome=\"ok\",reason=\"\"} 1",
            "frames_total{outcome=\"dropped\",reason=\"queue_full\"} 1",
            "frames_total{outcome=\"failed\",reason=\"corrupt\"} 2",
            "frames_total{outcome=\"failed\",reason=\"other\"} 1",
            "frames_total{outcome=\"failed\",reason=\"truncated\"} 0",
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` in:\n{text}");
        }
        assert_eq!(series(&text), before);
    }
}
