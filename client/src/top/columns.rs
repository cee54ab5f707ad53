//! The columns of the tables of workers and streams, and which of them a narrow terminal shows.

use std::collections::BTreeMap;

use facefleet_proto::view::{StreamView, WorkerView};

/// The distance between two columns of a table, in characters.
pub(super) const GAP: u16 = 2;

/// A column of a table.
pub(super) struct Column<Row> {
    pub(super) title: &'static str,
    pub(super) width: u16,
    /// Whether the column holds numbers, which are aligned to the right.
    pub(super) is_number: bool,
    /// The importance of the column, 0 for the most important. A narrow terminal leaves out the highest ranks.
    rank: u8,
    pub(super) text: fn(&Row) -> String,
}

const fn text<Row>(rank: u8, title: &'static str, width: u16, text: fn(&Row) -> String) -> Column<Row> {
    Column { title, width, is_number: false, rank, text }
}

const fn number<Row>(rank: u8, title: &'static str, width: u16, text: fn(&Row) -> String) -> Column<Row> {
    Column { title, width, is_number: true, rank, text }
}

/// Returns the columns that have room, in their order. The most important one is always included.
pub(super) fn that_fit<Row>(columns: &'static [Column<Row>], width: u16) -> Vec<&'static Column<Row>> {
    let mut by_rank: Vec<&Column<Row>> = columns.iter().collect();
    by_rank.sort_by_key(|column| column.rank);
    let mut taken = 0;
    let room = by_rank.iter().take_while(|column| {
        taken += column.width + GAP;
        taken <= width + GAP
    });
    let lowest = by_rank[room.count().max(1) - 1].rank;
    columns.iter().filter(|column| column.rank <= lowest).collect()
}

/// The columns of a worker.
pub(super) const WORKERS: &[Column<WorkerView>] = &[
    text(0, "WORKER", 17, |w| w.node.identity.name.clone()),
    text(1, "STATE", 8, |w| w.state().name().to_owned()),
    number(2, "FRAMES/S", 8, |w| format!("{:.1}", w.frames_per_s)),
    number(3, "P50 MS", 6, |w| measured(w.node.load.as_ref().and_then(|load| load.frame_ms_p50))),
    number(4, "P95 MS", 6, |w| measured(w.node.load.as_ref().and_then(|load| load.frame_ms_p95))),
    number(5, "IN FLIGHT", 9, |w| whole(w.node.load.as_ref().map(|load| load.in_flight))),
    number(9, "QUEUED", 6, |w| whole(w.node.load.as_ref().map(|load| load.queued))),
    number(6, "CPU %", 5, |w| w.node.load.as_ref().map_or_else(none, |load| format!("{:.0}", load.cpu_percent))),
    number(7, "TEMP °C", 7, |w| measured(w.node.load.as_ref().and_then(|load| load.temperature_c))),
    number(10, "CORES", 5, |w| w.node.cores.to_string()),
    number(11, "SLOTS", 5, |w| match w.node.slots {
        0 => none(),
        slots => format!("{}/{slots}", w.node.slots_taken),
    }),
    text(8, "THROTTLED BY", 14, |w| match w.node.load.as_ref().map(|load| load.throttling.now()).unwrap_or_default() {
        nothing if nothing.is_empty() => none(),
        causes => causes.join(","),
    }),
    text(12, "ADDRESS", 21, |w| w.node.address.to_string()),
    text(13, "VERSION", 8, |w| w.node.version.clone()),
];

/// The columns of a stream.
pub(super) const STREAMS: &[Column<StreamView>] = &[
    text(0, "STREAM", 18, |s| s.report.name.clone()),
    text(8, "STATE", 8, |s| state(s).to_owned()),
    number(1, "FRAMES/S", 8, |s| format!("{:.1}", s.frames_per_s)),
    number(6, "P95 MS", 6, |s| measured(s.report.latency_ms_p95)),
    number(2, "SENT", 7, |s| s.report.sent.to_string()),
    number(3, "OK", 7, |s| s.report.ok.to_string()),
    number(4, "DROPPED", 7, |s| total(&s.report.dropped)),
    number(5, "FAILED", 6, |s| total(&s.report.failed)),
    number(9, "OPEN", 4, |s| s.report.open.to_string()),
    number(10, "RETRIED", 7, |s| s.report.retried.to_string()),
    number(12, "FACES", 7, |s| s.report.faces.to_string()),
    number(11, "PRIORITY", 8, |s| s.report.priority.to_string()),
    text(7, "USES (IN FLIGHT)", 24, |s| {
        let have = s.report.workers.iter().map(|worker| format!("{} ({})", worker.name, worker.in_flight));
        have.collect::<Vec<_>>().join(", ")
    }),
    text(13, "CLIENT", 16, |s| s.report.client.clone()),
];

/// Returns the state of a stream, in one word.
fn state(stream: &StreamView) -> &'static str {
    match &stream.report {
        report if report.ended => "ended",
        report if report.live => "live",
        _ => "runs",
    }
}

fn total(reasons: &BTreeMap<String, u64>) -> String {
    reasons.values().fold(0, |sum: u64, count| sum.saturating_add(*count)).to_string()
}

fn measured(value: Option<f32>) -> String {
    value.map_or_else(none, |value| format!("{value:.1}"))
}

fn whole(value: Option<u32>) -> String {
    value.map_or_else(none, |value| value.to_string())
}

/// The text for an unknown value.
fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_shows_what_matters_most() {
        let titles = |width| that_fit(WORKERS, width).iter().map(|column| column.title).collect::<Vec<_>>();
        assert_eq!(titles(0), ["WORKER"]);
        assert_eq!(titles(26), ["WORKER"]);
        assert_eq!(titles(27), ["WORKER", "STATE"]);
        assert_eq!(titles(80).len(), 8);
        assert_eq!(titles(200).len(), WORKERS.len());
        for width in 0..250 {
            let taken: u16 = that_fit(STREAMS, width).iter().map(|column| column.width + GAP).sum();
            assert!(taken <= (width + GAP).max(STREAMS[0].width + GAP), "{width}");
        }
    }
}
