use facefleet_proto::RouteQuery;
use facefleet_proto::view::{Choice, Decision, StreamReport, StreamWorker, WorkerState};
use facefleet_proto::wire;
use facefleet_proto::{Heartbeat, Join, LegacyState, Load};

use super::*;
use crate::config::Config;
use crate::members::Member;
use crate::parts::Parts;

fn master() -> Parts {
    Parts::of(&Config::default())
}

/// Lets a worker join that answers each frame in so many milliseconds.
fn worker(master: &Parts, number: i32, frame_ms: f32) {
    let join = wire::JoinRequest {
        ip: "10.0.0.1".into(),
        port: 50_000 + number,
        weight: 1,
        name: format!("board-{number:03}"),
        generation: 1,
        version: "0.1.0".into(),
        detectors: vec!["seeta".into(), "yunet".into()],
        ..wire::JoinRequest::default()
    };
    let Member { id, epoch } = master.members.join(Join::try_from(join).unwrap()).unwrap();
    let load = Load {
        cpu_percent: 97.3,
        memory_percent: Some(41.2),
        temperature_c: Some(61.8),
        frame_ms: Some(frame_ms),
        frame_ms_p50: Some(frame_ms),
        frame_ms_p95: Some(frame_ms * 1.337),
        in_flight: 2,
        frames_ok: 1_234_567,
        ..Load::default()
    };
    let (legacy, leases) = (LegacyState::default(), Vec::new());
    master.members.heartbeat(Heartbeat { id, generation: 1, epoch, load, legacy, leases });
}

fn query() -> RouteQuery {
    RouteQuery { lease: Some(0xab), stream_id: "door".into(), wanted: 2, ..RouteQuery::default() }
}

fn choice(worker: String) -> Choice {
    Choice { worker, in_flight: 3, frame_ms: Some(41.27), cores: 1, answers_in_ms: Some(123.81) }
}

fn report(frame: u64) -> StreamReport {
    let decisions = vec![Decision { frame: Some(frame), chosen: choice("board-001".into()), next: None }];
    StreamReport { lease: 0xab, name: "door".into(), sent: 3, ok: 3, decisions, ..StreamReport::default() }
}

#[tokio::test]
async fn a_view_has_workers_streams_and_decisions_with_their_reasons() {
    let master = master();
    worker(&master, 1, 40.0);
    worker(&master, 2, 100.0);
    master.forwarding.route(query(), 0).await.unwrap();
    master.observed.report(report(5)).unwrap();
    let view = master.viewers.viewer().unwrap().next().await.unwrap().view();
    let workers: Vec<_> = view.workers.iter().map(|w| (w.node.identity.name.as_str(), w.state())).collect();
    assert_eq!(workers, [("board-001", WorkerState::Healthy), ("board-002", WorkerState::Healthy)]);
    assert_eq!((view.streams[0].report.name.as_str(), view.streams[0].report.ok), ("door", 3));
    let [route, frame] = &view.decisions[..] else { panic!("{:?}", view.decisions) };
    assert_eq!((route.policy.as_str(), route.lease, route.stream_name.as_str()), ("least-loaded", 0xab, "door"));
    let next = route.decision.next.as_ref().unwrap();
    assert_eq!((route.decision.chosen.answers_in_ms, next.answers_in_ms), (Some(120.0), Some(300.0)));
    assert_eq!((frame.number, frame.policy.as_str(), frame.decision.frame), (2, "", Some(5)));
    assert!(view.policies.contains(&view.policy) && view.admissions.contains(&view.admission));
}

#[tokio::test]
async fn everybody_shares_a_view_and_gets_each_decision_once() {
    let master = master();
    master.observed.report(report(0)).unwrap();
    let [mut early, mut late] = [(); 2].map(|()| master.viewers.viewer().unwrap());
    let first = early.next().await.unwrap();
    assert_eq!(first.event().as_ptr(), late.next().await.unwrap().event().as_ptr());
    let frames = |view: ClusterView| view.decisions.iter().map(|d| d.decision.frame.unwrap()).collect::<Vec<_>>();
    assert_eq!(frames(first.view()), [0]);
    (1..=3).for_each(|frame| master.observed.report(report(frame)).unwrap());
    master.viewers.show(Duration::ZERO, Some(9));
    let second = early.next().await.unwrap().view();
    assert_eq!((second.waiting, frames(second)), (9, vec![1, 2, 3]));
    // Whoever comes now gets this view, and all decisions in it.
    let mut later = master.viewers.viewer().unwrap();
    assert_eq!(frames(later.next().await.unwrap().view()), [0, 1, 2, 3]);
    // A flood is cut, and who does not read gets the newest.
    (4..200).for_each(|frame| master.observed.report(report(frame)).unwrap());
    master.viewers.show(Duration::ZERO, None);
    assert_eq!(frames(late.next().await.unwrap().view()), (180..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn viewers_end_with_the_master_and_are_bounded() {
    let master = master();
    let mut viewers: Vec<Viewer> = (0..MAX_VIEWERS).map(|_| master.viewers.viewer().unwrap()).collect();
    assert!(master.viewers.viewer().is_err());
    viewers.truncate(1);
    assert!(viewers[0].next().await.is_some() && master.viewers.viewer().is_ok());
    master.viewers.close();
    assert!(viewers[0].next().await.is_none());
}

/// 200 workers, and 50 streams that use eight each: what a page gets every second. Prints what it costs.
#[test]
fn a_view_of_a_large_cluster_is_small() {
    let master = master();
    (0..200).for_each(|n| worker(&master, n, 41.27));
    for lease in 1..=50 {
        let name = |n| format!("board-{n:03}");
        let worker = |n| StreamWorker { name: name(n), in_flight: 2, frame_ms: Some(41.27), answered: 100_000 };
        let decision = |n| Decision { frame: Some(n), chosen: choice(name(n)), next: Some(choice(name(n + 1))) };
        let (workers, decisions) = ((0..8).map(worker).collect(), (0..4).map(decision).collect());
        master.observed.report(StreamReport { lease, workers, decisions, ..report(1) }).unwrap();
    }
    let begun = clock::now();
    let snapshot = Snapshot::new(master.viewers.view(), 0, begun);
    let built = clock::now();
    let json = snapshot.event(Audience::New);
    let (build, encode) = (built - begun, clock::now() - built);
    println!("200 workers, 50 streams: {} kB of JSON, built in {build:?}, encoded in {encode:?}", json.len() / 1000);
    assert!(json.len() < 200_000, "{} bytes", json.len());
}
