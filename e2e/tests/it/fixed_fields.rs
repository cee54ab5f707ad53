//! Every fixed call, made by a program that knows nothing else.

use facefleet_e2e::{Cluster, LOOPBACK, Service, asset};
use facefleet_vision::{Analyzer, DetectorKind, Fit, Job, Limits};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::fixed::{
    Empty, JoinReply, JoinRequest, LeaveReply, LeaveRequest, NodeState, Peer, RouteReply, RouteRequest, TaskResult,
    VideoFrame,
};
use crate::media;

#[tokio::test]
async fn the_master() {
    let master = Service::master(LOOPBACK).unwrap();
    let mut peer = Peer::connect(master.address).await;
    let nobody: RouteReply = peer.unary("/Master/RouteGuide", RouteRequest::AS_EVER).await.unwrap();
    assert_eq!(nobody, RouteReply::default(), "with no worker the ip is empty");

    for id in 0..3 {
        let join = JoinRequest { ip: "10.1.2.3".into(), port: 50_050 + id, weight: 1 };
        let joined: JoinReply = peer.unary("/Master/Join", join).await.unwrap();
        assert_eq!(joined, JoinReply { id, success: true });
        let state = NodeState { id, cpu_usage: 12.5, task_ed: 7, utx: 1_700_000_000, ..NodeState::default() };
        let Empty {} = peer.unary("/Master/PushState", state).await.unwrap();
    }
    let route: RouteReply = peer.unary("/Master/RouteGuide", RouteRequest::AS_EVER).await.unwrap();
    assert_eq!(route.ip, "10.1.2.3");
    assert!((50_050..50_053).contains(&route.port), "{route:?}");
    assert!(route.thread_num >= 1, "{route:?}");

    let result = TaskResult { id: 2, task_id: 9, time_cost: 120, performance: 4 };
    let echo: TaskResult = peer.unary("/Master/SubmitResult", result.clone()).await.unwrap();
    assert_eq!(echo, result);

    for id in 0..3 {
        let left: LeaveReply = peer.unary("/Master/Leave", LeaveRequest { id }).await.unwrap();
        assert!(left.success, "worker {id}");
    }
    let unknown: LeaveReply = peer.unary("/Master/Leave", LeaveRequest { id: 1 }).await.unwrap();
    assert!(!unknown.success, "it had left already");
    let nobody: RouteReply = peer.unary("/Master/RouteGuide", RouteRequest::AS_EVER).await.unwrap();
    assert_eq!(nobody.ip, "");
}

// Its connection is kept alive by another thread than the one that looks at pictures, which takes long on a busy machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_worker() {
    let cluster = Cluster::start(1).unwrap();
    let mut master = Peer::connect(cluster.master.address).await;
    let route: RouteReply = master.unary("/Master/RouteGuide", RouteRequest::AS_EVER).await.unwrap();
    let worker = cluster.workers[0].address;
    assert_eq!((route.ip, route.port), (worker.ip().to_string(), i32::from(worker.port())));

    let mut peer = Peer::connect(worker).await;
    // The astronaut, nobody, and the astronaut and the president on a wall.
    let jpegs = media::jpegs(&asset("demo.mp4"), 181);
    let sent: Vec<VideoFrame> = [0, 90, 180].map(|index| VideoFrame::of(&jpegs[index])).into();
    let pulled = peer.push_and_pull(sent.clone()).await.unwrap();
    assert_eq!(pulled.len(), sent.len());
    let pulled: Vec<RgbImage> = pulled.iter().map(picture_of_500_by_400).collect();
    let stretched: Vec<RgbImage> = sent.iter().map(stretch).collect();
    for (index, reply) in pulled.iter().enumerate() {
        let nearest = (0..sent.len()).min_by_key(|&other| difference(reply, &stretched[other]));
        assert_eq!(nearest, Some(index), "reply {index} shows another frame");
    }
    let faces: Vec<usize> = (0..sent.len()).map(|i| boxes(&sent[i], &pulled[i], &stretched[i])).collect();
    assert_eq!(faces, [1, 0, 4]);

    let Empty {} = peer.unary("/VideoStream/SendFream", sent[0].clone()).await.unwrap();
    for path in ["/VideoStream/PushStream", "/VideoStream/FaceDetection", "/VideoStream/Canny"] {
        let Empty {} = peer.push(path, sent.clone()).await.unwrap_or_else(|status| panic!("{path}: {status}"));
    }
}

#[track_caller]
fn picture_of_500_by_400(reply: &VideoFrame) -> RgbImage {
    assert_eq!(usize::try_from(reply.size), Ok(reply.frame.len()));
    assert!(matches!(image::guess_format(&reply.frame), Ok(image::ImageFormat::Jpeg)));
    let picture = image::load_from_memory(&reply.frame).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (500, 400));
    picture
}

fn stretch(frame: &VideoFrame) -> RgbImage {
    let picture = image::load_from_memory(&frame.frame).unwrap().into_rgb8();
    imageops::resize(&picture, 500, 400, FilterType::Triangle)
}

fn difference(a: &RgbImage, b: &RgbImage) -> u64 {
    a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
}

/// How many faces the detector finds in the frame. Each of them must have its blue box, one pixel wide; without a face
/// there must be no blue.
fn boxes(sent: &VideoFrame, drawn: &RgbImage, plain: &RgbImage) -> usize {
    let mut analyzer = Analyzer::new(DetectorKind::default(), Limits::default()).unwrap();
    let report = analyzer.analyze(&sent.frame, &Job { fit: Fit::LEGACY, ..Job::default() }).unwrap();
    let scale = (500.0 / report.source.width as f32, 400.0 / report.source.height as f32);
    // How much bluer the picture has become.
    let blue = |x: u32, y: u32| {
        let blueness = |p: &Rgb<u8>| f32::from(p[2]) - (f32::from(p[0]) + f32::from(p[1])) / 2.0;
        blueness(drawn.get_pixel(x, y)) - blueness(plain.get_pixel(x, y))
    };
    for face in &report.faces {
        let left = (face.x * scale.0).round() as u32;
        let (top, bottom) = (face.y * scale.1, (face.y + face.height) * scale.1);
        let columns = left + 4..left + (face.width * scale.0) as u32 - 4;
        let row = |y: u32| columns.clone().map(|x| blue(x, y)).sum::<f32>() / columns.len() as f32;
        for edge in [top.round() as u32, bottom.round() as u32 - 1] {
            let around = [edge - 3, edge, edge + 3].map(row);
            assert!(around[1] > 60.0 && around[0] < 20.0 && around[2] < 20.0, "no blue line: {around:?} for {face:?}");
        }
    }
    if report.faces.is_empty() {
        let bluest = (0..500).flat_map(|x| (0..400).map(move |y| blue(x, y))).fold(0.0, f32::max);
        assert!(bluest < 60.0, "a line where there is no face: {bluest}");
    }
    report.faces.len()
}
