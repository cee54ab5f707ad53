//! What a program tells Prometheus, in its [text format].
//!
//! Each program has one [`Metrics`] and no global state. What happens is added to counters and histograms that are made
//! beforehand ([`Outcomes`], [`counter`], [`histogram`]): an addition is a few atomic operations and takes no lock. What is
//! known elsewhere already is read when somebody asks ([`Metrics::read`]). Values of labels are `'static`, so that nothing
//! that comes from outside can make one.
//!
//! [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/

mod outcomes;
mod process;
mod read;
pub mod reasons;

pub use outcomes::Outcomes;
pub use prometheus::core::Collector;
pub use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};
pub use read::{Kind, Samples};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of the buckets for times of frames and their stages, in seconds: from what a resize takes on a fast machine to
/// what a frame takes that nobody can have waited for.
pub const FRAME_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// All that one program tells. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Metrics(Registry);

impl Metrics {
    /// Those of every program: its version, and what the process takes of the machine.
    pub fn new(version: &'static str) -> Metrics {
        let metrics = Metrics(Registry::new());
        let about = "The version of the program; the value is always 1.";
        metrics.read(Kind::Gauge, "facefleet_build_info", about, ["version"], move || vec![([version], 1.0)]);
        process::add(&metrics);
        metrics
    }

    /// Tells this one too.
    ///
    /// # Panics
    /// There is one of this name: names are written into the program.
    pub fn add(&self, metric: impl Collector + 'static) {
        self.0.register(Box::new(metric)).expect("each name is told once");
    }

    /// Tells what `now` says at the time: the values of the labels, and the number. A label has few values.
    ///
    /// # Panics
    /// As [`Metrics::add`].
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

    /// The same for a single number that goes up and down.
    ///
    /// # Panics
    /// As [`Metrics::add`].
    pub fn gauge(&self, name: &str, help: &str, now: impl Fn() -> f64 + Send + Sync + 'static) {
        self.read(Kind::Gauge, name, help, [], move || vec![([], now())]);
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).expect("a string takes everything")
    }
}

/// A counter.
///
/// # Panics
/// The name is none.
pub fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect(WRITTEN)
}

/// A number that goes up and down, where [`Metrics::gauge`] has nobody to ask.
///
/// # Panics
/// As [`counter`].
pub fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(name, help).expect(WRITTEN)
}

/// A counter for each value of a label, in their order, and the family of them to [`add`](Metrics::add).
///
/// # Panics
/// As [`counter`].
pub fn counters<const N: usize>(
    name: &str,
    help: &str,
    label: &str,
    values: [&'static str; N],
) -> ([IntCounter; N], IntCounterVec) {
    let family = IntCounterVec::new(Opts::new(name, help), &[label]).expect(WRITTEN);
    (values.map(|value| family.with_label_values(&[value])), family)
}

/// A histogram of seconds.
///
/// # Panics
/// As [`counter`].
pub fn histogram(name: &str, help: &str, seconds: &[f64]) -> Histogram {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(seconds.to_vec())).expect(WRITTEN)
}

/// The same for each value of a label; see [`counters`].
///
/// # Panics
/// As [`counter`].
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

const WRITTEN: &str = "names and labels are written into the program, and a test asks for each";

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
