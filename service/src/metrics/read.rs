//! Numbers that are looked up when somebody asks.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::WRITTEN;

/// Values of the labels, and the number, of each.
pub type Samples<const N: usize> = Vec<([&'static str; N], f64)>;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows for as long as the program runs. Its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The numbers of one name.
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
