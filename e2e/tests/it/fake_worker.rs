//! Workers that a test plays itself.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use facefleet_e2e::LOOPBACK;
use facefleet_proto::wire::video_stream_server::{VideoStream, VideoStreamServer};
use facefleet_proto::wire::{
    self, AnalyzeFrame, AnalyzeOpened, AnalyzeReply, AnalyzeRequest, AnalyzeResult, Empty, FrameOk, VideoFrame,
    analyze_reply, analyze_request, analyze_result,
};
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::fixed::{JoinReply, JoinRequest, Peer};

/// What a fake worker does.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// As the programs that came before: it does not know `Analyze`, and answers every frame with this picture.
    Old(Bytes),
    /// The worker ends every `Analyze` like this.
    Refuses(Status),
    /// The worker answers every frame of `Analyze` at once, with what this makes of the right answer, which is that there are no
    /// faces. None: the stream breaks, as when a worker dies.
    Answers(Arc<dyn Fn(AnalyzeResult) -> Option<Vec<AnalyzeResult>> + Send + Sync>),
}

impl Behaviour {
    /// The worker does nothing wrong, and finds no faces.
    pub(crate) fn instant() -> Behaviour {
        Behaviour::one_each(|result| result)
    }

    /// One answer for each frame.
    pub(crate) fn one_each(answer: impl Fn(AnalyzeResult) -> AnalyzeResult + Send + Sync + 'static) -> Behaviour {
        Behaviour::answers(move |result| Some(vec![answer(result)]))
    }

    /// As many answers as it likes.
    pub(crate) fn answers(
        answers: impl Fn(AnalyzeResult) -> Option<Vec<AnalyzeResult>> + Send + Sync + 'static,
    ) -> Behaviour {
        Behaviour::Answers(Arc::new(answers))
    }
}

/// A worker inside the test. Dropping it ends it.
pub(crate) struct FakeWorker {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl FakeWorker {
    /// Starts a worker that joins with the fixed fields alone.
    pub(crate) fn start(behaviour: Behaviour, master: SocketAddr) -> FakeWorker {
        let worker = FakeWorker::serve(behaviour);
        join(master, worker.address);
        worker
    }

    /// Starts a worker that says that it has this detector.
    pub(crate) fn with_detector(detector: &str, behaviour: Behaviour, master: SocketAddr) -> FakeWorker {
        let worker = FakeWorker::serve(behaviour);
        let (ip, port) = (worker.address.ip().to_string(), worker.address.port().into());
        let detectors = vec![detector.to_owned()];
        join_as(master, wire::JoinRequest { ip, port, weight: 1, detectors, ..Default::default() });
        worker
    }

    fn serve(behaviour: Behaviour) -> FakeWorker {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let listener = TcpListener::bind(LOOPBACK).await.unwrap();
            let address = listener.local_addr().unwrap();
            let service = VideoStreamServer::new(behaviour);
            let server = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
            tokio::spawn(server);
            address
        });
        FakeWorker { address, _runtime: runtime }
    }
}

/// Tells the master that there is a worker at `address`, whatever there may be.
pub(crate) fn join(master: SocketAddr, address: SocketAddr) {
    join_as(master, JoinRequest { ip: address.ip().to_string(), port: address.port().into(), weight: 1 });
}

fn join_as(master: SocketAddr, request: impl Message + 'static) {
    let joined: JoinReply = Runtime::new()
        .unwrap()
        .block_on(async { Peer::connect(master).await.unary("/Master/Join", request).await })
        .unwrap();
    assert!(joined.success);
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl VideoStream for Behaviour {
    async fn send_fream(&self, _: Request<VideoFrame>) -> Result<Response<Empty>, Status> {
        Err(not_played())
    }

    async fn push_stream(&self, _: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        Err(not_played())
    }

    async fn face_detection(&self, _: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        Err(not_played())
    }

    async fn canny(&self, _: Request<Streaming<VideoFrame>>) -> Result<Response<Empty>, Status> {
        Err(not_played())
    }

    type PushAndPullStream = Replies<VideoFrame>;

    async fn push_and_pull(
        &self,
        request: Request<Streaming<VideoFrame>>,
    ) -> Result<Response<Replies<VideoFrame>>, Status> {
        let Behaviour::Old(picture) = self.clone() else { return Err(not_played()) };
        let size = i32::try_from(picture.len()).unwrap();
        let reply = move |frame: Result<VideoFrame, Status>| frame.map(|_| VideoFrame { size, frame: picture.clone() });
        Ok(Response::new(Box::pin(request.into_inner().map(reply))))
    }

    type AnalyzeStream = Replies<AnalyzeReply>;

    async fn analyze(
        &self,
        request: Request<Streaming<AnalyzeRequest>>,
    ) -> Result<Response<Replies<AnalyzeReply>>, Status> {
        let answers = match self {
            // What a gRPC server answers to a method that it has never heard of.
            Behaviour::Old(_) => return Err(not_played()),
            Behaviour::Refuses(status) => return Err(status.clone()),
            Behaviour::Answers(answers) => answers.clone(),
        };
        let (sender, replies) = mpsc::unbounded_channel();
        let mut messages = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                let Some(replies) = replies_to(message, &*answers) else {
                    let _ = sender.send(Err(Status::aborted("dead")));
                    return;
                };
                // Err here and above: the client is gone, and so is its next message.
                replies.into_iter().for_each(|reply| drop(sender.send(Ok(reply))));
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(replies))))
    }
}

fn not_played() -> Status {
    Status::unimplemented("")
}

/// None: the stream breaks.
fn replies_to(
    request: AnalyzeRequest,
    answers: &dyn Fn(AnalyzeResult) -> Option<Vec<AnalyzeResult>>,
) -> Option<Vec<AnalyzeReply>> {
    let messages = match request.message? {
        analyze_request::Message::Open(_) => vec![analyze_reply::Message::Opened(opened())],
        analyze_request::Message::Frame(AnalyzeFrame { seq, attempt, .. }) => {
            let outcome = Some(analyze_result::Outcome::Ok(FrameOk::default()));
            let right = AnalyzeResult { seq, attempt, outcome, in_flight: 0, frame_ms: 1.0, streams: 1 };
            answers(right)?.into_iter().map(analyze_reply::Message::Result).collect()
        }
    };
    Some(messages.into_iter().map(|message| AnalyzeReply { message: Some(message) }).collect())
}

/// How a fake worker presents itself.
pub(crate) fn opened() -> AnalyzeOpened {
    AnalyzeOpened { worker: "instant".into(), generation: 1, cores: 1 }
}
