//! The program that finds faces in the frames it is sent.
//!
//! [`run`] serves `VideoStream` on a listener and keeps the worker joined to its master. A frame goes through `grpc` (which
//! streams are admitted), `legacy` or `analyze` (one stream) and `pool` (a detector thread), and back. Between stream and thread it
//! waits in `queue`: `room` says how many frames may wait, and `fair` whose frame is next. `heartbeat` runs beside them and shares
//! only the counters in `stats`.
#![forbid(unsafe_code)]

mod analyze;
mod analyzers;
pub mod bench;
pub mod cli;
mod config;
mod contact;
mod device;
mod duty;
mod fair;
mod frame;
mod frame_metrics;
mod grpc;
mod heartbeat;
mod leases;
mod legacy;
mod live;
mod load;
mod metrics;
mod pool;
mod queue;
mod room;
mod self_test;
mod stats;
mod throttle;
mod trace;

use std::convert::Infallible;
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facefleet_proto::wire::video_stream_server::{SERVICE_NAME, VideoStreamServer};
use facefleet_proto::{Identity, Join, MAX_NAME_BYTES, Opened, VIDEO_STREAM_DESCRIPTORS};
use facefleet_service::address;
use facefleet_service::clock;
use facefleet_service::health::{self, Health, ServingStatus};
use facefleet_service::http::{self, Probes};
use facefleet_service::metrics::Metrics;
use facefleet_vision::DetectorKind;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use config::{Config, Limits, OnJoin, SelfTest};
pub use device::{Device, SimulatedDevice};

use duty::{Duty, DutyState};
use grpc::{Streams, Video};
use heartbeat::Member;
use leases::Leases;
use live::{Live, Studio};
use load::LoadMonitor;
use pool::Pool;
use stats::Stats;

/// How long the worker waits for the master to take note that it leaves. This time is the last part of [`Config::grace`].
const FAREWELL: Duration = Duration::from_secs(1);
/// The most clients that are connected at once. Each has one connection, however many streams it opens.
const MAX_CONNECTIONS: usize = 256;

/// How many streams one connection may open beyond the worker's limit. They get an error that says so, where HTTP/2 would let
/// them wait without a word.
const REFUSABLE_STREAMS: u32 = 16;

/// Why a worker could not start or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The listener has no address.
    #[error("the listening socket cannot be used: {0}")]
    Listener(io::Error),
    /// The operating system refuses a thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The detector's model cannot be read.
    #[error(transparent)]
    Detector(#[from] facefleet_vision::DetectorError),
    /// The gRPC server failed.
    #[error("the gRPC server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// A detector thread panicked outside of any frame, which is a bug; the panic is in the log above.
    #[error("a detector thread ended by itself; please report the panic above")]
    DetectorThread,
}

/// The listeners of a worker.
#[derive(Debug)]
pub struct Listeners {
    /// The listener for frames (gRPC).
    pub frames: TcpListener,
    /// The listener for browsers and monitoring (HTTP): the live view and the probes. None: neither is served.
    pub http: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    /// A worker that listens for frames alone.
    fn from(frames: TcpListener) -> Listeners {
        Listeners { frames, http: None }
    }
}

