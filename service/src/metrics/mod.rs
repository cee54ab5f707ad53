//! A program's metrics for Prometheus, in its [text format].
//!
//! Each program has one [`Metrics`] and no global state. Events are added to counters and histograms that are made beforehand
//! ([`Outcomes`], [`counter`], [`histogram`]): an addition is a few atomic operations and takes no lock. Numbers that are known
//! elsewhere are read when Prometheus asks ([`Metrics::read`]). Values of labels are `'static`, so that nothing from outside can
//! make a new one.
//!
//! [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/

mod outcomes;
mod process;
mod read;

pub use outcomes::Outcomes;
pub use prometheus::core::Collector;
pub use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};
use read::WRITTEN;
pub use read::{Kind, Samples};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of the buckets for times of frames and their stages, in seconds. They reach from a resize on a fast machine to a frame
/// that took longer than anybody would wait.
pub const FRAME_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// All metrics of one program. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Registry);

impl Metrics {
    /// The metrics that every program has: its version, and what the process takes of the machine.
    pub fn new(version: &'static str) -> Metrics {
        let metrics = Metrics(Registry::new());
        let about = "The version of the program; the value is always 1.";
        metrics.read(Kind::Gauge, "facefleet_build_info", about, ["version"], move || vec![([version], 1.0)]);
        process::families().into_iter().for_each(|family| metrics.add(family));
        metrics
    }

    /// Adds a metric.
    ///
    /// # Panics
    /// Panics when there is a metric of this name already. Names are written into the program.
    pub fn add(&self, metric: impl Collector + 'static) {
        self.0.register(Box::new(metric)).expect("each name is used once");
    }

    /// Adds a metric whose samples are what `now` returns when Prometheus asks. A label must have few values.
    ///
    /// # Panics
    /// Panics when there is a metric of this name already.
    pub fn read<const N: usize>(
        &self,
        kind: Kind,
        name: &str,
        help: &str,
        labels: [&str; N],
        now: impl Fn() -> Samples<N> + Send + Sync + 'static,
    ) {
        self.add(read::Family::new(kind, name, help, labels, now));
    }

    /// Adds a gauge without labels whose number is what `now` returns when Prometheus asks.
    ///
    /// # Panics
    /// Panics when there is a metric of this name already.
    pub fn gauge(&self, name: &str, help: &str, now: impl Fn() -> f64 + Send + Sync + 'static) {
        self.read(Kind::Gauge, name, help, [], move || vec![([], now())]);
    }

    /// All metrics in Prometheus' text format.
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).expect("a string takes everything")
    }
}

/// Makes a counter.
///
/// # Panics
/// Panics when `name` is not a valid name of a metric.
pub fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect(WRITTEN)
}

/// Makes a gauge that the program sets, for numbers that cannot be read when Prometheus asks as [`Metrics::gauge`] does.
///
/// # Panics
/// Panics when `name` is not a valid name of a metric.
pub fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(name, help).expect(WRITTEN)
}

/// Makes a counter for each value of a label, in the order of `values`, and their family, which is what to
/// [`add`](Metrics::add).
///
/// # Panics
/// Panics when `name` or `label` is not a valid name.
pub fn counters<const N: usize>(
    name: &str,
    help: &str,
    label: &str,
    values: [&'static str; N],
) -> ([IntCounter; N], IntCounterVec) {
    let family = IntCounterVec::new(Opts::new(name, help), &[label]).expect(WRITTEN);
    (values.map(|value| family.with_label_values(&[value])), family)
}

/// Makes a histogram of times. `seconds` are the upper bounds of its buckets.
///
/// # Panics
/// Panics when `name` is not a valid name of a metric.
pub fn histogram(name: &str, help: &str, seconds: &[f64]) -> Histogram {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(seconds.to_vec())).expect(WRITTEN)
}

/// Makes a histogram for each value of a label, in the order of `values`, and their family, which is what to
/// [`add`](Metrics::add). `seconds` are the upper bounds of the buckets.
///
/// # Panics
/// Panics when `name` or `label` is not a valid name.
pub fn histograms<const N: usize>(
    name: &str,
    help: &str,
    seconds: &[f64],
    label: &str,
    values: [&'static str; N],
) -> ([Histogram; N], HistogramVec) {
    let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(seconds.to_vec()), &[label]).expect(WRITTEN);
    (values.map(|value| family.with_label_values(&[value])), family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_says_which_version_it_is_and_what_it_takes() {
        let text = Metrics::new("1.2.3").text();
        assert!(text.contains("facefleet_build_info{version=\"1.2.3\"} 1\n"), "{text}");
        #[cfg(target_os = "linux")]
        for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
            let is_told = |line: &str| line.strip_prefix(&format!("process_{name} "))?.parse::<f64>().ok();
            let told = text.lines().find_map(is_told).unwrap_or_else(|| panic!("{name} in:\n{text}"));
            assert!(told > 0.0 || name == "cpu_seconds_total", "{name}: {told}");
        }
    }

    #[test]
    fn what_is_added_and_what_is_read_are_told_alike() {
        let metrics = Metrics::new("");
        let ([first, second], family) = counters("steps_total", "Steps.", "way", ["up", "down"]);
        metrics.add(family);
        metrics.read(Kind::Counter, "read_total", "Read.", ["a", "b"], || vec![(["x", "y"], 2.0)]);
        metrics.gauge("now", "Now.", || -1.5);
        let took = histogram("took_seconds", "Took.", &[0.5, 1.0]);
        metrics.add(took.clone());
        first.inc_by(3);
        second.inc();
        took.observe(0.7);
        let text = metrics.text();
        for line in [
            "# HELP steps_total Steps.",
            "# TYPE steps_total counter",
            "steps_total{way=\"up\"} 3",
            "steps_total{way=\"down\"} 1",
            "# TYPE read_total counter",
            "read_total{a=\"x\",b=\"y\"} 2",
            "# TYPE now gauge",
            "now -1.5",
            "took_seconds_bucket{le=\"0.5\"} 0",
            "took_seconds_bucket{le=\"1\"} 1",
            "took_seconds_count 1",
        ] {
            assert!(text.lines().any(|told| told == line), "`{line}` in:\n{text}");
        }
    }
}
