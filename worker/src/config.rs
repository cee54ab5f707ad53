//! The configuration of a worker.

use std::env;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use facefleet_proto::WorkerId;
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::grpc;
use facefleet_service::http::token::Token;
use facefleet_vision::DetectorKind;

use crate::device::Device;

/// The most pending frames of one stream for each detector thread: one that is worked on, one that is next, and two on their way, so
/// that a single stream keeps every thread busy over a slow network.
const FRAMES_PER_THREAD: usize = 4;

/// The callback for when the worker has joined. Its arguments are the master and the id that the master gave.
pub type OnJoin = Arc<dyn Fn(&HostPort, WorkerId) + Send + Sync>;

/// The configuration of a worker. [`Config::new`] has defaults for everything that can have one.
#[derive(Clone)]
pub struct Config {
    /// The masters of the cluster. The worker is joined to one of them at a time.
    pub masters: HostPorts,
    /// Whether the worker searches the network for other masters when none of `masters` answers for long. It should where `masters`
    /// were found on the network, too.
    pub discover: bool,
    /// The address at which clients reach this worker. None: the address on which it listens, or, when that is every address of the
    /// machine, the one that reaches the master. That one is found again at each join, so that a machine may change networks.
    pub advertise: Option<SocketAddr>,
    /// The worker's name, unique among the workers of a master. None: the host's name and the port.
    pub name: Option<String>,
    /// The worker's capacity relative to that of others, from 1 to 1,000,000.
    pub weight: u32,
    /// The number of detector threads, which is how many frames are worked on at once.
    pub threads: NonZeroUsize,
    /// The detector for streams that do not choose another of [`DetectorKind::ALL`].
    pub detector: DetectorKind,
    /// The device on which the detector threads work.
    pub device: Device,
    /// Whether the worker measures its speed when it starts.
    pub self_test: SelfTest,
    /// Limits on what senders may cost the worker.
    pub limits: Limits,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// How long a shutdown may take. The last second of it is for telling the master, and the time before for answering the frames
    /// that the worker holds.
    pub grace: Duration,
    /// The token that people on other machines must show to see the live view. None: they do not see it.
    pub live_token: Option<Token>,
    /// Called each time the worker has joined.
    pub on_join: OnJoin,
}

/// Whether a worker measures its speed when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SelfTest {
    /// The worker does not measure itself. Its first frames tell how fast it is.
    #[default]
    Skipped,
    /// The worker measures itself, unless this folder holds what the same program measured on this machine before. With None
    /// nothing is kept, and every start measures.
    KeptIn(Option<PathBuf>),
}

/// Limits on what senders may cost the worker. Whoever exceeds one gets a gRPC status, or a failed frame, that names the limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest message in bytes, which is a frame and a few bytes around it.
    pub frame_bytes: usize,
    /// The largest picture in pixels, by its header, before anything is decoded.
    pub pixels: u64,
    /// The most streams that are open at once, over all connections.
    pub streams: NonZeroU32,
    /// The most frames that are pending for one stream. Beyond it the sender waits for room, unless the stream is live: then its
    /// oldest frame makes room.
    pub frames_per_stream: NonZeroUsize,
}

impl Config {
    /// A worker of `threads` detector threads that joins `masters`, with the defaults of the program's flags for all else.
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

impl SelfTest {
    /// A self-test whose result is kept in the cache folder of the service or of the user, where there is one.
    pub fn kept() -> SelfTest {
        SelfTest::KeptIn(cache_folder())
    }
}

/// The cache folder of this service, which systemd names where the unit has `CacheDirectory=`, or else `facefleet` in the
/// user's cache folder.
fn cache_folder() -> Option<PathBuf> {
    let named = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_the_user = || {
        if cfg!(windows) {
            named("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            Some(named("HOME")?.join("Library/Caches"))
        } else {
            named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))
        }
    };
    // A unit may name several folders; the first one will do.
    let of_the_service = env::var_os("CACHE_DIRECTORY").and_then(|folders| env::split_paths(&folders).next());
    of_the_service.filter(|path| path.is_absolute()).or_else(|| Some(of_the_user()?.join("facefleet")))
}

impl Limits {
    /// The default limits of a worker with this number of detector threads.
    pub fn for_threads(threads: NonZeroUsize) -> Limits {
        Limits {
            frame_bytes: grpc::MAX_MESSAGE_BYTES,
            pixels: facefleet_vision::Limits::default().max_pixels,
            streams: NonZeroU32::new(64).expect("64 is not 0"),
            frames_per_stream: threads.saturating_mul(NonZeroUsize::new(FRAMES_PER_THREAD).expect("4 is not 0")),
        }
    }
}
