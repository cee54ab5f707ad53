//! What messages mean: an old program's are complete, ours survive the wire, and nonsense is named.

use std::num::NonZeroU16;
use std::time::Duration;

use facefleet_proto::{AnalyzeFrame, AnalyzeOpen, AnalyzeRequest, Candidate, FaceBox, FrameOk, FrameResult, Health};
use facefleet_proto::{
    Heartbeat, Identity, Invalid, Join, LegacyState, Load, MAX_DETECT_SIZE, Node, Nodes, Opened, Outcome,
};
use facefleet_proto::{
    Output, Point, Reply, Route, RouteQuery, StageTimes, StreamLease, Task, TaskResult, Throttling, WorkerId, wire,
};
use prost::Message;

/// Encodes a message into bytes and decodes it again.
fn survives<T, W>(value: T)
where
    T: Clone + std::fmt::Debug + PartialEq + Into<W> + TryFrom<W, Error = Invalid>,
    W: Message + Default,
{
    let message: W = value.clone().into();
    let decoded = W::decode(message.encode_to_vec().as_slice()).unwrap();
    assert_eq!(T::try_from(decoded).unwrap(), value);
}

fn old_join() -> wire::JoinRequest {
    wire::JoinRequest { ip: "10.0.0.7".into(), port: 50050, weight: 1, ..Default::default() }
}

#[test]
fn an_old_worker_joins() {
    let join = Join::try_from(old_join()).unwrap();
    assert_eq!(join.identity, Identity { name: "10.0.0.7:50050".into(), generation: 0 });
    assert_eq!((join.cores, join.heartbeat_interval, join.frames_per_s), (1, None, None));
}

#[test]
fn an_old_worker_beats() {
    let state = wire::NodeState { id: 0, cpu_usage: 12.5, utx: 99, ..Default::default() };
    let heartbeat = Heartbeat::try_from(state).unwrap();
    let load = Load { cpu_percent: 12.5, ..Load::default() };
    let legacy = LegacyState { utx: 99, ..LegacyState::default() };
    assert_eq!(heartbeat, Heartbeat { id: WorkerId(0), generation: 0, epoch: 0, load, legacy, leases: Vec::new() });
}

#[test]
fn an_old_client_asks_and_an_old_master_answers() {
    let request = wire::RouteRequest { task_id: 0, task_sz: 10_000, task_type: 50, ..Default::default() };
    assert_eq!(RouteQuery::try_from(request).unwrap(), RouteQuery::default());
    let reply = wire::RouteReply { ip: "10.0.0.7".into(), port: 50050, thread_num: 4, ..Default::default() };
    let route = Route::try_from(reply).unwrap();
    assert_eq!(route.lease, None);
    let [Candidate { id: None, generation: 0, cores: 4, .. }] = &route.candidates[..] else { panic!("{route:?}") };
    assert_eq!(route.candidates[0].address, "10.0.0.7:50050".parse().unwrap());
    assert_eq!(Route::try_from(wire::RouteReply::default()).unwrap(), Route::default());
}

#[test]
fn an_old_client_sees_the_first_candidate() {
    let candidate = |ip: &str, cores| Candidate {
        id: Some(WorkerId(0)),
        generation: 7,
        name: "pi".into(),
        address: format!("{ip}:50050").parse().unwrap(),
        cores,
        share: 0.5,
        frame_ms: Some(33.0),
    };
    let lease = StreamLease { id: 9, ttl: Duration::from_secs(2) };
    let route =
        Route { candidates: vec![candidate("10.0.0.7", 4), candidate("10.0.0.8", 2)], lease: Some(lease), epoch: 1 };
    let reply = wire::RouteReply::from(route.clone());
    assert_eq!((reply.ip.as_str(), reply.port, reply.thread_num), ("10.0.0.7", 50050, 4));
    survives::<Route, wire::RouteReply>(route);
}

