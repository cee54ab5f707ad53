//! Metrics whose numbers are read when Prometheus asks for them.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Why names and labels are good ones, for `expect`.
pub(super) const WRITTEN: &str = "names and labels are written into the program, and a test asks for each";

/// The samples of a metric, each with the values of its labels and the number.
pub type Samples<const N: usize> = Vec<([&'static str; N], f64)>;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows while the program runs. The name ends in `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

/// All samples of one name, which `now` reads.
pub(super) struct Family<const N: usize, F> {
    desc: Desc,
    kind: Kind,
    now: F,
}

impl<const N: usize, F> Family<N, F> {
    pub(super) fn new(kind: Kind, name: &str, help: &str, labels: [&str; N], now: F) -> Family<N, F> {
        let labels = labels.map(str::to_owned).to_vec();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, Default::default()).expect(WRITTEN);
        Family { desc, kind, now }
    }

    fn metric(&self, (values, number): ([&str; N], f64)) -> Metric {
        let labels = self.desc.variable_labels.iter().zip(values).map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name(name.clone());
            label.set_value(value.to_owned());
            label
        });
        let mut metric = Metric::from_label(labels.collect());
        match self.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(number);
                metric.set_counter(counter);
            }
            Kind::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(number);
                metric.set_gauge(gauge);
            }
        }
        metric
    }
}

impl<const N: usize, F: Fn() -> Samples<N> + Send + Sync> Collector for Family<N, F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(match self.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
        });
        family.set_metric((self.now)().into_iter().map(|sample| self.metric(sample)).collect());
        vec![family]
    }
}
