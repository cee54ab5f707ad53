//! The command line.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use facefleet_proto::{MAX_NAME_BYTES, is_worker_name, parse_reachable};
use facefleet_service::address::HostPorts;
use facefleet_service::config_file::{self, ConfigArgs};
use facefleet_service::http::token::Token;
use facefleet_service::log::LogArgs;
#[cfg(feature = "otlp")]
use facefleet_service::otlp::OtlpArgs;
use facefleet_service::{cli, grpc};
use facefleet_vision::DetectorKind;

use crate::{Config, Limits, SelfTest};

/// Finds faces in the frames that clients send. Start one worker on each machine; it joins the master by itself, whichever
/// of the two starts first.
#[derive(Parser, Clone, Debug)]
#[command(name = "facefleet-worker", version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// The subcommand, which runs instead of the worker.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The master to join. Name all masters that share a store: a:50051,b:50051. The worker joins one of them, and the next
    /// one when that does not answer [default: the master that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// The address on which to accept frames. With port 0 the system chooses a port.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_WORKER_LISTEN", default_value = "0.0.0.0:50050")]
    pub listen: SocketAddr,

    /// The address at which clients reach this worker [default: this machine's address towards the master, and the port of
    /// --listen].
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_ADVERTISE", value_parser = parse_reachable)]
    pub advertise: Option<SocketAddr>,

    /// The name of this worker, unique among the workers of a master [default: the host's name and the port].
    #[arg(long, env = "FACEFLEET_NAME", value_parser = checked_name)]
    pub name: Option<String>,

    /// Capacity relative to other workers, for the master's weighted policy.
    #[arg(long, value_name = "N", env = "FACEFLEET_WEIGHT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub weight: u32,

    /// The number of detector threads [default: one for each core].
    #[arg(long, value_name = "N", env = "FACEFLEET_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// The detector for streams that do not ask for another: seeta, yunet or rustface.
    #[arg(long, value_name = "NAME", env = "FACEFLEET_DETECTOR", default_value_t)]
    pub detector: DetectorKind,

    /// The largest frame that is accepted, in bytes.
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_FRAME_BYTES", default_value_t = grpc::MAX_MESSAGE_BYTES as u32, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_frame_bytes: u32,

    /// The largest picture that is decoded, in pixels.
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_PIXELS", default_value_t = facefleet_vision::Limits::default().max_pixels, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: u64,

    /// The most streams that are served at once [default: 64].
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_STREAMS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_streams: Option<u32>,

    /// The most frames that one stream may have here. Beyond that the sender waits, or loses its oldest frame if it is live
    /// [default: 4 for each thread].
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_FRAMES_PER_STREAM")]
    pub max_frames_per_stream: Option<NonZeroUsize>,

    /// How long a shutdown may take. Frames that are not answered one second before the end are given up.
    #[arg(long, value_name = "SECONDS", env = "FACEFLEET_GRACE", default_value_t = 10)]
    pub grace: u32,

    /// The address of the live view for browsers (/live) and of the probes for monitoring (/metrics, /healthz, /readyz).
    /// Faces are personal data: without --live-token only browsers on this machine get pictures [default: none].
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_WORKER_HTTP")]
    pub http: Option<SocketAddr>,

    /// The token that browsers on other machines must show to see pictures: 16 characters or more. Set it in the
    /// configuration file or the environment rather than here, where every user of this machine can read it.
    #[arg(long, value_name = "TOKEN", env = "FACEFLEET_LIVE_TOKEN", hide_env_values = true)]
    pub live_token: Option<Token>,

    /// The export of traces.
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    pub otlp: OtlpArgs,

    /// Print a completion script for this shell and exit.
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,

    /// The logging flags.
    #[command(flatten)]
    pub log: LogArgs,

    /// The flags of the configuration file.
    #[command(flatten)]
    pub config_file: ConfigArgs,
}

/// The subcommands.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Measure how many frames a second this machine does with each detector, and exit
    Bench {
        /// How long to measure each detector; minutes show what heat does to a board
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86_400))]
        seconds: u32,
    },
}

impl Args {
    /// Reads flags, environment and configuration file. Wrong usage ends the process with 2.
    pub fn from_env() -> Args {
        config_file::parse(Args::command(), None)
    }

    /// The configuration that the flags describe, for masters that they name or that were found on the network. The worker prints
    /// `joined MASTER as worker ID` each time it joins.
    pub fn into_config(self, masters: HostPorts) -> Config {
        let threads = self.threads.and_then(|threads| NonZeroUsize::new(threads.into())).unwrap_or_else(|| {
            std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) // The number is not known on every system.
        });
        let defaults = Limits::for_threads(threads);
        Config {
            advertise: self.advertise,
            name: self.name,
            weight: self.weight,
            detector: self.detector,
            self_test: SelfTest::kept(),
            limits: Limits {
                frame_bytes: self.max_frame_bytes as usize,
                pixels: self.max_pixels,
                streams: self.max_streams.and_then(NonZeroU32::new).unwrap_or(defaults.streams),
                frames_per_stream: self.max_frames_per_stream.unwrap_or(defaults.frames_per_stream),
            },
            live_token: self.live_token,
            grace: Duration::from_secs(self.grace.into()),
            on_join: Arc::new(|master, id| cli::announce(&format!("joined {master} as worker {id}"))),
            discover: self.master.is_none(),
            ..Config::new(masters, threads)
        }
    }
}

/// Parses the name of a worker.
fn checked_name(text: &str) -> Result<String, String> {
    let problem = || format!("a name has 1 to {MAX_NAME_BYTES} bytes and no control characters");
    is_worker_name(text).then(|| text.to_owned()).ok_or_else(problem)
}
