//! What a worker can be told.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::WorkerId;
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::grpc;
use facefleet_service::http::token::Token;
use facefleet_vision::DetectorKind;

use crate::device::Device;
use crate::self_test::SelfTest;

/// Frames held for one stream, for each detector thread: one that is worked on, one that is next, and two on their way,
/// so that a stream that is alone keeps every thread busy over a slow network.
const FRAMES_PER_THREAD: usize = 4;

/// What is called when a worker has joined.
pub type OnJoin = Arc<dyn Fn(&HostPort, WorkerId) + Send + Sync>;

/// Everything a worker can be told. [`Config::new`] fills in what fits most.
#[derive(Clone)]
pub struct Config {
    /// The masters of the cluster, of which one is joined at a time.
    pub masters: HostPorts,
    /// Whether the network is searched for other masters when none of these answers for long, as it should be where these
    /// were found there.
    pub discover: bool,
    /// Where clients reach this worker. None: the address it listens on; when that is every address of the machine, the
    /// one that reaches the master, found again at each join, so that a machine may change networks.
    pub advertise: Option<SocketAddr>,
    /// Unique among the workers of a master. None: the host's name and the port.
    pub name: Option<String>,
    /// Relative capacity, from 1 to 1,000,000.
    pub weight: u32,
    /// Detector threads, which is how many frames are worked on at once.
    pub threads: NonZeroUsize,
    /// What finds the faces for whoever does not choose another of [`DetectorKind::ALL`].
    pub detector: DetectorKind,
    /// What the detector threads work with.
    pub device: Device,
    /// Whether it measures itself when it starts.
    pub self_test: SelfTest,
    /// What senders may cost.
    pub limits: Limits,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// How long a stop may take. Its last second is for the master to hear of it, and the time before for the frames that
    /// are held.
    pub grace: Duration,
    /// What people beyond this machine show to see pictures of its streams. None: they see none.
    pub live_token: Option<Token>,
    /// Called each time the worker has joined, with the master and the id that it gave.
    pub on_join: OnJoin,
}

/// What senders may cost. More than a limit gets a gRPC status, or a frame's failure, that says so.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Greatest message, which is a frame and a few bytes around it.
    pub frame_bytes: usize,
    /// Greatest picture, by its header, before anything is decoded.
    pub pixels: u64,
    /// Streams that are open at once, over all connections.
    pub streams: NonZeroU32,
    /// Frames held for one stream. Its sender waits for room, unless the stream is live: then its oldest frame makes room.
    pub frames_per_stream: NonZeroUsize,
}

impl Config {
    /// A worker of `threads` detector threads for the cluster of these masters, with the defaults of the program's flags.
    pub fn new(masters: impl Into<HostPorts>, threads: NonZeroUsize) -> Config {
        Config {
            masters: masters.into(),
            discover: false,
            advertise: None,
            name: None,
            weight: 1,
            threads,
            detector: DetectorKind::default(),
            device: Device::default(),
            self_test: SelfTest::default(),
            limits: Limits::for_threads(threads),
            heartbeat: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            live_token: None,
            on_join: Arc::new(|_, _| {}),
        }
    }
}

impl Limits {
    /// The limits of a worker that is not told any.
    pub fn for_threads(threads: NonZeroUsize) -> Limits {
        Limits {
            frame_bytes: grpc::MAX_MESSAGE_BYTES,
            pixels: facefleet_vision::Limits::default().max_pixels,
            streams: NonZeroU32::new(64).expect("64 is not 0"),
            frames_per_stream: threads.saturating_mul(NonZeroUsize::new(FRAMES_PER_THREAD).expect("4 is not 0")),
        }
    }
}
