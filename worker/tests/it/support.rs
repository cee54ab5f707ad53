//! A worker that runs in this process, and a fake master that answers as the test says.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facefleet_proto::wire::master_server::{Master, MasterServer};
use facefleet_proto::wire::video_stream_client::VideoStreamClient;
use facefleet_proto::wire::{self, VideoFrame};
use facefleet_service::address::HostPort;
use facefleet_vision::jpeg;
use facefleet_worker::{Config, Device, Listeners, RunError, SimulatedDevice, run};
use image::{Rgb, RgbImage};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

/// How long a test waits for something. It comes within milliseconds, unless the worker is broken.
const GENEROUS: Duration = Duration::from_secs(60);

/// Awaits something that must come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(GENEROUS, what).await.expect("it should have come long ago")
}

/// A worker that runs in this process, with one thread and fast heartbeats unless the test says otherwise.
pub(crate) struct Worker {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: JoinHandle<Result<(), RunError>>,
}

impl Worker {
    /// Starts a worker whose master is not there.
    pub(crate) async fn alone() -> Worker {
        Worker::start("127.0.0.1:1".parse().unwrap(), |_| {}).await
    }

    pub(crate) async fn start(master: SocketAddr, change: impl FnOnce(&mut Config)) -> Worker {
        let frames = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Worker::on(frames.into(), master, change)
    }

    /// Starts a worker with a live view, and returns the address of that as well.
    pub(crate) async fn shown(master: SocketAddr, change: impl FnOnce(&mut Config)) -> (Worker, SocketAddr) {
        let frames = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = http.local_addr().unwrap();
        (Worker::on(Listeners { frames, http: Some(http) }, master, change), address)
    }

    fn on(listeners: Listeners, master: SocketAddr, change: impl FnOnce(&mut Config)) -> Worker {
        let address = listeners.frames.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut config = Config::new(HostPort::from(master), NonZeroUsize::MIN);
        config.heartbeat = Duration::from_millis(20);
        change(&mut config);
        let ended = tokio::spawn(run(listeners, config, shutdown.clone().cancelled_owned()));
        Worker { address, shutdown, ended }
    }

    pub(crate) async fn client(&self) -> VideoStreamClient<Channel> {
        VideoStreamClient::connect(format!("http://{}", self.address)).await.unwrap()
    }
}

/// A simulated device that keeps each frame for `frame_time`.
pub(crate) fn simulated(frame_time: Duration) -> Device {
    Device::Simulated(SimulatedDevice { frame_time, jitter: 0.0, seed: 0 })
}

/// A sender of stream messages, and the stream for the call. The stream is open as long as the sender lives.
pub(crate) fn messages<T: Send + 'static>() -> (mpsc::Sender<T>, ReceiverStream<T>) {
    let (sender, receiver) = mpsc::channel(64);
    (sender, ReceiverStream::new(receiver))
}

/// A frame as an old program sends it. (Old programs fill `size` as they like.)
pub(crate) fn old_frame(jpeg: impl Into<Vec<u8>>) -> VideoFrame {
    VideoFrame { size: -7, frame: jpeg.into().into() }
}

/// A picture without faces; `shade` tells one from another.
pub(crate) fn plain_jpeg(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let picture = RgbImage::from_pixel(width, height, Rgb([shade, shade, shade]));
    jpeg::encode_rgb(&picture, 80).unwrap()
}

/// A photograph with one face.
pub(crate) fn portrait() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/photos/astronaut.jpg");
    std::fs::read(path).expect("the photographs are part of the repository")
}

/// A message that a [`FakeMaster`] received.
#[derive(Debug)]
pub(crate) enum Received {
    Join(wire::JoinRequest),
    State(wire::NodeState),
    Leave(wire::LeaveRequest),
}

/// How a [`FakeMaster`] answers from now on.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) next_id: i32,
    pub(crate) epoch: u64,
    /// Whether to answer the next heartbeat with `unknown`.
    pub(crate) forget: bool,
    /// The status with which to refuse the next join.
    pub(crate) refuse: Option<Status>,
    pub(crate) drain: bool,
    pub(crate) rest: bool,
}