#[test]
fn ours_survive_the_wire() {
    survives::<Join, wire::JoinRequest>(Join {
        address: "[fe80::1]:50050".parse().unwrap(),
        weight: 3,
        identity: Identity { name: "pi-1".into(), generation: 1 << 50 },
        cores: 4,
        heartbeat_interval: Some(Duration::from_secs(1)),
        frames_per_s: Some(12.5),
        version: "0.1.0".into(),
        detectors: vec!["rustface".into()],
        http_port: NonZeroU16::new(8080),
    });
    let load = Load {
        cpu_percent: 50.0,
        memory_percent: Some(25.0),
        temperature_c: Some(-5.0),
        in_flight: 3,
        queued: 1,
        frame_ms: Some(33.0),
        frame_ms_p50: Some(30.0),
        frame_ms_p95: Some(45.0),
        frames_ok: 1 << 40,
        frames_dropped: 2,
        frames_failed: 1,
        draining: true,
        resting: true,
        frames_per_s: Some(12.5),
        throttling: Throttling::from_bits(0x50005),
    };
    let legacy = LegacyState { task_id: 1, io_perf: 2.0, pro_perf: 3.0, task_st: 4, task_ed: 5, utx: 6 };
    let heartbeat =
        Heartbeat { id: WorkerId(3), generation: 9, epoch: 7, load: load.clone(), legacy, leases: vec![5, 1 << 60] };
    survives::<Heartbeat, wire::NodeState>(heartbeat);
    let node = Node {
        id: WorkerId(3),
        identity: Identity { name: "pi-1".into(), generation: 9 },
        address: "10.0.0.7:50050".parse().unwrap(),
        weight: 2,
        cores: 4,
        version: "0.1.0".into(),
        detectors: vec!["rustface".into()],
        health: Health::Draining,
        silent: Duration::from_millis(1500),
        load: Some(load),
        slots: 4,
        slots_taken: 1,
    };
    let nodes = Nodes {
        nodes: vec![node],
        epoch: 5,
        policy: "least-loaded".into(),
        vanished: 3,
        admission: "fair".into(),
        waiting: 2,
        stale: Some(Duration::from_millis(4200)),
    };
    survives::<Nodes, wire::ListNodesReply>(nodes);
    survives::<RouteQuery, wire::RouteRequest>(RouteQuery {
        wanted: 3,
        exclude: vec![WorkerId(1), WorkerId(0)],
        epoch: 7,
        priority: -1,
        stream_id: "door".into(),
        detector: Some("rustface".into()),
        lease: Some(1 << 60),
        waited: Duration::from_millis(1500),
        ..RouteQuery::default()
    });
    let cost = TaskResult {
        worker: Some(WorkerId(0)),
        frame_time: Some(Duration::from_millis(33)),
        frames: 9,
        ..Default::default()
    };
    for result in [TaskResult { lease: Some(1 << 60), epoch: 7, ..cost }, TaskResult::default()] {
        assert_eq!(TaskResult::from(wire::TaskResult::from(result)), result);
    }
    survives::<AnalyzeRequest, wire::AnalyzeRequest>(AnalyzeRequest::Open(AnalyzeOpen {
        task: Task::Canny,
        output: Output::BoxesAndPicture,
        detector: Some("rustface".into()),
        min_score: Some(2.5),
        min_face: Some(24.0),
        detect_size: Some(640),
        landmarks: true,
        stream_id: "door".into(),
        max_age: Some(Duration::from_millis(500)),
        lease_id: Some(4),
        priority: -2,
    }));
    let age = Duration::from_micros(1234);
    let frame = AnalyzeFrame { seq: 7, attempt: 1, age, jpeg: b"jpeg".as_slice().into() };
    survives::<AnalyzeRequest, wire::AnalyzeRequest>(AnalyzeRequest::Frame(frame));
    survives::<Reply, wire::AnalyzeReply>(Reply::Opened(Opened { worker: "pi-1".into(), generation: 9, cores: 4 }));
    let us = Duration::from_micros;
    let stages = StageTimes { queue: us(1), decode: us(2), resize: us(3), detect: us(4), draw: us(5), encode: us(6) };
    let bare = FaceBox { x: -1.5, y: 2.0, width: 30.0, height: 40.0, score: 3.5, landmarks: None };
    let found = FrameOk {
        faces: vec![bare, FaceBox { landmarks: Some([0.0, 1.0, 2.0, 3.0, 4.0].map(|x| Point { x, y: -x })), ..bare }],
        picture: Some(b"jpeg".as_slice().into()),
        source_width: 640,
        source_height: 360,
        stages,
    };
    let failed = Outcome::Failed { code: "truncated".into(), message: "it ends early".into(), elsewhere: true };
    for outcome in [Outcome::Ok(found), Outcome::Dropped("stale_worker".into()), failed] {
        let result = FrameResult { seq: 7, attempt: 1, outcome, in_flight: 2, frame_ms: Some(33.0), streams: 3 };
        survives::<Reply, wire::AnalyzeReply>(Reply::Result(result));
    }
}

