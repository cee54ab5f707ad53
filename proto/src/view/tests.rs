use std::time::Duration;

use prost::Message;

use super::*;
use crate::{Health, Identity, Load, Node, Throttling, WorkerId, wire};

fn choice(worker: &str, in_flight: u32, ms: f32) -> Choice {
    let answers_in_ms = Some(ms * in_flight as f32);
    Choice { worker: worker.into(), in_flight, frame_ms: Some(ms), cores: 1, answers_in_ms }
}

fn report() -> StreamReport {
    StreamReport {
        lease: u64::MAX - 1,
        name: "<b>demo</b>.mp4".into(),
        source: "demo.mp4".into(),
        client: "laptop".into(),
        priority: -3,
        detector: "yunet".into(),
        live: true,
        sent: 250,
        ok: 240,
        dropped: [("stale_client".to_owned(), 3)].into(),
        open: 7,
        waiting: 2,
        retried: 1,
        faces: 431,
        latency_ms_p50: Some(80.0),
        latency_ms_p95: Some(130.333_33),
        workers: vec![StreamWorker { name: "pi-2".into(), in_flight: 3, frame_ms: None, answered: 200 }],
        decisions: vec![Decision { frame: Some(0), chosen: choice("pi-2", 3, 41.0), next: None }],
        ..StreamReport::default()
    }
}

fn view() -> ClusterView {
    let load = Load {
        cpu_percent: 53.1,
        throttling: Throttling::from_bits(1),
        frame_ms_p50: Some(41.0),
        in_flight: 3,
        ..Load::default()
    };
    let node = Node {
        id: WorkerId(3),
        identity: Identity { name: "pi-2".into(), generation: 9 },
        address: "10.0.0.7:50050".parse().unwrap(),
        weight: 1,
        cores: 4,
        version: "0.1.0".into(),
        detectors: vec!["seeta".into()],
        health: Health::Healthy,
        silent: Duration::from_millis(120),
        load: Some(load),
        slots: 0,
        slots_taken: 0,
    };
    let decision = Decision { frame: None, chosen: choice("pi-2", 3, 41.0), next: Some(choice("pi-1", 4, 40.0)) };
    ClusterView {
        version: "0.1.0".into(),
        epoch: 0x65e,
        time_ms: 1_764_000_000_000,
        uptime: Duration::from_secs(65),
        policy: "least-loaded".into(),
        policies: vec!["least-loaded".into()],
        admission: "open".into(),
        admissions: vec!["open".into()],
        waiting: 0,
        stale: None,
        vanished: 0,
        workers: vec![WorkerView { node, frames_per_s: 12.345, slow: true, live: true }],
        streams: vec![StreamView { report: report(), frames_per_s: 24.9, silent: Duration::from_millis(300) }],
        decisions: vec![DecisionView {
            number: 17,
            time_ms: 1_764_000_000_000,
            lease: 0xab,
            stream_name: "demo.mp4".into(),
            policy: "least-loaded".into(),
            decision,
        }],
    }
}

#[test]
fn a_view_survives_the_wire() {
    let message = wire::ClusterView::from(view());
    let decoded = wire::ClusterView::decode(message.encode_to_vec().as_slice()).unwrap();
    assert_eq!(ClusterView::try_from(decoded).unwrap(), view());
}

/// The page is written for exactly these names.
#[test]
fn the_json_of_a_view_is_what_the_page_reads() {
    let parsed = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
    let json = serde_json::to_string(&view()).unwrap();
    assert_eq!(parsed(&json), parsed(include_str!("view.json")));
}

#[test]
fn the_state_of_a_worker_is_the_worst_that_is_known() {
    let mut worker = view().workers.remove(0);
    let mut state = |health, resting, slow| {
        worker.node.health = health;
        worker.node.load.as_mut().unwrap().resting = resting;
        worker.slow = slow;
        (worker.state().name(), serde_json::to_value(worker.state()).unwrap())
    };
    for (health, resting, slow, expected) in [
        (Health::Healthy, false, false, "healthy"),
        (Health::Healthy, false, true, "slow"),
        (Health::Draining, false, true, "draining"),
        (Health::Draining, true, true, "resting"),
        (Health::Lost, true, true, "lost"),
    ] {
        assert_eq!(state(health, resting, slow), (expected, expected.into()));
    }
}

#[test]
fn a_report_that_means_nothing_is_refused_by_field() {
    let good = || wire::StreamReport::from(report());
    assert_eq!(StreamReport::try_from(good()).unwrap(), report());
    let tally = |name: &str, count| wire::Tally { name: name.into(), count };
    type Change<'a> = &'a dyn Fn(&mut wire::StreamReport);
    let changes: [(&str, Change<'_>); 14] = [
        ("StreamReport.lease_id", &|r| r.lease_id = 0),
        ("StreamReport.stream_id", &|r| r.stream_id = "a\u{1b}[2J".into()),
        ("StreamReport.stream_id", &|r| r.stream_id = "a".repeat(129)),
        ("StreamReport.source", &|r| r.source = "a".repeat(129)),
        ("StreamReport.client", &|r| r.client = "a".repeat(65)),
        ("StreamReport.sent", &|r| r.sent = 251),
        ("StreamReport.sent", &|r| r.failed = vec![tally("a", u64::MAX), tally("b", u64::MAX)]),
        ("StreamReport.dropped", &|r| r.dropped = vec![tally("a", 1), tally("a", 2)]),
        ("StreamReport.dropped", &|r| r.dropped = (0..33).map(|n| tally(&n.to_string(), 0)).collect()),
        ("StreamReport.waiting", &|r| r.waiting = 8),
        ("StreamReport.latency_ms_p95", &|r| r.latency_ms_p95 = f32::NAN),
        ("StreamReport.workers", &|r| r.workers = vec![wire::StreamWorker::default(); 257]),
        ("StreamReport.decisions", &|r| r.decisions = vec![r.decisions[0].clone(); 5]),
        ("Decision.chosen", &|r| r.decisions[0].chosen = None),
    ];
    for (field, change) in changes {
        let mut message = good();
        change(&mut message);
        assert_eq!(StreamReport::try_from(message).unwrap_err().field, field);
    }
}

#[test]
fn a_view_whose_workers_are_not_its_nodes_means_nothing() {
    let mut message = wire::ClusterView::from(view());
    message.workers.clear();
    assert_eq!(ClusterView::try_from(message).unwrap_err().field, "ClusterView.workers");
    let mut message = wire::ClusterView::from(view());
    message.streams = vec![message.streams.remove(0); MAX_STREAMS + 1];
    assert_eq!(ClusterView::try_from(message).unwrap_err().field, "ClusterView.streams");
}
