//! Method paths, and which side of each call is a stream.

use std::io;
use std::sync::{Arc, Mutex};

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::wire::{AnalyzeRequest, JoinRequest, LeaveRequest, ListNodesRequest, NodeState};
use facefleet_proto::wire::{QueueRequest, RouteRequest, TaskResult, VideoFrame};
use tonic::body::Body;
use tonic::codegen::http;

type Paths = Arc<Mutex<Vec<String>>>;

/// A channel that notes the path of each call, and fails it.
#[derive(Clone)]
struct Notebook(Paths);

impl tower::Service<http::Request<Body>> for Notebook {
    type Response = http::Response<Body>;
    type Error = io::Error;
    type Future = std::future::Ready<Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.lock().unwrap().push(request.uri().path().to_owned());
        std::future::ready(Err(io::Error::other("only noted")))
    }
}

#[tokio::test]
async fn methods_have_their_paths() {
    let paths = Paths::default();
    let mut master = MasterClient::new(Notebook(paths.clone()));
    let _ = master.join(JoinRequest::default()).await;
    let _ = master.leave(LeaveRequest::default()).await;
    let _ = master.push_state(NodeState::default()).await;
    let _ = master.route_guide(RouteRequest::default()).await;
    let _ = master.submit_result(TaskResult::default()).await;
    let _ = master.get_q(QueueRequest::default()).await;
    let _ = master.list_nodes(ListNodesRequest::default()).await;
    let mut video = VideoStreamClient::new(Notebook(paths.clone()));
    let frames = || tokio_stream::empty::<VideoFrame>();
    let _ = video.send_fream(VideoFrame::default()).await;
    let _ = video.push_stream(frames()).await;
    // `message` compiles only for a reply that is a stream.
    let _ = video.push_and_pull(frames()).await.map(|mut reply| drop(reply.get_mut().message()));
    let _ = video.face_detection(frames()).await;
    let _ = video.canny(frames()).await;
    let _ = video.analyze(tokio_stream::empty::<AnalyzeRequest>()).await;
    let expected = [
        "/Master/Join",
        "/Master/Leave",
        "/Master/PushState",
        "/Master/RouteGuide",
        "/Master/SubmitResult",
        "/Master/GetQ",
        "/Master/ListNodes",
        "/VideoStream/SendFream",
        "/VideoStream/PushStream",
        "/VideoStream/PushAndPull",
        "/VideoStream/FaceDetection",
        "/VideoStream/Canny",
        "/VideoStream/Analyze",
    ];
    assert_eq!(*paths.lock().unwrap(), expected);
}