/// Serves frames on `listeners` and keeps the worker joined, until `shutdown` resolves or the master asks the worker to drain.
/// Then it accepts no new stream and no new frame, answers the frames that it holds, and leaves, all within [`Config::grace`].
///
/// A master that cannot be reached is no error: the worker tries until it is there.
///
/// # Errors
/// The worker cannot start, or its server or a detector thread fails.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let Listeners { frames: listener, http: http_listener } = listeners.into();
    let bound = listener.local_addr().map_err(RunError::Listener)?;
    let http_bound = http_listener.as_ref().map(TcpListener::local_addr).transpose().map_err(RunError::Listener)?;
    let stats = Stats::default();
    let live = Live::default();
    let pool = Pool::start(&config, stats.clone(), live.clone()).await?;
    let machine = LoadMonitor::start(stats.clone()).map_err(RunError::Thread)?;
    // A shutdown has three steps: no new stream is accepted, then connections are closed, then the master is told.
    let duty = DutyState::new();
    let close = CancellationToken::new();
    let leave = CancellationToken::new();
    let streams = Streams::new(config.limits.streams.get(), duty.clone());
    let leases = Leases::default();

    let join = introduction(&config, bound);
    let opened = Opened { worker: join.identity.name.clone(), generation: join.identity.generation, cores: join.cores };
    let kernels = facefleet_vision::Kernels::best().name();
    tracing::info!(worker = opened.worker, threads = opened.cores, detector = %config.detector, kernels, "ready");
    let video = Video {
        pool: pool.clone(),
        opened,
        max_pixels: config.limits.pixels,
        streams: streams.clone(),
        leases: leases.clone(),
        live: live.clone(),
    };
    let service = VideoStreamServer::new(video).max_decoding_message_size(config.limits.frame_bytes);
    let routes = facefleet_service::grpc::server(config.limits.streams.get().saturating_add(REFUSABLE_STREAMS))
        .add_service(service);
    let (routes, health) = health::add_health_and_reflection(routes, SERVICE_NAME, VIDEO_STREAM_DESCRIPTORS).await;
    health.set(ServingStatus::Serving).await;
    let incoming = facefleet_service::grpc::incoming(listener, MAX_CONNECTIONS);
    let server = routes.serve_with_incoming_shutdown(incoming, close.cancelled());
    let metrics = metrics::of(&stats, &streams, &live);
    let joined = Arc::new(AtomicBool::new(false));
    let member = Member {
        joined: joined.clone(),
        http: http_bound,
        fixed_address: config.advertise.is_some() || !bound.ip().is_unspecified(),
        masters: config.masters,
        discover: config.discover,
        join,
        interval: config.heartbeat,
        stats: stats.clone(),
        leases,
        machine,
        duty: duty.clone(),
        on_join: config.on_join,
    };

    let show = async {
        if let Some(listener) = http_listener {
            let limits = facefleet_vision::Limits { max_pixels: config.limits.pixels };
            let _studio = Studio::open(&live, limits).map_err(RunError::Thread)?;
            let open = http::connections(&metrics);
            let site = http::site(live::pages(live.clone(), config.live_token), probes(joined, metrics));
            http::serve(listener, site, open, leave.clone()).await;
        }
        Ok(())
    };
    let serve = async {
        tokio::select! {
            served = server => Ok(served?),
            () = pool.thread_ended() => Err(RunError::DetectorThread),
        }
    };
    let drain = async {
        tokio::select! {
            () = shutdown => {}
            () = duty.leaves() => {}
            never = report_health(&duty, &health) => match never {},
        }
        duty.leave();
        health.set(ServingStatus::NotServing).await;
        tracing::info!(frames = stats.in_flight(), "draining");
        streams.idle().await;
        health.close().await;
        close.cancel();
        Ok(())
    };
    let work = async {
        let result = tokio::select! {
            ended = async { tokio::try_join!(serve, drain) } => ended.map(drop),
            () = after(duty.leaves(), config.grace.saturating_sub(FAREWELL)) => {
                tracing::warn!(frames = stats.in_flight(), "the grace time is over; connections are cut");
                Ok(())
            }
        };
        leave.cancel();
        result
    };
    let stay_joined = async {
        tokio::select! {
            () = member.run(leave.clone()) => {}
            () = after(leave.cancelled(), FAREWELL) => tracing::warn!("left without a word to the master: it does not answer"),
        }
    };
    let (result, (), shown) = tokio::join!(work, stay_joined, show);
    result.and(shown)
}

/// The answers to monitoring: ready while the worker is joined to a master, and all metrics.
fn probes(joined: Arc<AtomicBool>, metrics: Metrics) -> Probes {
    let ready = move || {
        if joined.load(Ordering::Relaxed) { Ok(()) } else { Err("the worker is not joined to a master now") }
    };
    Probes { ready: Box::new(ready), metrics: Box::new(move || metrics.text()) }
}

/// Resolves when `wait` has passed since `event`.
async fn after(event: impl Future<Output = ()>, wait: Duration) {
    event.await;
    sleep(wait).await;
}

/// Keeps the server's health in step with the worker's duty.
async fn report_health(duty: &DutyState, health: &Health) -> Infallible {
    let mut changes = duty.changes();
    loop {
        changes.changed().await.expect("this worker holds the sender");
        let status = match *changes.borrow_and_update() {
            Duty::Serving => ServingStatus::Serving,
            Duty::Resting | Duty::Leaving => ServingStatus::NotServing,
        };
        health.set(status).await;
    }
}

/// What the worker says of itself when it joins.
fn introduction(config: &Config, bound: SocketAddr) -> Join {
    let name = config.name.clone().unwrap_or_else(|| {
        let host = address::host_name();
        default_name(host.as_deref().unwrap_or("worker"), bound.port())
    });
    Join {
        address: config.advertise.unwrap_or(bound),
        weight: config.weight,
        identity: Identity { name, generation: clock::unix_us() },
        cores: u32::try_from(config.threads.get()).unwrap_or(u32::MAX),
        heartbeat_interval: Some(config.heartbeat),
        frames_per_s: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        detectors: offered(config.detector).map(|kind| kind.name().to_owned()).collect(),
        http_port: None,
    }
}

/// The detectors that the worker offers, which are all of them, with its `own` first.
fn offered(own: DetectorKind) -> impl Iterator<Item = DetectorKind> {
    let others = DetectorKind::ALL.iter().copied().filter(move |kind| *kind != own);
    iter::once(own).chain(others)
}

/// The host's name and the port. A host name that is too long is cut so that the port still fits.
fn default_name(host: &str, port: u16) -> String {
    let port = format!("-{port}");
    let room = host.floor_char_boundary(MAX_NAME_BYTES - port.len());
    format!("{}{port}", &host[..room])
}

impl From<pool::StartError> for RunError {
    fn from(error: pool::StartError) -> RunError {
        match error {
            pool::StartError::Thread(error) => RunError::Thread(error),
            pool::StartError::Detector(error) => RunError::Detector(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_name_is_one_that_the_master_takes() {
        assert_eq!(default_name("pi-1", 50050), "pi-1-50050");
        let long = default_name(&"a".repeat(300), 50050);
        assert!(long.len() == MAX_NAME_BYTES && long.ends_with("a-50050"), "{long}");
        assert!(default_name(&"ü".repeat(40), 1).len() <= MAX_NAME_BYTES);
    }
}
