//! Workers that a test plays itself.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// As the programs that came before: it does not know `Analyze`, and answers every frame with this picture.
    Old(Bytes),
    /// It answers `Analyze` at once: no faces.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "memory is looked at on Linux only"))]
    Instant,
    /// It ends its first stream when the first frame comes, and answers at once ever after.
    Quits(Arc<AtomicBool>),
    /// It answers every frame twice.
    Repeats,
    /// It has not the detector that is asked for.
    Refuses,
}

/// A worker inside the test. Dropping it ends it.
pub(crate) struct FakeWorker {
    pub(crate) address: SocketAddr,
    runtime: Runtime,
}

impl FakeWorker {
    /// Starts a worker that joins with the fixed fields alone.
    pub(crate) fn start(behaviour: Behaviour, master: SocketAddr) -> FakeWorker {
        let worker = FakeWorker::serve(behaviour);
        let (ip, port) = (worker.address.ip().to_string(), worker.address.port().into());
        worker.join(master, JoinRequest { ip, port, weight: 1 });
        worker
    }

    /// Starts a worker that says that it has this detector.
    pub(crate) fn with_detector(detector: &str, behaviour: Behaviour, master: SocketAddr) -> FakeWorker {
        let worker = FakeWorker::serve(behaviour);
        let (ip, port) = (worker.address.ip().to_string(), worker.address.port().into());
        let detectors = vec![detector.to_owned()];
        worker.join(master, wire::JoinRequest { ip, port, weight: 1, detectors, ..Default::default() });
        worker
    }

    fn join(&self, master: SocketAddr, request: impl Message + 'static) {
        let joined: JoinReply =
            self.runtime.block_on(async { Peer::connect(master).await.unary("/Master/Join", request).await }).unwrap();
        assert!(joined.success);
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
        FakeWorker { address, runtime }
    }
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
        match self {
            // What a gRPC server answers to a method that it has never heard of.
            Behaviour::Old(_) => Err(not_played()),
            Behaviour::Refuses => Err(Status::invalid_argument("AnalyzeOpen.detector: there is none of this name")),
            Behaviour::Instant => Ok(Response::new(Box::pin(request.into_inner().map(|message| at_once(message?))))),
            Behaviour::Quits(has_quit) => {
                let stays = has_quit.swap(true, Ordering::Relaxed);
                let is_open =
                    |message: &AnalyzeRequest| matches!(message.message, Some(analyze_request::Message::Open(_)));
                let messages =
                    request.into_inner().take_while(move |message| stays || message.as_ref().is_ok_and(is_open));
                Ok(Response::new(Box::pin(messages.map(|message| at_once(message?)))))
            }
            Behaviour::Repeats => {
                let (sender, replies) = mpsc::unbounded_channel();
                let mut messages = request.into_inner();
                tokio::spawn(async move {
                    while let Some(Ok(message)) = messages.next().await {
                        let copies =
                            1 + usize::from(matches!(message.message, Some(analyze_request::Message::Frame(_))));
                        let reply = at_once(message);
                        (0..copies).for_each(|_| drop(sender.send(reply.clone())));
                    }
                });
                Ok(Response::new(Box::pin(UnboundedReceiverStream::new(replies))))
            }
        }
    }
}

fn not_played() -> Status {
    Status::unimplemented("")
}

fn at_once(request: AnalyzeRequest) -> Result<AnalyzeReply, Status> {
    let message = match request.message.ok_or_else(|| Status::invalid_argument("an empty message"))? {
        analyze_request::Message::Open(_) => {
            analyze_reply::Message::Opened(AnalyzeOpened { worker: "instant".into(), generation: 1, cores: 1 })
        }
        analyze_request::Message::Frame(AnalyzeFrame { seq, attempt, .. }) => {
            let outcome = Some(analyze_result::Outcome::Ok(FrameOk::default()));
            analyze_reply::Message::Result(AnalyzeResult {
                seq,
                attempt,
                outcome,
                in_flight: 0,
                frame_ms: 1.0,
                streams: 1,
            })
        }
    };
    Ok(AnalyzeReply { message: Some(message) })
}
