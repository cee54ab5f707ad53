//! The command line.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use facefleet_proto::MAX_NAME_BYTES;
use facefleet_service::address::HostPorts;
use facefleet_service::config_file::{self, ConfigArgs};
use facefleet_service::http::token::Token;
use facefleet_service::log::LogArgs;
#[cfg(feature = "otlp")]
use facefleet_service::otlp::OtlpArgs;
use facefleet_service::{cli, grpc};
use facefleet_vision::DetectorKind;

use crate::{Config, Limits, SelfTest};

/// Finds faces in the frames it is sent. Start one on each machine; it joins the master by itself, whichever of the two
/// starts first.
#[derive(Parser, Clone, Debug)]
#[command(name = "facefleet-worker", version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The master to join. With several that share a store, all of them: a:50051,b:50051. It joins one, and the next when
    /// that one does not answer [default: the one that announces itself on this network].
    #[arg(long, value_name = "HOST:PORT[,...]", env = "FACEFLEET_MASTER")]
    pub master: Option<HostPorts>,

    /// Where to take frames. Port 0 lets the system choose one.
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_WORKER_LISTEN", default_value = "0.0.0.0:50050")]
    pub listen: SocketAddr,

    /// Where clients reach this worker [default: this machine's address towards the master, and the port of --listen].
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_ADVERTISE", value_parser = reachable)]
    pub advertise: Option<SocketAddr>,

    /// Unique among the workers of a master [default: the host's name and the port].
    #[arg(long, env = "FACEFLEET_NAME", value_parser = checked_name)]
    pub name: Option<String>,

    /// Capacity relative to other workers, for the master's weighted policy.
    #[arg(long, value_name = "N", env = "FACEFLEET_WEIGHT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub weight: u32,

    /// Detector threads [default: one for each core].
    #[arg(long, value_name = "N", env = "FACEFLEET_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// What finds the faces in streams that do not ask for another: seeta, yunet or rustface.
    #[arg(long, value_name = "NAME", env = "FACEFLEET_DETECTOR", default_value_t)]
    pub detector: DetectorKind,

    /// Greatest frame that is taken, in bytes.
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_FRAME_BYTES", default_value_t = grpc::MAX_MESSAGE_BYTES as u32, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_frame_bytes: u32,

    /// Greatest picture that is decoded, in pixels.
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_PIXELS", default_value_t = facefleet_vision::Limits::default().max_pixels, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: u64,

    /// Streams that are served at once [default: 64].
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_STREAMS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_streams: Option<u32>,

    /// Frames held for one stream; a sender waits for room, or loses its oldest frame if it is live [default: 4 for each
    /// thread].
    #[arg(long, value_name = "N", env = "FACEFLEET_MAX_FRAMES_PER_STREAM")]
    pub max_frames_per_stream: Option<NonZeroUsize>,

    /// How long stopping may take; frames that are not answered a second before that are given up.
    #[arg(long, value_name = "SECONDS", env = "FACEFLEET_GRACE", default_value_t = 10)]
    pub grace: u32,

    /// Where browsers see what this worker sees (/live), and monitoring how it is (/metrics, /healthz, /readyz). Faces are
    /// personal data: without --live-token only browsers on this machine get pictures [default: nowhere].
    #[arg(long, value_name = "IP:PORT", env = "FACEFLEET_WORKER_HTTP")]
    pub http: Option<SocketAddr>,

    /// What browsers on other machines must show to see pictures: 16 characters or more. Better in the configuration file or
    /// the environment than here, where every user of this machine can read it.
    #[arg(long, value_name = "TOKEN", env = "FACEFLEET_LIVE_TOKEN", hide_env_values = true)]
    pub live_token: Option<Token>,

    /// Where traces go.
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    pub otlp: OtlpArgs,

    /// Print a completion script for this shell and exit.
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,

    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,

    /// Where more settings are.
    #[command(flatten)]
    pub config_file: ConfigArgs,
}

/// What the program can do beside working for a master.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Measure how many frames a second this machine does with each detector, and exit
    Bench {
        /// How long to measure each; minutes show what heat does to a board
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86_400))]
        seconds: u32,
    },
}

impl Args {
    /// What this process was told by flags, environment and configuration file; wrong usage ends it with 2.
    pub fn from_env() -> Args {
        config_file::parse(Args::command(), None)
    }

    /// The worker that the flags describe, for masters that they name, or that were found. It prints `joined MASTER as
    /// worker ID` each time it joins.
    pub fn into_config(self, masters: HostPorts) -> Config {
        let threads = self.threads.and_then(|threads| NonZeroUsize::new(threads.into())).unwrap_or_else(|| {
            std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) // Err: not known on this system.
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

fn checked_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {MAX_NAME_BYTES} bytes and no control characters"));
    }
    Ok(text.to_owned())
}

/// An address that clients can be told to dial.
fn reachable(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write IP:PORT, an IPv6 address in [brackets]".to_owned())?;
    if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
        return Err("nobody can be reached there; give one address of this machine and a port from 1 up".to_owned());
    }
    Ok(address)
}