/// A change that spoils a message, and the field that the error must name.
type Spoil<M> = (fn(&mut M), &'static str);

#[test]
fn nonsense_in_a_join_is_named() {
    let cases: [Spoil<wire::JoinRequest>; 13] = [
        (|j| j.ip = String::new(), "JoinRequest.ip"),
        (|j| j.ip = "pi.local".into(), "JoinRequest.ip"),
        (|j| j.ip = "0.0.0.0".into(), "JoinRequest.ip"),
        (|j| j.ip = "224.0.0.1".into(), "JoinRequest.ip"),
        (|j| j.port = 0, "JoinRequest.port"),
        (|j| j.port = -1, "JoinRequest.port"),
        (|j| j.port = 70_000, "JoinRequest.port"),
        (|j| j.weight = 0, "JoinRequest.weight"),
        (|j| j.weight = -3, "JoinRequest.weight"),
        (|j| j.name = "x".repeat(65), "JoinRequest.name"),
        (|j| j.name = "pi\n1".into(), "JoinRequest.name"),
        (|j| j.cores = 1025, "JoinRequest.cores"),
        (|j| j.frames_per_s = f32::NAN, "JoinRequest.frames_per_s"),
    ];
    for (spoil, field) in cases {
        let mut join = old_join();
        spoil(&mut join);
        let invalid = Join::try_from(join).unwrap_err();
        assert_eq!(invalid.field, field, "{invalid}");
        assert_eq!(tonic::Status::from(invalid).code(), tonic::Code::InvalidArgument);
    }
}

#[test]
fn what_is_too_long_is_not_quoted() {
    let join = wire::JoinRequest { ip: "\u{1}".repeat(1 << 20), ..old_join() };
    let invalid = Join::try_from(join).unwrap_err();
    assert!(invalid.problem.len() < 100 && invalid.problem.contains("1048576 bytes"), "{invalid}");
}

#[test]
fn a_worker_does_not_choose_how_much_a_client_keeps() {
    use wire::analyze_reply::Message::{Opened, Result};
    let reply = |message| Reply::try_from(wire::AnalyzeReply { message: Some(message) });
    let opened = wire::AnalyzeOpened { cores: u32::MAX, ..Default::default() };
    assert_eq!(reply(Opened(opened)).unwrap_err().field, "AnalyzeOpened.cores");
    let message = format!("\n{}", "é".repeat(1 << 20));
    let failed = wire::FrameFailed { code: "truncated".into(), message, elsewhere: false };
    let outcome = Some(wire::analyze_result::Outcome::Failed(failed));
    let Ok(Reply::Result(result)) = reply(Result(wire::AnalyzeResult { outcome, ..Default::default() })) else {
        panic!("a long message is no reason to refuse the reply");
    };
    let Outcome::Failed { message, .. } = result.outcome else { panic!("{result:?}") };
    assert_eq!(message, format!(" {}", "é".repeat(255)));
}

#[test]
fn nonsense_in_a_heartbeat_is_named() {
    let cases: [Spoil<wire::NodeState>; 7] = [
        (|s| s.id = -1, "NodeState.id"),
        (|s| s.cpu_usage = f32::NAN, "NodeState.cpu_usage"),
        (|s| s.cpu_usage = f32::INFINITY, "NodeState.cpu_usage"),
        (|s| s.io_perf = f32::NAN, "NodeState.io_perf/pro_perf"),
        (|s| s.frame_ms = -1.0, "NodeState.frame_ms"),
        (|s| s.frames_per_s = f32::NAN, "NodeState.frames_per_s"),
        (|s| s.temperature_c = f32::NAN, "NodeState.temperature_c"),
    ];
    for (spoil, field) in cases {
        let mut state = wire::NodeState::default();
        spoil(&mut state);
        assert_eq!(Heartbeat::try_from(state).unwrap_err().field, field);
    }
}

#[test]
fn nonsense_in_a_stream_is_named() {
    assert_eq!(AnalyzeRequest::try_from(wire::AnalyzeRequest { message: None }).unwrap_err().field, "AnalyzeRequest");
    let open = |task, output| wire::AnalyzeOpen { task, output, ..Default::default() };
    assert_eq!(AnalyzeOpen::try_from(open(99, 0)).unwrap_err().field, "AnalyzeOpen.task");
    assert_eq!(AnalyzeOpen::try_from(open(0, 99)).unwrap_err().field, "AnalyzeOpen.output");
    assert_eq!(Reply::try_from(wire::AnalyzeReply { message: None }).unwrap_err().field, "AnalyzeReply");
    let size = |detect_size| AnalyzeOpen::try_from(wire::AnalyzeOpen { detect_size, ..Default::default() });
    assert_eq!(size(MAX_DETECT_SIZE).unwrap().detect_size, Some(MAX_DETECT_SIZE));
    assert_eq!(size(MAX_DETECT_SIZE + 1).unwrap_err().field, "AnalyzeOpen.detect_size");
    let good = || wire::FaceBox { width: 1.0, height: 1.0, ..Default::default() };
    for bad in [
        wire::FaceBox { x: f32::NAN, ..good() },
        wire::FaceBox { width: 0.0, ..good() },
        wire::FaceBox { height: f32::INFINITY, ..good() },
        wire::FaceBox { x: -1e9, ..good() },
        wire::FaceBox { y: 65_536.0, ..good() },
    ] {
        assert_eq!(FaceBox::try_from(bad).unwrap_err().field, "FaceBox");
    }
    let point = wire::Point { x: 1.0, y: 2.0 };
    let with = |landmarks| FaceBox::try_from(wire::FaceBox { landmarks, ..good() });
    assert_eq!(with(vec![point; 5]).unwrap().landmarks, Some([Point { x: 1.0, y: 2.0 }; 5]));
    for bad in [
        vec![point; 4],
        vec![point; 100_000],
        vec![point, point, point, point, wire::Point { y: f32::NAN, ..point }],
        vec![wire::Point { x: f32::NEG_INFINITY, ..point }, point, point, point, point],
    ] {
        let invalid = with(bad).unwrap_err();
        assert!(invalid.field == "FaceBox.landmarks" && invalid.problem.len() < 100, "{invalid}");
    }
}

#[test]
fn a_stream_that_says_nothing_is_one_for_faces_as_the_worker_likes_it() {
    assert_eq!(AnalyzeOpen::try_from(wire::AnalyzeOpen::default()).unwrap(), AnalyzeOpen::default());
    let face = wire::FaceBox { width: 1.0, height: 1.0, ..Default::default() };
    assert_eq!(FaceBox::try_from(face).unwrap().landmarks, None);
}

proptest::proptest! {
    /// Any bytes become a message, an error of prost, or an [`Invalid`], and never a panic.
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = wire::JoinRequest::decode(bytes.as_slice()).map(Join::try_from);
        let _ = wire::NodeState::decode(bytes.as_slice()).map(Heartbeat::try_from);
        let _ = wire::RouteRequest::decode(bytes.as_slice()).map(RouteQuery::try_from);
        let _ = wire::RouteReply::decode(bytes.as_slice()).map(Route::try_from);
        let _ = wire::AnalyzeRequest::decode(bytes.as_slice()).map(AnalyzeRequest::try_from);
        let _ = wire::AnalyzeReply::decode(bytes.as_slice()).map(Reply::try_from);
        let _ = wire::ListNodesReply::decode(bytes.as_slice()).map(Nodes::try_from);
    }
}