pub(crate) struct FakeMaster {
    pub(crate) address: SocketAddr,
    received: UnboundedReceiver<Received>,
    pub(crate) answers: Arc<Mutex<Answers>>,
}

impl FakeMaster {
    pub(crate) async fn start() -> FakeMaster {
        FakeMaster::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn on(listener: TcpListener) -> FakeMaster {
        let address = listener.local_addr().unwrap();
        let (log, received) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(Answers { epoch: 1, ..Answers::default() }));
        let service = MasterServer::new(Service { log, answers: answers.clone() });
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        FakeMaster { address, received, answers }
    }

    /// Waits for the next join.
    pub(crate) async fn join(&mut self) -> wire::JoinRequest {
        self.hears(|message| if let Received::Join(join) = message { Some(join) } else { None }).await
    }

    /// Waits for the next heartbeat that is as wanted.
    pub(crate) async fn state(&mut self, wanted: impl Fn(&wire::NodeState) -> bool) -> wire::NodeState {
        self.hears(|message| if let Received::State(state) = message { Some(state).filter(&wanted) } else { None })
            .await
    }

    /// Waits for the next message in which `look` finds something. The messages before it are forgotten.
    pub(crate) async fn hears<T>(&mut self, look: impl Fn(Received) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = look(self.received.recv().await.expect("the fake master runs as long as the test"))
                {
                    return found;
                }
            }
        };
        soon(found).await
    }
}

struct Service {
    log: UnboundedSender<Received>,
    answers: Arc<Mutex<Answers>>,
}

#[tonic::async_trait]
impl Master for Service {
    async fn join(&self, request: Request<wire::JoinRequest>) -> Result<Response<wire::JoinReply>, Status> {
        let _ = self.log.send(Received::Join(request.into_inner()));
        let mut answers = self.answers.lock().unwrap();
        if let Some(refusal) = answers.refuse.take() {
            return Err(refusal);
        }
        let id = answers.next_id;
        answers.next_id += 1;
        Ok(Response::new(wire::JoinReply { id, success: true, epoch: answers.epoch }))
    }

    async fn push_state(&self, request: Request<wire::NodeState>) -> Result<Response<wire::PushStateReply>, Status> {
        let _ = self.log.send(Received::State(request.into_inner()));
        let mut answers = self.answers.lock().unwrap();
        let unknown = std::mem::take(&mut answers.forget);
        Ok(Response::new(wire::PushStateReply {
            unknown,
            drain: answers.drain,
            epoch: answers.epoch,
            rest: answers.rest,
            ..Default::default()
        }))
    }

    async fn leave(&self, request: Request<wire::LeaveRequest>) -> Result<Response<wire::LeaveReply>, Status> {
        let _ = self.log.send(Received::Leave(request.into_inner()));
        Ok(Response::new(wire::LeaveReply { success: true }))
    }

    async fn route_guide(&self, _: Request<wire::RouteRequest>) -> Result<Response<wire::RouteReply>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    async fn submit_result(&self, _: Request<wire::TaskResult>) -> Result<Response<wire::TaskResult>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    type GetQStream = tokio_stream::Empty<Result<wire::HeartbeatRecord, Status>>;

    async fn get_q(&self, _: Request<wire::QueueRequest>) -> Result<Response<Self::GetQStream>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    async fn list_nodes(&self, _: Request<wire::ListNodesRequest>) -> Result<Response<wire::ListNodesReply>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    async fn report_stream(&self, _: Request<wire::StreamReport>) -> Result<Response<wire::StreamReportReply>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    type WatchStream = tokio_stream::Empty<Result<wire::ClusterView, Status>>;

    async fn watch(&self, _: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }

    async fn administer(&self, _: Request<wire::AdminRequest>) -> Result<Response<wire::AdminReply>, Status> {
        Err(Status::unimplemented("not asked for by a worker"))
    }
}
